"""Claims: what an organisation buys under a signed agreement, a row per priced line, as programmes read it.

The exchange itself knows these facts: both parties signed the terms (documented), and the ledger paid what was
delivered (verified). A pack reads those it declares in attributes.csv under the subject `agreement`; what is declared
there and stands not in CONTRACT is not known here.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl
from django.utils import timezone

from siwei.city.attributes import Attribute
from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.models import Agreement, AgreementLine, AgreementState, FactStatus, Organisation
from siwei.exchange.parties import listed_providers
from siwei.policy import FactStatus as Proof
from siwei.policy import FactValue
from siwei.policy.aggregating.aggregates import mark_related
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.programmes import Text
from siwei.policy.related import Related
from siwei.policy.sources import IS_RELATED, ORGANISATION, PROVIDER
from siwei.policy.subjects import ID

CONTRACT: Mapping[str, tuple[str, FactStatus]] = {
    "contract_kind": ("string", FactStatus.DOCUMENTED),
    "contract_signed_on": ("date", FactStatus.DOCUMENTED),
    "contract_amount": ("int", FactStatus.DOCUMENTED),
    "contract_voucher": ("int", FactStatus.DOCUMENTED),
    "contract_listed_provider": ("bool", FactStatus.DOCUMENTED),
    "contract_settled": ("bool", FactStatus.VERIFIED),
    "contract_paid": ("int", FactStatus.VERIFIED),
    "contract_voucher_paid": ("int", FactStatus.VERIFIED),
    "contract_own_paid": ("int", FactStatus.VERIFIED),
}
"""What the exchange knows of a claim: type and proof. Amounts are fen; before settlement nothing was paid."""
CLAIMED = (
    AgreementState.SIGNED,
    AgreementState.DELIVERING,
    AgreementState.COMPLETED,
    AgreementState.DISPUTED,
    AgreementState.SETTLED,
)
SOURCE = "this exchange"
_COLUMNS: Mapping[str, pl.DataType] = {
    "string": pl.String(), "date": pl.Date(), "int": pl.Int64(), "bool": pl.Boolean(),
}  # fmt: skip


def claim_id(agreement: str, line: int) -> str:
    return f"{agreement}/{line}"


def claim_titles(organisation: Organisation) -> dict[str, Text]:
    """What the claims of a consumer are called: as what was needed, and where the agreement came of no match as the
    line says. For whoever may see all of the organisation's own."""
    lines = AgreementLine.objects.filter(consumer=organisation, agreement__state__in=CLAIMED)
    need = "agreement__match__need__title"
    read = lines.values_list("agreement__key", "number", f"{need}_zh", f"{need}_en", "description")
    return {
        claim_id(key, number): Text(zh or en or description, en or zh or description)
        for key, number, zh, en, description in read.order_by("pk")
        if zh or en or description
    }


def claim_table(
    as_of: date,
    *,
    attributes: Mapping[str, Attribute],
    graph: Related,
    organisation_ids: Collection[int] | None = None,
    agreement_id: int | None = None,
) -> pl.DataFrame:
    """`id, organisation, provider, is_related`, and the agreements' attributes with their status, sorted by id.

    Of the consumers in `organisation_ids` (None: of all), of agreements signed by the day. Raises InputError where the
    pack declares an attribute of another type than the exchange knows it in.
    """
    wanted = _wanted(attributes)
    lines = AgreementLine.objects.filter(agreement__state__in=CLAIMED).select_related(
        "agreement", "provider", "consumer"
    )
    if organisation_ids is not None:
        lines = lines.filter(consumer_id__in=organisation_ids)
    if agreement_id is not None:
        lines = lines.filter(agreement_id=agreement_id)
    listed = listed_providers(as_of) if "contract_listed_provider" in wanted else frozenset()
    signed = [line for line in lines.prefetch_related("agreement__settlements") if _signed_on(line.agreement) <= as_of]
    rows = [_row(line, listed) for line in signed]
    schema: dict[str, pl.DataType] = {ID: pl.String(), ORGANISATION: pl.String(), PROVIDER: pl.String()}
    schema |= {name: _COLUMNS[kind] for name, (kind, _) in CONTRACT.items()}
    frame = mark_related(pl.DataFrame(rows, schema=schema).sort(ID), graph)
    columns: list[pl.Expr] = [pl.col(name) for name in (ID, ORGANISATION, PROVIDER, IS_RELATED)]
    # Who the parties are stands on the contract. That no tie between them is known proves nothing: no status.
    columns += [_status(FactStatus.DOCUMENTED, name) for name in (ORGANISATION, PROVIDER)]
    for name, attribute in wanted.items():
        if name in CONTRACT:
            columns += [pl.col(name), _status(CONTRACT[name][1], name)]
        else:
            columns += [pl.lit(None, attribute.dtype).alias(name), pl.lit(None, pl.UInt8).alias(name + STATUS_SUFFIX)]
    return frame.select(columns)


