"""The dossier: facts entered once on a page or through the API, and what every programme makes of them."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from portal_city import HOSTILE, City, know, signed_in

from siwei.exchange.models import Event, Fact, Person
from siwei.policy.explanation import FactValue
from siwei.policy.programmes import FactStatus, Period
from siwei.policy.windows import Deadline, deadline_of
from siwei.portal.city_pack import decided_on, programmes
from siwei.portal.queries.dossier import evidence_of

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
ADDRESS = "/organisations/n-00000000000000aa/dossier"
API = "/api/organisations/n-00000000000000aa/declarations"
FORM = {
    "token": "t1",
    "value-revenue": "１，280.5",
    "unit-revenue": "wan",
    "evidence-revenue": "审计报告.pdf",
    "value-employees": "40",
    "value-high_tech_field": "true",
    "value-profile": HOSTILE,
    "value-research_staff": "",
}


def declared() -> list[tuple[str, str, str]]:
    own = Fact.objects.filter(source__startswith="declared by ").order_by("attribute", "pk")
    return list(own.values_list("attribute", "value", "source_ref"))


def test_a_form_is_entered_once_exactly_and_shown(city: City) -> None:
    client = signed_in(city.alice)
    expected = [
        ("employees", "40", "#1 2026-11-23"),
        ("high_tech_field", "true", "#1 2026-11-23"),
        ("profile", HOSTILE, "#1 2026-11-23"),
        ("revenue", "1280500000", "#1 2026-11-23 审计报告.pdf"),
    ]
    for _ in range(2):  # sent twice by an impatient finger
        response = client.post(ADDRESS, FORM)
        assert (response.status_code, response.headers["Location"]) == (302, ADDRESS)
    assert declared() == expected
    text = client.get(ADDRESS).content.decode()
    assert ("1,280.50 万元" in text, "审计报告.pdf" in text, "&lt;script&gt;alert" in text) == (True, True, True)
    assert re.search(r"<script>\s*alert", text) is None
    assert "已申报 4 项事实" in text


def test_going_back_and_changing_a_value_is_another_entry(city: City) -> None:
    client = signed_in(city.alice)
    client.post(ADDRESS, FORM)
    client.post(ADDRESS, {"token": "t1", "value-employees": "55"})
    assert [row for row in declared() if row[0] == "employees"] == [
        ("employees", "40", "#1 2026-11-23"),
        ("employees", "55", "#2 2026-11-23"),
    ]


def test_what_is_wrong_is_marked_and_what_was_typed_is_kept(city: City) -> None:
    wrong = FORM | {"value-research_staff": "1.5", "value-founded_on": "2019", "value-district": "atlantis"}
    response = signed_in(city.alice).post(ADDRESS, wrong)
    text = response.content.decode()
    assert (response.status_code, declared(), Event.objects.filter(action="declare_facts").count()) == (400, [], 0)
    assert set(re.findall(r'id="problem-(\w+)"', text)) == {"research_staff", "founded_on", "district"}
    assert ('value="1.5"' in text, 'value="１，280.5"' in text, "审计报告.pdf" in text) == (True, True, True)
    assert re.search(r"<script>\s*alert", text) is None


def test_an_empty_form_says_so(city: City) -> None:
    response = signed_in(city.alice).post(ADDRESS, {"token": "t1", "value-revenue": " "})
    assert (response.status_code, "没有申报任何内容" in response.content.decode()) == (400, True)


@pytest.mark.parametrize("name", ["project_budget", "employes", "", "../x", "a" * 300])
def test_a_field_that_is_no_fact_is_refused(city: City, name: str) -> None:
    response = signed_in(city.alice).post(ADDRESS, {f"value-{name}": "1"})
    assert (response.status_code, declared()) == (400, [])


@pytest.mark.parametrize("who", ["visitor", "bob", "charlie", "olive", "ann"])
def test_only_its_representatives_write(city: City, who: str) -> None:
    client = Client() if who == "visitor" else signed_in(getattr(city, who))
    body = {"idempotency_key": "k", "values": {"employees": {"value": "3"}}}
    statuses = (
        client.post(ADDRESS, FORM).status_code,
        client.post(API, json.dumps(body), content_type="application/json").status_code,
    )
    assert (statuses, declared()) == ((403, 401 if who == "visitor" else 403), [])


@pytest.mark.parametrize(("who", "form"), [("alice", True), ("olive", True), ("ann", False)])
def test_the_form_is_shown_to_those_who_may_use_it(city: City, who: str, form: bool) -> None:
    text = signed_in(getattr(city, who)).get(ADDRESS).content.decode()
    assert ('name="value-revenue"' in text, "csrfmiddlewaretoken" in text.partition("<main")[2]) == (form, form)


def test_a_page_of_somebody_else_cannot_send_the_form(city: City) -> None:
    """CSRF: a request without the token of our own page is refused, on the page and through the API."""
    client = Client(enforce_csrf_checks=True)
    person = Person.objects.get(pk=city.alice.person_id)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    body = json.dumps({"idempotency_key": "k", "values": {"employees": {"value": "3"}}})
    without = (
        client.post(ADDRESS, FORM).status_code,
        client.post(API, body, content_type="application/json").status_code,
    )
    client.get(ADDRESS)
    token = client.cookies["csrftoken"].value
    with_token = client.post(API, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert (without, with_token.status_code) == ((403, 403), 200)
    assert declared() == [("employees", "3", "#1 2026-11-23")]


def test_the_api_declares_all_or_nothing_and_once(city: City) -> None:
    client = signed_in(city.alice)

    def send(values: dict[str, object], key: str = "k") -> tuple[int, object]:
        body = json.dumps({"idempotency_key": key, "values": values})
        response = client.post(API, body, content_type="application/json")
        return response.status_code, response.json()

    values = {"revenue": {"value": "680000000", "evidence": "审计报告.pdf"}, "employees": {"value": "40"}}
    first, again = send(values), send(values)
    assert (first[0], again) == (200, first)
    assert send({"employees": {"value": "41"}})[0] == 409
    assert send({"employees": {"value": "many"}, "revenue": {"value": "1"}}, "k2")[0] == 400
    assert send({}, "k3")[0] == 422
    assert [row[:2] for row in declared()] == [("employees", "40"), ("revenue", "680000000")]


def test_a_declared_fact_decides_at_once(city: City) -> None:
    client = signed_in(city.alice)
    address = "/api/organisations/n-00000000000000aa/dossier"
    before = {line["programme"]: line for line in client.get(address).json()["programmes"]}
    unlocking = client.get(address).json()["unlocking"]
    client.post(ADDRESS, {"token": "t", "value-corpus_purchase": "30", "unit-corpus_purchase": "wan"})
    after = {line["programme"]: line for line in client.get(address).json()["programmes"]}
    assert any("corpus_purchase" in each["facts"] for each in unlocking)
    assert before["yuliao"]["verdict"] == "cannot_tell"
    assert (after["yuliao"]["verdict"], after["yuliao"]["award_fen"]) == ("eligible", 9_000_000)
    assert after["yuliao"]["to_supply"] == before["yuliao"]["to_supply"] - 1


def test_ones_own_word_stands_beside_a_better_proven_fact(city: City) -> None:
    client = signed_in(city.alice)
    client.post(ADDRESS, {"token": "t", "value-compute_rental": "900", "unit-compute_rental": "wan"})
    text = client.get(ADDRESS).content.decode()
    row = text.partition('id="field-compute_rental"')[2].partition("</tr>")[0]
    assert ("300.00 万元" in row, "900.00 万元" in row, "已有证明程度更高" in row) == (True, True, True)


def test_the_best_lawful_combination_stands_on_top(city: City) -> None:
    know(city.firm, "longhua_compute_paid", "120000000", is_public=False)
    Fact.objects.filter(organisation=city.firm, attribute="district").update(value="longhua")
    text = signed_in(city.alice).get(f"/organisations/{city.firm.key}").content.decode()
    part = text.partition("最优合规组合")[2].partition("</table>")[0]
    amounts = [int(value) for value in re.findall(r'value="(\d+)"', part)]
    # Together; then alone and together of each: the training voucher is worth more than both under the limit. What is
    # chosen adds up to the total, which stands first and last.
    assert (amounts[0], amounts[-1]) == (128_000_000, 128_000_000)
    pairs = list(zip(amounts[1:-1:2], amounts[2:-1:2], strict=True))
    assert sorted(pairs) == [(36_000_000, 0), (128_000_000, 128_000_000)]


@pytest.mark.parametrize(
    ("period", "window", "expected"),
    [
        (Period(None, None), Period(DAY, DAY), Deadline(True, DAY, DAY, "open", 0)),
        (Period(None, None), Period(None, DAY - timedelta(1)), Deadline(True, None, DAY - timedelta(1), "closed", 0)),
        (
            Period(None, None),
            Period(DAY + timedelta(2), DAY + timedelta(9)),
            Deadline(True, DAY + timedelta(2), DAY + timedelta(9), "not_yet", 2),
        ),
        (Period(None, DAY + timedelta(30)), None, Deadline(False, None, DAY + timedelta(30), "open", 30)),
        (Period(DAY, None), None, Deadline(False, DAY, None, "unlimited", None)),
    ],
)
def test_days_left_as_of_the_citys_day(period: Period, window: Period | None, expected: Deadline) -> None:
    programme = replace(programmes()["xunli"], period=period, window=window)
    assert deadline_of(programme, DAY) == expected


@given(status=st.sampled_from(FactStatus), required=st.sampled_from(FactStatus))
def test_evidence_says_what_is_in_hand_and_what_is_still_to_be_proven(status: FactStatus, required: FactStatus) -> None:
    programme = programmes()["xunli"]
    clauses = tuple(replace(clause, requires=required) for clause in programme.clauses)
    asked = replace(programme, clauses=clauses)
    lines = {each.attribute: each for each in evidence_of(asked, {"legal_form": FactValue("firm", status)})}
    assert set(lines) <= set(programme.attributes)
    assert lines["legal_form"].state == ("in_hand" if status >= required else "to_prove")
    assert {each.state for name, each in lines.items() if name != "legal_form"} == {"to_give"}


def test_a_closed_window_is_said_beside_the_verdict_and_counts_last() -> None:
    window = Period(DAY - timedelta(30), DAY - timedelta(1))
    closed = deadline_of(replace(programmes()["xunli"], window=window), DAY)
    assert closed.words is not None
    assert closed.words.en == f"but applications closed on {DAY - timedelta(1)}; when they open next is not known"
    assert (closed.is_shut, deadline_of(replace(programmes()["xunli"], window=None), DAY).words) == (True, None)


def test_a_page_says_that_applications_are_closed(city: City) -> None:
    """On a day after the training voucher's window, which closed on 2026-06-05."""
    client = signed_in(city.alice)
    address = f"/organisations/{city.firm.key}"
    text = client.get(address).content.decode() + client.get(f"{address}/programmes/xunli").content.decode()
    shut = deadline_of(programmes()["xunli"], decided_on()).is_shut
    assert (text.count("但申报已于 2026-06-05 截止，下次受理时间未知") >= 2) is shut
    assert shut is (decided_on() > date(2026, 6, 5))
    assert client.get(f"/api{address}/entitlements").json()["shut_fen"] == (128_000_000 if shut else 0)


