"""Who lives in the besieged city: firms that buy, centres that sell, their people, keys, vouchers and bank accounts."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from siwei.exchange.actors import Actor, Role
from siwei.exchange.awards import vouchers
from siwei.exchange.calls import model_keys, model_upstreams
from siwei.exchange.models import Decision, Organisation, OrganisationKind, Origin, Person, Representative
from siwei.exchange.payments import bank_accounts
from siwei.exchange.people import keys
from siwei.exchange.trading import agreements, approvals, listings, readings
from siwei.market import bank

FIRMS, CENTRES = 6, 3
AGREED_DAYS = 60
APPROVED_FROM_FEN = 50_000
BUDGET_FEN = 10**13
SERVICE = {"title": "检测", "services": ["检测", "调优"], "days_per_month": 9_000}
COMPUTE = {"title": "算力池", "accelerator": "cpu", "count": 64, "memory_gb": 0, "residence": "shenzhen"}
MODEL, DEADLINE_S = "tiny-titles", 10
MODELS = {
    "title": "续写", "model": MODEL, "endpoints": ["chat"], "context_tokens": 8_192, "most_output_tokens": 8,
    "input_fen_per_million": 1_234_567, "output_fen_per_million": 7_654_321,
}  # fmt: skip
"""Dear, so that a few characters are some fen and a part of one."""
BANK_CODE = "105584000021"


@dataclass(frozen=True)
class Party:
    """`key` is its organisation's, `secret` its owner's access key, `calling` the one its programs call models
    with, `signing` its meter's private key."""

    key: str
    owner: str
    secret: str
    treasurers: tuple[str, str]
    voucher: str = ""
    calling: str = ""
    reporter: str = ""
    signing: str = ""


@dataclass(frozen=True)
class Town:
    firms: tuple[Party, ...]
    centres: tuple[Party, ...]
    ends_on: date
    """Of every agreement; also from which moment their text follows, however often it is asked again."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str))

    def party(self, key: str) -> Party:
        return next(each for each in (*self.firms, *self.centres) if each.key == key)


def load_town(path: Path) -> Town:
    values = json.loads(path.read_text())
    firms, centres = (tuple(Party(**each) for each in values[name]) for name in ("firms", "centres"))
    return Town(firms, centres, date.fromisoformat(values["ends_on"]))


def actor(username: str) -> Actor:
    return Person.objects.get(username=username).as_actor()


def found_town(upstream: str) -> Town:
    """`upstream` is where every centre's model is served."""
    now = datetime.now(UTC)
    for name in ("olive", "otto", "oscar"):
        Person.objects.create(username=name, is_operator=True)
    olive = actor("olive")
    programme: Any = SimpleNamespace(id="siege", sha256="0" * 64, is_draft=False, pot=None)
    pot = vouchers.open_pot(programme, str(now.year), BUDGET_FEN, actor=olive, now=now, idempotency_key="pot")
    enter_account(None, "olive", now)
    firms = tuple(_firm(number, pot, now) for number in range(FIRMS))
    centres = tuple(_centre(number, upstream, now) for number in range(CENTRES))
    return Town(firms, centres, (now + timedelta(days=AGREED_DAYS)).date())


def _firm(number: int, pot: Any, now: datetime) -> Party:
    organisation, party = _party(f"n-firm-{number}", OrganisationKind.FIRM, number, now)
    owner = actor(party["owner"])
    agreements.declare_budget(organisation.key, BUDGET_FEN, actor=owner, now=now, idempotency_key=f"b-{number}")
    if number % 2:  # every other firm wants a second person's word
        approvals.set_approval_rule(
            organisation.key, Role.FINANCE, APPROVED_FROM_FEN, actor=owner, now=now, idempotency_key=f"rule-{number}"
        )
    decision = decide(organisation.key, f"decision-{number}", 10**12, now.date())
    voucher = vouchers.grant_voucher(
        decision, pot, amount_fen=10**12, rate_bp=6_000, kinds=["service", "compute", "model"],
        listed_providers_only=False, valid_from=now.date() - timedelta(days=30),
        valid_to=now.date() + timedelta(days=300), actor=actor("olive"), now=now,
        idempotency_key=f"voucher-{number}",
    )  # fmt: skip
    calling = model_keys.create_model_key(
        organisation.key, "siege", "calling", expires_at=now + timedelta(days=30), actor=owner, now=now,
        idempotency_key=f"calling-{number}", limits=model_keys.KeyLimits(keeps_days=number % 2),
    )  # fmt: skip
    return Party(**party, voucher=voucher.key, calling=calling.secret)


