"""The audit log: what stands in it, for whom, narrowed, and what is taken away."""

import html
import io
import re
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook
from portal_city import City, signed_in

from siwei.exchange.actors import Actor
from siwei.exchange.audit import record_event
from siwei.exchange.models import Organisation
from siwei.portal.openable import open_addresses

FIRM = "/organisations/n-00000000000000aa/events"
DAY = (timezone.localtime() + timedelta(days=3)).replace(hour=0, minute=30, second=0, microsecond=0)
"""Half past midnight in Shenzhen, in UTC the day before; after all that the clock has written into the city."""
BEFORE, ON, AFTER = (f"{DAY + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1))
pytestmark = pytest.mark.django_db


def text_of(actor: Actor, address: str) -> str:
    response = signed_in(actor).get(address, headers={"Accept-Language": "en"})
    assert response.status_code == 200, response.content[:400]
    return response.content.decode()


def table_of(actor: Actor, address: str) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(signed_in(actor).get(address).content))


def times_in(page: str) -> list[str]:
    return re.findall(r"<tr><td[^>]*>([^<]*)", page)


def note(city: City, name: str, number: int, organisation: Organisation, **said: object) -> None:
    record_event(
        name, f"{name}-{number}", {}, subject="agreement:deal", actor=city.alice, now=DAY + timedelta(seconds=number),
        organisations=[organisation], payload=said,
    )  # fmt: skip


def test_each_line_says_who_did_what_to_what_for_how_much(dealt: City) -> None:
    note(dealt, "submit_delivery", 1, dealt.firm, amount_fen=1_234_567)
    page = text_of(dealt.alice, FIRM)
    newest = page.split("<tbody>")[1].split("</tr>")[0]
    assert f"{ON} 00:30" in newest
    assert '<a href="/agreements/deal">Delivery submitted</a>' in newest
    assert ("alice" in newest, "¥12,345.67" in newest) == (True, True)
    assert ">bob<" in page.replace(" ", "")


def test_nothing_of_the_firms_for_an_outsider(dealt: City) -> None:
    assert signed_in(dealt.charlie).get(FIRM).status_code == 403
    assert signed_in(dealt.charlie).get(FIRM + "?export=csv").status_code == 403
    assert (Client().get(FIRM).status_code, Client().get("/events").status_code) == (302, 302)
    assert "Nothing yet." in text_of(dealt.charlie, "/events")
    assert table_of(dealt.charlie, "/events?export=csv").height == 0


def test_one_organisations_page_has_its_own_events_alone(dealt: City) -> None:
    note(dealt, "open_project", 1, dealt.outsider)
    for reader in (dealt.ann, dealt.olive):
        assert "open_project" not in table_of(reader, FIRM + "?export=csv")["action"].to_list()
        assert table_of(reader, "/events?export=csv")["action"][0] == "open_project"
        assert table_of(reader, "/events?export=csv")["generated"].to_list()[:2] == [True, False]
    assert "open_project" not in table_of(dealt.alice, "/events?export=csv")["action"].to_list()
    assert table_of(dealt.charlie, "/events?export=csv")["action"].to_list() == ["open_project"]


def test_by_action_and_by_day_of_the_city(dealt: City) -> None:
    note(dealt, "open_project", 1, dealt.firm)

    def actions(query: str) -> list[str]:
        return table_of(dealt.alice, f"{FIRM}?export=csv&{query}")["action"].to_list()

    assert set(actions("action=sign_agreement")) == {"sign_agreement"}
    assert actions(f"from={ON}&to={ON}") == ["open_project"]
    assert actions(f"from={AFTER}") == []
    assert "open_project" not in actions(f"to={BEFORE}")
    assert actions("from=0001-01-01&to=9999-12-31") == actions("")
    assert "Nothing of this kind" in text_of(dealt.alice, FIRM + "?action=none")


def test_by_person_subject_and_organisation(dealt: City) -> None:
    note(dealt, "open_project", 1, dealt.outsider)

    def rows(actor: Actor, query: str) -> pl.DataFrame:
        return table_of(actor, f"/events?export=csv&{query}")

    assert set(rows(dealt.alice, "by=bob")["by"].to_list()) == {"bob"}
    assert rows(dealt.alice, "by=charlie").height == 0
    assert set(rows(dealt.olive, "by=platform")["by"].to_list()) <= {"platform"}
    about = rows(dealt.alice, "subject=agreement:deal")
    assert (set(about["subject"].to_list()), about.height > 2) == ({"agreement:deal"}, True)
    assert rows(dealt.alice, "subject=deal").height >= about.height
    assert set(rows(dealt.charlie, "subject=agreement:deal")["by"].to_list()) == {"alice"}
    for name in (dealt.outsider.key, "alert"):
        assert rows(dealt.olive, f"organisation={name}")["action"].to_list() == ["open_project"]
    assert rows(dealt.olive, "organisation=nobody-is-called-so").height == 0
    mine = rows(dealt.alice, "organisation=" + dealt.firm.key)
    assert mine.height == table_of(dealt.alice, FIRM + "?export=csv").height > 0
    assert rows(dealt.alice, "organisation=" + dealt.centre.key).height == 0, (
        "which of mine are the centre's is not told"
    )
    assert rows(dealt.ann, "organisation=" + dealt.centre.key).height > 0


