"""`siwei policy …`: check programmes, decide them over a table, list what a table needs."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from siwei.city.home import PACKS
from siwei.cli.app import Json, app
from siwei.cli.output import in_terminal_language, print_json, print_line, print_table, shown
from siwei.cli.policy_words import code, headings, in_both, line
from siwei.errors import NotFound, PolicyError

if TYPE_CHECKING:
    from siwei.city.attributes import Attribute
    from siwei.policy import Programme
    from siwei.policy.aggregating.aggregates import Rows
    from siwei.policy.aggregating.columns import Column

policy_app = App(name="policy", help="Programmes as code: check, decide, explain.")
app.command(policy_app)
Pack = Annotated[str, Parameter(help="A built-in pack's name, or a folder with attributes.csv and programmes/.")]
Source = Annotated[
    Path, Parameter(name="--in", help="CSV, CSV.GZ, Parquet or Arrow; `siwei policy schema` lists its columns.")
]
RowFolder = Annotated[
    Path | None,
    Parameter(
        help="A folder of claims, awards, organisations, members, ties: what aggregates add up; "
        "`explain`, `combine`: holdings."
    ),
]
AsOf = Annotated[date | None, Parameter(name="--as-of", help="The day to decide for; default: today.")]
AppliesTo = Annotated[
    Literal["organisation", "claim", "project", "person"] | None,
    Parameter(
        name="--applies-to",
        help="What a row is; only programmes that apply to it are read. Default: organisation, or the one kind that "
        "all programmes of the pack apply to.",
    ),
]


def pack_folder(pack: str) -> Path:
    """The folder of a built-in pack, or the one that is named. Raises NotFound."""
    for directory in (PACKS / pack, Path(pack)):
        if (directory / "attributes.csv").is_file():
            return directory
    raise NotFound(
        f"no pack {pack!r} → name a built-in pack, or a folder with attributes.csv and programmes/*.yaml "
        "(`siwei policy new` starts one in an empty folder)",
        f"没有政策包 {pack!r} → 请指定内置的政策包，或含 attributes.csv 与 programmes/*.yaml 的文件夹"
        "（`siwei policy new` 可在空文件夹中新建）",
    )


def _load(pack: str, day: date) -> "tuple[dict[str, Attribute], tuple[Programme, ...]]":
    """The pack's attributes, and of each programme the version in force on the day, or else the last."""
    from siwei.city.attributes import load_attributes
    from siwei.policy import load_programmes
    from siwei.policy.documents.releases import as_released

    directory = pack_folder(pack)
    attributes = load_attributes(directory)
    programmes = load_programmes(directory / "programmes", attributes, day)
    return attributes, as_released(directory / "programmes", programmes)


def _load_for(pack: str, applies_to: str | None, day: date) -> "tuple[dict[str, Attribute], tuple[Programme, ...]]":
    """The same of the programmes that apply to such rows; where it is not said to which, to organisations, or to what
    all of the pack apply to. Raises NotFound where there are none."""
    attributes, programmes = _load(pack, day)
    kinds = sorted({each.applies_to for each in programmes})
    kind = applies_to or (kinds[0] if len(kinds) == 1 else "organisation")
    chosen = tuple(each for each in programmes if each.applies_to == kind)
    if not chosen:
        named = ", ".join(kinds) or "nothing"
        raise NotFound(
            f"no programme of {pack!r} applies to {kind} → --applies-to one of: {named}",
            f"{pack!r} 中没有面向 {kind} 的政策 → --applies-to 可选：{named}",
        )
    return attributes, chosen


def find_programme(pack: str, programme: str, day: date) -> "tuple[dict[str, Attribute], Programme]":
    """The pack's attributes and one of its programmes, as on the day. Raises NotFound."""
    attributes, programmes = _load(pack, day)
    found = next((each for each in programmes if each.id == programme), None)
    if found is None:
        raise no_programme(programme, programmes)
    return attributes, found


def no_programme(programme: str, there: "tuple[Programme, ...]") -> NotFound:
    from siwei.policy.pack_words import nearest

    fix = nearest(programme, [each.id for each in there], most=len(there))
    return NotFound(f"no programme {programme!r:.130} → {fix}", f"没有政策 {programme!r:.130} → {fix.zh}")


