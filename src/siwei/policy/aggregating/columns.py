"""The columns a table needs to be decided: of which type and unit, what they mean, and who reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from siwei.city.attributes import Attribute
from siwei.policy.files.tables import columns_beside, required_columns
from siwei.policy.programmes import Aggregate, Programme, Text
from siwei.policy.sources import IS_RELATED, ORGANISATION, PROVIDER, subject_types
from siwei.policy.subjects import ID

TIES = "ties"
_ID_MEANING = Text("唯一标识", "Unique identifier")
_TIES = {
    ORGANISATION: Text("提出申请的机构（其 id）", "The organisation it belongs to, by its id"),
    PROVIDER: Text("供给方（其 id）", "Who is paid under it, by its id"),
    IS_RELATED: Text("供给方是否为该机构的关联方", "Whether the provider is a related party of the organisation"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """`read_by` are ids of programmes. `added_up_of` names the rows an aggregate is made from, or the ties by which
    parties are told to be related: the column may be absent where they are given."""

    name: str
    type: str
    unit: str | None
    meaning: Text
    read_by: tuple[str, ...]
    added_up_of: str | None = None


def columns_of_rows(programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> tuple[Column, ...]:
    """`id`, every column the programmes read, and what their limits group and order rows by."""
    aggregates = {each.id: each for programme in programmes for each in programme.aggregates}
    types = {name: kind.kind for programme in programmes
             for name, kind in subject_types(attributes, programme.applies_to).items()}  # fmt: skip
    names = dict.fromkeys(
        [*required_columns(programmes), *(name for name in columns_beside(programmes) if name in types)]
    )
    return tuple(
        Column(ID, "string", None, _ID_MEANING, tuple(dict.fromkeys(each.id for each in programmes))) if name == ID
        else _column(name, types, aggregates, attributes, _readers(name, programmes))
        for name in names
    )  # fmt: skip


def _readers(name: str, programmes: tuple[Programme, ...]) -> tuple[str, ...]:
    """Each once, of however many versions of it read the column."""
    reads = (each.id for each in programmes if name in each.attributes or name in columns_beside((each,)))
    return tuple(dict.fromkeys(reads))


def _column(
    name: str, types: Mapping[str, str], aggregates: Mapping[str, Aggregate], attributes: Mapping[str, Attribute],
    readers: tuple[str, ...],
) -> Column:  # fmt: skip
    if name in aggregates:
        made = aggregates[name]
        return Column(name, "int", made.unit, made.words, readers, made.of)
    if name in attributes:
        known = attributes[name]
        return Column(name, known.type, known.unit, Text(known.meaning_zh, known.meaning_en), readers)
    return Column(name, types[name], None, _TIES[name], readers, TIES if name == IS_RELATED else None)
