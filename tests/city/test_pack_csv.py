"""CSV with line numbers, and headers that are nearly right."""

from hypothesis import given
from hypothesis import strategies as st

from siwei.city.pack_csv import CsvRow, nearest_name, read_csv_table
from siwei.errors import Problem

COLUMNS = ("id", "name", "source")


def read(text: str) -> tuple[list[CsvRow], list[Problem], bool]:
    table = read_csv_table(text, "t.csv", COLUMNS, ("id", "source"))
    return list(table.rows), list(table.problems), table.whole


def test_lines_are_those_of_the_file() -> None:
    rows, problems, whole = read('id,source\n\na,"one\ntwo"\n ,\nb , three\r\n')
    assert rows == [CsvRow(3, {"id": "a", "source": "one\ntwo"}), CsvRow(6, {"id": "b", "source": "three"})]
    assert (problems, whole) == ([], True)


def test_empty_and_header_only() -> None:
    assert read("")[1:] == ([Problem("is empty", "begin with the header id,name,source", "t.csv", 1)], False)
    assert read("\n \n")[1][0].message == "is empty"
    assert read("id,source\n") == ([], [], True)


def test_another_delimiter_is_named() -> None:
    for delimiter, words in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        rows, problems, whole = read(f"id{delimiter}source\na{delimiter}b\n")
        expected = Problem(f"is separated by {words}", "separate the columns by commas", "t.csv", 1)
        assert (rows, problems, whole) == ([], [expected], False)


def test_every_fault_of_the_header_at_once() -> None:
    assert read("id,id,nmae,sorce,wholly different\n")[1] == [
        Problem("column 'id' appears twice", "remove one of them", "t.csv", 1, field="id"),
        Problem("unknown column 'nmae'", "rename it 'name'", "t.csv", 1, field="nmae"),
        Problem("unknown column 'sorce'", "rename it 'source'", "t.csv", 1, field="sorce"),
        Problem(
            "unknown column 'wholly different'",
            "remove it; known columns are id, name, source",
            "t.csv",
            1,
            field="wholly different",
        ),
    ]


def test_an_open_quote_keeps_the_rows_before_it() -> None:
    rows, problems, whole = read('id,source\na,b\nc,"d\ne,f\n')
    assert rows == [CsvRow(2, {"id": "a", "source": "b"})]
    assert whole is False
    assert [(each.line, each.fix) for each in problems] == [(3, "close the quotes of this row")]


def test_a_cell_without_end_is_refused() -> None:
    _, problems, whole = read("id,source\na," + "x" * 200_000 + "\n")
    assert (len(problems), whole) == (1, False)
    assert "field larger than field limit" in problems[0].message


def test_nearest_name() -> None:
    assert nearest_name("qualifer", ["value", "qualifier"]) == "qualifier"
    assert nearest_name("zzz", ["value", "qualifier"]) == ""


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    rows, problems, whole = read(text)
    assert whole is (problems == [])
    assert all(row.line >= 2 and set(row.cells) <= set(COLUMNS) for row in rows)
