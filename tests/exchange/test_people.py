"""How somebody comes to represent an organisation, changes and leaves: claims, invitations, mandates, consents."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exchange_cast import make_person

from siwei.city.firms.codes import check_codes
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR, Actor, Role
from siwei.exchange.files import LIMIT_BYTES, whole_path
from siwei.exchange.models import Claim, Consent, Event, Invitation, Organisation, Person, Representative, StoredFile
from siwei.exchange.people.claims import Evidence, claim_organisation, decide_claim, withdraw_claim
from siwei.exchange.people.consents import PURPOSES, withdraw_consent
from siwei.exchange.people.invitations import (
    accept_as_new,
    accept_as_self,
    invite,
    people_of,
    read_invitation,
    revoke_invitation,
)
from siwei.exchange.people.mandates import change_role, end_mandate, is_same_person
from siwei.exchange.people.registration import register_person

PDF = b"%PDF-1.7\nlicence"
PASSWORD = "a-long-password-for-tests"


@pytest.fixture
def code(cast: Any) -> str:
    """A code that checks, given to the outsider's organisation, which nobody represents."""
    stem = "91440300MA5EXAMP0"
    found = next(
        stem + last
        for last in "0123456789ABCDEFGHJKLMNPQRTUWXY"
        if check_codes(pl.Series([stem + last]))["code"].to_list()[0] == stem + last
    )
    Organisation.objects.filter(pk=cast.outsider.pk).update(code=found)
    Representative.objects.filter(organisation=cast.outsider).delete()
    return found


@pytest.fixture
def dora(cast: Any) -> Actor:
    """Somebody with an account who represents nobody."""
    return make_person("dora").as_actor()


def evidence(code: str, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "code": code, "representative_name": "王某", "contact": "0755-1", "file_name": "licence.pdf", "content": PDF
    }  # fmt: skip
    return Evidence(**values | changes)


def claim(cast: Any, actor: Actor, code: str, now: datetime, tmp_path: Path, key: str = "c", **changes: Any) -> Claim:
    given = evidence(code, **changes)
    return claim_organisation(
        "n-outsider", given, directory=tmp_path, actor=actor, now=now, idempotency_key=key
    )  # fmt: skip


def roles_of(organisation: Organisation) -> dict[str, str]:
    living = Representative.objects.filter(organisation=organisation, approved_at__isnull=False)
    return dict(living.values_list("person__username", "role"))


def as_actor(username: str) -> Actor:
    return Person.objects.get(username=username).as_actor()