def claim_facts(claim: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> dict[str, FactValue]:
    """One row of `claim_table` as the facts a decision sees."""
    agreement = str(claim[ID]).rpartition("/")[0]
    names = [name for name in (ORGANISATION, PROVIDER, IS_RELATED, *_wanted(attributes)) if claim[name] is not None]
    return {
        name: FactValue(claim[name], Proof(claim.get(name + STATUS_SUFFIX) or 0), SOURCE, agreement) for name in names
    }


def find_claim(claims: pl.DataFrame, id: str) -> dict[str, Any]:
    found = claims.filter(pl.col(ID) == id)
    if found.is_empty():
        raise NotFound(
            f"no claim {id!r} → the lines of a signed agreement are claims of its consumer",
            f"没有申领项 {id!r} → 已签协议的各行是其需求方的申领项",
        )
    return found.row(0, named=True)


def _wanted(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    wanted = {name: each for name, each in attributes.items() if each.subject == "agreement"}
    wrong = [each for name, each in wanted.items() if name in CONTRACT and each.type != CONTRACT[name][0]]
    if wrong:
        raise InputError([_wrong_type(each) for each in wrong])
    return wanted


def _wrong_type(attribute: Attribute) -> Problem:
    message = Said(f"{attribute.id} is declared as {attribute.type}", f"{attribute.id} 声明的类型为 {attribute.type}")
    return Problem(
        message,
        Said(f"the exchange knows it as {CONTRACT[attribute.id][0]}", f"平台中其类型为 {CONTRACT[attribute.id][0]}"),
        "attributes.csv",
        field="type",
    )


def _row(line: AgreementLine, listed: Iterable[str]) -> dict[str, Any]:
    agreement = line.agreement
    settlements = agreement.settlements.all()
    details = [each for settlement in settlements for each in settlement.detail if each["line"] == line.number]
    voucher_fen, own_fen = (sum(each[name] for each in details) for name in ("voucher_fen", "own_fen"))
    return {
        ID: claim_id(agreement.key, line.number),
        ORGANISATION: line.consumer.key,
        PROVIDER: line.provider.key,
        "contract_kind": agreement.kind,
        "contract_signed_on": _signed_on(agreement),
        "contract_amount": line.gross_fen,
        "contract_voucher": line.voucher_fen,
        "contract_listed_provider": line.provider.key in listed,
        "contract_settled": agreement.state == AgreementState.SETTLED,
        "contract_paid": voucher_fen + own_fen,
        "contract_voucher_paid": voucher_fen,
        "contract_own_paid": own_fen,
    }


def _signed_on(agreement: Agreement) -> date:
    """Of agreements signed before days were kept, by the clock."""
    if agreement.signed_on is not None:
        return agreement.signed_on
    return timezone.localdate(agreement.signed_at) if agreement.signed_at is not None else date.max


def _status(status: FactStatus, name: str) -> pl.Expr:
    return pl.lit(int(status), pl.UInt8).alias(name + STATUS_SUFFIX)
