"""The filters and tags of our templates that tell names, words, verdicts and addresses in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from siwei.city.firms.reasons import MERGED_BY, in_chinese
from siwei.exchange.actors import Actor
from siwei.exchange.facts.projects import project_id
from siwei.exchange.models import Agreement, Dispute, Job, Organisation, Project
from siwei.market.bank.reasons import reason_in_chinese
from siwei.market.kinds import KINDS
from siwei.policy.checks.sourcing import Unsourced, draft_sentences, unsourced_parts
from siwei.policy.programmes import Programme, Text
from siwei.policy.windows import deadline_of
from siwei.portal import languages, words
from siwei.portal.city_pack import attributes, chain, decided_on, programmes
from siwei.portal.figures import verdict_of
from siwei.portal.languages import choose
from siwei.portal.queries import disputes
from siwei.portal.subjects import delivery_name, line_name, programme_title, shortened
from siwei.portal.templatetags.figures import district

register = template.Library()


@register.filter
def reason(value: str) -> str:
    """Why a row of a file was not used, in the reader's language."""
    return choose(in_chinese(value), value)


@register.filter
def bank_reason(value: str) -> str:
    """Why an entry of a bank's file was not taken, in the reader's language."""
    return choose(reason_in_chinese(value), value)


@register.filter
def merged_by(value: str) -> str:
    """Why a row was taken to be an organisation already known, in the reader's language."""
    return choose(*MERGED_BY.get(value, (value, value)))


@register.simple_tag
def comma() -> str:
    """What stands between the parts of a list, in the reader's language."""
    return languages.comma()


@register.simple_tag
def colon() -> str:
    """What stands between a label and what it tells, in the reader's language; a space with it where there is one."""
    return choose("：", ": ")


@register.simple_tag
def applications(programme_id: str) -> SafeString | str:
    """What a verdict must not be read without where nobody takes applications on the city's day; else nothing."""
    said = deadline_of(programmes()[programme_id], decided_on()).words
    return "" if said is None else format_html('<div class="small shut">{}</div>', choose(said.zh, said.en))


@register.filter
def verdict(value: str) -> SafeString:
    found = verdict_of(value)
    word = choose(found.word_zh, found.word_en)
    return format_html(
        '<span class="verdict verdict-{}"><b aria-hidden="true">{}</b> {}</span>', found.tone, found.mark, word
    )


@register.filter
def source(value: str) -> str:
    """Where a fact comes from; an organisation's own word in the reader's language."""
    return words.source(value)


@register.simple_tag
def possible_in(dispute: Dispute, actor: Actor) -> frozenset[str]:
    return disputes.possible_in(dispute, actor)


@register.filter
def asks_money(dispute: Dispute) -> bool:
    """Whether what is right is typed as money: of a delivery, and of calls of a model."""
    return dispute.delivery is not None or (dispute.usage is not None and dispute.usage.unit == "microfen")


@register.filter
def named(row: Any, field: str = "name") -> str:
    """`<field>_zh` or `<field>_en` of a row or an object, in the reader's language."""
    if row is None:
        return ""
    if hasattr(row, "zh") and hasattr(row, "en"):
        return choose(row.zh, row.en)
    if isinstance(row, Mapping):
        return choose(row.get(f"{field}_zh"), row.get(f"{field}_en"))
    return choose(getattr(row, f"{field}_zh", None), getattr(row, f"{field}_en", None))


@register.filter
def word(value: str, group: str) -> str:
    """A stored code (`firm`, `base`, `signed` …) as a word, by its group."""
    return words.word(group, str(value))


@register.filter
def agreement_name(agreement: Agreement) -> str:
    """What was needed, in its own words; by its key where it came of no match."""
    if agreement.match is None:
        return shortened(agreement.key)
    need = agreement.match.need
    return choose(need.title_zh, need.title_en)


@register.filter
def job_name(job: Job) -> str:
    """A job is called as what its agreement is about, and by the beginning of its key."""
    return f"{agreement_name(job.line.agreement)} · {shortened(job.key)}"


@register.filter(name="shortened")
def shortened_key(key: str) -> str:
    return shortened(key)


