"""No command writes its result over the file it reads."""

import shlex
from pathlib import Path

import pytest

from siwei.cli import load_commands
from siwei.cli.policy import policy_app
from siwei.errors import ImportRefused


@pytest.mark.parametrize(
    "command",
    [
        "share --programme xunli --in {file} --out {file} --mode pro_rata --budget 5",
        "explain xunli --in {file} --id a --rejects {file}",
        "decide --in {file} --out {file}",
        "combine --in {file} --out {file}",
    ],
)
def test_a_result_over_its_own_source_is_refused_and_the_source_stays(tmp_path: Path, command: str) -> None:
    load_commands()
    file = tmp_path / "claims.csv"
    file.write_text("id,claim_fen\na,100\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match="would be overwritten by its own result"):
        policy_app(shlex.split(command.format(file=file)), result_action="return_value")
    assert file.read_text(encoding="utf-8") == "id,claim_fen\na,100\n"
