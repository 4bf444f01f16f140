"""Every field of a programme's file, of stacking.yaml and of a file of cases, replaced by each wrong thing: taken, or
told with file and line; never a traceback, never without end. What fields there are is read off the JSON Schemas."""

import copy
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import PolicyError, Problem, chinese_of
from siwei.policy import load_programme, programme_schema, stacking_schema
from siwei.policy.checks.case_results import run_pack_cases
from siwei.policy.checks.check import check_programmes
from siwei.policy.documents.cases import CasesDocument
from siwei.policy.documents.document_parts import editor_schema
from siwei.policy.documents.loading_stacking import read_stacking

ATTRIBUTES = load_attributes(PACKS / "shenzhen")
TODAY = date(2026, 3, 1)
LONGEST_S = 60
"""On any machine, however busy."""
WORDS = {"zh": "词", "en": "Word"}
CITED = {"document": "Trial rules", "locator": "1", "url": "https://example.org/"}
PERIOD = {"start": "2026-01-01", "end": "2026-12-31"}
FIGURE = {
    "unit": "basis_point", "words": WORDS, "citation": CITED, "values": [{"start": "2026-01-01", "value": "5000"}]
}  # fmt: skip
BANDS = [{"below": "10", "result": "1"}, {"from": "10", "to": "19", "result": "2"}, {"above": "19", "result": "3"}]
TABLE = {"value_unit": "people", "result_unit": "basis_point", "words": WORDS, "citation": CITED}
PROGRAMME: dict[str, Any] = {
    "id": "trial", "version": "1", "state": "in_force", "title": WORDS, "kind": "voucher", "issuer": WORDS,
    "source": {"document": "Trial", "number": "1", "url": "https://example.org/", "as_of": "2026-01-01",
               "verified": "false", "note": WORDS},
    "period": PERIOD, "window": PERIOD, "applies_to": "organisation", "parameters": {"rate": FIGURE},
    "tables": {"by_staff": {**TABLE, "bands": BANDS},
               "by_date": {**TABLE, "values": [{"start": "2026-01-01", "bands": BANDS}]}},
    "clauses": [{"id": "first", "expr": "band(employees, t.by_staff) > 0 && paid_before >= 0", "words": WORDS,
                 "citation": CITED, "requires": "declared", "favours_local": "true", "review": "Seen"},
                {"id": "second", "expr": "employees > 0", "words": WORDS, "citation": CITED}],
    "award": {"expr": "basis_points(revenue, p.rate)", "cap": "1000000", "words": WORDS, "citation": CITED,
              "requires": "declared"},
    "aggregates": {
        "paid_before": {"of": "claims", "sum": "contract_amount", "where": "contract_amount > 0",
                        "per": ["organisation"], "unit": "fen", "words": WORDS, "citation": CITED},
        "claims_before": {"of": "claims", "count": "true", "unit": "item", "words": WORDS},
        "greatest_before": {"of": "claims", "greatest": "contract_amount", "words": WORDS},
    },
    "limits": [{"id": "year", "per": ["district"], "at_most": "5000", "order": ["founded_on"], "words": WORDS,
                "citation": CITED}],
    "voucher": {"kinds": ["compute"], "rate": "p.rate", "listed_providers_only": "true", "valid_until": "year_end",
                "words": WORDS, "citation": CITED},
    "rounding": {"mode": "down", "to": "yuan"},
    "pot": {"budget_fen": "100", "per": "year", "sharing": "first_come", "payment": "partial", "returns": "pot",
            "choose_again": "true",
            "reserves": [{"id": "small", "share_bp": "1000", "where": "employees < 10", "words": WORDS,
                          "citation": CITED}],
            "quotas": [{"by": "district", "most_bp": "5000", "words": WORDS, "citation": CITED}],
            "words": WORDS, "citation": CITED},
    "notes": [WORDS],
}  # fmt: skip
OTHER = {
    key: value
    for key, value in PROGRAMME.items()
    if key not in ("aggregates", "tables", "limits", "voucher", "pot", "window", "notes", "rounding")
} | {"id": "other", "kind": "grant", "clauses": PROGRAMME["clauses"][1:]}
STACKING: dict[str, Any] = {
    "parameters": {"rate": FIGURE},
    "groups": [{"id": "both", "programmes": ["trial", "other"], "limit": "basis_points(revenue, p.rate)",
                "applies_from": "1", "reduce": ["trial", "other"], "words": WORDS, "citation": CITED}],
    "joint": [{"id": "all", "programmes": ["trial", "claimed"], "limit": "revenue", "reduce": ["claimed", "trial"],
               "order": ["contract_signed_on"], "words": WORDS, "citation": CITED}],
    "either_or": [{"id": "one", "programmes": ["trial", "other"], "most": "1", "words": WORDS, "citation": CITED}],
    "related_parties": {"share_from_bp": "2500", "words": WORDS, "citation": CITED},
    "notes": [WORDS],
}  # fmt: skip
CASES: dict[str, Any] = {
    "programme": "trial", "version": "1", "as_of": "2026-03-01", "proof": "verified",
    "facts": {"employees": "5", "revenue": "100", "district": "nanshan", "founded_on": "2020-01-01"},
    "rows": {"claims": [{"contract_amount": "5"}], "awards": [], "organisations": [], "members": [], "ties": []},
    "cases": [{"id": "one", "words": WORDS, "as_of": "2026-03-01", "facts": {"employees": "12"}, "absent": [],
               "proof": "verified", "rows": {"claims": [{"contract_amount": "5"}]}, "beside": ["two"],
               "expect": {"verdict": "eligible", "award_fen": "0", "limited_fen": "0",
                          "clauses": {"first": "yes"}}},
              {"id": "two", "absent": ["revenue"],
               "expect": {"verdict": "eligible", "award_fen": "not_known"}}],
}  # fmt: skip
WRONG: dict[str, Any] = {
    "absent": ...,
    "null": None,
    "empty text": "",
    "text": "no such thing",
    "fraction": 1.5,
    "below zero": -1,
    "beyond 64 bits": "9" * 40,
    "four thousand digits and more": "1" + "0" * 5_000,
    "yes": True,
    "a date that is none": "2026-02-30",
    "the year 0": "0000-01-01",
    "the last day there is": "9999-12-31",
    "a moment": "2026-01-01T00:00:00+08:00",
    "no list": {},
    "an empty list": [],
    "a list of lists": [[["x"]]],
    "half a character": "\ud800",
    "unseen": "a\u202eb",
    "a bell": "a\x07b",
    "long": "x" * 12_000,
}
Place = tuple[str | int, ...]


