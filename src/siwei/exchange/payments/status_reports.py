"""A bank's reports on orders (pain.002) into the database: what it refused is due again, what it took in is noted.

That money moved is the statement's to say (`statement_imports`): a report moves none. Reports come late, twice and out
of order, so nothing they say undoes what is known already.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from siwei.errors import ImportRefused, InputError, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event
from siwei.exchange.canonical import check_storable
from siwei.exchange.models import (
    BatchState,
    OrderState,
    Outcome,
    PaymentBatch,
    PaymentOrder,
    StatusFile,
    StatusLine,
)
from siwei.exchange.parties import find_organisation
from siwei.exchange.payments.payment_orders import end_order
from siwei.exchange.payments.person_entries import Persons, redacted_for
from siwei.market import bank
from siwei.market.bank import OrderStatus, StatusReport, Word, exact_yuan


@money_action
def import_status_report(holder: str | None, content: bytes, name: str, *, actor: Actor, now: datetime) -> StatusFile:
    """Read a pain.002 on a batch of `holder` (None: the city). The same file again changes nothing. Raises
    ImportRefused for what is no such file, or answers no batch of this holder that went to the bank."""
    owner = find_organisation(holder) if holder is not None else None
    allowed = can_commit_money_for(actor, owner.pk) if owner else can_operate(actor)
    require(
        allowed,
        actor,
        Said(
            f"import bank reports of {owner.name if owner else 'the city'}",
            f"导入{owner.name if owner else '本市'}的银行回执",
        ),
    )
    check_storable(name, "name")
    if not 0 < len(name) <= 200:
        raise InputError(
            [
                Problem(
                    Said("the file needs a name", "文件须有名称"),
                    Said("1 to 200 characters", "1 至 200 个字符"),
                    field="name",
                )
            ]
        )
    report = bank.read_pain002(content, name)
    batches = PaymentBatch.objects.select_for_update(of=("self",)).select_related("payer")
    batch = batches.filter(message_id=report.message_id, payer=owner, state=BatchState.EXPORTED).first()
    if batch is None:
        message = Said(
            f"it answers {report.message_id!r:.60}, which is no batch of this payer that went to the bank",
            f"它答复的 {report.message_id!r:.60} 不是该付款方已送银行的批次",
        )
        raise ImportRefused(
            [Problem(message, Said("give the report of a batch of this payer", "请给出该付款方批次的回执"), file=name)]
        )
    sha256 = hashlib.sha256(content).hexdigest()
    earlier = StatusFile.objects.filter(batch=batch, sha256=sha256).first()
    if earlier is not None:
        return earlier
    file = StatusFile.objects.create(
        batch=batch, sha256=sha256, name=name, is_whole=report.is_whole, imported_by_id=actor.person_id, imported_at=now
    )
    lines = [*_taken(file, report, actor, now), *_not_taken(file, report)]
    for position, line in enumerate(lines, 1):
        line.position = position
    StatusLine.objects.bulk_create(lines)
    counted = {outcome.value: sum(line.outcome == outcome for line in lines) for outcome in Outcome}
    record_event(
        "import_status_report", f"{batch.message_id}:{sha256[:40]}", {}, actor=actor, now=now,
        subject=f"payment_batch:{batch.message_id}", organisations=[owner] if owner else [],
        payload={"sha256": sha256, "whole": report.is_whole, **counted},
    )  # fmt: skip
    return file


def _taken(file: StatusFile, report: StatusReport, actor: Actor, now: datetime) -> Iterator[StatusLine]:
    orders = {
        order.end_to_end_id: order
        for order in file.batch.orders.select_related(
            "batch__payer", "payee", "pseudonym", "person_creditor__pseudonym", "hold"
        ).order_by("number")
    }
    for status in report.statuses:
        if not status.end_to_end_id:
            for order in orders.values():
                yield _word_on(file, order, status, actor, now)
            continue
        found = orders.get(status.end_to_end_id)
        if found is None:
            yield _refused(file, status, f"{status.end_to_end_id} is no order of this batch")
        elif status.amount_fen is not None and status.amount_fen != found.amount_fen:
            spoken, ordered = exact_yuan(status.amount_fen), exact_yuan(found.amount_fen)
            told = f"it speaks of {spoken}, {found.end_to_end_id} is of {ordered}"
            yield _refused(file, status, told, found)
        else:
            yield _word_on(file, found, status, actor, now)


def _word_on(file: StatusFile, order: PaymentOrder, status: OrderStatus, actor: Actor, now: datetime) -> StatusLine:
    said = redacted_for(order, status.reason)
    line = StatusLine(file=file, order=order, code=status.code, reason=said)
    if order.state != OrderState.ORDERED:
        # What a statement said (paid, in part, returned) or somebody decided stands.
        line.outcome = Outcome.UNCHANGED
    elif status.word == Word.ACCEPTED:
        line.outcome = Outcome.NOTED
    else:
        line.outcome = Outcome.REJECTED
        reason = f"{status.code} {said}".strip()
        end_order(order, OrderState.REJECTED, reason, now)
        record_event(
            "reject_order", order.end_to_end_id, {}, subject=f"payment_order:{order.end_to_end_id}", actor=actor,
            now=now, organisations=[each for each in (order.batch.payer, order.payee) if each is not None],
            payload={"because": reason, "amount_fen": order.amount_fen},
        )  # fmt: skip
    return line


def _refused(file: StatusFile, status: OrderStatus, why: str, order: PaymentOrder | None = None) -> StatusLine:
    return StatusLine(file=file, order=order, code=status.code[:4], reason=why, outcome=Outcome.NOT_TAKEN)


def _not_taken(file: StatusFile, report: StatusReport) -> Iterator[StatusLine]:
    persons = Persons()
    for each in report.rejects:
        words = f"{each.reason} ({each.record})" if each.record else each.reason
        words = persons.redacted(words) if file.batch.payer_id is None else words
        yield StatusLine(file=file, reason=words, outcome=Outcome.NOT_TAKEN)
