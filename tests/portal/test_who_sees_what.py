"""Who may open which address. Every address of the portal and the API stands in a table below."""

import json
import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django_tasks_db.models import DBTaskResult
from portal_addresses import addresses
from portal_city import NOW, City, know, signed_in

from siwei.exchange.awards.applications import apply_for_award
from siwei.exchange.awards.rounds import object_to, open_notice, share_applications
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import Application, Objection, Pot, SharingRound, Voucher
from siwei.exchange.tasks import follow_job
from siwei.portal.city_pack import pack, programmes, stacking

TASK = "00000000-0000-0000-0000-000000000001"
SIGNED_IN = {"alice", "bob", "charlie", "olive", "ann"}
PUBLIC = {
    "": "/",
    "chain": "/chain",
    "chain/edges.json": "/chain/edges.json",
    "chain/<slug:segment_id>": "/chain/machine-vision",
    "organisations": "/organisations",
    "organisations/<slug:key>": "/organisations/n-00000000000000aa",
    "wings/<slug:dimension>": "/wings/source",
    "market": "/market?kind=compute",
    "services": "/services",
    "datasets": "/datasets",
    "api/datasets": "/api/datasets",
    "api/dataset-accesses": "/api/dataset-accesses",
    "api/services": "/api/services",
    "api/model-keys": "/api/model-keys",
    "api/model-usage": "/api/model-usage",
    "api/model-calls": "/api/model-calls",
    "api/upstreams": "/api/upstreams",
    "listings/<path:key>": "/listings/offer",
    "programmes": "/programmes",
    "calls": "/calls",
    "api/calls": "/api/calls",
    "api/rounds": "/api/rounds",
    "api/applications": "/api/applications",
    "api/objections": "/api/objections",
    "api/projects": "/api/projects",
    "programmes/<slug:programme_id>": "/programmes/xunli",
    "money": "/money",
    "ledger/block-heads.jsonl": "/ledger/block-heads.jsonl",
    "api/ledger/heads": "/api/ledger/heads",
    "indicators": "/indicators",
    "indicators/<str:indicator_id>": "/indicators/source.chain-coverage",
    "search": "/search?q=jia",
    "api/city": "/api/city",
    "api/search": "/api/search?q=jia",
    "api/money": "/api/money",
    "api/indicators": "/api/indicators",
    "api/indicators/<indicator_id>": "/api/indicators/source.chain-coverage",
    "api/indicators/<indicator_id>/rows": "/api/indicators/source.chain-coverage/rows",
    "api/organisations": "/api/organisations?q=jia",
    "api/organisations/<key>": "/api/organisations/n-00000000000000aa",
    "api/organisations/<key>/facts": "/api/organisations/n-00000000000000aa/facts",
    "api/chain": "/api/chain",
    "api/chain/edges": "/api/chain/edges",
    "api/segments": "/api/segments",
    "api/segments/<segment_id>": "/api/segments/machine-vision",
    "api/segments/<segment_id>/members": "/api/segments/machine-vision/members",
    "api/programmes": "/api/programmes",
    "api/programmes/<programme_id>": "/api/programmes/xunli",
    "api/listings": "/api/listings",
    "api/listing": "/api/listing?key=offer",
    "api/matches": "/api/matches?listing=need",
    "api/agreements": "/api/agreements",
    "api/jobs": "/api/jobs",
    "api/keys": "/api/keys",
    "api/invitations": "/api/invitations",
    "api/organisation-claims": "/api/organisation-claims",
    "api/consents": "/api/consents",
    "api/events": "/api/events",
    # What is one's own of them; to a visitor nothing (test_trading_api.py).
    "api/kinds": "/api/kinds",
    "api/quotes": "/api/quotes",
    "api/caps": "/api/caps",
    "api/approval-rules": "/api/approval-rules",
    "api/approvals": "/api/approvals",
    "api/deliveries": "/api/deliveries",
    "api/disputes": "/api/disputes",
    "api/readings": "/api/readings",
    "api/reporters": "/api/reporters",
    "api/true-ups": "/api/true-ups",
    "api/payments/due": "/api/payments/due",
    "api/payments/batches": "/api/payments/batches",
    "api/payments/differences": "/api/payments/differences",
    "api/invoices": "/api/invoices",
    "api/openapi.json": "/api/openapi.json",
    "api/docs": "/api/docs",
}
# Address, and who besides the operator and the auditor may open it (alice: the firm, bob: the centre).
PRIVATE = {
    "organisations/<slug:key>/programmes/<slug:programme_id>": (
        "/organisations/n-00000000000000aa/programmes/xunli",
        {"alice"},
    ),
    "organisations/<slug:key>/dossier": ("/organisations/n-00000000000000aa/dossier", {"alice"}),
    "organisations/<slug:key>/programmes/<slug:programme_id>/application.<slug:form>": (
        "/organisations/n-00000000000000aa/programmes/xunli/application.zip",
        {"alice"},
    ),
    "agreements/<path:key>": ("/agreements/deal", {"alice", "bob"}),
    "fits": ("/fits?offer=offer", {"bob"}),
    "api/fitting-needs": ("/api/fitting-needs?offer=offer", {"bob"}),
    "jobs/<str:key>": ("/jobs/job", {"alice", "bob"}),
    "jobs/<str:key>/state": ("/jobs/job/state", {"alice", "bob"}),
    "jobs/<str:key>/log": ("/jobs/job/log", {"alice", "bob"}),
    "imports": ("/imports", set()),
    "imports/<slug:sha256>": ("/imports/" + "ab" * 32, set()),
    "projects": ("/projects", {"alice", "bob", "charlie"}),
    "projects/<path:key>": ("/projects/n-00000000000000aa/灵巧手", {"alice"}),
    "api/project": ("/api/project?key=n-00000000000000aa/灵巧手", {"alice"}),
    "organisations/<slug:key>/people": ("/organisations/n-00000000000000aa/people", {"alice"}),
    "organisations/<slug:key>/claim": ("/organisations/n-00000000000000aa/claim", {"alice", "bob", "charlie"}),
    "second-factors": ("/second-factors", set()),
    "people": ("/people", set()),
    "people/<path:username>": ("/people/alice", set()),
    "api/people": ("/api/people", set()),
    "tasks": ("/tasks", set()),
    "api/tasks": ("/api/tasks", set()),
    "claims": ("/claims", {"alice", "bob", "charlie"}),
    "invitations": ("/invitations", {"alice", "bob", "charlie"}),
    "desk": ("/desk", {"alice", "bob", "charlie"}),
    "desk/dossier": ("/desk/dossier", {"alice", "bob", "charlie"}),
    "desk/awards": ("/desk/awards", {"alice", "bob", "charlie"}),
    "api/person/awards": ("/api/person/awards", {"alice", "bob", "charlie"}),
    "api/person/dossier": ("/api/person/dossier", {"alice", "bob", "charlie"}),
    "account": ("/account", {"alice", "bob", "charlie"}),
    "approvals": ("/approvals", {"alice", "bob", "charlie"}),
    "publish": ("/publish", {"alice", "bob", "charlie"}),
    "publish/<slug:kind>/<slug:side>": ("/publish/compute/offer", {"alice", "bob", "charlie"}),
    "meters": ("/meters", {"alice", "bob", "charlie"}),
    "launch": ("/launch", {"alice", "bob", "charlie"}),
    "quotes": ("/quotes", {"alice", "bob", "charlie"}),
    "quotes/<path:key>": ("/quotes/told", {"alice"}),
    "propose": ("/propose?need=need&offer=offer", {"alice"}),
    "disputes": ("/disputes", {"alice", "bob", "charlie"}),
    "true-ups": ("/true-ups", {"alice", "bob", "charlie"}),
    "budgets": ("/budgets", {"alice", "bob", "charlie"}),
    "organisations/<slug:key>/wallet": ("/organisations/n-00000000000000aa/wallet", {"alice"}),
    "organisations/<slug:key>/events": ("/organisations/n-00000000000000aa/events", {"alice"}),
    "events": ("/events", {"alice", "bob", "charlie"}),
    "ledger": ("/ledger", set()),
    "ledger/verification": ("/ledger/verification", set()),
    "trace/<path:subject>": ("/trace/job", {"alice", "bob"}),
    "api/ledger/balance": ("/api/ledger/balance?account=CNY:voucher:voucher", {"alice"}),
    "api/ledger/statement": ("/api/ledger/statement?account=CNY:voucher:voucher", {"alice"}),
    "api/ledger/trial-balance": ("/api/ledger/trial-balance", set()),
    "api/ledger/verification": ("/api/ledger/verification", set()),
    "api/ledger/pots": ("/api/ledger/pots", set()),
    "api/ledger/trace": ("/api/ledger/trace?subject=job", {"alice", "bob"}),
    "services/keys": ("/services/keys", {"alice", "bob", "charlie"}),
    "datasets/publish": ("/datasets/publish", {"alice", "bob", "charlie"}),
    "services/usage": ("/services/usage", {"alice", "bob", "charlie"}),
    "services/calls": ("/services/calls", {"alice", "bob", "charlie"}),
    "services/upstreams": ("/services/upstreams", {"alice", "bob", "charlie"}),
    "payments": ("/payments", {"alice", "bob", "charlie"}),
    "differences": ("/differences", {"alice", "bob", "charlie"}),
    "invoices": ("/invoices", {"alice", "bob", "charlie"}),
    "organisations/<slug:key>/statements/<slug:period>.<slug:form>": (
        "/organisations/n-00000000000000aa/statements/2026-11.pdf",
        {"alice"},
    ),
    "api/organisations/<key>/statements/<period>": (
        "/api/organisations/n-00000000000000aa/statements/2026-11",
        {"alice"},
    ),
    "api/organisations/<key>/entitlements": ("/api/organisations/n-00000000000000aa/entitlements", {"alice"}),
    "api/organisations/<key>/entitlements/<programme_id>": (
        "/api/organisations/n-00000000000000aa/entitlements/xunli",
        {"alice"},
    ),
    "api/organisations/<key>/claims": ("/api/organisations/n-00000000000000aa/claims", {"alice"}),
    "api/fact-files": ("/api/fact-files?organisation=n-00000000000000aa", {"alice"}),
    "api/claim": ("/api/claim?id=deal/1", {"alice"}),
    "api/organisations/<key>/people": ("/api/organisations/n-00000000000000aa/people", {"alice"}),
    "api/organisations/<key>/wallet": ("/api/organisations/n-00000000000000aa/wallet", {"alice"}),
    "api/organisations/<key>/dossier": ("/api/organisations/n-00000000000000aa/dossier", {"alice"}),
    "api/organisations/<key>/entitlements/<programme_id>/application": (
        "/api/organisations/n-00000000000000aa/entitlements/xunli/application",
        {"alice"},
    ),
    "api/quote": ("/api/quote?key=told", {"alice"}),
    "api/agreement": ("/api/agreement?key=deal", {"alice", "bob"}),
    "api/jobs/<key>": ("/api/jobs/job", {"alice", "bob"}),
    "api/duplicates": ("/api/duplicates", set()),
    "api/imports": ("/api/imports", set()),
    "api/imports/<sha256>/rejects": ("/api/imports/" + "ab" * 32 + "/rejects", set()),
}
# What a call of the city is opened with: the address, and who may (None: everybody; the offices always).
FIRM = "n-00000000000000aa"
CALLED: dict[str, tuple[str, set[str] | None]] = {
    "calls/<slug:programme_id>/<str:period>": ("/calls/longhua-compute/2026", None),
    "notices/<path:key>": ("/notices/round", None),
    "api/calls/<programme_id>/<period>": ("/api/calls/longhua-compute/2026", None),
    "api/round": ("/api/round?key=round", None),
    "api/policy/columns": ("/api/policy/columns", None),
    "api/policy/schema": ("/api/policy/schema", None),
    "api/policy/new": ("/api/policy/new?id=started", None),
    "organisations/<slug:key>/programmes/<slug:programme_id>/apply": (
        f"/organisations/{FIRM}/programmes/longhua-compute/apply",
        {"alice"},
    ),
    "applications/<path:key>": (f"/applications/apply-{FIRM}", {"alice"}),
    "api/application": (f"/api/application?key=apply-{FIRM}", {"alice"}),
}
DRAFT = {"yaml": "id: x"}
CASES = "programme: x"
ROW = {"id": "a", "legal_form": "firm"}
# What is only written to: the address, what is sent, and who is not refused for who they are (a visitor always is).
WRITTEN: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "api/calls/<programme_id>/<period>/rounds": ("/api/calls/longhua-compute/2026/rounds", {}, {"olive"}),
    "api/calls/<programme_id>/<period>/returned": ("/api/calls/longhua-compute/2026/returned", {}, {"olive"}),
    "api/programmes/<programme_id>/pots": (
        "/api/programmes/moxing/pots",
        {"period": "2026", "budget_fen": 100},
        {"olive"},
    ),
    "api/organisations/<key>/applications": (
        f"/api/organisations/{FIRM}/applications",
        {"programme": "longhua-compute", "claim_fen": 1, "documents": [{"kind": "contract", "number": "1"}]},
        {"alice", "olive"},
    ),
    "api/application/withdrawal": (
        "/api/application/withdrawal",
        {"application": f"apply-{FIRM}"},
        {"alice", "olive"},
    ),
    "api/application/score": ("/api/application/score", {"application": f"apply-{FIRM}", "score": 1}, {"olive"}),
    "api/application/objections": (
        "/api/application/objections",
        {"application": f"apply-{FIRM}", "text": "why"},
        {"alice", "bob", "charlie", "olive"},
    ),
    "api/round/notice": ("/api/round/notice", {"round": "round", "until": "2026-12-30"}, {"olive"}),
    "api/round/award": ("/api/round/award", {"round": "round"}, {"olive"}),
    "api/round/grants": ("/api/round/grants", {"round": "round"}, {"olive"}),
    "api/round/vouchers": ("/api/round/vouchers", {"round": "round"}, {"olive"}),
    "api/objection/decision": ("/api/objection/decision", {"objection": "o", "upheld": True, "reason": "r"}, {"olive"}),
    "api/second-factors/removal": ("/api/second-factors/removal", {"username": "alice", "because": "seen"}, {"olive"}),
    "api/people/disabling": (
        "/api/people/disabling",
        {"username": "bob", "because": "seen", "idempotency_key": "k"},
        {"olive"},
    ),
    "api/people/enabling": (
        "/api/people/enabling",
        {"username": "bob", "because": "seen", "idempotency_key": "k"},
        {"olive"},
    ),
    "api/tasks/retry": ("/api/tasks/retry", {"task": TASK}, {"olive"}),
    "api/policy/check": ("/api/policy/check", DRAFT, SIGNED_IN),
    "api/policy/test": ("/api/policy/test", {**DRAFT, "cases": CASES}, SIGNED_IN),
    "api/policy/combine": ("/api/policy/combine", {"rows": [ROW]}, SIGNED_IN),
    "api/policy/decide": ("/api/policy/decide", {"rows": [ROW], "programmes": ["xunli"]}, SIGNED_IN),
    "api/policy/explain": ("/api/policy/explain", {"row": ROW, "programme": "xunli"}, SIGNED_IN),
    "api/policy/diff": ("/api/policy/diff", {"rows": [ROW], "programme": "xunli", **DRAFT}, SIGNED_IN),
    "api/policy/share": (
        "/api/policy/share",
        {"programme": "longhua-compute", "budget_fen": 5, "claims": [{"id": "a", "claim_fen": 3}]},
        SIGNED_IN,
    ),
    "programmes/<slug:programme_id>/pot": (
        "/programmes/moxing/pot",
        {"period": "2026", "budget": "1", "unit": "wan"},
        {"olive"},
    ),
}
# Only written to (test_dossier.py), or of what this deal has not.
NOT_OURS = (
    # test_deals.py: every act as an outsider.
    "acts/<slug:act>",
    "api/acts/<act>",
    # Only written to: test_trading_api.py.
    "api/listing/revision",
    "api/launch/places",
    "api/usage-reports",
    "api/usage-reports/batch",
    "api/counter-readings",
    "api/reporters/<key_id>/revocation",
    # test_payment_pages.py: every one of them as an outsider.
    "payments/<slug:message_id>",
    "payments/<slug:message_id>/<slug:form>",
    "invoices/<slug:issuer>/<int:number>",
    "invoices/<slug:issuer>/<int:number>/file.<slug:form>",
    "api/payments/batches/<id>",
    "api/payments/batches/<id>/file",
    "api/payments/reports",
    "api/payments/batches/<id>/reports",
    "api/payments/statements",
    "api/invoices/<issuer>/<number>",
    "api/invoices/<issuer>/<number>/file",
    # test_evidence_pages.py: as somebody whom it does not concern.
    "evidence",
    "api/evidence",
    "api/evidence/<path:key>/<int:number>/content",
    # test_fact_files.py: as outsiders.
    "api/fact-files/<int:number>/content",
    "api/person/files",
    "api/person/files/<int:number>/content",
    # test_trading.py: an auditor does not revise.
    "revise/<path:key>",
    # test_dataset_pages.py: as outsiders.
    "datasets/<slug:key>",
    "datasets/<slug:key>/<int:number>",
    "datasets/<slug:key>/<int:number>/croissant.json",
    "datasets/<slug:key>/<int:number>/accept",
    "datasets/<slug:key>/<int:number>/withdraw",
    "api/datasets/<slug:key>/<int:number>/files/<int:file>/content",
    "api/datasets/<key>",
    "api/datasets/<key>/<number>",
    "api/datasets/<key>/<number>/acceptance",
    "api/datasets/<key>/<number>/withdrawal",
    # test_ledger_pages.py: asked for by members of organisations and visitors.
    "ledger/verify",
    # test_services.py: keys, calls and upstreams as outsiders.
    "services/keys/<slug:identifier>",
    "services/keys/<slug:identifier>/revoke",
    "services/calls/<slug:name>",
    "services/upstreams/<path:key>/approve",
    "services/upstreams/<path:key>/close",
    "api/model-keys/<identifier>/limits",
    "api/model-calls/<name>",
    "api/upstream",
    "account/keys",
    "account/keys/<slug:identifier>/revoke",
    "api/keys/<identifier>/revocation",
    "api/organisations/<key>/declarations",
    "api/project/declarations",
    # test_claim_pages.py: as outsiders.
    "claims/<slug:key>",
    "claims/<slug:key>/evidence",
    # test_people_pages.py: whoever holds a link reads it.
    "invitation",
    "invitations/<str:secret>",
    # test_representatives.py: as outsiders.
    "api/organisations/<key>/people/role",
    "api/organisations/<key>/people/end",
    "api/invitations/<identifier>/revocation",
    "api/invitation",
    "api/invitation/account",
    "api/invitation/acceptance",
    "api/organisation-claims/withdrawal",
    "api/organisation-claims/decision",
    "api/organisation-claims/evidence",
    "api/consents/withdrawal",
    # test_proof_pages.py: as outsiders.
    "api/organisations/<key>/proofs",
    "api/project/proofs",
    "api/project/application",
    "api/person/application",
    "api/person/awards/account",
    "api/person/awards/applications",
    "api/person/awards/consent",
    "api/person/awards/withdrawal",
    "api/person/proofs",
    "api/person/proofs/<number>/outcome",
    "api/person/proofs/<number>/withdrawal",
    "api/person/proofs/consent",
    "api/person/proofs/waiting",
    "api/person/proofs/withdrawal",
    "desk/proofs",
    "desk/dossier/<slug:programme_id>/application.<slug:form>",
    "project-applications/<slug:programme_id>/application.<slug:form>",
    # test_person.py: of oneself alone.
    "api/person/consent",
    "api/person/declarations",
    "api/person/decisions",
    "api/person/erasure",
    "accounts/",
    "languages/",
    "api/jobs/<key>/log",
    # test_job_log.py: of a job that really ran.
    "api/jobs/<str:key>/files/<path:path>",
    "api/",
)


