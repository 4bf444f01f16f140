"""Whatever is refused is said in both languages where it is raised: walked over the source, and as people meet it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.test import Client
from portal_city import City, signed_in
from portal_messages import catalogue

import siwei
from siwei import errors
from siwei.errors import Conflict, InputError, Problem, Said, SiweiError, chinese_of
from siwei.exchange.state_words import CHINESE
from siwei.portal.words import GROUPS

SOURCE = Path(siwei.__file__).parent
ROOMS = ("exchange", "portal", "gateway", "market")
FILES = (
    "compute/specification.py", "city/attributes.py", "policy/combinations/combination.py", "policy/checks/drafts.py",
    "policy/deciding/given_rows.py",
)  # fmt: skip
TRANSLATORS = {"_", "gettext", "ngettext", "gettext_lazy"}
# Of the gateway's protocol, which is no error of ours but an answer.
REFUSAL = {"Refusal"}
RAISED = REFUSAL | {
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, SiweiError)
}
# Faults of a programmer's call, which no form, file or program of a user's brings about.
INTERNAL = {"market/rating.py", "market/settlement.py", "market/model_calls.py", "market/pricing.py"}
Place = tuple[str, int]


@cache
def modules() -> dict[str, ast.Module]:
    paths = [path for room in ROOMS for path in (SOURCE / room).rglob("*.py") if "migrations" not in path.parts]
    paths += [SOURCE / file for file in FILES]
    named = {path.relative_to(SOURCE).as_posix(): path for path in paths}
    return {name: ast.parse(path.read_text("utf-8")) for name, path in named.items() if name not in INTERNAL}


def called(node: ast.Call) -> str:
    """A function or class by its name, and the gateway's method that makes a refusal."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr if node.func.attr == "refuse" else ""
    return node.func.id if isinstance(node.func, ast.Name) else ""


def is_english_only(value: ast.expr | None) -> bool:
    """A literal with words in it. Codes and signs (`2026-11-28`, `≥ 1`) are the same in every language."""
    if isinstance(value, ast.IfExp):
        return is_english_only(value.body) or is_english_only(value.orelse)
    if isinstance(value, ast.BinOp):
        return is_english_only(value.left) or is_english_only(value.right)
    if isinstance(value, ast.BoolOp):
        return any(is_english_only(each) for each in value.values)
    parts = value.values if isinstance(value, ast.JoinedStr) else [value]
    text = "".join(each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str))
    return any(word.isascii() and word.isalpha() and len(word) > 1 for word in text.replace("'", "").split())


def said_in(node: ast.Call) -> list[ast.expr]:
    """The arguments of a raising place that people read, one for each saying."""
    name, keywords = called(node), {each.arg: each.value for each in node.keywords}
    if name == "Problem":
        given = [*node.args[:2], *(keywords[each] for each in ("message", "fix") if each in keywords)]
        return [each for each in given if not isinstance(each, ast.Starred)]
    if name == "CallRefused":
        return node.args[1:2]
    if name == "Refusal":
        return node.args[2:3]
    # A message and its Chinese.
    return [] if len(node.args) == 2 and name != "ConfirmationNeeded" else node.args[:1]


def functions_of(module: ast.Module) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(module) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))  # type: ignore[misc]


def carriers() -> dict[tuple[str, str], set[int]]:
    """(file, function) of ours that puts a parameter into what is said → the parameters' places."""
    found: dict[tuple[str, str], set[int]] = {}
    for file, module in modules().items():
        for function in functions_of(module):
            names = [each.arg for each in function.args.args if each.arg != "self"]
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (called(node) in RAISED or called(node) == "Problem"):
                    for value in said_in(node):
                        if isinstance(value, ast.Name) and value.id in names:
                            found.setdefault((file, function.name), set()).add(names.index(value.id))
    return found


PASSED_ON = {"require": {2}, "require_confirmation": {1}, "require_oneself": {1}}
"""Words that become part of a saying."""


def carried_by(file: str, name: str, carried: dict[tuple[str, str], set[int]]) -> set[int]:
    """A function of the file itself, or one that it imports."""
    defined = {each.name for each in functions_of(modules()[file])}
    places = [
        each for (where, what), each in carried.items() if what == name and (where == file or name not in defined)
    ]
    return set().union(PASSED_ON.get(name, set()), *places)


def english_only_places() -> list[Place]:
    carried, found = carriers(), []
    for file, module in modules().items():
        for function in functions_of(module):
            values: dict[str, list[ast.expr]] = {}
            for each in ast.walk(function):
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                    values.setdefault(each.targets[0].id, []).append(each.value)
            for node in ast.walk(function):
                if not isinstance(node, ast.Call):
                    continue
                sayings: list[ast.expr] = []
                if called(node) in RAISED or called(node) == "Problem":
                    sayings = said_in(node)
                elif name := called(node):
                    sayings = [node.args[at] for at in carried_by(file, name, carried) if at < len(node.args)]
                for saying in sayings:
                    meant = values.get(saying.id, []) if isinstance(saying, ast.Name) else [saying]
                    if any(is_english_only(each) for each in meant):
                        found.append((file, node.lineno))
    return found


def test_no_refusal_is_in_english_only() -> None:
    assert (
        sum(called(node) in RAISED for m in modules().values() for node in ast.walk(m) if isinstance(node, ast.Call))
        > 400
    )
    assert english_only_places() == []


IN_FEN = re.compile(r"\x00[^\x00]{0,3}(?:\bfen\b|分(?![得类别析配布页享]))|\bfen\b[^\x00.]{0,3}\x00")
"""A figure (NUL stands for what is filled in) told in fen. Who reads thinks in yuan: `market.bank.exact_yuan`."""
FEN_FIELD = re.compile(r"(?:_fen|\bfen)\b")