def test_the_api_narrows_and_pages_the_same(dealt: City) -> None:
    for number in range(60):
        note(dealt, "open_project", number, dealt.firm)
    client = signed_in(dealt.alice)

    def read(query: str) -> dict[str, Any]:
        return client.get(f"/api/events?{query}").json()

    first = read(f"action=open_project&by=alice&from={ON}&to={ON}")
    last = read(f"action=open_project&by=alice&before={first['older']}")
    assert (len(first["items"]), first["newer"], len(last["items"]), last["older"]) == (50, None, 10, None)
    assert read(f"action=open_project&after={last['newer']}")["items"] == first["items"]
    assert read("organisation=" + dealt.centre.key)["items"] == []
    assert [client.get(f"/api/events?{query}").status_code for query in ("before=x", "from=x")] == [400, 422]


def test_a_link_stands_where_its_page_opens(dealt: City) -> None:
    record_event("open_project", "closed", {}, subject="import", actor=dealt.olive, now=DAY, organisations=[dealt.firm])
    record_event("open_project", "other", {}, subject=f"account:CNY:commitment:{dealt.centre.key}", actor=dealt.olive,
                 now=DAY, organisations=[dealt.firm])  # fmt: skip
    assert open_addresses(["import", f"account:CNY:x:{dealt.centre.key}", "agreement:deal"], dealt.alice) == {
        "agreement:deal": "/agreements/deal"
    }
    page = text_of(dealt.alice, FIRM)
    assert ('href="/imports"' in page, dealt.centre.key + "/wallet" in page) == (False, False)
    assert 'href="/imports"' in text_of(dealt.ann, "/events")


def test_newest_first_in_pages_and_the_export_has_all(dealt: City) -> None:
    for number in range(60):
        note(dealt, "open_project", number, dealt.firm)
    first = text_of(dealt.alice, FIRM + "?action=open_project")
    older = re.findall(r'href="([^"]*)" rel="next"', first)
    last = text_of(dealt.alice, FIRM + html.unescape(older[0]))
    assert (first.count("<tr><td"), last.count("<tr><td"), 'rel="next"' in last) == (50, 10, False)
    newer = re.findall(r'href="([^"]*)" rel="prev"', last)
    again = text_of(dealt.alice, FIRM + html.unescape(newer[0]))
    assert times_in(again) == times_in(first)
    note(dealt, "open_project", 60, dealt.firm)  # what comes meanwhile moves no page
    assert times_in(text_of(dealt.alice, FIRM + html.unescape(older[0]))) == times_in(last)
    times = table_of(dealt.alice, FIRM + "?action=open_project&export=csv")["at"].to_list()
    assert (len(times), times) == (61, sorted(times, reverse=True))
    sheet = load_workbook(io.BytesIO(signed_in(dealt.alice).get(FIRM + "?export=xlsx&action=open_project").content))
    assert sheet.active.max_row == 62


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-11-24&to=2026-11-23",
        "export=doc",
        "before=x",
        "after=1-2-3",
        f"before={10**30}-1",
        f"after=1-{2**63}",
        "before=-5-1",
    ],
)
def test_what_is_wrong_is_said(dealt: City, query: str) -> None:
    response = signed_in(dealt.alice).get(f"{FIRM}?{query}")
    assert (response.status_code, b"Traceback" in response.content) == (400, False)


@pytest.mark.parametrize("address", [FIRM, "/events"])
def test_queries_do_not_grow_with_events(dealt: City, address: str) -> None:
    def count() -> int:
        client = signed_in(dealt.alice)
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured)

    before = count()
    for number in range(30):
        note(dealt, "open_project", number, dealt.firm)
    assert (count(), before <= 20) == (before, True)


def test_the_desk_and_the_organisation_lead_there(dealt: City) -> None:
    assert 'href="/events"' in text_of(dealt.alice, "/desk")
    address = "/organisations/n-00000000000000aa"
    assert f'href="{FIRM}"' in text_of(dealt.alice, address)
    assert FIRM not in text_of(dealt.charlie, address)
