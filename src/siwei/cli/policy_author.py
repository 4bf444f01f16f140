"""`siwei policy …` for those who write programmes: new, test, release, replay."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from siwei.cli.app import City, Json, open_city
from siwei.cli.output import console, print_json, print_table
from siwei.cli.policy import Pack, pack_folder, policy_app
from siwei.errors import Conflict, PolicyError, Problem

if TYPE_CHECKING:
    from siwei.policy.checks.case_results import CaseRun


@policy_app.command
def test(*, pack: Pack = "shenzhen", json: Json = False) -> None:
    """Run the cases beside a pack's programmes (`programmes/*.cases.yaml`); exits with 3 where one comes out wrong.

    Says besides what no case shows: a clause that never decided one, a branch of an award that none took.
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.checks.case_results import run_pack_cases

    directory = pack_folder(pack)
    runs, untested = run_pack_cases(directory, load_attributes(directory))
    failed = sum(len(run.failed) for run in runs)
    if json:
        print_json({"ok": not failed, "programmes": [run.as_dict() for run in runs], "without_cases": untested})
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


@policy_app.command
def release(programme: str, version: str, /, *, pack: Pack = "shenzhen", json: Json = False) -> None:
    """Lock a version of a programme that is in force: `siwei policy check` then refuses any change of its file.

    What changes later is another version, in `<programme>@<version>.yaml`. Refused where the version is a draft,
    where `siwei policy check` finds a fault in it, or where one of its cases comes out wrong.
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.checks.case_results import run_pack_cases
    from siwei.policy.checks.check import check_programmes
    from siwei.policy.documents.findings import Severity
    from siwei.policy.documents.releases import find_version, release_version

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
    """Decide recorded decisions again, each by its own version; exits with 6 where one comes out otherwise. Of a
    decision for a person nothing else is told, and of one the person had erased only that.

    Parameters
    ----------
    keys: keys of decisions; none: all of the city
    """
    home = open_city(city)
    from siwei.city.attributes import load_attributes
    from siwei.exchange.facts.replays import replay_decisions

    replays = replay_decisions(home.pack_directory, load_attributes(home.pack_directory), keys)
    wrong = [each for each in replays if each.reason]
    erased = [each.decision for each in replays if each.is_erased]
    same = len(replays) - len(wrong) - len(erased)
    if json:
        listed = [{"decision": each.decision, "programme": each.programme, "reason": each.reason} for each in wrong]
        print_json({"decisions": len(replays), "same": same, "erased": erased, "differing": listed})
        if wrong:
            raise SystemExit(Conflict.exit_code)
        return
    for key in erased:
        console.print(f"{key}: erased", highlight=False)
    gone = f", {len(erased)} erased" if erased else ""
    console.print(f"{len(replays)} decisions replayed, {same} the same{gone}", highlight=False)
    if wrong:
        raise Conflict("; ".join(f"{each.decision}: {each.reason}" for each in wrong))


@policy_app.command
def new(id: str, /, *, pack: Pack, json: Json = False) -> None:
    """Start a programme: writes programmes/ID.yaml with every required field explained; it checks, and is a draft.

    In an empty folder it starts the pack as well: an attributes.csv with a few facts to read.
    """
    from siwei.city.attributes import load_attributes
    from siwei.policy.documents.scaffold import check_identifier, start_pack, write_scaffold

    check_identifier(id)
    today = date.today()  # noqa: DTZ011  (the reader's own day)
    started = start_pack(Path(pack), today)
    directory = pack_folder(pack)
    path = write_scaffold(directory / "programmes", id, load_attributes(directory), today)
    if json:
        print_json({"programme": id, "file": path, "attributes": started})
        return
    if started:
        console.print(f"{started} written: the facts programmes may read; add your own", highlight=False)
    console.print(f"{path} written: fill in what says TODO, then siwei policy check --pack {pack}", highlight=False)