def _day(as_of: date | None) -> date:
    return as_of or date.today()  # noqa: DTZ011  (the reader's own day)


@policy_app.command
def check(*, pack: Pack = "shenzhen", json: Json = False) -> None:
    """Check every programme of a pack and its stacking.yaml: faults, and warnings apart; exits with 3 where there is a
    fault.

    Faults are what cannot be read and what can never be (clauses that contradict each other, released text that has
    changed …); warnings what is only worth knowing (a clause that decides nothing, an old source …).
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.checks.check import check_programmes
    from siwei.policy.checks.sourcing import draft_sentences, unsourced_parts
    from siwei.policy.documents.findings import Severity
    from siwei.policy.explanation import plain

    directory = pack_folder(pack)
    findings = check_programmes(directory / "programmes", load_attributes(directory), _day(None))
    faults = [finding for finding in findings if finding.severity is Severity.ERROR]
    warnings = findings[len(faults) :]
    programmes = () if faults else _load(pack, _day(None))[1]
    columns = ("programme", "version", "kind", "clauses", "attributes", "draft", "verified", "without a source")
    rows = [
        (
            programme.id,
            programme.version,
            str(programme.kind),
            len(programme.clauses),
            len(programme.attributes),
            programme.is_draft,
            programme.source.verified,
            ", ".join(programme.unsourced),
        )
        for programme in programmes
    ]
    if json:
        listed = [
            {**dict(zip(columns, row, strict=True)), "unsourced": plain(unsourced_parts(programme))}
            for programme, row in zip(programmes, rows, strict=True)
        ]
        problems, worth = [each.as_dict() for each in faults], [each.as_dict() for each in warnings]
        print_json({"ok": not faults, "programmes": listed, "problems": problems, "warnings": worth})
        if faults:
            raise SystemExit(PolicyError.exit_code)
        return
    for warning in warnings:
        print_line(f"! {in_terminal_language(warning.problem)}")
    if faults:
        raise PolicyError([fault.problem for fault in faults])
    title = line("checked", programmes=len(programmes), warnings=len(warnings))
    print_table(title, headings(columns), [[*map(code, row)] for row in rows])
    for sentence in filter(None, map(draft_sentences, programmes)):
        print_line(in_both(sentence))


@policy_app.command
def decide(
    *,
    source: Source,
    target: Annotated[
        Path, Parameter(name="--out", help="Awards, .csv, .parquet or .arrow: id, programme, verdict, award_fen.")
    ],
    clauses: Annotated[
        Path | None, Parameter(help="Also write every clause's verdict: .csv, .parquet, .arrow.")
    ] = None,
    pack: Pack = "shenzhen",
    applies_to: AppliesTo = None,
    rows: RowFolder = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Decide the programmes of a pack for every row of a table.

    A row that cannot be used goes to TARGET.rejects.csv, with its number and every reason; the others go on. The table
    is read and written in pieces. What --rows holds is kept in memory; where awards are limited over several rows the
    table is read twice, and of every row its id, its award and what the limit goes by are kept in memory.
    """
    from siwei.cli.progress import progress_bars
    from siwei.policy.checks.sourcing import draft_sentences
    from siwei.policy.deciding.decide_files import decide_file as decide_into

    attributes, programmes = _load_for(pack, applies_to, _day(as_of))
    related = None if rows is None else _related_rows(pack, attributes, rows, _day(as_of))
    with progress_bars(quiet=json) as progress:
        done = decide_into(
            programmes, attributes, source, target, _day(as_of), clauses, related_rows=related, progress=progress
        )
    counts = [
        {
            "programme": programme.id,
            **{
                verdict: done.verdicts[programme.id][verdict] for verdict in ("eligible", "not_eligible", "cannot_tell")
            },
            "award_fen": done.award_fen[programme.id],
            "draft": programme.is_draft,
        }
        for programme in programmes
    ]
    if json:
        kept = {"rows": done.rows - done.rejected, "rejected": done.rejected, "rejects": done.rejects}
        print_json({"as_of": _day(as_of), **kept, "programmes": counts})
        return
    columns = ("programme", "eligible", "not_eligible", "cannot_tell", "award_fen", "draft")
    title = shown(line("decided", rows=done.rows - done.rejected, day=_day(as_of)))
    print_table(f"{title} → {target}", headings(columns), [[row[column] for column in columns] for row in counts])
    for programme in programmes:
        if programme.lacks_release and (told := draft_sentences(programme)) is not None:
            print_line(f"! {shown(in_both(told))}")
    if done.rejects is not None:
        print_line(f"{shown(line('rejected', rejected=done.rejected))} → {done.rejects}")


