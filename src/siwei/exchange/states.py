"""Moving an agreement along the table of its life (`siwei.market.life`), and finding it for that."""

from siwei.errors import Conflict, NotFound, chinese_of
from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, AgreementLine, AgreementState
from siwei.market import life


def lock_agreement(key: str, actor: Actor) -> Agreement:
    """The agreement, locked against other writers where the database can (on SQLite the transaction already is).

    To whom it does not concern it is not there, as on every page: a refusal would say that it exists.
    """
    try:
        return Agreement.objects.visible_to(actor).select_for_update().get(key=key)
    except Agreement.DoesNotExist:
        raise NotFound(f"no agreement {key!r}", f"没有协议 {key!r}") from None


def find_line(agreement: Agreement, number: int) -> AgreementLine:
    """Its `agreement` is the one given: locked where that is."""
    try:
        line = AgreementLine.objects.get(agreement=agreement, number=number)
    except AgreementLine.DoesNotExist:
        raise no_line(agreement, number) from None
    line.agreement = agreement
    return line


def no_line(agreement: Agreement, number: int) -> NotFound:
    return NotFound(f"agreement {agreement.key!r} has no line {number}", f"协议 {agreement.key!r} 没有第 {number} 行")


def require_step(agreement: Agreement, step: str) -> None:
    """`Conflict` where the table has no such step from here; it says which there are."""
    if words := life.refusal(step, agreement.state):
        raise Conflict(f"agreement {agreement.key}: {words}", f"协议 {agreement.key}：{chinese_of(words)}")


def move(agreement: Agreement, step: str, to: str, **fields: object) -> None:
    """Take `step` to the state `to`; `Conflict` where it is not possible, or another writer was quicker."""
    require_step(agreement, step)
    if to not in life.STEPS[step].after:
        raise ValueError(f"to {step} does not lead to {to}")
    unmoved = Agreement.objects.filter(pk=agreement.pk, state=agreement.state)
    if not unmoved.update(state=to, **fields):
        raise Conflict(
            f"agreement {agreement.key} was changed by somebody else → look again",
            f"协议 {agreement.key} 已被他人更改 → 请重新查看",
        )
    agreement.state = AgreementState(to)
    for name, value in fields.items():
        setattr(agreement, name, value)
