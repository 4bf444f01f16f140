"""What an event is about leads to its page; each page opens for whom the event concerns."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from portal_city import City, call_models, pay, signed_in

from siwei.exchange.models import Event, Invoice, Project
from siwei.exchange.people.keys import create_access_key
from siwei.portal.addresses import subject_address
from siwei.portal.openable import open_addresses

FIRM = "n-00000000000000aa"


@pytest.mark.parametrize(
    ("subject", "address"),
    [
        ("agreement:deal", "/agreements/deal"),
        ("delivery:deal:2", "/agreements/deal#delivery-2"),
        ("voucher:voucher", "/trace/voucher"),
        ("usage:job.1", "/meters?reading=job.1"),
        (f"account:CNY:commitment:{FIRM}", f"/organisations/{FIRM}/wallet?account=CNY%3Acommitment%3A{FIRM}"),
        ("access_key:0123456789ab", "/services/keys/0123456789ab"),
        ("pot:xunli:2026", "/calls/xunli/2026"),
        ("invoice:n-1:3", "/invoices/n-1/3"),
        ("invoice:n-1:x", ""),
        ("dispute:a/b", "/disputes#dispute-a/b"),
        ("cap:k", "/budgets"),
        ("import", "/imports"),
        (f"project:{FIRM}/手", f"/projects/{FIRM}/%E6%89%8B"),
        (f"project:{FIRM}:手", f"/projects/{FIRM}/%E6%89%8B"),
        (f"project:{FIRM}/手:二", f"/projects/{FIRM}/%E6%89%8B:%E4%BA%8C"),
        ("match:need/offer", "/listings/need"),
        ("person:alice", "/people/alice"),
        ("decision:d", ""),
        ("access_key:not one", ""),
        ("", ""),
    ],
)
def test_addresses(subject: str, address: str) -> None:
    assert subject_address(subject) == address


@pytest.mark.django_db
def test_every_link_of_the_audit_log_opens_for_those_it_concerns(dealt: City) -> None:
    call_models(dealt)
    now = dealt.deal.now
    create_access_key("reports", ["read"], expires_at=now.replace(year=2027), organisation=FIRM, actor=dealt.alice,
                      now=now, idempotency_key="reports")  # fmt: skip
    opened: dict[str, int] = {}
    for actor in (dealt.alice, dealt.bob, dealt.olive, dealt.ann):
        client = signed_in(actor)
        for subject, address in open_addresses(
            Event.objects.visible_to(actor).values_list("subject", flat=True), actor
        ).items():
            opened[f"{actor.name} {subject}"] = client.get(address, follow=True).status_code
    kinds = {name.split(" ")[1].partition(":")[0] for name in opened}
    assert {"agreement", "voucher", "usage", "account", "access_key", "pot", "job", "quote"} <= kinds
    assert {name: status for name, status in opened.items() if status != 200} == {}


@pytest.mark.django_db
def test_a_project_is_found_by_its_whole_name(dealt: City) -> None:
    for name in ("手:二", "手/三", "手"):
        Project.objects.create(organisation=dealt.firm, name=name, opened_at=dealt.deal.now)
    subjects = [f"project:{FIRM}/手:二", f"project:{FIRM}/手/三", f"project:{FIRM}/手", f"project:{FIRM}:手"]
    found = open_addresses([*subjects, f"project:{FIRM}/没有:的"], dealt.alice)
    assert set(found) == {*subjects}
    client = signed_in(dealt.alice)
    assert [client.get(address).status_code for address in found.values()] == [200] * 4


@pytest.mark.django_db
def test_of_an_issuers_invoices_those_asked_for_alone_are_read(dealt: City) -> None:
    pay(dealt)
    invoice = Invoice.objects.get()
    subject = f"invoice:{invoice.issuer.key}:{invoice.number}"
    with CaptureQueriesContext(connection) as asked:
        found = open_addresses([subject, f"invoice:{invoice.issuer.key}:{invoice.number + 1}"], dealt.bob)
    assert found == {subject: f"/invoices/{invoice.issuer.key}/{invoice.number}"}
    assert [f'"number" IN ({invoice.number}, {invoice.number + 1})' in each["sql"] for each in asked] == [True]
    assert open_addresses([subject], dealt.charlie) == {}
