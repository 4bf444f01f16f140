"""Every page's query and every form that a page shows, sent what nobody would in good faith: a fault in words, never a
breakdown. What there is to send is read from the URL table, the source of the pages, and the pages themselves."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import cycle
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve
from portal_city import City, call_models, signed_in
from test_outsiders import undone
from test_who_sees_what import PRIVATE, PUBLIC

from siwei.exchange.models import Dispute, EvidenceFile

pytestmark = pytest.mark.django_db
QUERIES: tuple[bytes, ...] = (
    b"\0", b"\xff\xfe", b"-1", b"9" * 40, b"1.5", b"x" * 5_000, "１２".encode(), b"'\"><script>{{7*7}}",
    b"../../etc/passwd", b"2026-99-99", b"0000-00-00", b"",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    "a\x00b", "\udc80", "-1", "9" * 40, "1.5", "1e400", "NaN", "文" * 20_000, "１２",
    "'\"><script>{{7*7}}\u202e\r\n", "", ["1", "2"], "2026-99-99", "9999-12-31", "../../etc/passwd",
)  # fmt: skip
NOT_SENT = {"csrfmiddlewaretoken"}
# Signing out, and setting a language, are Django's own.
NOT_OURS = ("/accounts/", "/languages/")


@pytest.fixture
def full(dealt: City) -> City:
    call_models(dealt)
    return dealt


def client_of(city: City, who: str) -> Client:
    client = Client() if who == "visitor" else signed_in(getattr(city, who))
    client.raise_request_exception = False
    return client


def pages() -> list[str]:
    found = [*PUBLIC.values(), *(address for address, _who in PRIVATE.values())]
    return sorted({each.partition("?")[0] for each in found if not each.startswith("/api/")})


@cache
def parameters(module: str) -> frozenset[str]:
    """The names by which a module's views read queries: `request.GET["x"]`, `….get("x")`, `text_parameter(…, "x")`."""
    found = {"page"}
    for node in ast.walk(ast.parse(inspect.getsource(__import__(module, fromlist=["_"])))):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and "GET" in ast.unparse(node.value)
        ):
            found.add(str(node.slice.value))
        if isinstance(node, ast.Call):
            of_request = "GET" in ast.unparse(node.func) or any(
                isinstance(each, ast.Name) and each.id == "request" for each in node.args
            )
            found |= {
                each.value
                for each in node.args
                if of_request
                and isinstance(each, ast.Constant)
                and isinstance(each.value, str)
                and each.value.isidentifier()
            }
    return frozenset(found)


def fault_of(name: str, answer: Any) -> Iterator[str]:
    content = b"" if answer.streaming else answer.content
    if answer.status_code >= 500 and answer.status_code != 503:
        yield f"{name}: {answer.status_code}"
    is_html = answer.headers.get("Content-Type", "").startswith("text/html")
    if b"Traceback" in content or (is_html and b"<script>{{7*7}}" in content):
        yield f"{name}: a traceback, or what was sent as it was"


@pytest.mark.parametrize("who", ["visitor", "alice", "olive"])
def test_no_query_breaks_a_page(full: City, who: str) -> None:
    client, values, found, asked = client_of(full, who), cycle(QUERIES), [], 0
    for address in pages():
        for name in sorted(parameters(resolve(address).func.__module__)):
            for value in (next(values), next(values)):
                answer = client.get(f"{address}?{name}={quote_from_bytes(value)}")
                found += fault_of(f"{address} {name} {value[:20]!r}", answer)
                asked += 1
    assert asked > 200
    assert found == []


class Forms(HTMLParser):
    """The forms of a page that write: where they are sent, and what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = told.get("method", "").lower() == "post"
            if self.open:
                self.forms.append((told.get("action", ""), {}))
        elif self.open and tag in ("input", "select", "textarea", "button") and told.get("name"):
            self.forms[-1][1].setdefault(told["name"], told.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag != "form"


def forms(client: Client) -> dict[tuple[str, frozenset[str]], tuple[str, dict[str, str]]]:
    """Each form once, by what handles it and by its fields."""
    found: dict[tuple[str, frozenset[str]], tuple[str, dict[str, str]]] = {}
    for address in pages():
        page = client.get(address)
        if page.status_code != 200 or not page.headers["Content-Type"].startswith("text/html"):
            continue
        parser = Forms()
        parser.feed(page.content.decode())
        for action, fields in parser.forms:
            target = action or address
            if not target.startswith(NOT_OURS):
                names = frozenset(each.split("-")[0] for each in fields)
                found.setdefault((resolve(target).view_name + target[:5], names), (target, fields))
    return found


@pytest.mark.parametrize("who", ["alice", "olive", "charlie"])
def test_no_form_breaks(full: City, who: str) -> None:
    client, values, found, sent = client_of(full, who), cycle(VALUES), [], 0
    for address, fields in forms(client).values():
        for name in sorted(set(fields) - NOT_SENT)[:25]:
            body = urlencode({**fields, name: next(values)}, doseq=True, errors="surrogatepass")
            with undone():
                answer = client.post(address, body, content_type="application/x-www-form-urlencoded")
                found += fault_of(f"{address} {name}", answer)
                sent += 1
    assert sent > 30
    assert found == []


@pytest.mark.parametrize("body", [b"\xff\xfe=1&key=\x80", b"key=%FF%FE&token=%00", b"=&" * 2_000, b"--x"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml"])
def test_no_body_breaks_a_page(full: City, body: bytes, kind: str) -> None:
    for who in ("visitor", "alice", "olive"):
        client, found = client_of(full, who), []
        for address in (
            "/acts/sign",
            "/account/keys",
            "/desk/dossier",
            "/differences",
            "/second-factors",
            "/invitation",
        ):
            with undone():
                found += fault_of(address, client.post(address, body, content_type=kind))
        assert found == []


@pytest.mark.parametrize("size_mb", [3, 5, 20])
def test_evidence_as_large_as_is_said_is_taken(full: City, size_mb: int) -> None:
    """By the page and by the API: no limit of the server's for what lies beside files is a limit of files."""
    client = client_of(full, "alice")
    content = b"%PDF-1.7 " + b"x" * (size_mb * 1024 * 1024 - 9)
    opened = client.post("/acts/dispute", {"key": "model-deal", "text": "不符", "token": "t"})
    assert opened.status_code == 302, opened.content.decode()
    dispute = Dispute.objects.get().key
    form = {"key": "model-deal", "dispute": dispute, "token": "u", "files": SimpleUploadedFile("报告.pdf", content)}
    answer = client.post("/evidence", form)
    assert (answer.status_code, EvidenceFile.objects.count()) == (302, 1)
    more = {
        "key": "model-deal",
        "dispute": dispute,
        "token": "v",
        "files": SimpleUploadedFile("更多.pdf", content + b"x" * 2**20),
    }
    too_large = client.post("/evidence", more)
    assert (too_large.status_code, EvidenceFile.objects.count()) == ((400, 1) if size_mb == 20 else (302, 2))
