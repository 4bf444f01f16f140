"""Pages in a real browser: nothing refused, nothing broken, nothing wider than a phone; pictures are kept where asked.

SIWEI_SCREENSHOTS names the folder for a picture of every page at every size, for a person to look through.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from portal_city import PASSWORD

from siwei.portal.assets import VENDOR

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
CHROMIUM = shutil.which("chromium")
SCREENSHOTS = os.environ.get("SIWEI_SCREENSHOTS", "")
PATIENCE_MS = 120_000
"""How long a page takes is the machine's affair; Playwright's half a minute is not enough beside three other runs."""
SIZES: "dict[str, playwright.ViewportSize]" = {
    "desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844},
}  # fmt: skip
PAGES = {
    "home": "/",
    "chain": "/chain",
    "segment": "/chain/machine-vision",
    "organisations": "/organisations",
    "programmes": "/programmes",
    "programme": "/programmes/xunli",
    "indicators": "/indicators",
    "market": "/market",
    "wing": "/wings/source",
    "search": "/search?q=shijue",
    "not-found": "/nowhere",
    "money": "/money",
    "services": "/services",
    "datasets": "/datasets",
    "calls": "/calls",
}
OWN = {
    "organisation": "/organisations/n-00000000000000aa",
    "entitlement": "/organisations/n-00000000000000aa/programmes/xunli",
    "dossier": "/organisations/n-00000000000000aa/dossier",
    "desk": "/desk",
    "people": "/organisations/n-00000000000000aa/people",
    "invitations": "/invitations",
    "claim-organisation": "/organisations/n-00000000000000bb/claim",
    "claims": "/claims",
    "events": "/organisations/n-00000000000000aa/events",
    "agreement": "/agreements/deal",
    "quotes": "/quotes",
    "quote": "/quotes/told",
    "publish": "/publish",
    "publish-offer": "/publish/dataset/offer",
    "revise": "/revise/need",
    "need": "/listings/need",
    "launch": "/launch",
    "budgets": "/budgets",
    "meters": "/meters",
    "job": "/jobs/job",
    "model-keys": "/services/keys",
    "model-usage": "/services/usage",
    "model-calls": "/services/calls",
    "model-call": "/services/calls/call-1",
    "upstreams": "/services/upstreams",
    "wallet": "/organisations/n-00000000000000aa/wallet",
    "invoices": "/invoices",
    "payments": "/payments",
    "differences": "/differences",
    "trace-pot": "/trace/xunli:2026",
    "trace-voucher": "/trace/voucher",
    "person": "/desk/dossier",
    "account": "/account",
    "projects": "/projects",
    "project": "/projects/n-00000000000000aa/灵巧手",
    "approvals": "/approvals",
    "disputes": "/disputes",
    "propose": "/propose?need=need&offer=offer",
    "trace-job": "/trace/job",
    "true-ups": "/true-ups",
}
LINKED = {
    "dataset": ("/datasets", "tbody a[href^='/datasets/']"),
    "invoice": ("/invoices", "tbody a[href^='/invoices/']"),
    "model-key": ("/services/keys", "tbody a[href^='/services/keys/']"),
}
"""Pages whose address is made when the city is: a list that leads there, and the link."""
OFFICE = {
    "ledger": "/ledger?verify=1",
    "office-desk": "/desk",
    "office-events": "/events",
    "office-payments": "/payments",
    "office-trace": "/trace/xunli:2026",
    "office-programme": "/programmes/xunli",
    "imports": "/imports",
    "true-ups": "/true-ups",
    "proofs": "/desk/proofs",
    "office-fits": "/fits?offer=offer",
    "second-factors": "/second-factors",
    "person-accounts": "/people",
    "person-account": "/people/alice",
    "tasks": "/tasks",
    "office-claims": "/claims",
    "office-invitations": "/invitations",
    "office-differences": "/differences",
    "office-disputes": "/disputes",
    "indicator": "/indicators/source.chain-coverage",
}
"""What the operator alone sees, or sees otherwise."""
FAULTS = r"""(english) => {
    const visible = (each) => each.checkVisibility(), faults = [], main = document.querySelector('main');
    const every = (selector) => [...document.querySelectorAll(selector)].filter(visible);
    if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the screen');
    for (const each of every('a[href], button, input:not([type=hidden]), select, textarea'))
        if (!(each.textContent.trim() || each.ariaLabel || each.labels?.length || each.title))
            faults.push('no name: ' + each.outerHTML.slice(0, 100));
    for (const each of every('main input:not([type=hidden]), main select, main textarea'))
        if (!each.labels?.length && !each.ariaLabel) faults.push('no label: ' + each.outerHTML.slice(0, 100));
    for (const each of every('main a[href]'))
        if (!/^(https?:\/\/|mailto:|[\/?#])/.test(each.getAttribute('href')))
            faults.push('a link that leads nowhere: ' + each.getAttribute('href'));
    for (const each of english ? every('main button, main [role=button]') : []) {
        const range = document.createRange();
        range.selectNodeContents(each);
        const rows = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        const words = each.textContent.trim();
        if (rows.size > words.split(/\s+/).length) faults.push('a word is broken: ' + words);
    }
    let level = 0;
    for (const each of every('h1, h2, h3, h4')) {
        const own = Number(each.tagName[1]);
        if (own > level + 1) faults.push(`heading ${each.tagName} after level ${level}: ${each.textContent}`);
        level = own;
    }
    if (every('h1').length !== 1) faults.push(`${every('h1').length} main headings`);
    for (const each of every('.figures .value, .figure-cell .value'))
        if (each.scrollWidth > each.clientWidth + 1) faults.push('a figure is cut off: ' + each.textContent);
    for (const strip of every('.figures')) {
        const edge = strip.getBoundingClientRect().right, rows = new Map();
        for (const each of strip.children) {
            const box = each.getBoundingClientRect(), row = Math.round(box.top);
            rows.set(row, Math.max(rows.get(row) ?? 0, box.right));
        }
        if ([...rows.values()].some((right) => edge - right > 2)) faults.push('a row of figures is not filled');
    }
    const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
    for (const each of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) faults.push('twice: #' + each);
    const text = main.innerText;
    for (const [told] of text.matchAll(/(?:\bCNY:|\bcap:|basis_point\b|¥-|-\d[\d.,]* (?:万|亿)?元).{0,20}/g))
        faults.push('a code or sign nobody reads: ' + told);
    for (const [told] of english ? text.matchAll(/\w、.{0,20}/g) : []) faults.push('a list in Chinese: ' + told);
    for (const table of document.querySelectorAll('main table.stacked')) {
        const heads = [...table.querySelectorAll('thead th')];
        if (!heads.length || heads[0].checkVisibility()) continue;
        for (const cell of [...table.querySelectorAll('tbody td')].filter(visible))
            if (!cell.dataset.label && cell.colSpan === 1 && heads[cell.cellIndex]?.textContent.trim())
                faults.push('a cell without its column: ' + cell.textContent.trim().slice(0, 40));
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (english && walker.nextNode()) {
        const said = walker.currentNode, kept = '[lang^=zh], script, style, pre, code, textarea';
        const mixed = said.parentElement.localName === 'option' && /[a-z]/i.test(said.data);  // can hold no mark
        if (/\p{Script=Han}/u.test(said.data) && !mixed && !said.parentElement.closest(kept))
            faults.push('Chinese not marked as such: ' + said.data.trim().slice(0, 40));
    }
    return faults;
}"""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium fonts-noto-cjk"),
    pytest.mark.skipif(
        not (VENDOR / "htmx.min.js").is_file(), reason="front-end files are missing: python -m siwei.portal.assets"
    ),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, lay_city: Callable[[Path], None]) -> Iterator[str]:
    """`siwei serve` on a city of its own, as people run it; the address it answers at."""
    directory = tmp_path_factory.mktemp("served") / "city"
    environment = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"} | {
        "SIWEI_CITY": str(directory)
    }
    siwei = [sys.executable, "-c", "from siwei.cli import main; main()"]
    lay_city(directory)
    fill = [sys.executable, str(Path(__file__).with_name("portal_city.py"))]
    subprocess.run(fill, env=environment, check=True, capture_output=True)
    port = free_port()
    with subprocess.Popen(
        [*siwei, "serve", "--port", str(port)], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert f"127.0.0.1:{port}" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def open_page(
    browser: "playwright.Browser", served: str, language: str, size: str
) -> tuple["playwright.Page", list[str]]:
    context = browser.new_context(viewport=SIZES[size])
    context.add_cookies([{"name": "siwei_language", "value": language, "url": served}])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page, complaints


def sign_in(page: "playwright.Page", served: str, who: str) -> None:
    page.goto(f"{served}/accounts/login/")
    page.fill("input[name=login]", who)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/desk")


def look(page: "playwright.Page", address: str, name: str, language: str, sizes: tuple[str, ...]) -> list[str]:
    """What is wrong with a page as it stands on the screen: sent for once, laid out anew at each size."""
    page.set_viewport_size(SIZES[sizes[0]])
    response = page.goto(address)
    faults = [] if response is not None and response.status in (200, 404) else [f"status {response}"]
    for size in sizes:
        page.set_viewport_size(SIZES[size])
        assert page.evaluate("innerWidth") == SIZES[size]["width"]
        faults += [f"{size}: {fault}" for fault in page.evaluate(FAULTS, language == "en")]
        picture(page, f"{name}-{language}-{size}", full_page=True)
    return faults


def picture(page: "playwright.Page", name: str, *, full_page: bool = False) -> None:
    """Kept where $SIWEI_SCREENSHOTS says; nobody looks through those of every run."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=full_page)


def linked(page: "playwright.Page", served: str) -> dict[str, str]:
    """Where the lists of `LINKED` lead."""
    found = {}
    for name, (address, link) in LINKED.items():
        page.goto(served + address)
        found[name] = page.locator(link).first.get_attribute("href") or ""
    return found


@pytest.mark.parametrize(
    ("language", "sizes"),
    # 繁體 is 简体 character for character, so as wide: one size shows that it is derived.
    [("zh-hans", ("desktop", "phone")), ("zh-hant", ("phone",)), ("en", ("desktop", "phone"))],
)
def test_pages_fit_and_nothing_is_refused(
    browser: "playwright.Browser", served: str, language: str, sizes: tuple[str, ...]
) -> None:
    page, complaints = open_page(browser, served, language, sizes[0])

    def look_at(pages: dict[str, str]) -> dict[str, list[str]]:
        faults = {name: look(page, served + address, name, language, sizes) for name, address in pages.items()}
        return {name: found for name, found in faults.items() if found}

    found = look_at(PAGES)
    sign_in(page, served, "alice")
    found |= look_at(OWN | linked(page, served))
    page.context.clear_cookies(name="sessionid")
    sign_in(page, served, "olive")
    found |= look_at(OFFICE)
    assert found == {}
    assert [text for text in complaints if "404 (Not Found)" not in text] == []


def test_faults_are_found(browser: "playwright.Browser") -> None:
    """What `look` looks for, each on a page that has it."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(
        """<main><h1>One</h1><h3 id="a">Three</h3><p id="a">CNY:pot:x</p><p>3 basis_point</p><p>¥-2.40</p>
        <p lang="zh">-2.40 万元</p><p>a、b</p><a href="/"></a><a href="example.org/x">Source</a>
        <button style="width: 2em; overflow-wrap: anywhere">Choose</button><input name="q" title="Why">
        <div class="figures"><span class="value"
        style="display: block; width: 1em; overflow: hidden; white-space: nowrap">¥1,777,777.78</span></div>
        <table class="stacked"><thead style="display: none"><tr><th>One</th><th></th></tr></thead>
        <tbody><tr><td>bare</td><td>act</td></tr><tr><td data-label="One">named</td><td></td></tr></tbody></table>
        <p>甲</p><p lang="zh">乙</p><label>Of<select><option>Own · 丙</option></select></label>
        <div style="width: 800px">wide</div></main>"""
    )
    found = page.evaluate(FAULTS, True)
    kinds = [
        "wider than",
        "no name",
        "no label",
        "a link that",
        "a word is",
        "heading H3",
        "a figure",
        "a row",
        "twice: #a",
        *["a code"] * 4,
        "a list",
        "a cell",
        "Chinese not",
    ]
    assert [fault[: len(kind)] for fault, kind in zip(found, kinds, strict=True)] == kinds
    page.set_content("<main><h1>One</h1><h2>Two</h2><p lang='zh'>−¥2.40, −2.40 万元, 2026-11-23</p></main>")
    assert page.evaluate(FAULTS, True) == []
    page.close()


@pytest.mark.parametrize("size", list(SIZES))
def test_where_a_job_could_run_can_be_read(browser: "playwright.Browser", served: str, size: str) -> None:
    """The answer to a form, which no address leads to."""
    page, complaints = open_page(browser, served, "en", size)
    sign_in(page, served, "alice")
    page.goto(f"{served}/launch")
    page.click("button.find")
    page.wait_for_load_state()
    assert page.locator("main table button").count() > 0
    picture(page, f"launch-centres-en-{size}", full_page=True)
    assert (page.evaluate(FAULTS, True), complaints) == ([], [])


def test_the_chain_is_drawn_on_demand_and_clicks_through(browser: "playwright.Browser", served: str) -> None:
    page, complaints = open_page(browser, served, "zh-hans", "desktop")
    page.goto(f"{served}/chain")
    page.click("#chain-toggle")
    page.wait_for_selector("#chain-graph canvas")
    drawn = page.is_hidden("#chain-bands"), page.is_visible("#chain-graph")
    picture(page, "chain-edges-zh-hans-desktop")
    page.click("#chain-toggle")
    page.click("a[data-segment=machine-vision]")
    page.wait_for_url("**/chain/machine-vision")
    assert (drawn, complaints) == ((True, True), [])


def test_pointing_at_a_segment_lights_its_neighbours(browser: "playwright.Browser", served: str) -> None:
    page, _ = open_page(browser, served, "zh-hans", "desktop")
    page.goto(f"{served}/chain")
    page.focus("a[data-segment=machine-vision]")
    page.wait_for_selector(".segment.is-upstream")
    assert page.locator(".segment.is-downstream").count() > 0


def test_typing_filters_without_a_new_page(browser: "playwright.Browser", served: str) -> None:
    page, complaints = open_page(browser, served, "en", "desktop")
    page.goto(f"{served}/organisations")
    page.fill("#organisation-search", "jiashijue")
    playwright.expect(page.locator("#rows tbody tr")).to_have_count(1, timeout=PATIENCE_MS)
    assert (page.input_value("#organisation-search"), "q=jiashijue" in page.url, complaints) == ("jiashijue", True, [])


def test_everything_is_reached_by_keyboard(browser: "playwright.Browser", served: str) -> None:
    page, _ = open_page(browser, served, "en", "desktop")
    page.goto(f"{served}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"


def test_pages_can_be_read_without_scripts(browser: "playwright.Browser", served: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{served}/chain")
    assert page.locator("a[data-segment]").count() == 98
    page.goto(f"{served}/organisations?q=jiashijue")
    assert page.locator("#rows tbody tr").count() == 1


def test_the_api_describes_itself_without_a_cdn(browser: "playwright.Browser", served: str) -> None:
    page, complaints = open_page(browser, served, "en", "desktop")
    elsewhere: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith((served, "data:")) else elsewhere.append(request.url)
    )
    page.goto(f"{served}/api/docs")
    page.wait_for_selector(".opblock")
    assert (elsewhere, complaints) == ([], [])