def test_every_address_is_in_the_tables() -> None:
    known = set(PUBLIC) | set(PRIVATE) | set(CALLED) | set(WRITTEN)
    ours = [
        route for route in addresses(get_resolver().url_patterns) if not route.startswith(("accounts/", "languages/"))
    ]
    assert sorted(set(ours) - known - set(NOT_OURS)) == []
    assert sorted(known - set(ours)) == []


@pytest.mark.django_db
def test_visitors_open_what_is_public(client: Client, dealt: City) -> None:
    assert {route: client.get(address).status_code for route, address in PUBLIC.items()} == dict.fromkeys(PUBLIC, 200)


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "olive", "ann"])
def test_the_rest_opens_only_to_those_it_concerns(dealt: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(dealt, who))
    opened = {route for route, (address, _) in PRIVATE.items() if client.get(address).status_code == 200}
    expected = {route for route, (_, allowed) in PRIVATE.items() if who in allowed or who in ("olive", "ann")}
    assert opened == expected


@pytest.fixture
def called(city: City) -> City:
    """A call of Longhua's: the firm and the outsider applied, the pot was shared, the round is on public notice, and
    Bob objects."""
    for organisation in (city.firm, city.outsider):
        organisation.facts.filter(attribute="district").delete()
        know(organisation, "district", "longhua", is_public=True)
        know(organisation, "longhua_compute_paid", "100000000", is_public=False)
    follow_job.enqueue("none")
    DBTaskResult.objects.filter(args_kwargs__args=["none"]).update(id=TASK, status="FAILED", finished_at=NOW)
    programme, day = programmes()["longhua-compute"], date(2026, 11, 23)
    acting: dict[str, Any] = {"as_of": day, "now": NOW}
    pot = open_pot(programme, "2026", 40_000_000, actor=city.olive, now=NOW, idempotency_key="pot")
    for organisation, actor in ((city.firm, city.alice), (city.outsider, city.charlie)):
        apply_for_award(
            programme, organisation, pot, claim_fen=30_000_000, documents=[("contract", organisation.key)],
            attributes=pack().attributes, stacking=stacking(), actor=actor,
            idempotency_key=f"apply-{organisation.key}", **acting,
        )  # fmt: skip
    made = share_applications(
        programme, pot, attributes=pack().attributes, actor=city.olive, idempotency_key="round", **acting
    )
    open_notice(made, until=date(2026, 11, 30), actor=city.olive, idempotency_key="notice", **acting)
    application = Application.objects.get(organisation=city.firm)
    object_to(application, "why", actor=city.bob, idempotency_key="o", **acting)
    return city


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "olive", "ann"])
def test_a_call_opens_to_those_it_concerns(called: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(called, who))
    opened = {route for route, (address, _) in CALLED.items() if client.get(address).status_code == 200}
    expected = {
        route for route, (_, allowed) in CALLED.items() if allowed is None or who in allowed or who in ("olive", "ann")
    }
    assert opened == expected


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["visitor", "alice", "bob", "charlie", "ann"])
def test_whom_a_write_does_not_concern_is_refused_and_changes_nothing(called: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(called, who))
    before = rows_of_calls()
    for route, (address, body, allowed) in WRITTEN.items():
        if who in allowed:
            continue
        assert write(client, route, address, body, "k") in (401, 403, 404), route
    assert rows_of_calls() == before


