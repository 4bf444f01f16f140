"""From a kind's schema to a form, and from what is typed back to a listing's body. No kind has a form of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from django.http import QueryDict
from django.utils.translation import gettext as _

from siwei.errors import InputError, Problem
from siwei.market.bank import exact_yuan
from siwei.market.kind import Kind
from siwei.market.listing import Body
from siwei.portal.city_pack import chain, districts, pack
from siwei.portal.entries import NUMBER, amount_entry
from siwei.portal.figures import FEN_PER_WAN, FEN_PER_YUAN
from siwei.portal.languages import choose, problems_of
from siwei.portal.listing_fields import FIELD_NAMES
from siwei.portal.words import word

Form = Literal["text", "long", "number", "money", "flag", "choice", "choices", "lines"]
MOST_LINES = 200
MOST_DIGITS = 17
LONG = ("description",)


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One member of a body. `values` is what stands in it: one text, or for `choices` and `lines` several."""

    name: str
    label: str
    form: Form
    is_required: bool
    choices: tuple[Choice, ...] = ()
    suggested: tuple[str, ...] = ()
    most: int | None = None
    least: int | None = None
    greatest: int | None = None
    values: tuple[str, ...] = ()
    unit: str = "yuan"

    @property
    def hint(self) -> str:
        if self.form == "lines":
            return _("one a line")
        if self.form != "number" or self.greatest is None:
            return ""
        return f"{self.least or 0:,}–{self.greatest:,}"

    @property
    def text(self) -> str:
        return "\n".join(self.values)


def body_of(kind: Kind, side: str) -> type[Body]:
    return kind.offer_body if side == "offer" else kind.need_body


def form_fields(kind: Kind, side: str, typed: QueryDict | None = None, body: Mapping[str, Any] | None = None) -> list[
    FormField
]:  # fmt: skip
    """The fields of a body but its title, filled with what was typed, else with a body as it stands."""
    schema = body_of(kind, side).model_json_schema()
    required = set(schema.get("required", ()))
    return [
        _field(name, member, name in required, typed, body)
        for name, member in schema["properties"].items()
        if name != "title"
    ]


def typed_body(kind: Kind, side: str, typed: QueryDict) -> dict[str, Any]:
    """What was typed, as the kind's schema reads it; the title and what was left empty are not in it.

    Raises InputError with every field that cannot be read.
    """
    body: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in form_fields(kind, side, typed):
        try:
            value = _value(field, typed)
        except InputError as error:
            problems += [Problem(each.message, each.fix, field=field.name) for each in problems_of(error)]
            continue
        if value is not None:
            body[field.name] = value
        elif field.is_required and field.form != "flag":
            problems.append(Problem(_("This is needed"), field=field.name))
    if problems:
        raise InputError(problems)
    return body


def by_field(problems: tuple[Problem, ...]) -> dict[str, Problem]:
    """Problems by the field they stand at: `services.0` is in `services`."""
    return {(problem.field or "").partition(".")[0]: problem for problem in reversed(problems)}


def _field(
    name: str, schema: Mapping[str, Any], is_required: bool, typed: QueryDict | None, body: Mapping[str, Any] | None
) -> FormField:
    member = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    form, choices = _form_of(name, member)
    label = _(FIELD_NAMES[name]) if name in FIELD_NAMES else name
    values, unit = _standing(name, form, schema, typed, body)
    return FormField(
        name, label, form, is_required, choices, _suggested(name), member.get("maxLength"), member.get("minimum"),
        member.get("maximum"), values, unit,
    )  # fmt: skip


def _form_of(name: str, member: Mapping[str, Any]) -> tuple[Form, tuple[Choice, ...]]:
    items = member.get("items", {})
    choices = _choices(name, items if member["type"] == "array" else member)
    if member["type"] == "array":
        return ("choices" if choices and "enum" in items else "lines"), choices
    if member["type"] == "boolean":
        return "flag", ()
    if member["type"] == "integer":
        return ("money" if "_fen" in name else "number"), ()
    return ("choice" if choices else "long" if name in LONG else "text"), choices


def _choices(name: str, member: Mapping[str, Any]) -> tuple[Choice, ...]:
    if "enum" in member:
        return tuple(Choice(each, word("choice", each)) for each in member["enum"])
    if name in ("segment", "for_segment"):
        rows = chain().segments.values()
    elif name == "district":
        rows = districts().values()
    else:
        return ()
    return tuple(Choice(row["id"], choose(row["name_zh"], row["name_en"])) for row in rows)


def _suggested(name: str) -> tuple[str, ...]:
    """What the pack knows for a text that may be anything."""
    if name in ("segments", "districts"):
        return tuple(chain().segments if name == "segments" else districts())
    if name in ("accelerator", "accelerators"):
        return accelerator_models()
    return tuple(pack().frameworks["id"].to_list()) if name in ("framework", "frameworks") else ()


@cache
def accelerator_models() -> tuple[str, ...]:
    """The models that the pack's table of accelerators names."""
    return tuple(model.strip() for models in pack().accelerators["models"] for model in models.split(";"))


def _standing(
    name: str, form: Form, schema: Mapping[str, Any], typed: QueryDict | None, body: Mapping[str, Any] | None
) -> tuple[tuple[str, ...], str]:
    if typed is not None:
        given = typed.getlist(name)
        return (tuple(given) if form == "choices" else tuple("\n".join(given).splitlines())), typed.get(
            f"unit-{name}", "yuan"
        )
    value = (body or {}).get(name, schema.get("default"))
    if value is None:
        return (), "yuan"
    if isinstance(value, list | tuple):
        return tuple(map(str, value)), "yuan"
    if isinstance(value, bool):
        return (("true",) if value else ()), "yuan"
    if form == "money":
        wan = value and value % FEN_PER_WAN == 0
        whole, rest = divmod(value, FEN_PER_WAN if wan else FEN_PER_YUAN)
        return (f"{whole}.{rest:02d}" if rest else str(whole),), "wan" if wan else "yuan"
    return (str(value),), "yuan"


def _value(field: FormField, typed: QueryDict) -> Any:
    text = typed.get(field.name, "").strip()
    if field.form == "flag":
        return text == "true"
    if field.form in ("choices", "lines"):
        given = "\n".join(typed.getlist(field.name)).splitlines()
        found = [line.strip() for line in given if line.strip()]
        if len(found) > MOST_LINES:
            raise InputError([Problem(_("These are too many"), f"≤ {MOST_LINES}", field=field.name)])
        return found or None
    if not text:
        return None
    if field.form == "money":
        return _bounded(field, amount_entry(text, typed.get(f"unit-{field.name}", ""), field.name))
    return _bounded(field, _whole(field.name, text)) if field.form == "number" else text


def _bounded(field: FormField, value: int) -> int:
    write = exact_yuan if field.form == "money" else "{:,}".format
    if field.least is not None and value < field.least:
        raise InputError([Problem(_("This is too little"), f"≥ {write(field.least)}", field=field.name)])
    if field.greatest is not None and value > field.greatest:
        raise InputError([Problem(_("This is too much"), f"≤ {write(field.greatest)}", field=field.name)])
    return value


def _whole(name: str, text: str) -> int:
    written = unicodedata.normalize("NFKC", text)
    if len(written) > MOST_DIGITS or not NUMBER.fullmatch(written) or "." in written:
        raise InputError([Problem(_("This is not a whole number"), _("digits, such as 1280"), field=name)])
    return int(written.replace(",", ""))
