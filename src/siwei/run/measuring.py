"""Stage 6: indicators, and the report in which every number leads to its rows."""

from pathlib import Path

from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.runs import save_run
from siwei.exchange.ledger.seals import seal
from siwei.indicators import as_frame, measure_each
from siwei.indicators.report import write_report
from siwei.run.fingerprints import fingerprint
from siwei.run.snapshot import city_snapshot
from siwei.run.stage import Counts, Job

ECHARTS = Path(__file__).resolve().parent.parent / "portal" / "static" / "vendor" / "echarts.min.js"


def measure_city(job: Job) -> Counts:
    job.progress("indicators", 0, None)
    snapshot = city_snapshot(job.home, job.pack, job.programmes)
    measurements = measure_each(snapshot)
    frame = as_frame(measurements)
    save_run(
        "indicators", frame, runs=job.home.runs, as_of=job.home.as_of,
        inputs_sha256=fingerprint(frame), actor=PLATFORM, now=job.now(),
        summary={"measured": sum(each.is_measured for each in measurements), "indicators": len(measurements)},
    )  # fmt: skip
    job.progress("report", 0, None)
    # Charts are drawn by the portal's own library where set-up has brought it, else by the page's style alone.
    files = write_report(
        job.home.report, snapshot, city=job.pack.identity, echarts=ECHARTS if ECHARTS.is_file() else None
    )
    seal(actor=PLATFORM, now=job.now())
    return {
        "indicators": len(measurements),
        "measured": sum(each.is_measured for each in measurements),
        "report": str(files.page),
        "row_files": len(files.files),
    }
