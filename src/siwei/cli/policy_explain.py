"""`siwei policy explain`: one programme for one row of a table, and what held its award down."""

from pathlib import Path
from typing import TYPE_CHECKING

from siwei.cli.app import Json
from siwei.cli.output import print_json, print_line, print_table, shown
from siwei.cli.policy import (
    AsOf,
    Pack,
    RowFolder,
    Source,
    _day,
    _load,
    _related_rows,
    no_programme,
    pack_folder,
    policy_app,
)
from siwei.cli.policy_joint import Claims, Organisations, Projects, kind_files
from siwei.cli.policy_rows import Rejects, tell_rejected
from siwei.cli.policy_words import code, heading, headings, in_both, line

if TYPE_CHECKING:
    from siwei.policy import Explanation
    from siwei.policy.deciding.row_parts import RowParts
    from siwei.policy.explaining.binding import Binding
    from siwei.policy.explanation import ClauseExplanation, SeenValue
    from siwei.policy.programmes import Citation, Text
    from siwei.policy.stacking import Stacking


@policy_app.command
def explain(
    programme: str,
    /,
    *,
    source: Source,
    id: str,
    pack: Pack = "shenzhen",
    rows: RowFolder = None,
    as_of: AsOf = None,
    rejects: Rejects = None,
    seed: str | None = None,
    organisations: Organisations = None,
    claims: Claims = None,
    projects: Projects = None,
    json: Json = False,
) -> None:
    """Explain PROGRAMME for one row of a table: every clause, what it saw, how the award was worked out, and the cap,
    limit, rule of stacking or pot that held it down.

    Only that row is read. Where it is to get an award under a limit, or out of a pot with a budget, all rows that can
    be used are decided too, in bounded memory; the others are told and do not matter. A rule of stacking needs the
    columns of the other programmes it speaks of; a joint limit the files of the organisation's other subjects
    (--organisations, --claims, --projects): then is told what these take of it. What is held already is weighed with it
    where the folder of --rows has `holdings` (`siwei policy schema` lists their columns). A pot is shared in its own
    way: first come by the column applied_at, merit by score, a lottery by --seed; without them is said what the order
    leaves open.

    Parameters
    ----------
    id: the row's id
    seed: the published seed of a lottery
    """
    from siwei.policy import Verdict
    from siwei.policy.combinations.holdings import read_holdings
    from siwei.policy.deciding.asked import Asked
    from siwei.policy.documents.loading_stacking import load_stacking
    from siwei.policy.explaining.explain_asked import explain_asked

    attributes, programmes = _load(pack, _day(as_of))
    found = next((each for each in programmes if each.id == programme), None)
    if found is None:
        raise no_programme(programme, programmes)
    held = () if rows is None else read_holdings(rows, programmes)
    files = kind_files(found.applies_to, source, organisations=organisations, claims=claims, projects=projects)
    given = None if rows is None else _related_rows(pack, attributes, rows, _day(as_of))
    asked = Asked(files.tables[found.applies_to], attributes, id, given, _day(as_of))
    if rejects is not None:
        _write_rejects(asked.parts((found,)), rejects)

    def rules() -> "Stacking":
        return load_stacking(pack_folder(pack), attributes, programmes)

    explained = explain_asked(found, asked, programmes, rules, files, held, seed)
    for parts in explained.told.gone_through:
        if rejects is None or parts.source != source:
            tell_rejected(parts, None)
    if json:
        print_json({**explained.explanation.to_dict(), **explained.beside_dict()})
        return
    _print_explanation(explained.explanation, [*explained.bindings], explained.sentences)
    words = explained.deadline.words
    if words is not None and explained.explanation.verdict is not Verdict.NOT_ELIGIBLE:
        print_line(in_both(words))


def _write_rejects(parts: "RowParts", rejects: Path) -> None:
    from siwei.policy.deciding.decide_files import check_places

    check_places(parts.source, [rejects])
    for _ in parts.read(rejects):
        pass
    tell_rejected(parts, rejects)


def _print_explanation(explanation: "Explanation", bindings: "list[Binding]", open_: "list[Text]") -> None:
    print_line(in_both(explanation.sentence))
    rows = [
        (code(str(clause.verdict)), _condition(clause), ", ".join(map(_seen, clause.saw)), _source(clause.citation))
        for clause in explanation.clauses
    ]
    print_table(in_both(explanation.title), headings(("verdict", "condition", "saw", "source")), rows)
    award = explanation.award
    steps = [(step.expression, step.value if step.status == "ok" else code(step.status)) for step in award.steps]
    if award.cap_fen is not None:
        steps.append((heading("cap"), award.cap_fen))
    steps.append((line("award_cut" if award.bound_by == "cap" else "award"), award.award_fen))
    print_table(line("worked_out"), headings(("step", "value")), steps)
    for sentence in (*(each.sentence for each in bindings), *open_):
        print_line(in_both(sentence))
    if explanation.nearest is not None:
        print_line(in_both(explanation.nearest.sentence))


def _condition(clause: "ClauseExplanation") -> str:
    """In words, and whether it is to be reviewed as fair competition asks."""
    words = shown(in_both(clause.words))
    if not clause.favours_local:
        return words
    return f"{words}\n{shown(line('favours_local'))} {clause.review or shown(line('not_known'))}"


def _seen(seen: "SeenValue") -> str:
    return f"{seen.attribute} = {seen.fact.value if seen.fact else '?'}"


def _source(citation: "Citation | None") -> str:
    if citation is None:
        return line("no_source")
    place = line("no_place") if citation.locator == "not known" else citation.locator
    return f"{citation.document}, {shown(place)}"