@register.filter
def settlement_of(period: str) -> str:
    """What a settlement is of: all there was, one delivery, or a month or day."""
    what, _colon, number = period.partition(":")
    if what == "delivery":
        return f"{_('Delivery')} {number}"
    return _("the end") if period == "final" else period


register.filter("delivery_title", delivery_name)
register.filter("line_name", line_name)


@register.filter
def bound(value: str) -> str:
    """What kept an application from more."""
    return words.bound(value)


@register.filter
def get(row: Mapping[str, Any] | None, key: str) -> Any:
    return None if row is None else row.get(key)


@register.filter
def ledger_unit(unit: str) -> str:
    return words.ledger_unit(unit)


@register.simple_tag
def programme_name(programme_id: str) -> str:
    return programme_title(programme_id)


@register.filter
def is_draft(programme_id: str) -> bool:
    found = programmes().get(programme_id)
    return found is not None and found.is_draft


@register.simple_tag
def draft_told(programme: Programme) -> Text | None:
    """Why it is a draft, in words."""
    return draft_sentences(programme)


@register.simple_tag
def unsourced(programme: Programme) -> tuple[Unsourced, ...]:
    """What keeps it a draft."""
    return unsourced_parts(programme)


@register.simple_tag
def contract_address(claim: str) -> str:
    """The page of the agreement that a claim is a line of."""
    return reverse("agreement", args=[claim.rpartition("/")[0]])


@register.simple_tag
def project_address(project: Project) -> str:
    return reverse("project", args=[project_id(project)])


@register.simple_tag
def application_address(applicant: Organisation | Project | Actor, programme_id: str, form: str) -> str:
    """Where the application of an organisation, a project or the person who reads is taken away."""
    if isinstance(applicant, Organisation):
        return reverse("application", args=[applicant.key, programme_id, form])
    if isinstance(applicant, Project):
        query = urlencode({"project": project_id(applicant)})
        return f"{reverse('project-application', args=[programme_id, form])}?{query}"
    return reverse("person-application", args=[programme_id, form])


@register.simple_tag
def verdict_word(code: str) -> str:
    found = verdict_of(code)
    return choose(found.word_zh, found.word_en)


@register.simple_tag
def clause_status(required: int) -> str:
    return words.word("status", str(int(required)))


@register.simple_tag
def typed_value(typed: Mapping[str, str], part: str, attribute: str) -> str:
    """What somebody typed into a field of a form that was refused; nothing on a fresh one."""
    return typed.get(f"{part}-{attribute}", "")


@register.simple_tag
def typed_selected(typed: Mapping[str, str], part: str, attribute: str, choice: str) -> SafeString:
    return SafeString(" selected" if typed.get(f"{part}-{attribute}") == choice else "")


@register.simple_tag
def choice_word(attribute: str, choice: str) -> str:
    """One of the values a text may have, in words; a code that has none stays a code."""
    return district(choice) if attribute == "district" else words.word(attribute, choice)


@register.simple_tag
def attribute_name(attribute: str) -> str:
    row = attributes().get(attribute)
    return choose(row["name_zh"], row["name_en"]) if row else attribute


@register.simple_tag
def segment_name(segment_id: str) -> str:
    row = chain().segments.get(segment_id)
    return choose(row["name_zh"], row["name_en"]) if row else segment_id


@register.simple_tag
def score_parts(match: Any) -> list[dict[str, Any]]:
    """The parts of a match's score, heaviest first, in the reader's words."""
    kind = KINDS.get(match.need.kind)
    known = {part.id: part for part in kind.parts} if kind else {}
    items = (
        match.parts
        if isinstance(match.parts, list)
        else [{"id": key, "score": value} for key, value in match.parts.items()]
    )
    lines = []
    for item in items:
        part = known.get(item.get("id", ""))
        score = float(item.get("score", 0))
        label = choose(part.words.zh, part.words.en) if part else str(item.get("id", ""))
        lines.append(
            {"label": label, "score": score, "weight": part.weight if part else 0, "width": round(score * 100)}
        )
    return sorted(lines, key=lambda line: -int(line["weight"]))
