"""What an application says: who, result, facts with source and proof, clauses, computation, what to attach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from siwei.city.attributes import canonical_text
from siwei.market.bank import exact_yuan
from siwei.policy.explanation import Explanation, FactValue, SeenValue, Step
from siwei.policy.programmes import Citation, Programme
from siwei.policy.windows import Deadline
from siwei.portal.application.blocks import Block, Document, Heading, Paragraph, Table, plain
from siwei.portal.figures import verdict_of
from siwei.portal.languages import TRADITIONAL, choose
from siwei.portal.queries.dossier import Evidence
from siwei.portal.queries.fact_files import ShownFile
from siwei.portal.words import source, word
from siwei.traditional import traditional


@dataclass(frozen=True, slots=True)
class Applicant:
    """Names of kind and district by language, so that writing needs no table. Of a project the fields are its leader's,
    with the project's name and who takes part; a person has a name and nothing else (`kind` is person)."""

    key: str
    name: str
    code: str | None
    kind: str
    district_zh: str
    district_en: str
    founded_on: date | None
    is_generated: bool
    project: str = ""
    partners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """All that an application is made from: the same values give the same bytes. `attributes` are rows by id."""

    applicant: Applicant
    programme: Programme
    explanation: Explanation
    facts: Mapping[str, FactValue]
    evidence: tuple[Evidence, ...]
    deadline: Deadline
    attributes: Mapping[str, Mapping[str, Any]]


def write_document(application: Application, language: str) -> Document:
    """In `zh-hans`, `zh-hant` or `en`, whatever language is active."""
    with override("zh-hans" if language == TRADITIONAL else language):
        title = _("Application: %(programme)s") % {"programme": _named(application.explanation.title)}
        footer = _("%(name)s · generated from facts as of %(day)s · not an official form") % {
            "name": plain(application.applicant.name),
            "day": application.explanation.as_of.isoformat(),
        }
        parts = (_notices, _who, _result, _facts, _clauses, _computation, _evidence, _signature)
        blocks = tuple(block for part in parts for block in part(application))
    document = Document(title, language, footer, blocks)
    return document.converted(traditional) if language == TRADITIONAL else document


def _notices(application: Application) -> list[Block]:
    explanation = application.explanation
    told = [
        _("Not an official form. Generated from facts as of %(day)s; compare it with the published rules before use.")
        % {"day": explanation.as_of.isoformat()}
    ]
    if application.applicant.is_generated:
        told.append(
            _("Generated data: an organisation that takes part is made up, and no real firm is meant.")
            if application.applicant.project
            else _("Generated data: this organisation is made up, and no real firm is meant.")
        )
    if explanation.is_draft:
        told.append(
            _("Draft: a part of this programme has no source or is not in force; it is computed and releases no money.")
        )
    if not explanation.source.verified:
        told.append(_("The programme's rules were not compared with the published text."))
    return [Paragraph(text, is_notice=True) for text in told]


def _who(application: Application) -> list[Block]:
    who = application.applicant
    if who.kind == "person":
        blank = (_("Name"), _("Identity document, number"), _("Employer"), _("Position"))
        rows: tuple[tuple[str, str], ...] = (*((label, "") for label in blank), (_("Account"), plain(who.name)))
        return [Heading(_("Applicant")), Table((), rows, (1, 3))]
    project = (
        ((_("Project"), plain(who.project)), (_("Who takes part"), plain(_semicolon().join(who.partners))))
        if who.project
        else ()
    )
    rows = (
        *project,
        (_("Leader") if who.project else _("Name"), plain(who.name)),
        (_("Unified social credit code"), who.code or _("not known")),
        (_("Kind"), word("kind", who.kind)),
        (_("District"), choose(who.district_zh, who.district_en) or _("not known")),
        (_("Founded"), who.founded_on.isoformat() if who.founded_on else _("not known")),
        (_("Key on the platform"), who.key),
    )
    return [Heading(_("Applicant")), Table((), rows, (1, 3))]