def test_the_size_class_is_shown_with_how_it_is_worked_out(city: City) -> None:
    client = signed_in(city.alice)
    address = f"/organisations/{city.firm.key}/dossier"
    assert "主营行业未知" in client.get(address).content.decode()
    for name, value in (("main_industry", "software_it_services"), ("employees", "120")):
        know(city.firm, name, value, is_public=False)
    text = client.get(address).content.decode()
    assert ("起决定作用的情况未知" in text, "工信部联企业〔2011〕300号" in text) == (True, True)
    assert client.get(f"/api{address}").json()["size"]["missing"] == ["revenue"]
    know(city.firm, "revenue", "1000000000", is_public=False)
    size = client.get(f"/api{address}").json()["size"]
    assert (size["size"], size["missing"], [each["industry"] for each in size["industries"]]) == (
        "medium", [], ["software"],
    )  # fmt: skip
    assert [(each["size"], each["measure"], each["holds"]) for each in size["industries"][0]["tests"]] == [
        ("large", "employees", False), ("large", "revenue", False), ("medium", "employees", True),
        ("medium", "revenue", True), ("small", "employees", True), ("small", "revenue", True),
    ]  # fmt: skip
    text = client.get(address).content.decode()
    assert ("<b>中型企业</b>" in text, "数值未与原文核对" in text, "1,000.00 万元" in text) == (True, True, True)


def test_the_combination_adds_up_to_its_total(city: City) -> None:
    """Every award stands in the table; what is paid adds up to the total, to the fen, as it is shown."""
    city.firm.facts.filter(attribute="district").update(value="longhua")
    know(city.firm, "longhua_compute_paid", "123456789", is_public=False)
    city.firm.facts.filter(attribute="compute_rental_from_listed").update(value="200000011")
    text = signed_in(city.alice).get(f"/organisations/{city.firm.key}/dossier").content.decode()
    table = text[text.index("最优合规组合") :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)
    shown = [re.findall(r'<data class="figure" value="(\d+)"[^>]*>([^<]+)</data>', row) for row in rows]
    *lines, total = [cells[-1] for row, cells in zip(rows, shown, strict=True) if cells and "税收优惠" not in row]
    assert sum(int(value) for value, _ in lines) == int(total[0]) > 0
    assert sum(yuan(text) for _, text in lines) == yuan(total[1])


def yuan(shown: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", shown)) * (10_000 if "万元" in shown else 1)
