"""What a programme adds up over other rows, from the exchange's own state: claims, past awards, a group's members,
related parties. The sums are policy's (`siwei.policy.aggregating.aggregates`); here are the rows.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date

import polars as pl
from django.db.models import Sum

from siwei.city.attributes import Attribute
from siwei.errors import InputError, Problem, Said
from siwei.exchange.facts.contract_claims import SOURCE, claim_table
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import (
    Application,
    ApplicationState,
    FactStatus,
    Hold,
    OrderState,
    Organisation,
    PaymentItem,
    Voucher,
)
from siwei.exchange.relations import related_around, related_on
from siwei.policy import FactStatus as Proof
from siwei.policy import FactValue, Programme, Text
from siwei.policy.aggregating.aggregate_gaps import Gap, aggregate_gaps
from siwei.policy.aggregating.aggregates import MOST_PAIRS, Rows, add_aggregates
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.related import Related
from siwei.policy.sources import IS_RELATED, MEMBER, ORGANISATION, PROVIDER
from siwei.policy.subjects import ID, read_dtypes

TIES = {ORGANISATION: "string", PROVIDER: "string", IS_RELATED: "bool", MEMBER: "string"}
AWARD_COLUMNS: Mapping[str, pl.DataType] = {
    ORGANISATION: pl.String(), "programme": pl.String(), "awarded_on": pl.Date(), "award_fen": pl.Int64(),
    "paid_fen": pl.Int64(),
}  # fmt: skip


def with_aggregates(
    programmes: Iterable[Programme],
    table: pl.DataFrame,
    as_of: date,
    attributes: Mapping[str, Attribute],
    organisation: Organisation | None = None,
) -> pl.DataFrame:
    """The table of subjects with a column per aggregate of the programmes; unchanged where there is none. With an
    `organisation` the subjects are it, its claims or its projects, and no more is read than bears on it."""
    made = tuple(programme for programme in programmes if programme.aggregates)
    if not made or table.is_empty():
        absent = {aggregate.id for programme in made for aggregate in programme.aggregates} - set(table.columns)
        return table.with_columns(pl.lit(None, pl.Int64).alias(name) for name in sorted(absent))
    if organisation is None:
        rows = _rows(made, as_of, attributes, related_on(as_of), None)
    else:
        rows = _rows_of(made, as_of, attributes, organisation)
    return add_aggregates(made, table, rows, as_of).table


def _rows_of(
    programmes: tuple[Programme, ...], as_of: date, attributes: Mapping[str, Attribute], organisation: Organisation
) -> Rows:
    graph = related_around(as_of, frozenset((organisation.key,)))
    return _rows(programmes, as_of, attributes, graph, _parties(programmes, graph, organisation))


def aggregate_facts(
    programmes: Iterable[Programme],
    organisation: Organisation,
    as_of: date,
    attributes: Mapping[str, Attribute],
    subject: Mapping[str, FactValue] | None = None,
) -> dict[str, FactValue]:
    """The same as facts, for an organisation itself, or for one of its claims or projects by its facts."""
    made = tuple(programme for programme in programmes if programme.aggregates)
    if not made:
        return {}
    table = _one_row(organisation, subject)
    found = with_aggregates(made, table, as_of, attributes, organisation).row(0, named=True)
    names = {aggregate.id: aggregate.of for programme in made for aggregate in programme.aggregates}
    return {
        name: FactValue(found[name], Proof(found.get(name + STATUS_SUFFIX) or 0), SOURCE, of)
        for name, of in names.items()
        if found[name] is not None
    }


def _one_row(organisation: Organisation, subject: Mapping[str, FactValue] | None) -> pl.DataFrame:
    own: dict[str, object] = {ID: organisation.key, ORGANISATION: organisation.key}
    return pl.DataFrame([own | {name: fact.value for name, fact in (subject or {}).items()}])


def sum_gaps(
    programme: Programme,
    organisation: Organisation,
    as_of: date,
    attributes: Mapping[str, Attribute],
    subject: Mapping[str, FactValue] | None = None,
) -> tuple[Gap, ...]:
    """Which facts of which rows those of its sums wait for that are not known: of the organisation itself, its
    contracts and its awards. What waits for other organisations' facts is counted, and neither they nor the facts are
    named: that something of another is not known is theirs to know."""
    if not programme.aggregates:
        return ()
    rows = _rows_of((programme,), as_of, attributes, organisation)
    known = {aggregate.id for aggregate in programme.aggregates}
    facts = {name: fact for name, fact in (subject or {}).items() if name not in known}
    table = add_aggregates((programme,), _one_row(organisation, facts), rows, as_of).table
    gaps = aggregate_gaps(programme, table, rows, as_of, attributes)
    others = [gap for gap in gaps if gap.of in ("members", "related") and gap.row != organisation.key]
    words = {aggregate.id: aggregate.words for aggregate in programme.aggregates}
    counted: dict[tuple[str, str], int] = {}
    for gap in others:
        counted[gap.aggregate, gap.of] = counted.get((gap.aggregate, gap.of), 0) + 1 + gap.more
    return (
        *(gap for gap in gaps if gap not in others),
        *(_gap_of_others(aggregate, of, count, words[aggregate]) for (aggregate, of), count in counted.items()),
    )


def _gap_of_others(aggregate: str, of: str, count: int, words: Text) -> Gap:
    sentence = Text(
        f"“{words.zh}”尚不能合计：{count} 家其他机构的事实不详，须由它们自行提供。",
        f"“{words.en}” cannot be added up yet: facts of {count} other organisations are not known, which they give "
        "themselves.",
    )
    return Gap(aggregate, of, "", (), count, sentence)


def _parties(programmes: tuple[Programme, ...], graph: Related, organisation: Organisation) -> set[int]:
    """Whose facts bear on the organisation: its own, and those of related parties where these are added up."""
    reads = {aggregate.of for programme in programmes for aggregate in programme.aggregates}
    if not reads & {"members", "related"}:
        return {organisation.pk}
    near = [key for key in sorted(graph.number) if graph.is_related(organisation.key, key)]
    return {organisation.pk, *Organisation.objects.filter(key__in=near).values_list("pk", flat=True)}


def read_attributes(programme: Programme, attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """The attributes, and what the programme adds up and who is tied to it as attributes of their own."""
    made = {
        aggregate.id: _attribute(aggregate.id, "int", aggregate.unit, aggregate.words.zh, aggregate.words.en)
        for aggregate in programme.aggregates
    }
    names = {
        ORGANISATION: ("申请单位", "Applicant"), PROVIDER: ("供给方", "Provider"),
        IS_RELATED: ("供给方为关联方", "The provider is a related party"), MEMBER: ("成员", "Member"),
    }  # fmt: skip
    ties = {name: _attribute(name, kind, None, *names[name]) for name, kind in TIES.items()}
    return {**ties, **made, **attributes}


def _attribute(id: str, kind: str, unit: str | None, zh: str, en: str) -> Attribute:
    return Attribute(id, "", kind, unit, zh, en, False, False, "", zh, en, None, None, False)


def award_table(organisation_ids: Collection[int] | None = None) -> pl.DataFrame:
    """Awards this exchange made (AWARD_COLUMNS): vouchers by what they pay out so far, and awards of rounds that are no
    vouchers, paid when the bank says so of their order."""
    vouchers = Voucher.objects.select_related("organisation", "pot").order_by("key")
    awarded = Application.objects.filter(
        state=ApplicationState.AWARDED, decision__voucher=None, organisation__isnull=False
    ).select_related("organisation", "pot", "round")
    if organisation_ids is not None:
        vouchers = vouchers.filter(organisation_id__in=organisation_ids)
        awarded = awarded.filter(organisation_id__in=organisation_ids)
    holds = Hold.objects.filter(transfer__debit_account__voucher__isnull=False)
    paid = dict(
        holds.values_list("transfer__debit_account_id")
        .annotate(paid=Sum("captured"))
        .order_by("transfer__debit_account")
    )
    by_order = dict(
        PaymentItem.objects.filter(grant__isnull=False, is_live=True, order__state=OrderState.PAID)
        .values_list("grant__application_id", "amount_fen")
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (each.organisation.key, each.pot.programme, each.valid_from, each.cap_fen, paid.get(each.account_id, 0))
        for each in vouchers
    ]
    rows += [
        (
            *(each.applicant.key, each.pot.programme, each.round.awarded_on if each.round else None),
            *(each.shared_fen, by_order.get(each.pk, 0)),
        )
        for each in awarded.order_by("key")
    ]
    frame = pl.DataFrame(rows, schema=dict(AWARD_COLUMNS), orient="row")
    # The exchange's own ledger says so.
    proof = pl.lit(int(FactStatus.VERIFIED), pl.UInt8)
    return frame.with_columns(proof.alias(name + STATUS_SUFFIX) for name in AWARD_COLUMNS)


def _rows(
    programmes: tuple[Programme, ...],
    as_of: date,
    attributes: Mapping[str, Attribute],
    graph: Related,
    organisation_ids: Collection[int] | None,
) -> Rows:
    reads = {aggregate.of for programme in programmes for aggregate in programme.aggregates}
    expressions = [
        expression
        for programme in programmes
        for aggregate in programme.aggregates
        for expression in (aggregate.value, aggregate.where)
        if expression is not None
    ]
    read = {name: attributes[name] for name in read_dtypes(expressions) if name in attributes}
    organisations = subjects(as_of, attributes=read, organisation_ids=organisation_ids).drop("name").rename({"key": ID})
    rows = Rows(organisations=organisations, related=graph)
    if "claims" in reads:
        claims = claim_table(as_of, attributes=attributes, graph=graph, organisation_ids=organisation_ids)
        rows = replace(rows, claims=claims)
    if "awards" in reads:
        rows = replace(rows, awards=award_table(organisation_ids))
    if "members" in reads:
        rows = replace(rows, members=_members(graph, organisations[ID].to_list()))
    return rows


def _members(graph: Related, heads: Iterable[str]) -> pl.DataFrame:
    """`organisation, member`: a group is its head and whoever it holds by ties that count, through any depth."""
    held: dict[str, list[str]] = {}
    for holder, other in graph.ties.select("holder", "held").iter_rows():
        held.setdefault(holder, []).append(other)
    pairs: list[tuple[str, str]] = []
    for head in heads:
        seen, waiting = {head}, [head]
        while waiting:
            below = [other for other in held.get(waiting.pop(), ()) if other not in seen]
            seen.update(below)
            waiting += below
        pairs += [(head, member) for member in sorted(seen)]
        if len(pairs) > MOST_PAIRS:
            raise InputError(
                [
                    Problem(
                        Said(f"more than {MOST_PAIRS} members of groups", f"分组成员超过 {MOST_PAIRS} 个"),
                        Said("look at the ties", "请检查关联关系"),
                    )
                ]
            )
    return pl.DataFrame(pairs, schema={ORGANISATION: pl.String(), MEMBER: pl.String()}, orient="row")