def _related_rows(pack: str, attributes: "dict[str, Attribute]", rows: Path, day: date) -> "Rows":
    from siwei.policy.aggregating.row_files import read_row_folder
    from siwei.policy.documents.loading_stacking import load_stacking

    rule = load_stacking(pack_folder(pack), attributes, _load(pack, day)[1]).related_parties
    return read_row_folder(rows, attributes, rule, day)


@policy_app.command
def schema(
    *,
    pack: Pack = "shenzhen",
    applies_to: AppliesTo = None,
    programme_file: bool = False,
    stacking_file: bool = False,
    as_of: Annotated[
        date | None, Parameter(name="--as-of", help="What that day needs alone; default: what any day needs.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the columns a table needs for a pack, with type, unit and meaning.

    Parameters
    ----------
    programme_file: print the JSON Schema of a programme's YAML file instead
    stacking_file: print the JSON Schema of a pack's stacking.yaml instead
    """
    from siwei.policy import load_all_versions, programme_schema, stacking_schema
    from siwei.policy.aggregating.columns import columns_of_rows
    from siwei.policy.combinations.holdings import HOLDINGS_COLUMNS
    from siwei.policy.versions import of_any_day

    if programme_file or stacking_file:
        print_json(programme_schema() if programme_file else stacking_schema())
        return
    attributes, programmes = _load_for(pack, applies_to, _day(as_of))
    if as_of is None:
        directory = pack_folder(pack)
        programmes = of_any_day(programmes, load_all_versions(directory / "programmes", attributes))
    columns = columns_of_rows(programmes, attributes)
    if json:
        statuses = "<column>__status: 0 declared, 1 documented, 2 verified"
        listed = [
            {**_column_as_dict(each), "read_by": each.read_by, "added_up_of": each.added_up_of} for each in columns
        ]
        held = [_column_as_dict(each) for each in HOLDINGS_COLUMNS]
        print_json({"columns": listed, "status_columns": statuses, "holdings_columns": held})
        return
    names = ("column", "type", "unit", "meaning")
    rows = [(each.name, each.type, each.unit, in_both(each.meaning), each.added_up_of) for each in columns]
    print_table(line("columns"), headings((*names, "added_up_of")), rows)
    print_line(line("status_columns"))
    if any(each.added_up_of for each in columns):
        print_line(line("added_up"))
    of_holdings = [(each.name, each.type, each.unit, in_both(each.meaning)) for each in HOLDINGS_COLUMNS]
    print_table(line("holdings"), headings(names), of_holdings)


def _column_as_dict(column: "Column") -> dict[str, object]:
    return {
        "column": column.name,
        "type": column.type,
        "unit": column.unit,
        "meaning_zh": column.meaning.zh,
        "meaning_en": column.meaning.en,
    }


@policy_app.command(name="eval")
def evaluate(*, json: Json = False) -> None:
    """Evaluate CEL: JSON lines `{expr, bindings, disable_check}` on standard input, one answer each.

    An answer is {"value": …}, {"error": …}, or {"refused": …} for what is not taken (docs/reference/language.md).
    """
    import sys
    from json import dumps

    from siwei.policy.language.evaluation import evaluate_lines

    # Lines in and lines out either way; the option is there because every command of programs has it.
    del json
    for answer in evaluate_lines(sys.stdin.buffer):
        # ASCII: no line separator of Unicode cuts an answer in two.
        print(dumps(answer), flush=True)
