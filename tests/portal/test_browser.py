"""Pages in a real browser: nothing refused, nothing broken, nothing wider than a phone; pictures are kept."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_city import PASSWORD

from siwei.portal.assets import VENDOR

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
CHROMIUM = shutil.which("chromium")
SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
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
}
OWN = {
    "organisation": "/organisations/n-00000000000000aa",
    "entitlement": "/organisations/n-00000000000000aa/programmes/xunli",
    "dossier": "/organisations/n-00000000000000aa/dossier",
    "desk": "/desk",
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
}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium fonts-noto-cjk"),
    pytest.mark.skipif(
        not (VENDOR / "htmx.min.js").is_file(), reason="front-end files are missing: python -m siwei.portal.assets"
    ),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`siwei serve` on a city of its own, as people run it; the address it answers at."""
    directory = tmp_path_factory.mktemp("served") / "city"
    environment = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"} | {
        "SIWEI_CITY": str(directory)
    }
    siwei = [sys.executable, "-c", "from siwei.cli import main; main()"]
    for command in (
        [*siwei, "init", str(directory), "--as-of", "2026-11-23"],
        [sys.executable, str(Path(__file__).with_name("portal_city.py"))],
    ):
        subprocess.run(command, env=environment, check=True, capture_output=True)
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
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_cookies([{"name": "siwei_language", "value": language, "url": served}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page, complaints


def sign_in(page: "playwright.Page", served: str) -> None:
    page.goto(f"{served}/accounts/login/")
    page.fill("input[name=login]", "alice")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/desk")


def look(page: "playwright.Page", address: str, picture: str) -> tuple[bool, int]:
    """Whether the page is no wider than the screen, and how many pictures, forms' fields or buttons have no name."""
    page.goto(address)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{picture}.png", full_page=True)
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = page.evaluate(
        """[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea')].filter(
            (each) => !(each.textContent.trim() || each.ariaLabel || each.labels?.length || each.title)).length"""
    )
    return fits, nameless


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_pages_fit_and_nothing_is_refused(browser: "playwright.Browser", served: str, language: str, size: str) -> None:
    page, complaints = open_page(browser, served, language, size)
    seen = {name: look(page, served + address, f"{name}-{language}-{size}") for name, address in PAGES.items()}
    sign_in(page, served)
    seen |= {name: look(page, served + address, f"{name}-{language}-{size}") for name, address in OWN.items()}
    assert seen == dict.fromkeys([*PAGES, *OWN], (True, 0))
    assert [text for text in complaints if "404 (Not Found)" not in text] == []


@pytest.mark.parametrize("size", list(SIZES))
def test_figures_leave_no_empty_cell(browser: "playwright.Browser", served: str, size: str) -> None:
    """Every row of a strip of figures is filled to its end, however many figures there are."""
    page, _ = open_page(browser, served, "zh-hans", size)
    sign_in(page, served)
    gaps = {}
    for address in ("/money", "/wings/base", "/chain", *OWN.values()):
        page.goto(served + address)
        gaps[address] = page.evaluate(
            """[...document.querySelectorAll('.figures')].map((strip) => {
                const edge = strip.getBoundingClientRect().right, rows = new Map();
                for (const cell of strip.children) {
                    const box = cell.getBoundingClientRect();
                    rows.set(Math.round(box.top), Math.max(rows.get(Math.round(box.top)) ?? 0, box.right));
                }
                return Math.max(...[...rows.values()].map((right) => Math.round(edge - right)));
            }).filter((gap) => gap > 1)"""
        )
    assert {address: found for address, found in gaps.items() if found} == {}


def test_the_chain_is_drawn_on_demand_and_clicks_through(browser: "playwright.Browser", served: str) -> None:
    page, complaints = open_page(browser, served, "zh-hans", "desktop")
    page.goto(f"{served}/chain")
    page.click("#chain-toggle")
    page.wait_for_selector("#chain-graph canvas")
    drawn = page.is_hidden("#chain-bands"), page.is_visible("#chain-graph")
    page.screenshot(path=SCREENSHOTS / "chain-edges-zh-hans-desktop.png")
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
    playwright.expect(page.locator("#rows tbody tr")).to_have_count(1)
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
