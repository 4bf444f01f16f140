"""What pages say, and how many queries they take for one thing and for three."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from portal_city import NOW, City, know, make_organisation, place, signed_in
from pytest_django import DjangoAssertNumQueries

from siwei.exchange.models import Fact, Job, Listing, Origin
from siwei.portal.city_pack import chain
from siwei.portal.queries.jobs import read_log

pytestmark = pytest.mark.django_db


def count_queries(client: Client, address: str) -> int:
    client.get(address)  # caches of a process (names, pack, measurements) are filled once
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def add_firms(city: City, number: int) -> None:
    for index in range(number):
        firm = make_organisation(f"n-{index:016x}", f"深圳市第{index}视觉科技有限公司")
        place(firm, "machine-vision", "technology")
        place(firm, "speech", "technology")
        know(firm, "registered_capital", "100000000", is_public=True)
        know(firm, "registered_capital_currency", "CNY", is_public=True)


def add_listings(city: City, number: int) -> None:
    for index in range(number):
        Listing.objects.create(
            key=f"need-{index}",
            kind="compute",
            side="need",
            organisation=city.firm,
            title_zh="训练",
            title_en="Training",
            body={"title": "训练", "accelerators": ["cpu"], "count": 1, "seconds": 60},
            published_at=NOW - timedelta(days=index),
        )


BOUNDS = {
    "/": 15,
    "/chain": 4,
    "/chain/machine-vision": 14,
    "/organisations": 4,
    "/search?q=shijue": 4,
    "/market?kind=compute": 5,
    "/wings/source": 5,
    "/organisations/n-00000000000000aa": 8,
    "/indicators": 4,
    "/programmes": 4,
}


@pytest.mark.parametrize("address", list(BOUNDS))
def test_queries_do_not_grow_with_rows(client: Client, city: City, address: str) -> None:
    add_firms(city, 1)
    add_listings(city, 1)
    one = count_queries(client, address)
    add_firms_more(city)
    add_listings_more(city)
    three = count_queries(client, address)
    assert (three, three <= BOUNDS[address]) == (one, True)


def add_firms_more(city: City) -> None:
    for index in (7, 8):
        firm = make_organisation(f"n-{index:016x}", f"深圳市又{index}视觉科技有限公司")
        place(firm, "machine-vision", "technology")
        place(firm, "speech", "technology")


def add_listings_more(city: City) -> None:
    for index in (7, 8):
        Listing.objects.create(
            key=f"need-{index}",
            kind="compute",
            side="need",
            organisation=city.centre,
            title_zh="训练",
            title_en="Training",
            body={"title": "训练"},
            published_at=NOW,
        )


def test_queries_of_ones_own_page_are_bounded(dealt: City) -> None:
    client = signed_in(dealt.alice)
    address = f"/organisations/{dealt.firm.key}"
    one = count_queries(client, address)
    for name, value in (("employees", "40"), ("research_staff", "12")):
        know(dealt.firm, name, value, is_public=False)
    assert (count_queries(client, address), one <= 34) == (one, True)


def test_an_entitlement_reads_from_sentence_to_source(city: City) -> None:
    text = signed_in(city.alice).get(f"/organisations/{city.firm.key}/programmes/xunli").content.decode()
    assert "符合" in text
    assert re.findall(
        r'<data class="figure" value="(\d+)" title="([^"]+)">([^<]+)</data></span><span class="note">', text
    ) == [("128000000", "¥1,280,000.00", "128.00 万元")]
    assert ("测试申报" in text, "第 3 行" in text, "basis_points(" in text) == (True, True, True)


def test_what_held_an_award_down_is_named_in_the_words_of_the_command_line(city: City) -> None:
    """Half of 24 million CNY is cut by the cap, then by the rule on one contract with Longhua's 3 million."""
    for name, value in (("compute_rental_from_listed", "2400000000"), ("district", "longhua")):
        assert Fact.objects.filter(organisation=city.firm, attribute=name).update(value=value) == 1
    know(city.firm, "longhua_compute_paid", "1000000000", is_public=False)
    address = f"organisations/{city.firm.key}/{{}}/xunli"
    text = signed_in(city.alice).get(f"/{address.format('programmes')}").content.decode()
    assert "受封顶约束：最高 10,000,000 元，由 12,000,000 元减为 10,000,000 元。" in text
    assert "受叠加规则约束：同一算力合同获其他财政支持的，合计不超过合同额的 50%，先核减训力券，由" in text
    bindings = signed_in(city.alice).get(f"/api/{address.format('entitlements')}").json()["bindings"]
    assert [(each["kind"], each["after_fen"]) for each in bindings] == [
        ("cap", 1_000_000_000), ("stacking", 900_000_000),
    ]  # fmt: skip
    assert signed_in(city.charlie).get(f"/{address.format('programmes')}").status_code in (403, 404)