def texts_with_figures() -> Iterator[tuple[Place, str, list[ast.expr]]]:
    """Every text of the source with something filled in: where, how it reads, and what is filled in."""
    for file, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.JoinedStr):
                filled = [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
                said = "".join(str(each.value) if isinstance(each, ast.Constant) else "\0" for each in node.values)
                yield (file, node.lineno), said, filled


def told_in_fen() -> list[Place]:
    """A figure called fen; and, in a sentence, an amount that is kept in fen and filled in as it is kept."""
    found = []
    for place, said, filled in texts_with_figures():
        raw = [
            each
            for each in filled
            if isinstance(each, ast.Name | ast.Attribute) and FEN_FIELD.search(ast.unparse(each))
        ]
        is_sentence = " " in said.strip("\0 ") or any("一" <= sign <= "鿿" for sign in said)
        if IN_FEN.search(said) or (raw and is_sentence):
            found.append(place)
    return found


def test_no_refusal_tells_an_amount_in_fen() -> None:
    assert told_in_fen() == []


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ('Conflict(f"{left} fen are left", f"只余 {left} 分")', True),
        ('Conflict(f"a budget of {budget_fen!r}, too much")', True),
        ('Said("x", f"预算 {budget_fen} 不成立")', True),
        ('Conflict(f"{exact_yuan(left_fen)} is left", f"只余 {exact_yuan(left_fen)}")', False),
        ('key = f"voucher:{amount_fen}"', False),
        ('Said(f"{pages} parts", f"{pages} 分页")', False),
    ],
)
def test_the_walk_finds_amounts_in_fen(monkeypatch: pytest.MonkeyPatch, code: str, is_found: bool) -> None:
    monkeypatch.setattr(f"{__name__}.modules", lambda: {"here.py": ast.parse(code)})
    assert bool(told_in_fen()) is is_found


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ('def f():\n raise Conflict("it is spent")', True),
        ('def f():\n raise Conflict(f"{key} is spent" if a else "")', True),
        ('def f():\n raise Conflict(f"{key} is spent", f"{key} 已用完")', False),
        ('def f():\n raise InputError([Problem(Said("no form", "没有"), "one of them", field="x")])', True),
        ('def f():\n raise InputError([Problem(_("No form"), "2026-11-28", field="x")])', False),
        ('def f():\n fix = "do it so"\n raise InputError([Problem(Said("a", "一"), fix, field="x")])', True),
        ('def refused(words):\n return NotFound(words)\ndef f():\n raise refused("no such thing")', True),
        ('def f():\n require(allowed, actor, "sign this")', True),
        ('def f():\n raise CallRefused("rate", "the rate is reached", 3)', True),
    ],
)
def test_the_walk_finds_what_it_is_for(monkeypatch: pytest.MonkeyPatch, code: str, is_found: bool) -> None:
    monkeypatch.setattr(f"{__name__}.modules", lambda: {"here.py": ast.parse(code)})
    assert bool(english_only_places()) is is_found


def test_an_error_says_itself_in_either_language() -> None:
    error = Conflict("voucher v is spent", "券 v 已用完")
    assert (str(error), error.in_chinese()) == ("voucher v is spent", "券 v 已用完")
    wrong = InputError([Problem(Said("no form", "没有这种格式"), Said("csv or xlsx", "csv 或 xlsx"), field="form")])
    assert (str(wrong), wrong.in_chinese()) == ("no form [form] → csv or xlsx", "没有这种格式 [form] → csv 或 xlsx")
    assert chinese_of("plain") == "plain"


def test_states_are_called_as_pages_call_them() -> None:
    said = catalogue()
    # What the fields of forms are called says nothing of states.
    groups = [each for name, each in GROUPS.items() if name != "field"]
    known = {code: {said.get(each[code], "") for each in groups if code in each} - {""} for code in CHINESE}
    other = {code: (word, known[code]) for code, word in CHINESE.items() if known[code] and word not in known[code]}
    # Counted on pages, named here.
    assert other.keys() <= {"person"}, other


LANGUAGES = [("zh-Hans", "没有您可查看的协议"), ("zh-Hant", "沒有您可查看的協議"), ("en", "that you may see")]


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "words"), LANGUAGES)
def test_pages_and_api_refuse_in_the_askers_language(city: City, language: str, words: str) -> None:
    client = signed_in(city.alice)
    headers = {"Accept-Language": language}
    api = client.get("/api/agreement?key=none", headers=headers)
    assert (api.status_code, words in api.json()["detail"]) == (404, True), api.json()
    page = client.get("/agreements/none", headers=headers)
    assert (page.status_code, words in page.content.decode()) == (404, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "message", "fix"),
    [
        ("en", "need of kind compute: this is missing [title] → send it", "members are"),
        ("zh-Hans", "算力需求：缺少此项 [title] → 请补上", "可有"),
    ],
)
def test_bodies_of_listings_are_checked_in_the_askers_language(
    city: City, language: str, message: str, fix: str
) -> None:
    body = {
        "organisation": city.firm.key,
        "kind": "compute",
        "side": "need",
        "title_zh": "训练",
        "title_en": "Training",
        "body": {"colour": "red"},
        "idempotency_key": "n",
    }
    answer = signed_in(city.alice).post(
        "/api/listings", body, content_type="application/json", headers={"Accept-Language": language}
    )
    assert answer.status_code == 400
    assert message in answer.json()["detail"].splitlines()
    assert fix in answer.json()["detail"]


@pytest.mark.django_db
def test_a_visitor_without_a_language_reads_chinese(city: City, client: Client) -> None:
    assert "没有" in client.get("/organisations/none").content.decode()