@pytest.mark.django_db
def test_whom_a_write_concerns_is_not_refused_for_who_they_are(called: City) -> None:
    """What is sent may still not be possible now (409) or wrong (400), but never forbidden."""
    for who in SIGNED_IN:
        client = signed_in(getattr(called, who))
        for route, (address, body, allowed) in WRITTEN.items():
            if who not in allowed or not route.startswith("api/"):
                continue
            assert write(client, route, address, body, f"k-{who}") in (200, 400, 409), (route, who)


def write(client: Client, route: str, address: str, body: dict[str, Any], key: str) -> int:
    if not route.startswith("api/"):
        return client.post(address, body).status_code
    given = body if "policy" in route else {**body, "idempotency_key": key}
    return client.post(address, json.dumps(given), content_type="application/json").status_code


def rows_of_calls() -> list[Any]:
    return [
        *Pot.objects.values_list("programme", "period"),
        *Application.objects.order_by("key").values_list("key", "state", "score", "shared_fen"),
        *SharingRound.objects.values_list("key", "state", "notice_until"),
        *Objection.objects.values_list("key", "upheld"),
        Voucher.objects.count(),
    ]


@pytest.mark.django_db
def test_an_outsider_sees_public_facts_only(dealt: City) -> None:
    address = f"/organisations/{dealt.firm.key}"
    outsider = signed_in(dealt.charlie).get(address).content.decode()
    own = signed_in(dealt.alice).get(address).content.decode()
    hidden = ("fact-compute_rental", "fact-compute_rental_from_listed")
    assert ([name in outsider for name in hidden], [name in own for name in hidden]) == ([False, False], [True, True])