def _result(application: Application) -> list[Block]:
    explanation, programme, published = application.explanation, application.programme, application.explanation.source
    found = verdict_of(explanation.verdict)
    amount = explanation.award.award_fen
    rows = (
        (_("Programme"), _named(explanation.title)),
        (_("Issuer"), _named(programme.issuer)),
        (_("Where it comes from"), " ".join(part for part in (published.document, published.number) if part)),
        (_("Version"), f"{explanation.version} · {explanation.sha256[:16]}"),
        (_("Applications"), deadline_words(application.deadline)),
        (_("Verdict"), f"{found.mark} {choose(found.word_zh, found.word_en)}"),
        (_("Amount"), _("not known") if amount is None else exact_yuan(amount)),
        (_("What it gives"), word("award", explanation.kind.value)),
    )
    sentence = Paragraph(plain(_named(explanation.sentence)))
    return [Heading(_("Programme and result")), Table((), rows, (1, 3)), sentence]


def _facts(application: Application) -> list[Block]:
    names = [name for name in application.programme.attributes if name in application.facts]
    rows = tuple(
        (
            _attribute_name(application, name),
            value_words(application.attributes.get(name), application.facts[name]),
            word("status", str(int(application.facts[name].status))),
            _source_words(application.facts[name]),
        )
        for name in names
    )
    header = (_("Fact"), _("Value"), _("Proof"), _("Where it comes from"))
    return [Heading(_("Facts")), _table(header, rows, (3, 3, 2, 4))]


def _clauses(application: Application) -> list[Block]:
    rows = tuple(
        (
            plain(_named(clause.words)),
            _seen_words(application, clause.saw),
            _citation_words(clause.citation),
            f"{verdict_of(clause.verdict).mark} {_verdict_word(clause.verdict)}",
        )
        for clause in application.explanation.clauses
    )
    header = (_("Requirement"), _("What we saw"), _("Citation"), _("Verdict"))
    return [Heading(_("Clause by clause")), _table(header, rows, (4, 4, 3, 2))]


def _computation(application: Application) -> list[Block]:
    award = application.explanation.award
    rows = [(step.expression, _step_words(step)) for step in award.steps]
    rows += [
        (_("Computed"), _yuan(award.computed_fen)),
        (_("Cap"), _yuan(award.cap_fen)),
        (_("Award"), _yuan(award.award_fen)),
    ]
    words = f"{_named(award.words)} ({_citation_words(award.citation)})"
    return [
        Heading(_("How the amount is worked out")),
        Paragraph(plain(words)),
        _table((_("Step"), _("Result")), tuple(rows), (3, 2)),
        Paragraph(_("Amounts inside the computation are in fen (1 yuan = 100 fen).")),
    ]


def _evidence(application: Application) -> list[Block]:
    clauses = {each.id: _named(each.words) for each in application.explanation.clauses}
    rows = tuple(
        (
            str(number),
            _attribute_name(application, each.attribute),
            word("status", str(int(each.required))),
            word("evidence", each.state)
            + (f"{_colon()}{plain(each.fact.source_ref)}" if each.fact and each.fact.source_ref else ""),
            _semicolon().join(plain(clauses.get(clause, _("the amount"))) for clause in each.clauses),
        )
        for number, each in enumerate(application.evidence, 1)
    )
    header = (_("No."), _("Fact"), _("Proof needed"), _("Evidence"), _("Needed for"))
    return [Heading(_("Evidence to attach")), _table(header, rows, (1, 3, 2, 4, 4)), *_files(application)]


def _files(application: Application) -> list[Block]:
    rows = tuple(
        (
            str(number),
            _attribute_name(application, file.attribute),
            plain(name),
            f"{file.size_bytes:,}",
            # In groups: a table's cell breaks lines at spaces.
            " ".join(file.sha256[place : place + 16] for place in range(0, 64, 16)),
        )
        for number, (name, file) in enumerate(attached_files(application), 1)
    )
    header = (_("No."), _("Fact"), _("File in the package"), _("Bytes"), "SHA-256")
    return [Heading(_("Files attached")), _table(header, rows, (1, 3, 5, 2, 4))]