def test_missing_facts_are_named_with_what_they_would_decide(city: City) -> None:
    text = signed_in(city.alice).get(f"/organisations/{city.firm.key}").content.decode()
    assert re.search(r"<b>语料采购合同额</b>.*?/programmes/yuliao", text, re.DOTALL) is not None


def test_the_chain_map_says_this_data_not_the_city(client: Client, city: City) -> None:
    client.cookies["siwei_language"] = "en"
    text = client.get("/chain").content.decode()
    assert "In this data: 2 firms placed, made-up ones among them; no share of the official count can be said" in text
    figures = re.findall(r'<span class="value">(\d+)', text)
    assert figures == ["3", "2", "97", "0"]  # organisations, placed, segments empty, segments with one firm
    segments = re.findall(r'class="segment segment-(\w+)" href="/chain/([\w-]+)"[^>]*data-firms="(\d+)"', text)
    states = {segment: (state, firms) for state, segment, firms in segments}
    assert (states["machine-vision"], states["speech"], len(segments)) == (("held", "2"), ("empty", "0"), 98)


def test_real_firms_are_stated_against_the_official_count(client: Client, city: City) -> None:
    city.outsider.origin = Origin.IMPORTED
    city.outsider.save()
    client.cookies["siwei_language"] = "en"
    assert "In this data: 2 firms placed, of about 2,000 in the official count" in client.get("/chain").content.decode()


def test_a_gap_names_who_stands_nearest(client: Client, city: City) -> None:
    beside = next(edge for edge in chain().edges if edge["from"] == "machine-vision")
    text = client.get(f"/chain/{beside['to']}").content.decode()
    assert f"/organisations/{city.firm.key}" in text


def test_what_a_segment_builds_on_is_upstream() -> None:
    """`uses` points from who builds to what it builds on: the other way round than `supplies`."""
    edges = {each["type"]: each for each in chain().edges}
    uses, supplies, either = edges["uses"], edges["supplies"], edges["substitutes"]
    assert (uses, uses["to"]) in chain().upstream(uses["from"])
    assert (uses, uses["from"]) in chain().downstream(uses["to"])
    assert (supplies, supplies["from"]) in chain().upstream(supplies["to"])
    both = chain().substitutes(either["from"]), chain().substitutes(either["to"])
    assert ((either, either["to"]) in both[0], (either, either["from"]) in both[1]) == (True, True)


def test_a_segment_gives_the_words_that_placed_each_firm(client: Client, city: City) -> None:
    assert client.get("/chain/machine-vision").content.decode().count("<mark>机器视觉</mark>") == 2


def test_a_deal_can_be_followed_to_every_entry(dealt: City) -> None:
    text = signed_in(dealt.bob).get("/agreements/deal").content.decode()
    assert [word in text for word in ("冻结", "入账", "解冻", "已结算", "/jobs/job")] == [True] * 5


def test_public_money_adds_up(client: Client, dealt: City) -> None:
    totals = client.get("/api/money").json()["totals"]
    settled = signed_in(dealt.bob).get("/api/agreement?key=deal").json()
    line = settled["lines"][0]
    assert totals["paid_fen"] == sum(each["voucher_fen"] for each in settled["settlements"])
    assert totals["paid_fen"] + totals["returned_fen"] == line["voucher_fen"]
    assert (totals["held_fen"], totals["granted_fen"]) == (0, 50_000)


def test_a_job_of_another_engine_says_where_its_log_is(dealt: City) -> None:
    text = signed_in(dealt.alice).get("/jobs/job").content.decode()
    assert ("日志保存在运行该作业的引擎上" in text, "hx-trigger" in text) == (True, False)


def test_a_running_job_is_asked_again(city: City) -> None:
    city.deal.signed()
    city.deal.submit()
    client = signed_in(city.alice)
    assert 'hx-get="/jobs/job/state"' in client.get("/jobs/job").content.decode()
    city.deal.finish()
    assert "hx-get" not in client.get("/jobs/job/state").content.decode()
    told = client.get("/jobs/job/state", headers={"HX-Request": "true"})
    assert told.headers["HX-Refresh"] == "true"  # the page is read again, with its readings and files


def test_pages_that_cannot_be_are_the_nearest(client: Client, city: City) -> None:
    add_firms(city, 3)
    pages = {
        page: client.get("/organisations", {"page": page}).status_code
        for page in ("0", "-1", "99999999999999999999", "x", "")
    }
    assert pages == dict.fromkeys(pages, 200)


@pytest.mark.parametrize(
    "text", ["", " ", "%", "_", "'", '"', "\\", "(", "[a", "🙂" * 200, "深圳市" * 100, "a b c d e f g h i j k"]
)
def test_search_takes_any_text(client: Client, city: City, text: str) -> None:
    codes = [client.get(address, {"q": text}).status_code for address in ("/search", "/organisations")]
    assert codes == [200, 200]