@pytest.mark.django_db
def test_the_api_gives_an_outsider_public_facts_only(dealt: City) -> None:
    address = f"/api/organisations/{dealt.firm.key}/facts"
    seen = {fact["attribute"] for fact in signed_in(dealt.charlie).get(address).json()}
    own = {fact["attribute"] for fact in signed_in(dealt.alice).get(address).json()}
    assert own - seen == {"compute_rental", "compute_rental_from_listed", "compute_other_support"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/organisations/n-0",
        "/chain/nowhere",
        "/programmes/none",
        "/jobs/none",
        "/market?kind=none",
        "/nowhere",
        "/imports/x",
    ],
)
def test_what_is_not_there_says_what_to_do(city: City, address: str) -> None:
    response = signed_in(city.olive).get(address)
    text = response.content.decode()
    assert (response.status_code, "<h1>" in text, "Traceback" in text) == (404, True, False)


@pytest.mark.django_db
def test_errors_of_the_api_are_json(client: Client, city: City) -> None:
    response = client.get("/api/organisations/n-0")
    assert (response.status_code, response.json()) == (404, {"detail": "没有编号为 'n-0' 的机构"})


@pytest.mark.django_db
def test_names_cannot_run(dealt: City) -> None:
    """An organisation is called `<script>…`: every page that names it shows it as text."""
    client = signed_in(dealt.olive)
    for address in (
        f"/organisations/{dealt.outsider.key}",
        "/organisations",
        "/chain/machine-vision",
        "/search?q=script",
        "/imports/" + dealt.sha256,
    ):
        assert re.search(r"<script>\s*alert", client.get(address).content.decode()) is None