def attached_files(application: Application) -> Iterator[tuple[str, ShownFile]]:
    """The files that show its facts, each with its name in the package, in the order of the list of evidence."""
    for each in application.evidence:
        for number, file in enumerate(each.files, 1):
            yield packed_name(number, file), file


def packed_name(number: int, file: ShownFile) -> str:
    return f"evidence/{file.attribute}/{number:02}-{file.name}"


def _signature(application: Application) -> list[Block]:
    rows: tuple[tuple[str, str], ...]
    rows = ((_("Contact, telephone"), ""), (_("Legal representative (signature)"), ""), (_("Seal, date"), ""))
    declared = _("We declare that the facts above are true and take responsibility for them.")
    if application.applicant.kind == "person":
        rows = ((_("Contact, telephone"), ""), (_("Signature, date"), ""))
        declared = _("I declare that the facts above are true and take responsibility for them.")
    return [Heading(_("Declaration")), Paragraph(declared), Table((), rows, (1, 2))]


def deadline_words(deadline: Deadline) -> str:
    """Dates, and the days that are left, in the active language."""
    days = f"{deadline.opens or '…'} – {deadline.closes or '…'}"
    left = {
        "open": _("%(n)s days left") % {"n": deadline.days},
        "not_yet": _("opens in %(n)s days") % {"n": deadline.days},
        "closed": _("closed"),
        "unlimited": _("no last day"),
    }[deadline.state]
    kind = "" if deadline.is_window else _(" (the programme's period; no window for applications is recorded)")
    return f"{days} · {left}{kind}"


def value_words(attribute: Mapping[str, Any] | None, fact: FactValue | None) -> str:
    """A fact's value in its unit, in the active language, as plain text."""
    if fact is None or fact.value is None:
        return _("not known")
    value, unit = fact.value, (attribute or {}).get("unit")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        if unit == "fen":
            return exact_yuan(value)
        return {"minor": f"{value / 100:,.2f}", "basis_point": f"{value / 100:g} %"}.get(unit or "", f"{value:,}")
    name = (attribute or {}).get("id", "")
    if name in ("legal_form", "main_industry"):
        return word(name, str(value))
    assert not isinstance(value, float)
    return plain(canonical_text(value))


def _seen_words(application: Application, saw: tuple[SeenValue, ...]) -> str:
    parts = [
        f"{_named(each.name)}{_colon()}{value_words(application.attributes.get(each.attribute), each.fact)}"
        for each in saw
    ]
    return _semicolon().join(parts) or "–"


def _colon() -> str:
    return choose("：", ": ")


def _semicolon() -> str:
    return choose("；", "; ")


def _attribute_name(application: Application, name: str) -> str:
    row = application.attributes.get(name)
    return choose(row["name_zh"], row["name_en"]) if row else name


def _source_words(fact: FactValue) -> str:
    since = f" ({fact.valid_from.isoformat()})" if fact.valid_from else ""
    return plain(f"{source(fact.source)} {fact.source_ref}") + since


def _citation_words(citation: Citation | None) -> str:
    if citation is None:
        return _("no source")
    locator = _("place not known") if citation.locator == "not known" else citation.locator
    return plain(f"{citation.document} · {locator}")


def _step_words(step: Step) -> str:
    if step.status != "ok" or step.value is None:
        return _("not known") if step.status == "unknown" else _("error")
    if isinstance(step.value, bool):
        return "true" if step.value else "false"
    return f"{step.value:,}" if isinstance(step.value, int) else plain(str(step.value))


def _verdict_word(code: str) -> str:
    found = verdict_of(code)
    return choose(found.word_zh, found.word_en)


def _yuan(amount_fen: int | None) -> str:
    return "–" if amount_fen is None else exact_yuan(amount_fen)


def _named(text: Any) -> str:
    return choose(text.zh, text.en)


def _table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], widths: tuple[int, ...]) -> Block:
    return Table(header, rows, widths) if rows else Paragraph(_("None."))
