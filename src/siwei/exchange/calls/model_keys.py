"""What a project's programs may spend on calls of models: an access key with the scope `call`, and its limits."""

from dataclasses import asdict, dataclass
from datetime import datetime

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_commit_money_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.models import ModelKey, Scope
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.people.keys import MadeKey, make_key
from siwei.market.bank import exact_yuan
from siwei.market.model_calls import MICROFEN_PER_FEN

ENDPOINTS = ("chat", "completions", "embeddings")
MOST_PER_MINUTE = 1_000_000_000
MOST_KEPT_DAYS = 365
MOST_FEN = AMOUNT_LIMIT // MICROFEN_PER_FEN


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may do. Empty scopes: everything the organisation's agreements allow. None: no limit of its own. Caps
    are of all calls, of a day's and of a month's (the city's); a lower one of these two holds from the next call on."""

    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    cap_fen: int | None = None
    day_cap_fen: int | None = None
    month_cap_fen: int | None = None
    keeps_days: int = 0


@money_action
def create_model_key(
    organisation: str,
    project: str,
    name: str,
    *,
    expires_at: datetime,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    limits: KeyLimits | None = None,
    secret: str | None = None,
) -> MadeKey:
    """Make a key that calls models for a project of an organisation. For its treasurers: who holds it spends its money.

    The secret is shown once: a repeat is a `Conflict`, unless it brings the `secret` it was made with
    (`siwei.exchange.people.keys.make_key`). Revoked by `siwei.exchange.people.keys.revoke_access_key`.
    """
    limits = limits or KeyLimits()
    _check(limits)
    made = make_key(
        name,
        [Scope.CALL],
        expires_at=expires_at,
        organisation=organisation,
        project=project,
        actor=actor,
        now=now,
        idempotency_key=idempotency_key,
        secret=secret,
    )
    assert made.key.organisation is not None
    if ModelKey.objects.filter(access=made.key).exists():
        return made
    ModelKey.objects.create(access=made.key, organisation=made.key.organisation, **_columns(limits))
    return made


@money_action
def change_limits(identifier: str, limits: KeyLimits, *, actor: Actor, now: datetime, idempotency_key: str) -> ModelKey:
    """Replace what a key may do; calls under way end as they began. A cap below what is spent: `Conflict`."""
    found = find_model_key(identifier, actor)
    require(
        can_commit_money_for(actor, found.organisation_id),
        actor,
        Said(f"change key {identifier}", f"更改密钥 {identifier}"),
    )
    content = {"key": identifier, **asdict(limits)}
    if repeated("change_limits", idempotency_key, content):
        return found
    _check(limits)
    if found.access.revoked_at is not None:
        raise Conflict(f"key {identifier} was revoked → make another", f"密钥 {identifier} 已吊销 → 请另建一把")
    columns = _columns(limits)
    cap = columns["cap_microfen"]
    # Locked where the database can: calls go on meanwhile, and the constraint refuses what they made too low.
    locked = ModelKey.objects.select_for_update().get(pk=found.pk)
    if isinstance(cap, int) and cap < locked.spent_microfen + locked.reserved_microfen:
        raise Conflict(
            f"key {identifier} has already spent or set aside more than {exact_yuan(limits.cap_fen)}",
            f"密钥 {identifier} 已花费或预留超过 {exact_yuan(limits.cap_fen)}",
        )
    ModelKey.objects.filter(pk=found.pk).update(**columns)
    record_event(
        "change_limits",
        idempotency_key,
        content,
        subject=f"access_key:{identifier}",
        actor=actor,
        now=now,
        organisations=[found.organisation_id],
    )
    found.refresh_from_db()
    return found


def find_model_key(identifier: str, actor: Actor) -> ModelKey:
    try:
        return (
            ModelKey.objects.visible_to(actor)
            .select_related("access", "organisation")
            .get(access__identifier=identifier)
        )
    except ModelKey.DoesNotExist:
        raise NotFound(f"no key {identifier!r} that calls models", f"没有可调用模型的密钥 {identifier!r}") from None


def _columns(limits: KeyLimits) -> dict[str, object]:
    return {
        "models_allowed": list(limits.models),
        "endpoints_allowed": list(limits.endpoints),
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "cap_microfen": None if limits.cap_fen is None else limits.cap_fen * MICROFEN_PER_FEN,
        "day_cap_microfen": None if limits.day_cap_fen is None else limits.day_cap_fen * MICROFEN_PER_FEN,
        "month_cap_microfen": None if limits.month_cap_fen is None else limits.month_cap_fen * MICROFEN_PER_FEN,
        "keeps_days": limits.keeps_days,
    }


def _check(limits: KeyLimits) -> None:
    problems: list[Problem] = []
    if unknown := [each for each in limits.endpoints if each not in ENDPOINTS]:
        problems.append(
            Problem(
                Said(f"no endpoint {unknown[0]!r}", f"没有端点 {unknown[0]!r}"),
                fix=Said(f"of {', '.join(ENDPOINTS)}", f"{'、'.join(ENDPOINTS)} 之中"),
                field="endpoints",
            )
        )
    if any(not 0 < len(name) <= 120 for name in limits.models) or len(limits.models) > 100:
        problems.append(
            Problem(
                Said("names of models", "模型名称有误"),
                fix=Said("at most 100, of 1 to 120 characters", "至多 100 个，每个 1 至 120 个字符"),
                field="models",
            )
        )
    for name, least, most in (
        ("requests_per_minute", 1, MOST_PER_MINUTE),
        ("tokens_per_minute", 1, MOST_PER_MINUTE),
        ("cap_fen", 0, MOST_FEN),
        ("day_cap_fen", 0, MOST_FEN),
        ("month_cap_fen", 0, MOST_FEN),
    ):
        value = getattr(limits, name)
        if value is not None and (type(value) is not int or not least <= value <= most):
            problems.append(
                Problem(
                    Said(f"{name} is {value!r}", f"{name} 为 {value!r}"),
                    fix=Said(f"an integer from {least} to {most}", f"{least} 至 {most} 的整数"),
                    field=name,
                )
            )
    if type(limits.keeps_days) is not int or not 0 <= limits.keeps_days <= MOST_KEPT_DAYS:
        problems.append(
            Problem(
                Said("how long calls are kept", "调用记录的保留时间有误"),
                fix=Said(f"0 to {MOST_KEPT_DAYS} days", f"0 至 {MOST_KEPT_DAYS} 天"),
                field="keeps_days",
            )
        )
    if problems:
        raise InputError(problems)
