"""Codes the platform stores, as words people read. One place, so that no page spells a state in its own way."""

from __future__ import annotations

from django.utils.translation import gettext as _

from siwei.exchange.facts.contract_claims import SOURCE
from siwei.exchange.facts.person_facts import OWN_WORD
from siwei.exchange.parties import DECLARED_BY, PROVEN_BY
from siwei.portal.figures import grouped
from siwei.portal.languages import choose
from siwei.portal.words.actions import ACTIONS
from siwei.portal.words.chain import CHAIN
from siwei.portal.words.deals import DEALS
from siwei.portal.words.fields import FIELDS
from siwei.portal.words.money import MONEY
from siwei.portal.words.parties import PARTIES
from siwei.portal.words.programmes import PROGRAMMES

GROUPS: dict[str, dict[str, str]] = {**ACTIONS, **CHAIN, **DEALS, **FIELDS, **MONEY, **PARTIES, **PROGRAMMES}
SECONDS_PER_HOUR = 3_600
CODED = frozenset(
    {"legal_form", "main_industry", "project_field", "project_level", "project_lead_form", "peacock_level"}
)
"""Attributes whose values are codes; each has a group of words by its own name."""
DEMONSTRATION = "demonstration (generated)"
"""The source of the demonstration's facts (`siwei.run.cast_parties`), which stands above this room."""
MARKS = {"source": "源", "road": "路", "base": "基", "wing": "翼", "evolve": "演"}


def word(group: str, code: str) -> str:
    """The word for `code`, or the code itself where a newer room knows one that this page does not."""
    found = GROUPS.get(group, {}).get(code)
    return code if found is None else _(found) if found else ""


def quantity(value: int, unit: str) -> str:
    """A metered amount with its unit: accelerator-seconds also as hours, and the model they are of."""
    kind, _, model = unit.partition(":")
    hours = ""
    if kind.startswith("accelerator-second"):
        count = grouped(value / SECONDS_PER_HOUR)
        hours = choose(f"（{count} 小时）", f" ({count} h)")
    return f"{grouped(value)} {_unit(value, kind)}{hours}" + (f" · {model}" if model else "")


def per(quantity: int, unit: str) -> str:
    """What a price is for: one of the unit by its own name, an hour for 3,600 accelerator-seconds, else the quantity of
    it."""
    kind, _colon, _model = unit.partition(":")
    if kind.startswith("accelerator-second") and quantity == SECONDS_PER_HOUR:
        return _("accelerator-hour")
    return _unit(1, kind) if quantity == 1 and kind in GROUPS["one"] else f"{grouped(quantity)} {_unit(quantity, kind)}"


def _unit(quantity: int, kind: str) -> str:
    """1 milestone, 2 milestones."""
    return word("one" if quantity == 1 and kind in GROUPS["one"] else "unit", kind)


def ledger_unit(unit: str) -> str:
    """What an account counts: money, something metered, or what is committed under caps in either."""
    if unit.startswith("cap:"):
        return _("under caps: %(unit)s") % {"unit": ledger_unit(unit.removeprefix("cap:"))}
    if unit in ("CNY", "fen"):
        return _("money (CNY)")
    kind, _colon, model = unit.partition(":")
    return word("unit", kind) + (f" · {model}" if model else "")


def bound(code: str) -> str:
    """What kept an application from more: the pot, or a quota of a programme."""
    name = code.removeprefix("quota:")
    return _("the pot's money") if name == code else _("the quota by %(name)s") % {"name": name}


def dimension(code: str) -> str:
    return choose(MARKS.get(code, code), word("dimension", code))


def source(text: str) -> str:
    """A fact's source; an organisation's own word (`siwei.exchange.facts.declared`) in the reader's language."""
    if text == OWN_WORD:
        return _("your own word")
    if text == SOURCE:
        return _("this exchange")
    if text.startswith(PROVEN_BY):
        return _("proven before %(name)s") % {"name": text.removeprefix(PROVEN_BY)}
    if text == DEMONSTRATION:
        return _("demonstration (generated)")
    name = text.removeprefix(DECLARED_BY)
    return text if name == text else _("declared by %(name)s") % {"name": name}
