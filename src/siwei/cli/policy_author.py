"""`siwei policy …` for those who write programmes: new, test, release, diff, replay."""

from datetime import date
from typing import TYPE_CHECKING

from siwei.cli.app import City, Json, open_city
from siwei.cli.output import console, print_json, print_table
from siwei.cli.policy import AsOf, Pack, Source, pack_folder, policy_app
from siwei.errors import Conflict, PolicyError, Problem

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy import Programme
    from siwei.policy.case_results import CaseRun
    from siwei.policy.diff import ProgrammeDifference


@policy_app.command
def test(*, pack: Pack = "shenzhen", json: Json = False) -> None:
    """Run the cases beside a pack's programmes (`programmes/*.cases.yaml`); exits with 3 where one comes out wrong.

    Says besides what no case shows: a clause that never decided one, a branch of an award that none took.
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.case_results import run_pack_cases

    directory = pack_folder(pack)
    runs, untested = run_pack_cases(directory, load_attributes(directory))
    failed = sum(len(run.failed) for run in runs)
    if json:
        print_json({"ok": not failed, "programmes": [_run_as_dict(run) for run in runs], "without_cases": untested})
        if failed:
            raise SystemExit(PolicyError.exit_code)
        return
    rows = [
        (
            run.programme.id,
            run.programme.version,
            len(run.results),
            len(run.failed) or "",
            f"{run.coverage.share_covered:.0%}",
        )
        for run in runs
    ]
    print_table("cases", ("programme", "version", "cases", "wrong", "covered"), rows)
    for run in runs:
        for gap in run.coverage.gaps:
            console.print(f"! {run.programme.id}: {gap}", markup=False, highlight=False)
    if untested:
        console.print(f"! without cases: {', '.join(untested)}", markup=False, highlight=False)
    if failed:
        raise PolicyError([problem for run in runs for problem in _problems(run)])


def _problems(run: "CaseRun") -> list[Problem]:
    problems = []
    for result in run.failed:
        told = [
            f"\n    {each.what}: expected {each.expected}, got {each.got}"
            for each in result.differences
            if each.expected
        ]
        seen = [f"{each.what} {each.got}" for each in result.differences if not each.expected]
        besides = f"\n    besides: {', '.join(seen)}" if seen else ""
        message = f"{run.programme.id}, case {result.case.id} on {result.case.as_of}{''.join(told)}{besides}\n   "
        problems.append(Problem(message, "mend the rules or the case", result.case.file, result.case.line))
    return problems


def _run_as_dict(run: "CaseRun") -> dict[str, object]:
    coverage = run.coverage
    return {
        "programme": run.programme.id,
        "version": run.programme.version,
        "sha256": run.programme.sha256,
        "cases": [
            {
                "id": result.case.id,
                "ok": not result.differences,
                "line": result.case.line,
                "differences": [
                    {"what": each.what, "expected": each.expected or None, "got": each.got}
                    for each in result.differences
                ],
            }
            for result in run.results
        ],
        "coverage": {
            "share": round(coverage.share_covered, 4),
            "clauses": [
                {"clause": each.clause, "yes": each.yes, "no": each.no, "unknown": each.unknown,
                 "error": each.error, "alone_no": each.alone_no}
                for each in coverage.clauses
            ],
            "branches": [
                {"where": each.where, "branch": each.branch, "cases": each.cases} for each in coverage.branches
            ],
            "gaps": coverage.gaps,
        },
    }  # fmt: skip


@policy_app.command
def release(programme: str, version: str, /, *, pack: Pack = "shenzhen", json: Json = False) -> None:
    """Lock a version of a programme that is in force: `siwei policy check` then refuses any change of its file.

    What changes later is another version, in `<programme>@<version>.yaml`. Refused where the version is a draft,
    where `siwei policy check` finds a fault in it, or where one of its cases comes out wrong.
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.case_results import run_pack_cases
    from siwei.policy.check import check_programmes
    from siwei.policy.findings import Severity
    from siwei.policy.releases import find_version, release_version

    directory = pack_folder(pack)
    attributes = load_attributes(directory)
    programmes, today = directory / "programmes", date.today()  # noqa: DTZ011  (the reader's own day)
    found = find_version(programmes, attributes, programme, version)
    findings = check_programmes(programmes, attributes, today)
    faults = [each.problem for each in findings if each.programme == programme and each.severity is Severity.ERROR]
    runs, _ = run_pack_cases(directory, attributes)
    faults += [problem for run in runs if run.programme.sha256 == found.sha256 for problem in _problems(run)]
    if faults:
        raise PolicyError(faults)
    done = release_version(programmes, found, today)
    if json:
        print_json(
            {
                "programme": done.programme,
                "version": done.version,
                "sha256": done.sha256,
                "released_on": done.released_on,
            }
        )
        return
    console.print(f"{done.programme} {done.version} released on {done.released_on}: {done.sha256}", highlight=False)


