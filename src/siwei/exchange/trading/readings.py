"""Signed meter readings: a provider's reporters, their reports, and what the other side read of the same thing.

A report is canonical JSON signed with Ed25519: `{"agreement", "line", "meter", "from", "to", "quantity", "measured"}`.
It is kept as it came. Where another source says otherwise (the engine that ran the job, the consumer), the reading is
held back: nothing of it is settled until the dispute is resolved.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils import timezone
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_operate, can_speak_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, money_action, record_event, repeated
from siwei.exchange.models import (
    AgreementLine,
    AgreementParty,
    CounterReading,
    Job,
    JobState,
    Reporter,
    Usage,
    UsageReport,
)
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.parties import find_organisation
from siwei.exchange.states import find_line, lock_agreement
from siwei.exchange.trading.disputes import open_by_sources
from siwei.exchange.trading.usage import Window, is_metered_by_calls, write_usage
from siwei.schema_faults import problem_of

PAYLOAD_LIMIT = 64 * 1024
YEARS = range(2000, 2200)
"""Of a window's moments: further out they cannot be told in every zone, nor reckoned with."""


class Report(BaseModel):
    """What a report says. With `job` it is of one job that an engine metered too."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    agreement: str = Field(min_length=1, max_length=120)
    line: int = Field(ge=1)
    meter: str = Field(min_length=1, max_length=40)
    start: AwareDatetime = Field(alias="from", strict=False)
    end: AwareDatetime = Field(alias="to", strict=False)
    quantity: int = Field(ge=0, le=10**16)
    measured: dict[str, Any] = Field(default_factory=dict)
    job: str | None = Field(default=None, max_length=120)

    @field_validator("start", "end")
    @classmethod
    def _is_of_our_time(cls, moment: datetime) -> datetime:
        if moment.year not in YEARS:
            raise ValueError(
                Said(
                    f"this is in the year {moment.year} → a moment of the years {YEARS[0]} to {YEARS[-1]}",
                    f"年份为 {moment.year} → 应在 {YEARS[0]} 至 {YEARS[-1]} 年之间",
                )
            )
        return moment


@money_action
def register_reporter(
    organisation: str, name: str, public_key: str, *, actor: Actor, now: datetime, idempotency_key: str
) -> Reporter:
    """Let an organisation's meter sign with this Ed25519 key (32 bytes, hexadecimal). What it signs will be billed, so
    it takes the organisation's treasurers."""
    owner = find_organisation(organisation)
    require(
        can_commit_money_for(actor, owner.pk),
        actor,
        Said(f"register reporters of {owner.name}", f"登记 {owner.name} 的报数方"),
    )
    content = {"organisation": organisation, "name": name, "public_key": public_key}
    key_id = hashlib.sha256(public_key.lower().encode()).hexdigest()[:16]
    if repeated("register_reporter", idempotency_key, content):
        return Reporter.objects.get(key_id=key_id)
    _load_key(public_key)
    if not 0 < len(name.strip()) <= 80:
        raise InputError(
            [
                Problem(
                    Said(f"a name of {len(name.strip())} characters", f"名称有 {len(name.strip())} 个字符"),
                    Said("1 to 80", "1 至 80 个"),
                    field="name",
                )
            ]
        )
    if Reporter.objects.filter(key_id=key_id).exists():
        raise Conflict(
            f"key {key_id} is registered already → a key is of one reporter; make a new one",
            f"密钥 {key_id} 已登记 → 一把密钥只属于一个报数方；请另生成",
        )
    reporter = Reporter.objects.create(
        key_id=key_id, organisation=owner, name=name.strip(), public_key=public_key.lower(), registered_at=now
    )
    record_event(
        "register_reporter", idempotency_key, content, subject=f"reporter:{key_id}", actor=actor, now=now,
        organisations=[owner], payload={"name": name},
    )  # fmt: skip
    return reporter


