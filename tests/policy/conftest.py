"""A small programme in which one thing at a time can be changed, and attributes for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute
from siwei.policy import Programme, load_programme

PROGRAMME = """\
id: {id}
version: "1"
title: {{zh: 试验, en: Trial}}
kind: grant
issuer: {{zh: 试验机构, en: Trial office}}
source: {{document: Trial rules, as_of: 2026-01-01, verified: false}}
period: {{start: 2026-01-01, end: 2026-12-31}}
applies_to: organisation
parameters:
  rate:
    unit: basis_point
    words: {{zh: 比例, en: Rate}}
    citation: {{document: Trial rules}}
    values: [{{start: 2026-01-01, value: 5000}}, {{start: 2026-07-01, value: 6000}}]
clauses:
  - id: first
    expr: {clause}
    words: {{zh: 条件一, en: First}}
    citation: {{document: Trial rules}}
    requires: {requires}
award:
  expr: {award}
  cap: {cap}
  words: {{zh: 金额, en: Amount}}
  citation: {{document: Trial rules}}
rounding: {{mode: {mode}, to: {to}}}
"""


def attribute(name: str, kind: str, unit: str | None = None) -> Attribute:
    return Attribute(
        name, "organisation", kind, unit, f"{name}名", name.title(), False, True, "", name, name, None, None, False
    )


@pytest.fixture
def attributes() -> dict[str, Attribute]:
    made = (
        attribute("spent", "int", "fen"),
        attribute("staff", "int", "people"),
        attribute("district", "string"),
        attribute("listed", "bool"),
        attribute("founded_on", "date"),
    )
    return {each.id: each for each in made}


@pytest.fixture
def write_programme(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: str) -> Path:
        values = {
            "id": "trial",
            "clause": "spent > 0",
            "requires": "declared",
            "award": "basis_points(spent, p.rate)",
            "cap": "'1000000'",
            "mode": "down",
            "to": "fen",
            **changes,
        }
        path = tmp_path / f"{values['id']}.yaml"
        path.write_text(PROGRAMME.format(**values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_programme(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Callable[..., Programme]:
    return lambda **changes: load_programme(write_programme(**changes), attributes)
