"""A table that is a stack of cards on a phone: each cell of each template carries its column's name.

The browser looks at the cells that its city fills; here every template is read, whatever fills it."""

import re
from pathlib import Path

import pytest
from portal_messages import PORTAL

TEMPLATES = sorted((PORTAL / "templates").rglob("*.html"))
TAG = re.compile(r"\{[%{].*?[%}]\}", re.DOTALL)
TABLE = re.compile(r'<table class="stacked">(.*?)</thead>(.*?)</table>', re.DOTALL)
HEAD = re.compile(r"<th(?=[ >])[^>]*>(.*?)</th>", re.DOTALL)
STEP = re.compile(r"\{%\s*(if|elif|else|endif)\b.*?%\}|<(tr)(?=[ >])|<t([dh])(?=[ >{])([^>]*)>", re.DOTALL)


def bare_cells(template: str) -> list[str]:
    """Cells without `data-label` in columns that have a name; of the branches of an `if` each begins in its column."""
    text = TAG.sub(lambda tag: tag[0].replace("<", "‹").replace(">", "›"), template)
    found = []
    for head, body in TABLE.findall(text):
        names, column, branches = HEAD.findall(head), 0, []
        for branch, row, cell, attributes in STEP.findall(body):
            if branch == "if":
                branches.append(column)
            elif branch in ("elif", "else"):
                column = branches[-1]
            elif branch == "endif":
                branches.pop()
            elif row:
                column = 0
            else:
                span = re.search(r'colspan="(\d+)"', attributes)
                name = names[column].strip() if column < len(names) else "a column that has no head"
                if cell == "d" and name and span is None and "data-label" not in attributes:
                    found.append(name)
                column += int(span[1]) if span else 1
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(PORTAL / "templates")))
def test_every_cell_carries_its_columns_name(path: Path) -> None:
    assert bare_cells(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("row", "bare"),
    [
        ('<th scope="row">x</th><td data-label="B">1</td><td></td>', []),
        ("<th>x</th><td>1</td><td></td>", ["B"]),
        ("{% if a > b %}<td>x</td>{% else %}<td>y</td>{% endif %}<td data-label=\"B\">1</td><td></td>", ["A", "A"]),
        ('<td colspan="3">all</td>', []),
        ('<td{% if a > b %} data-label="A"{% endif %}>x</td><td data-label="B">1</td><td></td><td>more</td>',
         ["a column that has no head"]),
    ],
)  # fmt: skip
def test_a_bare_cell_is_found(row: str, bare: list[str]) -> None:
    head = "<thead><tr><th>A</th><th>B</th><th></th></tr></thead>"
    assert bare_cells(f'<table class="stacked">{head}<tbody><tr>{row}</tr></tbody></table>') == bare
