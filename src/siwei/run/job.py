"""`siwei run`: the six stages in their order."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from siwei.city.home import CityHome
from siwei.city.pack import load_pack
from siwei.policy.documents.loading import load_programmes
from siwei.policy.documents.releases import as_released
from siwei.run.chain import place_firms
from siwei.run.city import save_city
from siwei.run.exchange import trade
from siwei.run.firms import bring_in_firms
from siwei.run.measuring import measure_city
from siwei.run.programmes import decide_programmes
from siwei.run.stage import Counts, Job, Progress, StageResult, measure_stage, no_progress

STAGES: Mapping[str, Callable[[Job], Counts]] = MappingProxyType(
    {
        "city": save_city,
        "firms": bring_in_firms,
        "chain": place_firms,
        "exchange": trade,
        "programmes": decide_programmes,
        "measure": measure_city,
    }
)


def run_city(
    home: CityHome, *, data: Path | None, now: Callable[[], datetime], progress: Progress = no_progress
) -> Iterator[StageResult]:
    """Yields each stage's result as it is done. Raises PackError or PolicyError, with every problem, before anything
    is written."""
    directory = home.pack_directory
    pack = load_pack(directory)
    programmes = load_programmes(directory / "programmes", pack.attributes, home.as_of)
    programmes = as_released(directory / "programmes", programmes)
    job = Job(home, pack, programmes, data, now, progress)
    for stage, work in STAGES.items():
        yield measure_stage(stage, work, job)