class Plain(yaml.SafeDumper):
    """What stands at two places is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def places(value: Any, path: Place = (), seen: set[str] | None = None) -> Iterator[Place]:
    """Each field once: words and citations are the same wherever they stand."""
    seen = set() if seen is None else seen
    names = [str(part) for part in path if not isinstance(part, int)]
    if path and (key := ".".join(names[-1:] if names[-2:-1] in (["words"], ["citation"]) else names)) not in seen:
        seen.add(key)
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in members:
        yield from places(each, (*path, name), seen)


def fields_of(schema: Any) -> set[str]:
    found: set[str] = set()
    for each in [schema, *schema.get("$defs", {}).values()]:
        found |= {f"{each.get('title')}.{name}" for name in each.get("properties", {})}
    return {name.partition(".")[2] for name in found}


def changed(document: Any, path: Place, wrong: Any) -> Any:
    made = copy.deepcopy(document)
    place = made
    for part in path[:-1]:
        place = place[part]
    if wrong is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = wrong
    return made


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(document, Dumper=Plain, allow_unicode=True, sort_keys=False, width=200)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")


def check_told(problems: tuple[Problem, ...] | list[Problem], file: Path, where: str) -> None:
    assert problems, where
    for each in problems:
        assert Path(each.file).name == file.name, (where, each)
        assert each.message, where
        for text in (each.message, each.fix):
            assert not text or re.search(r"[\u4e00-\u9fff]", chinese_of(text)), (where, "in English alone", str(each))
        assert len(str(each)) < 3_000, (where, len(str(each)))
        assert each.line is None or each.line >= 1, (where, each)
    assert any(each.line for each in problems), (where, [str(each) for each in problems])


def test_every_field_of_the_schemas_is_tried() -> None:
    for document, schema in (
        (PROGRAMME, programme_schema()),
        (STACKING, stacking_schema()),
        (CASES, editor_schema(CasesDocument, "Siwei cases")),
    ):
        tried = {str(path[-1]) for path in places(document)}
        assert fields_of(schema) - tried <= {"valid_days"}


def test_what_is_changed_is_right_before(tmp_path: Path) -> None:
    write(tmp_path / "programmes" / "trial.yaml", PROGRAMME)
    write(tmp_path / "programmes" / "other.yaml", OTHER)
    write(tmp_path / "programmes" / "claimed.yaml", {**OTHER, "id": "claimed", "applies_to": "claim"})
    write(tmp_path / "stacking.yaml", STACKING)
    write(tmp_path / "programmes" / "trial.cases.yaml", CASES)
    found = check_programmes(tmp_path / "programmes", ATTRIBUTES, TODAY)
    assert [str(each.problem) for each in found if each.severity == "error"] == []
    run_pack_cases(tmp_path, ATTRIBUTES)


def test_a_programmes_fields(tmp_path: Path) -> None:
    """Every field, and of the wrong things a sixth at each, so that all are tried at every sixth."""
    file = tmp_path / "trial.yaml"
    for number, path in enumerate(places(PROGRAMME)):
        for name in list(WRONG)[number % 6 :: 6]:
            try_programme(file, path, name)


def try_programme(file: Path, path: Place, name: str) -> None:
    where = f"{'.'.join(map(str, path))}: {name}"
    write(file, changed(PROGRAMME, path, WRONG[name]))
    started = time.process_time()
    try:
        load_programme(file, ATTRIBUTES)
    except PolicyError as error:
        check_told(error.problems, file, where)
    assert time.process_time() - started < LONGEST_S


@pytest.mark.parametrize("name", WRONG)
def test_a_field_of_stacking_and_of_cases(tmp_path: Path, name: str) -> None:
    write(tmp_path / "programmes" / "trial.yaml", PROGRAMME)
    write(tmp_path / "programmes" / "other.yaml", OTHER)
    stacking, cases = tmp_path / "stacking.yaml", tmp_path / "programmes" / "trial.cases.yaml"
    known = {"trial": "organisation", "other": "organisation", "claimed": "claim"}
    # A sixth of the places for each wrong thing, other ones for the next, so that every field meets several.
    number = list(WRONG).index(name)
    for path in list(places(STACKING))[number % 6 :: 6]:
        where = f"{'.'.join(map(str, path))}: {name}"
        write(stacking, changed(STACKING, path, WRONG[name]))
        try:
            read_stacking(tmp_path, ATTRIBUTES, known)
        except PolicyError as error:
            check_told(error.problems, stacking, where)
    stacking.unlink()
    for path in list(places(CASES))[number % 6 :: 6]:
        where = f"{'.'.join(map(str, path))}: {name}"
        write(cases, changed(CASES, path, WRONG[name]))
        try:
            run_pack_cases(tmp_path, ATTRIBUTES)
        except PolicyError as error:
            check_told(error.problems, cases, where)