@policy_app.command
def replay(*keys: str, city: City = None, json: Json = False) -> None:
    """Decide recorded decisions again, each by its own version; exits with 6 where one comes out otherwise.

    Parameters
    ----------
    keys: keys of decisions; none: all of the city
    """
    home = open_city(city)
    from siwei.city.attributes import load_attributes
    from siwei.exchange.replays import replay_decisions

    replays = replay_decisions(home.pack_directory, load_attributes(home.pack_directory), keys)
    wrong = [each for each in replays if each.reason]
    if json:
        listed = [{"decision": each.decision, "programme": each.programme, "reason": each.reason} for each in wrong]
        print_json({"decisions": len(replays), "same": len(replays) - len(wrong), "differing": listed})
        if wrong:
            raise SystemExit(Conflict.exit_code)
        return
    console.print(f"{len(replays)} decisions replayed, {len(replays) - len(wrong)} the same", highlight=False)
    if wrong:
        raise Conflict("; ".join(f"{each.decision}: {each.reason}" for each in wrong))


@policy_app.command
def diff(
    before: str,
    after: str,
    /,
    *,
    source: Source,
    pack: Pack = "shenzhen",
    as_of: AsOf = None,
    ignore_period: bool = False,
    json: Json = False,
) -> None:
    """Compare two packs, or two versions of a programme, over every row of a table: who gains, who loses, and why.

    Parameters
    ----------
    before: a pack's name or folder, or PROGRAMME@VERSION of --pack
    after: the same
    ignore_period: compare the rules as if both sides were in force on the day
    """
    from dataclasses import replace

    from siwei.policy.diff import diff as compare
    from siwei.policy.diff import total_costs
    from siwei.policy.dimensions import DIMENSIONS, with_dimensions
    from siwei.policy.programmes import Period
    from siwei.policy.subjects import prepare_subjects
    from siwei.policy.tables import read_subjects

    day = as_of or date.today()  # noqa: DTZ011  (the reader's own day)
    (old_attributes, old), (new_attributes, new) = (_side(each, pack, day) for each in (before, after))
    if ignore_period:
        old, new = (tuple(replace(each, period=Period(None, None)) for each in side) for side in (old, new))
    attributes, both = {**old_attributes, **new_attributes}, (*old, *new)
    rows = with_dimensions(read_subjects(source, both, attributes), attributes, day)
    # Refuses a table that lacks a column, with what to do; `diff` itself takes the rows as they are.
    prepare_subjects(rows, both)
    kept = {"id", *DIMENSIONS, *(name for each in both for name in each.attributes)}
    kept |= {f"{name}__status" for name in kept}
    table = rows.select([name for name in rows.collect_schema() if name in kept]).collect()
    differences = compare(old, new, table, day)
    if json:
        costs = [
            {"kind": kind, "before_fen": first, "after_fen": last} for kind, first, last in total_costs(differences)
        ]
        listed = [difference.as_dict() for difference in differences]
        print_json({"as_of": day, "subjects": table.height, "costs": costs, "programmes": listed})
        return
    _print_differences(differences, table.height, day)


def _side(text: str, pack: str, day: date) -> "tuple[dict[str, Attribute], tuple[Programme, ...]]":
    from siwei.city.attributes import load_attributes
    from siwei.policy import load_programmes
    from siwei.policy.releases import find_version

    programme, at, version = text.partition("@")
    directory = pack_folder(pack if at else text)
    attributes = load_attributes(directory)
    if at:
        return attributes, (find_version(directory / "programmes", attributes, programme, version),)
    return attributes, load_programmes(directory / "programmes", attributes, day)


def _print_differences(differences: "tuple[ProgrammeDifference, ...]", subjects: int, day: date) -> None:
    from siwei.policy.diff import total_costs
    from siwei.policy.explanation import yuan

    columns = ("programme", "before", "after", "gains", "loses", "same", "undecided", "cost before", "cost after")
    rows = [
        (each.programme, each.before and each.before.version, each.after and each.after.version, *each.counts.values(),
         yuan(each.cost_before_fen), yuan(each.cost_after_fen))
        for each in differences
    ]  # fmt: skip
    print_table(f"{subjects} rows on {day}; CNY before pots are shared", columns, rows)
    for each in differences:
        if each.counts["same"] == subjects:
            continue
        changes = [(change.name, change.before, change.after) for change in each.changes]
        print_table(f"{each.programme}: what changed", ("part", "before", "after"), changes)
        _print_frame(f"{each.programme}: why", each.reasons)
        _print_frame(f"{each.programme}: for whom", each.groups)
        _print_frame(f"{each.programme}: examples", each.examples)
    for kind, before, after in total_costs(differences):
        console.print(f"{kind}: {yuan(before)} → {yuan(after)} CNY", highlight=False)


def _print_frame(title: str, frame: "pl.DataFrame") -> None:
    from siwei.policy.explanation import yuan

    if frame.height:
        columns = [column.removesuffix("_fen") for column in frame.columns]
        shown = [[yuan(cell) if name.endswith("_fen") and cell is not None else cell for name, cell in row.items()]
                 for row in frame.iter_rows(named=True)]  # fmt: skip
        print_table(title, columns, shown)


@policy_app.command
def new(id: str, /, *, pack: Pack, json: Json = False) -> None:
    """Start a programme: writes programmes/ID.yaml with every required field explained; it checks, and is a draft."""
    from siwei.city.attributes import load_attributes
    from siwei.policy.scaffold import write_scaffold

    directory = pack_folder(pack)
    today = date.today()  # noqa: DTZ011  (the reader's own day)
    path = write_scaffold(directory / "programmes", id, load_attributes(directory), today)
    if json:
        print_json({"programme": id, "file": path})
        return
    console.print(f"{path} written: fill in what says TODO, then siwei policy check --pack {pack}", highlight=False)