@action
def revoke_reporter(key_id: str, *, actor: Actor, now: datetime) -> Reporter:
    """From now on nothing signed with this key is taken; what was taken stays, and stays verifiable. For any of the
    organisation's own people and the operator: a lost key does not wait for a treasurer."""
    reporter = find_reporter(key_id)
    require(
        can_operate(actor) or actor.represents(reporter.organisation_id),
        actor,
        Said(f"revoke reporter {key_id}", f"吊销报数方 {key_id}"),
    )
    if Reporter.objects.filter(pk=reporter.pk, revoked_at=None).update(revoked_at=now):
        record_event(
            "revoke_reporter", key_id, {}, subject=f"reporter:{key_id}", actor=actor, now=now,
            organisations=[reporter.organisation],
        )  # fmt: skip
    reporter.refresh_from_db()
    return reporter


@action
def report_usage(key_id: str, payload: str, signature: str, *, actor: Actor, now: datetime) -> Usage:
    """Take a signed report. Its window is its name: the same again changes nothing, however late or in what order.

    Raises NotAllowed (signature, revoked key, another's line), NotFound (an agreement of others), InputError, or
    Conflict (the window was read otherwise).
    """
    reporter = reporter_for(key_id, actor)
    if not is_signed(reporter, payload, signature):
        raise NotAllowed(
            f"the report is not signed by {key_id} → sign exactly the bytes that are sent",
            f"该报告不是由 {key_id} 签名 → 请对所发送的字节原样签名",
        )
    report = parse_report(payload)
    deal = lock_agreement(report.agreement, actor)
    line = find_line(deal, report.line)
    if line.provider_id != reporter.organisation_id:
        raise NotAllowed(
            f"reporter {key_id} does not meter line {line.number} of {deal.key} → its provider does",
            f"报数方 {key_id} 不计量 {deal.key} 的第 {line.number} 行 → 由其供给方计量",
        )
    if is_metered_by_calls(line):
        raise Conflict(
            f"line {line.number} of {deal.key} is metered by its calls at the gateway → open a dispute about a reading",
            f"{deal.key} 第 {line.number} 行由网关按调用计量 → 请就读数提出争议",
        )
    if report.job is not None:
        usage = _usage_of_job(line, report.job)
    else:
        window = Window(report.meter, report.start, report.end)
        usage = write_usage(line, None, window.name(line), report.quantity, report.measured, actor, now, window)
    kept = UsageReport.objects.filter(usage=usage, reporter=reporter).first()  # under the agreement's lock
    if kept is not None and kept.quantity != report.quantity:
        raise Conflict(
            f"reporter {key_id} said {kept.quantity} before, and {report.quantity} now → open a dispute",
            f"报数方 {key_id} 此前报 {kept.quantity}，现在报 {report.quantity} → 请提出争议",
        )
    if kept is None:
        given = {"payload": payload, "signature": signature.lower(), "quantity": report.quantity, "received_at": now}
        UsageReport.objects.create(usage=usage, reporter=reporter, **given)
        if report.quantity != usage.quantity:
            reason = f"the engine metered {usage.quantity} {usage.unit}, {reporter.name} reports {report.quantity}"
            open_by_sources(usage, None, report.quantity, reason, actor, now)
            usage.refresh_from_db()
    return usage


@action
def counter_reading(
    reading: str, quantity: int, *, measured: Mapping[str, Any], actor: Actor, now: datetime
) -> CounterReading:
    """What the consumer read of the same thing, once. One that differs holds the usage back and opens a dispute."""
    usage = find_usage(reading, actor)
    deal = lock_agreement(usage.line.agreement.key, actor)
    party = AgreementParty.objects.filter(agreement=deal, organisation_id=usage.line.consumer_id).first()
    require(
        party is not None and can_speak_for(actor, party),
        actor,
        Said(f"read against {reading}", f"对读数 {reading} 另报"),
    )
    assert party is not None
    if type(quantity) is not int or not 0 <= quantity <= AMOUNT_LIMIT:
        raise InputError(
            [
                Problem(
                    Said(f"a quantity of {quantity!r}", f"数量 {quantity!r} 不成立"),
                    Said("an integer, not negative", "不为负的整数"),
                    field="quantity",
                )
            ]
        )
    content = {"quantity": quantity, "measured": dict(measured)}
    key = hashlib.sha256(reading.encode()).hexdigest()
    if repeated("counter_reading", key, content):
        return CounterReading.objects.get(usage=usage)
    counter = CounterReading.objects.create(
        usage=usage, party=party, quantity=quantity, measured=dict(measured), read_at=now
    )
    record_event(
        "counter_reading", key, content, subject=f"usage:{reading}", actor=actor, now=now,
        organisations=[usage.line.consumer_id, usage.line.provider_id], payload={"quantity": quantity},
    )  # fmt: skip
    if quantity != usage.quantity:
        reason = f"{usage.quantity} {usage.unit} were metered, the consumer read {quantity}"
        open_by_sources(usage, party, quantity, reason, actor, now)
    return counter


