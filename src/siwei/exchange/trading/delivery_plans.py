"""The deliveries of an agreement as planned with it: those its terms name, and those its kind is delivered by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from siwei.errors import InputError, Problem, Said
from siwei.exchange.models import Agreement, AgreementLine, AgreementParty, Delivery, DeliveryForm
from siwei.market.bank import exact_yuan
from siwei.market.kind import Kind


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """One delivery as it is proposed. Of a `line` (by number; the one quoted from a match is the first) it runs from
    its provider to its consumer and pays `amount_fen` of it; else `giver` and `receiver` are parties by number."""

    title: str
    line: int | None = None
    amount_fen: int = 0
    due_on: date | None = None
    giver: int | None = None
    receiver: int | None = None


def plan_deliveries(
    agreement: Agreement, kind: Kind, parties: Sequence[AgreementParty], terms: Sequence[DeliveryTerms]
) -> None:
    """Write the deliveries of a proposed agreement: those its terms name, and those its kind is delivered by.

    A line without any is metered where the kind is, else one delivery pays it whole; an agreement of two parties
    without lines, of a kind delivered by event, has that event.
    """
    lines = {line.number: line for line in agreement.lines.select_related("offer").order_by("number")}
    _check_terms(kind, parties, lines, terms)
    planned = [_planned(agreement, kind, parties, lines, each) for each in terms]
    paid = {each.line for each in terms}
    for number, line in lines.items():
        if number not in paid and kind.delivered_by != "meter":
            whole = DeliveryTerms(line.description or kind.name.zh, number, line.gross_fen)
            planned.append(_planned(agreement, kind, parties, lines, whole))
            if planned[-1].form == DeliveryForm.EVENT:
                planned[-1].quantity = line.quantity
    if not planned and not lines and kind.delivered_by == "event" and len(parties) == 2:
        giver = _offering(agreement, parties)
        event = DeliveryTerms(kind.name.zh, giver=giver, receiver=3 - giver)
        planned.append(_planned(agreement, kind, parties, lines, event))
    for number, delivery in enumerate(planned, 1):
        delivery.number = number
        delivery.save(force_insert=True)


def _check_terms(
    kind: Kind,
    parties: Sequence[AgreementParty],
    lines: dict[int, AgreementLine],
    terms: Sequence[DeliveryTerms],
) -> None:
    problems: list[Problem] = []
    for number, each in enumerate(terms, 1):
        place = f"deliveries[{number}]"
        if not 0 < len(each.title.strip()) <= 200:
            problems.append(
                Problem(
                    Said("a delivery has a title of 1 to 200 characters", "交付的名称为 1 至 200 个字符"), field=place
                )
            )
        if type(each.amount_fen) is not int or each.amount_fen < 0:
            problems.append(
                Problem(Said("an amount is an integer in fen, not negative", "金额为整数（分），不得为负"), field=place)
            )
        if each.line is None:
            known = range(1, len(parties) + 1)
            if each.giver not in known or each.receiver not in known or each.giver == each.receiver:
                fix = Said(
                    f"give `giver` and `receiver` as two numbers from 1 to {len(parties)}, or a line",
                    f"请在 1 至 {len(parties)} 中给出 `giver` 和 `receiver` 两个不同的编号，或给出行号",
                )
                problems.append(
                    Problem(Said("a delivery runs from one party to another", "交付须由一方给另一方"), fix, field=place)
                )
            if each.amount_fen:
                problems.append(
                    Problem(
                        Said("what pays belongs to a line", "须付款的交付属于某一行"),
                        Said("name its line", "请写明行号"),
                        field=place,
                    )
                )
        elif each.line not in lines:
            problems.append(Problem(Said(f"there is no line {each.line}", f"没有第 {each.line} 行"), field=place))
        elif lines[each.line].offer_id is not None and kind.delivered_by == "meter":
            problems.append(
                Problem(
                    Said(
                        f"line {each.line} is metered, as every {kind.id} is",
                        f"第 {each.line} 行按计量，{kind.name.zh}均如此",
                    ),
                    field=place,
                )
            )
    if problems:
        raise InputError(problems)
    for number, line in lines.items():
        own = [each.amount_fen for each in terms if each.line == number]
        if own and sum(own) != line.gross_fen:
            problem = Problem(
                Said(
                    f"the deliveries of line {number} sum to {exact_yuan(sum(own))}, "
                    f"the line is worth {exact_yuan(line.gross_fen)}",
                    f"第 {number} 行各项交付合计 {exact_yuan(sum(own))}，而该行为 {exact_yuan(line.gross_fen)}",
                ),
                Said("let them sum to it exactly", "两者须相等"),
                field="deliveries",
            )
            raise InputError([problem])


def _planned(
    agreement: Agreement,
    kind: Kind,
    parties: Sequence[AgreementParty],
    lines: dict[int, AgreementLine],
    terms: DeliveryTerms,
) -> Delivery:
    line = lines[terms.line] if terms.line is not None else None
    if line is not None:
        giver = next(party for party in parties if party.organisation_id == line.provider_id)
        receiver = next(party for party in parties if party.organisation_id == line.consumer_id)
    else:
        giver, receiver = parties[(terms.giver or 1) - 1], parties[(terms.receiver or 2) - 1]
    form = DeliveryForm.EVENT if kind.delivered_by == "event" else DeliveryForm.MILESTONE
    return Delivery(
        agreement=agreement,
        line=line,
        form=form,
        title=terms.title.strip(),
        giver=giver,
        receiver=receiver,
        amount_fen=terms.amount_fen,
        due_on=terms.due_on,
    )


def _offering(agreement: Agreement, parties: Sequence[AgreementParty]) -> int:
    """The number of the party whose offer was matched; the second where there was no match."""
    if agreement.match is not None:
        offer = agreement.match.offer
        for number, party in enumerate(parties, 1):
            if (party.organisation_id, party.person_id) == (offer.organisation_id, offer.person_id):
                return number
    return 2