def decide(firm: str, key: str, award_fen: int, as_of: date) -> Decision:
    organisation = Organisation.objects.get(key=firm)
    decision, _ = Decision.objects.get_or_create(
        key=key, defaults={
            "organisation": organisation, "programme": "siege", "version_sha256": "0" * 64, "is_draft": False,
            "as_of": as_of, "verdict": "eligible", "award_fen": award_fen, "inputs": {}, "result": {},
            "decided_at": datetime.now(UTC),
        },
    )  # fmt: skip
    return decision


def _centre(number: int, upstream: str, now: datetime) -> Party:
    organisation, party = _party(f"n-centre-{number}", OrganisationKind.CENTRE, FIRMS + number, now)
    owner, private = actor(party["owner"]), Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    reporter = readings.register_reporter(
        organisation.key, "meter", public, actor=owner, now=now, idempotency_key=f"r-{number}"
    )
    bodies = {
        "service": SERVICE | {"price_fen_per_day": 100_001 + 7 * number},
        "compute": COMPUTE | {"price_fen_per_hour": 36_001 + 11 * number},
        "model": MODELS,
    }
    for kind, body in bodies.items():
        listings.publish_listing(
            kind, "offer", organisation=organisation.key, title_zh=kind, title_en=kind, body=body, actor=owner, now=now,
            idempotency_key=f"offer-{kind}-{number}",
        )  # fmt: skip
    served = f"model-{number}"
    model_upstreams.register_upstream(
        f"offer-model-{number}", base_url=upstream, deadline_s=DEADLINE_S, actor=owner, now=now, idempotency_key=served
    )
    model_upstreams.approve_upstream(served, actor=actor("olive"), now=now)
    signing = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()
    return Party(**party, reporter=reporter.key_id, signing=signing)


def _party(key: str, kind: str, number: int, now: datetime) -> tuple[Organisation, dict[str, Any]]:
    organisation = Organisation.objects.create(
        key=key, name=f"第{number}公司", name_normalised=f"第{number}公司", kind=kind, origin=Origin.GENERATED
    )
    names = [f"{role}-{key}" for role in ("owner", "fay", "finn")]
    for name, role in zip(names, (Role.OWNER, Role.FINANCE, Role.FINANCE), strict=True):
        person = Person.objects.create(username=name)
        Representative.objects.create(person=person, organisation=organisation, role=role, approved_at=now)
    enter_account(organisation, names[1], now, number + 1)
    made = keys.create_access_key(
        "siege", ["read", "write", "money"], expires_at=now + timedelta(days=30), actor=actor(names[0]), now=now,
        idempotency_key=f"key-{key}",
    )  # fmt: skip
    return organisation, {"key": key, "owner": names[0], "secret": made.secret, "treasurers": (names[1], names[2])}


def enter_account(organisation: Organisation | None, by: str, now: datetime, number: int = 0) -> None:
    name = organisation.name if organisation else "示例市财政专户"
    account = bank.BankAccount(name, f"7559000{number:05d}", BANK_CODE, "示例银行")
    bank_accounts.enter_bank_account(
        organisation.key if organisation else None, account, actor=actor(by), now=now, idempotency_key=f"a-{number}"
    )
