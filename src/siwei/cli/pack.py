"""`siwei pack …`: look at a city pack before a city is made of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from siwei.city.home import PACKS
from siwei.cli.app import Json, app
from siwei.cli.output import print_json, print_line, print_table
from siwei.errors import PackError, PolicyError, Problem, Said

if TYPE_CHECKING:
    from siwei.city.pack import Pack

pack_app = App(name="pack", help="Check a city pack: the data a city is made of.")
app.command(pack_app)
COLUMNS = {"table": "表", "file": "文件", "rows": "行", "drafts": "草案", "unverified": "未核验"}
NOTE = Said(
    "A draft has no source or no date; unverified rows were not read in their first source.",
    "草案没有出处或日期；未核验的行未与原始出处核对。",
)


@pack_app.command
def check(directory: Path, /, *, json: Json = False) -> None:
    """Check the pack in DIRECTORY and its programmes; exits with 3 and every problem where there is one.

    Parameters
    ----------
    directory: folder with a pack.yaml, or the name of a built-in pack
    """
    from siwei.city.tables import TABLES_BY_ID

    if not directory.exists() and (PACKS / directory / "pack.yaml").is_file():
        directory = PACKS / directory
    pack, programmes, problems = check_pack(directory)
    if pack is None or problems:
        if json:
            print_json({"ok": False, "problems": [problem.as_dict() for problem in problems]})
            sys.exit(PackError.exit_code)
        raise PackError(problems)
    rows = [
        (table, TABLES_BY_ID[table].path, frame.height, int(frame["draft"].sum()), int((~frame["verified"]).sum()))
        for table, frame in pack.tables.items()
    ]
    if json:
        tables = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        print_json(
            {"ok": True, "pack": pack.identity.id, "sha256": pack.sha256, "tables": tables, "programmes": programmes}
        )
        return
    identity = pack.identity
    print_table(
        Said(
            f"{identity.name_en}, pack {identity.id} {identity.version} of {identity.date}",
            f"{identity.name_zh}，政策包 {identity.id} {identity.version}，{identity.date}",
        ),
        [Said(name, zh) for name, zh in COLUMNS.items()],
        rows,
    )
    digest = pack.sha256[:16]
    told = f"{programmes} programmes · no problems · sha256 {digest}"
    print_line(Said(told, f"{programmes} 项政策 · 没有问题 · sha256 {digest}"))
    print_line(NOTE)


def check_pack(directory: Path) -> tuple["Pack | None", int, list[Problem]]:
    """The pack (None where it is wrong), how many programmes it has, and the problems of all its parts together."""
    from siwei.chain.vocabulary import load_vocabulary
    from siwei.city.attributes import load_attributes
    from siwei.city.pack import load_pack
    from siwei.policy import load_programmes
    from siwei.policy.documents.loading_stacking import load_stacking

    problems: list[Problem] = []
    pack: Pack | None = None
    programmes = 0
    try:
        pack = load_pack(directory)
    except PackError as error:
        problems += error.problems
    try:
        if (directory / "programmes").exists():
            attributes = load_attributes(directory)
            read = load_programmes(directory / "programmes", attributes)
            programmes = len(read)
            load_stacking(directory, attributes, read)
    except PolicyError as error:
        problems += error.problems
    except PackError:
        # The attributes are wrong, which is told above: no clause can be typed before they are mended.
        assert problems
    try:
        vocabulary = directory / "chain" / "vocabulary.yaml"
        if pack is not None and vocabulary.exists():
            load_vocabulary(vocabulary, pack.segments)
    except PackError as error:
        problems += error.problems
    return pack, programmes, problems
