"""`siwei policy …` for those who write programmes: new, test, release, replay."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from siwei.cli.app import City, Json, open_city
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.policy import Pack, pack_folder, policy_app
from siwei.cli.policy_words import code, heading, headings, line
from siwei.cli.words import joined
from siwei.errors import Conflict, PolicyError, Problem, Said, chinese_of

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
    print_table(line("cases"), headings(("programme", "version", "cases", "wrong", "covered")), rows)
    for run in runs:
        for gap in run.coverage.gaps:
            print_line(f"! {run.programme.id}: {shown(gap)}")
    if untested:
        print_line(line("without_cases", programmes=joined(untested)))
    if failed:
        raise PolicyError([problem for run in runs for problem in _problems(run)])


def _problems(run: "CaseRun") -> list[Problem]:
    problems = []
    for result in run.failed:
        parts = [
            line("differs", what=heading(each.what), expected=code(each.expected), got=code(each.got))
            for each in result.differences
            if each.expected
        ]
        seen = [
            line("came_out", what=each.what, got=code(each.got)) for each in result.differences if not each.expected
        ]
        parts += [line("besides", seen=joined(seen))] if seen else []
        case = line("case", programme=run.programme.id, case=result.case.id, day=result.case.as_of)
        message = Said("\n    ".join((case, *parts)) + "\n   ", f"{case.zh}：{'；'.join(part.zh for part in parts)}")
        problems.append(Problem(message, line("mend_case"), result.case.file, result.case.line))
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
    print_line(
        line(
            "released",
            programme=done.programme,
            version=done.version,
            day=done.released_on,
            sha256=done.sha256,
        )
    )


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
        listed = [
            {
                "decision": each.decision,
                "programme": each.programme,
                "reason": each.reason,
                "reason_zh": chinese_of(each.reason),
            }
            for each in wrong
        ]
        print_json({"decisions": len(replays), "same": same, "erased": erased, "differing": listed})
        if wrong:
            raise SystemExit(Conflict.exit_code)
        return
    for key in erased:
        print_line(line("erased", key=key))
    told = "replayed_erased" if erased else "replayed"
    print_line(line(told, count=len(replays), same=same, erased=len(erased)))
    if wrong:
        raise Conflict(
            "; ".join(f"{each.decision}: {each.reason}" for each in wrong),
            "；".join(f"{each.decision}：{chinese_of(each.reason)}" for each in wrong),
        )


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
        print_line(f"{started} {shown(line('pack_started'))}")
    print_line(f"{path} {shown(line('programme_started'))} {pack}")