@pytest.mark.django_db
def test_nothing_runs_from_elsewhere(client: Client, city: City) -> None:
    for address in PUBLIC.values():
        response = client.get(address)
        policy = response.headers["Content-Security-Policy"]
        assert ("'unsafe" in policy, "script-src 'self'" in policy) == (False, True)
        if response.headers["Content-Type"].startswith("text/html"):
            text = response.content.decode()
            assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text) == []
            assert re.findall(r"\sstyle=|\son\w+=|(?:src|<link[^>]*href)=\"https?:", text) == []


@pytest.mark.django_db
def test_generated_data_wears_its_ribbon(client: Client, city: City) -> None:
    ribbon = 'class="ribbon"'
    pages = {
        key: ribbon in client.get(f"/organisations/{key}").content.decode()
        for key in (city.outsider.key, city.firm.key)
    }
    assert pages == {city.outsider.key: True, city.firm.key: False}


@pytest.mark.django_db
def test_signing_in_and_out(client: Client, city: City) -> None:
    from portal_city import PASSWORD

    response = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert (response.status_code, response.headers["Location"], client.get("/desk").status_code) == (302, "/desk", 200)
    client.post("/accounts/logout/")
    assert client.get("/desk").status_code == 302


@pytest.mark.django_db
def test_a_wrong_password_says_so(client: Client, city: City) -> None:
    response = client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    assert (response.status_code, 'role="alert"' in response.content.decode()) == (200, True)