def verify_report(report: UsageReport) -> bool:
    """Whether a kept report still carries its reporter's signature, and says what is kept beside it."""
    return is_signed(report.reporter, report.payload, report.signature) and (
        parse_report(report.payload).quantity == report.quantity
    )


def reporter_for(key_id: str, actor: Actor) -> Reporter:
    """Whose reports the actor may bring, now."""
    reporter = find_reporter(key_id)
    require(
        can_operate(actor) or actor.represents(reporter.organisation_id),
        actor,
        Said(f"report for {key_id}", f"代 {key_id} 报数"),
    )
    if reporter.revoked_at is not None:
        raise NotAllowed(
            f"reporter {key_id} was revoked on {timezone.localdate(reporter.revoked_at)} → sign with its new key",
            f"报数方 {key_id} 已于 {timezone.localdate(reporter.revoked_at)} 吊销 → 请用其新密钥签名",
        )
    return reporter


def is_signed(reporter: Reporter, payload: str, signature: str) -> bool:
    try:
        _load_key(reporter.public_key).verify(bytes.fromhex(signature), payload.encode("utf-8", "surrogatepass"))
    except (InvalidSignature, ValueError):
        return False
    return True


def find_reporter(key_id: str) -> Reporter:
    try:
        return Reporter.objects.select_related("organisation").get(key_id=key_id)
    except Reporter.DoesNotExist:
        raise NotFound(
            f"no reporter {key_id!r} → register its key first", f"没有报数方 {key_id!r} → 请先登记其密钥"
        ) from None


def find_usage(reading: str, actor: Actor) -> Usage:
    try:
        return Usage.objects.visible_to(actor).select_related("line__agreement").get(reading=reading)
    except Usage.DoesNotExist:
        raise NotFound(f"no reading {reading!r}", f"没有读数 {reading!r}") from None


def _usage_of_job(line: AgreementLine, key: str) -> Usage:
    job = Job.objects.filter(line=line, key=key).first()
    if job is None:
        raise NotFound(
            f"no job {key!r} under line {line.number} of {line.agreement.key}",
            f"{line.agreement.key} 第 {line.number} 行下没有作业 {key!r}",
        )
    usage = Usage.objects.select_related("line__agreement").filter(job=job).first()
    if usage is None or not JobState(job.state).is_final:
        raise Conflict(
            f"job {key} has not been metered by its engine yet → report it once it has ended",
            f"作业 {key} 尚未由其引擎计量 → 请在其结束后报告",
        )
    return usage


def _load_key(public_key: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    except ValueError:
        problem = Problem(
            Said("this is not an Ed25519 public key", "这不是 Ed25519 公钥"),
            Said("32 bytes as 64 hexadecimal digits", "32 字节，写作 64 位十六进制数字"),
            field="public_key",
        )
        raise InputError([problem]) from None


def parse_report(payload: str) -> Report:
    if len(payload) > PAYLOAD_LIMIT:
        raise InputError(
            [
                Problem(
                    Said(f"a report of {len(payload)} characters", f"报告有 {len(payload)} 个字符"),
                    Said(f"{PAYLOAD_LIMIT} at most", f"不超过 {PAYLOAD_LIMIT} 个"),
                    field="payload",
                )
            ]
        )
    try:
        return Report.model_validate(json.loads(payload))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            told = [
                problem_of(dict(each), ".".join(str(step) for step in each["loc"]))
                for each in error.errors(include_url=False, include_input=False)
            ]
            raise InputError(told) from None
        raise InputError(
            [
                Problem(
                    Said("the report is not JSON", "报告不是 JSON"),
                    Said("see the reference of the API", "见 API 参考文档"),
                    field="payload",
                )
            ]
        ) from None