@pytest.mark.parametrize("address", ["/search?q=%00", "/jobs/%00", "/api/listings?kind=%00", "/api/organisations/%00"])
def test_nul_is_refused(client: Client, city: City, address: str) -> None:
    assert client.get(address).status_code == 400


def test_searching_by_chinese_pinyin_initials_and_english(client: Client, city: City) -> None:
    firm = f"/organisations/{city.firm.key}"
    found = {
        text: firm in client.get("/search", {"q": text}).content.decode()
        for text in ("甲视觉", "jiashijue", "szsjsj", "視覺", "nobody")
    }
    assert found == {"甲视觉": True, "jiashijue": True, "szsjsj": True, "視覺": True, "nobody": False}
    text = client.get("/search", {"q": "machine vision"}).content.decode()
    assert (
        "/chain/machine-vision" in text,
        "/programmes/xunli" in client.get("/search", {"q": "xunliquan"}).content.decode(),
    ) == (True, True)


def test_log_is_none_without_an_engine_here(dealt: City, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    job = Job.objects.get(key="job")
    with django_assert_num_queries(0):
        assert read_log(job, 0) is None


def test_a_share_of_money_is_a_percentage_with_its_exact_fraction(dealt: City) -> None:
    text = signed_in(dealt.olive).get("/indicators/base.money-captured", headers={"accept-language": "en"}).content
    (sentence,) = re.findall(r'<p class="sentence number">(.*?)</p>', text.decode())
    value, exact = re.sub(r"<[^>]+>", "", sentence).split(" = ")
    above, below = (int(re.sub(r"[¥,.]", "", part)) for part in exact.split(" / "))
    assert (value.strip(), 0 < above < below) == (f"{above / below:.1%}", True)


def test_every_number_of_a_row_table_stands_at_the_end(dealt: City) -> None:
    text = signed_in(dealt.olive).get("/indicators/base.money-captured").content.decode()
    rows = re.findall(r'<tr>(<th scope="row".*?)</tr>', text)
    cells = [re.findall(r"<t[dh]([^>]*)>([^<]*)</t[dh]>", row) for row in rows]
    # id, kind, purpose, origin are words; amount, part and whole are numbers, zeros among them.
    assert {tuple("number" in place for place, _ in row) for row in cells} == {(False,) * 4 + (True,) * 3}
    assert "0" in {value for row in cells for _, value in row}


def test_rows_are_named_in_the_readers_language(client: Client, city: City) -> None:
    address = "/indicators/source.chain-coverage"
    english = client.get(address, headers={"accept-language": "en"}).content.decode()
    chinese = client.get(address).content.decode()
    # The name is what a row is known by: it stands first, also on a phone.
    shown = [re.findall(r'<th scope="row">([^<]*)</th>', text)[0] for text in (english, chinese)]
    assert ("Name (" in english, "名称（" in chinese, shown[0].isascii(), shown[1].isascii()) == (False,) * 2 + (
        True,
        False,
    )
    assert {"name_zh", "name_en"} <= set(client.get(f"{address}?export=csv").content.decode().split("\n")[0].split(","))


def test_a_citation_without_an_address_is_no_link(client: Client, city: City) -> None:
    text = client.get("/programmes/peacock").content.decode()
    assert ("commerce.sz.gov.cn (post_1955474)" in text, 'href="commerce' in text) == (True, False)


def test_the_offices_desk_leads_with_what_waits(dealt: City) -> None:
    texts = {who: signed_in(getattr(dealt, who)).get("/desk").content.decode() for who in ("olive", "ann", "alice")}
    assert {who: ('href="/differences"' in text, 'href="/desk/proofs"' in text) for who, text in texts.items()} == {
        "olive": (True, True), "ann": (True, False), "alice": (False, False),
    }  # fmt: skip


def test_a_persons_own_listing_stands_on_their_desk(city: City) -> None:
    for person, title in ((city.charlie, "Three years of vision"), (city.alice, "Somebody else")):
        Listing.objects.create(
            key=f"offer-{person.person_id}", kind="position", side="offer", person_id=person.person_id, title_zh=title,
            title_en=title, body={"title": title}, published_at=NOW,
        )  # fmt: skip
    text = signed_in(city.charlie).get("/desk").content.decode()
    assert ("Three years of vision" in text, "Somebody else" in text) == (True, False)


@pytest.mark.parametrize("who", ["alice", "charlie"])
def test_a_listing_without_a_match_says_how_one_comes(city: City, who: str) -> None:
    add_listings(city, 1)
    text = signed_in(getattr(city, who)).get("/listings/need-0", headers={"accept-language": "en"}).content.decode()
    answer = 'href="/publish/compute/offer"'
    assert ("Nothing fits yet" in text, answer in text) == ((True, False) if who == "alice" else (False, True))