def test_the_first_approved_becomes_owner_and_a_later_one_what_is_granted(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    assert (roles_of(cast.outsider), as_actor("dora").roles) == ({}, {})
    decided = decide_claim("c", approve=True, because="licence seen", actor=cast.olive, now=now)
    assert (decided.state, roles_of(cast.outsider)) == ("approved", {"dora": "owner"})
    erin = make_person("erin").as_actor()
    claim(cast, erin, code, now, tmp_path, key="d")
    decide_claim("d", approve=True, because="letter seen", role=Role.FINANCE, actor=cast.olive, now=now)
    assert roles_of(cast.outsider) == {"dora": "owner", "erin": "finance"}
    assert Representative.objects.get(person__username="dora").contact == "0755-1"


def test_a_claim_of_a_disabled_account_is_not_approved(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    Person.objects.filter(username="dora").update(is_active=False)
    with pytest.raises(Conflict, match="account of dora is disabled"):
        decide_claim("c", approve=True, because="licence seen", actor=cast.olive, now=now)
    assert (Claim.objects.get().state, roles_of(cast.outsider)) == ("asked", {})
    assert decide_claim("c", approve=False, because="left", actor=cast.olive, now=now).state == "refused"


def test_a_refused_claim_says_why_and_may_be_sent_again(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    with pytest.raises(InputError, match="reason"):
        decide_claim("c", approve=False, because=" ", actor=cast.olive, now=now)
    decide_claim("c", approve=False, because="the licence cannot be read", actor=cast.olive, now=now)
    assert Claim.objects.visible_to(dora).get().reason == "the licence cannot be read"
    assert claim(cast, dora, code, now, tmp_path, key="again").state == "asked"
    assert roles_of(cast.outsider) == {}


def test_decisions_and_withdrawals_do_not_cross(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    for actor in (cast.charlie, cast.olive):
        with pytest.raises(NotFound):
            withdraw_claim("c", actor=actor, now=now)
    for _ in range(2):
        assert withdraw_claim("c", actor=dora, now=now).state == "withdrawn"
    with pytest.raises(Conflict, match="withdrawn already"):
        decide_claim("c", approve=True, because="late", actor=cast.olive, now=now)


def test_asking_twice_is_asking_once(cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path) -> None:
    first = claim(cast, dora, code, now, tmp_path)
    assert claim(cast, dora, code, now, tmp_path) == first
    with pytest.raises(Conflict, match="another claim_organisation"):
        claim(cast, dora, code, now, tmp_path, contact="0755-2")
    with pytest.raises(Conflict, match="waits for the operator"):
        claim(cast, dora, code, now, tmp_path, key="other")


def test_only_the_operator_decides_and_not_on_their_own(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    for actor in (dora, cast.alice, cast.ann):
        with pytest.raises(NotAllowed):
            decide_claim("c", approve=True, because="me", actor=actor, now=now)
    claim(cast, cast.olive, code, now, tmp_path, key="own")
    with pytest.raises(Conflict, match="your own claim"):
        decide_claim("own", approve=True, because="me", actor=cast.olive, now=now)


def test_all_that_is_wrong_with_a_claim_is_said(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    wrong = {"representative_name": "", "contact": "", "note": "", "content": None}
    with pytest.raises(InputError) as refused:
        claim(cast, dora, code[:-1] + "O", now, tmp_path, **wrong)
    assert [each.field for each in refused.value.problems] == ["code", "representative_name", "contact", "file"]
    Organisation.objects.filter(pk=cast.outsider.pk).update(code=None)
    Organisation.objects.filter(pk=cast.firm.pk).update(code=code)
    assert claim(cast, dora, code, now, tmp_path).code == code  # none known: the operator compares


def test_another_organisations_code_is_refused(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    Organisation.objects.filter(pk=cast.outsider.pk).update(code="9" * 18)
    with pytest.raises(InputError, match="not the organisation's code"):
        claim(cast, dora, code, now, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>%PDF-", b"MZ\x90", b"GIF89a", b"PK\x03\x04", b"%PDF-" + b"0" * LIMIT_BYTES],
    ids=["empty", "html", "exe", "gif", "zip", "large"],
)
def test_files_that_are_not_wanted(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(InputError) as refused:
        claim(cast, dora, code, now, tmp_path, content=content, file_name="licence.pdf")
    assert [each.field for each in refused.value.problems] == ["file"]
    assert (Claim.objects.count(), list(tmp_path.iterdir())) == (0, [])


def test_a_file_lies_under_its_hash_whatever_it_is_called(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path, file_name='../../etc/"passwd\n.html')
    stored = StoredFile.objects.get()
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert (stored.media_type, stored.name, stored.sha256) == ("application/pdf", "passwd.pdf", sha256)
    path = tmp_path / sha256[:2] / sha256
    assert (whole_path(stored.sha256, tmp_path).read_bytes(), path.stat().st_mode & 0o777) == (PDF, 0o600)
    path.write_bytes(b"%PDF-changed")
    with pytest.raises(NotFound, match="changed on disk"):
        whole_path(stored.sha256, tmp_path)


def test_nobody_else_learns_who_asks_or_who_represents(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    claim(cast, dora, code, now, tmp_path)
    everybody = (dora, cast.alice, cast.charlie, VISITOR, cast.olive, cast.ann)
    for model in (Claim, StoredFile):
        assert [model.objects.visible_to(each).count() for each in everybody] == [1, 0, 0, 0, 1, 1]
    assert not Event.objects.visible_to(cast.alice).exists()
    assert [len(people_of(cast.firm, each)) for each in (cast.alice, cast.bob, dora, VISITOR, cast.olive)] == [
        1,
        0,
        0,
        0,
        1,
    ]
    with pytest.raises(NotFound) as known:
        end_mandate("n-firm", "alice", because="", actor=cast.bob, now=now, idempotency_key="m1")
    with pytest.raises(NotFound) as unknown:
        end_mandate("n-firm", "nobody", because="", actor=cast.bob, now=now, idempotency_key="m2")
    assert str(known.value).replace("alice", "nobody") == str(unknown.value)


def test_the_last_owner_cannot_go(cast: Any, now: datetime) -> None:
    for actor in (cast.alice, cast.olive):
        with pytest.raises(Conflict, match="last owner"):
            end_mandate("n-firm", "alice", because="leaving", actor=actor, now=now, idempotency_key="m3")
    with pytest.raises(Conflict, match="last owner"):
        change_role("n-firm", "alice", Role.MEMBER, actor=cast.alice, now=now, idempotency_key="m4")
    make_person("mia", cast.firm, Role.MEMBER)
    change_role("n-firm", "mia", Role.OWNER, actor=cast.alice, now=now, idempotency_key="m5")
    end_mandate("n-firm", "alice", because="leaving", actor=cast.alice, now=now, idempotency_key="m6")
    assert (roles_of(cast.firm), as_actor("alice").roles) == ({"mia": "owner"}, {})
    told = Event.objects.visible_to(as_actor("mia")).order_by("pk").values_list("action", flat=True)
    assert list(told) == ["change_role", "end_mandate"]


@pytest.mark.parametrize(
    ("who", "target", "role", "allowed"),
    [
        ("max", "mia", Role.MANAGER, True),
        ("max", "mia", Role.FINANCE, False),
        ("max", "mia", Role.OWNER, False),
        ("max", "fay", Role.MEMBER, False),
        ("max", "alice", Role.MEMBER, False),
        ("fay", "mia", Role.MANAGER, False),
        ("mia", "mia", Role.OWNER, False),
        ("alice", "fay", Role.OWNER, True),
        ("olive", "mia", Role.OWNER, False),
    ],
)
def test_who_may_change_whose_role(cast: Any, now: datetime, who: str, target: str, role: Role, allowed: bool) -> None:
    for name, own in (("max", Role.MANAGER), ("fay", Role.FINANCE), ("mia", Role.MEMBER)):
        make_person(name, cast.firm, own)
    before = roles_of(cast.firm)
    if allowed:
        change_role("n-firm", target, role, actor=as_actor(who), now=now, idempotency_key="m7")
        assert roles_of(cast.firm) == before | {target: str(role)}
    else:
        with pytest.raises(NotAllowed):
            change_role("n-firm", target, role, actor=as_actor(who), now=now, idempotency_key="m8")
        assert roles_of(cast.firm) == before


def invited(actor: Actor, now: datetime, role: Role | None = Role.MEMBER, key: str = "i", **changes: Any) -> str:
    organisation = "n-firm" if role is not None else None
    values = {"organisation": organisation, "role": role, "actor": actor, "now": now, "idempotency_key": key}
    return invite("小李", **values | changes).secret


def test_an_invitation_makes_an_account_with_consents_and_a_mandate(cast: Any, now: datetime) -> None:
    secret = invited(cast.alice, now)
    person = accept_as_new(secret, "li", PASSWORD, consents=["account"], actor=VISITOR, now=now)
    assert (person.check_password(PASSWORD), roles_of(cast.firm)) == (True, {"alice": "owner", "li": "member"})
    account = next(each for each in PURPOSES if each.id == "account")
    assert list(Consent.objects.values_list("purpose", "text_sha256")) == [("account", account.sha256)]
    assert secret not in str([*Invitation.objects.values(), *Event.objects.values()])
    with pytest.raises(NotFound):
        accept_as_new(secret, "li2", PASSWORD, consents=["account"], actor=VISITOR, now=now)


def test_the_operator_invites_to_the_city(cast: Any, now: datetime) -> None:
    secret = invited(cast.olive, now, None)
    accept_as_new(secret, "li", PASSWORD, consents=["account", "contact"], actor=VISITOR, now=now)
    assert (as_actor("li").roles, Consent.objects.count()) == ({}, 2)
    with pytest.raises(NotAllowed):
        invited(cast.alice, now, None, key="j")


def test_somebody_known_accepts_as_themselves(cast: Any, dora: Actor, now: datetime) -> None:
    accept_as_self(invited(cast.alice, now, Role.FINANCE), actor=dora, now=now)
    assert roles_of(cast.firm)["dora"] == "finance"
    with pytest.raises(Conflict, match="already"):
        accept_as_self(invited(cast.alice, now, key="j"), actor=dora, now=now)
    assert Invitation.objects.filter(accepted_at=None).count() == 1  # what was refused took nothing


def test_an_auditor_represents_nobody(cast: Any, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        accept_as_self(invited(cast.alice, now), actor=cast.ann, now=now)


def test_links_that_are_over_all_say_the_same(cast: Any, now: datetime) -> None:
    late, gone, good = (invited(cast.alice, now, key=key) for key in "abc")
    revoke_invitation(gone[:12], actor=cast.alice, now=now)
    told = set()
    for secret, at in (
        (late, now + timedelta(days=14)), (gone, now), (good[:-1], now), (good[:-1] + "~", now), ("", now),
        ("0" * 12 + good[12:], now),
    ):  # fmt: skip
        with pytest.raises(NotFound) as refused:
            read_invitation(secret, at)
        told.add(str(refused.value))
    assert (len(told), read_invitation(good, now).invitee) == (1, "小李")


def test_an_invitation_ends_with_its_senders_right(cast: Any, now: datetime) -> None:
    boss = make_person("max", cast.firm, Role.MANAGER).as_actor()
    secret = invited(boss, now)
    end_mandate("n-firm", "max", because="left", actor=cast.alice, now=now, idempotency_key="m9")
    with pytest.raises(NotFound):
        accept_as_new(secret, "li", PASSWORD, consents=["account"], actor=VISITOR, now=now)
    assert not Person.objects.filter(username="li").exists()


@pytest.mark.parametrize(
    ("who", "role"), [("max", Role.FINANCE), ("mia", Role.MEMBER), ("bob", Role.MEMBER), ("olive", Role.OWNER)]
)
def test_who_may_not_invite(cast: Any, now: datetime, who: str, role: Role) -> None:
    make_person("max", cast.firm, Role.MANAGER)
    make_person("mia", cast.firm, Role.MEMBER)
    with pytest.raises(NotAllowed):
        invited(as_actor(who), now, role)


@pytest.mark.parametrize(
    ("username", "password", "consents", "fields"),
    [
        ("li", PASSWORD, [], ["consents"]),
        ("li", PASSWORD, ["account", "tracking"], ["consents"]),
        ("ALICE", PASSWORD, ["account"], ["username"]),
        ("a b", "short", ["account"], ["username", "password"]),
        ("", PASSWORD, ["account"], ["username"]),
        ("x" * 151, PASSWORD, ["account"], ["username"]),
    ],
)
def test_accounts_that_cannot_be(
    cast: Any, now: datetime, username: str, password: str, consents: list[str], fields: list[str]
) -> None:
    secret = invited(cast.alice, now)
    with pytest.raises(InputError) as refused:
        accept_as_new(secret, username, password, consents=consents, actor=VISITOR, now=now)
    assert [each.field for each in refused.value.problems] == fields
    assert read_invitation(secret, now).accepted_at is None


def test_consent_is_withdrawn_where_it_is_free(cast: Any, now: datetime) -> None:
    secret = invited(cast.alice, now)
    accept_as_new(secret, "li", PASSWORD, consents=["account", "contact"], actor=VISITOR, now=now)
    assert withdraw_consent("contact", actor=as_actor("li"), now=now).withdrawn_at == now
    with pytest.raises(NotFound):
        withdraw_consent("contact", actor=as_actor("li"), now=now)
    with pytest.raises(Conflict, match="close the account"):
        withdraw_consent("account", actor=as_actor("li"), now=now)
    with pytest.raises(NotAllowed):
        withdraw_consent("account", actor=VISITOR, now=now)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("li@firm.cn", "LI@firm.cn ", True),
        ("0755-1 li@firm.cn", "<li@firm.cn>", True),
        ("li@firm.cn", "wang@firm.cn", False),
        ("0755-1", "0755-1", False),
        ("", "", False),
    ],
)
def test_two_accounts_of_one_mailbox_are_one_person(cast: Any, one: str, other: str, same: bool) -> None:
    first, second = make_person("li", cast.firm), make_person("li2", cast.centre)
    Person.objects.filter(pk=first.pk).update(email=one)
    Representative.objects.filter(person=second).update(contact=other)
    assert (is_same_person(first.pk, second.pk), is_same_person(first.pk, first.pk)) == (same, True)
    assert not is_same_person(None, None)


def test_an_operator_decides_no_claim_of_their_other_account(
    cast: Any, dora: Actor, code: str, now: datetime, tmp_path: Path
) -> None:
    Person.objects.filter(username__in=("olive", "dora")).update(email="o@city.cn")
    claim(cast, dora, code, now, tmp_path)
    with pytest.raises(Conflict, match="your own claim"):
        decide_claim("c", approve=True, because="me", actor=cast.olive, now=now)


def test_who_is_registered_with_a_mandate_stands_in_the_audit_log_once(cast: Any, now: datetime) -> None:
    given: dict[str, Any] = {"actor": cast.olive, "now": now}
    for password in (None, PASSWORD):
        nora = register_person("nora", password=password, organisation=cast.firm, role=Role.FINANCE, **given)
    register_person("nora", password=None, organisation=cast.centre, **given)
    register_person("vera", password=None, is_reviewer=True, **given)

    def told(actor: Actor) -> list[tuple[str, dict[str, Any]]]:
        found = Event.objects.visible_to(actor).filter(action="register_person").order_by("pk")
        return list(found.values_list("subject", "payload"))

    first, second = {"offices": [], "role": "finance"}, {"offices": [], "role": "owner"}
    assert told(cast.alice) == [("person:nora", first)]
    assert told(cast.bob) == [("person:nora", second)]
    assert told(nora.as_actor()) == [("person:nora", first), ("person:nora", second)]
    assert told(cast.ann)[2:] == [("person:vera", {"offices": ["reviewer"]})]
    assert told(cast.charlie) == []
