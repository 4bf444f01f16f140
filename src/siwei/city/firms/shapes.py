"""The shapes of firm files we can read: which column is which attribute, recognised by the columns themselves."""

import difflib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from siwei.errors import ImportRefused, Problem

DECLARED, DOCUMENTED, VERIFIED = 0, 1, 2
STATUS_WORDS = {"0": 0, "1": 1, "2": 2, "declared": 0, "documented": 1, "verified": 2}
STATUS_SUFFIX = "__status"

ROW_COLUMNS = ("name", "code", "kind", "valid_from")
"""Columns of the generic shape that describe the row and are no attributes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`columns`: file column → `name`, `code`, `valid_from`, `kind` or an attribute of the pack.

    `rank` orders sources of one organisation's own name and dates (lower is trusted first).
    `unit_required`: a bare number in a money column is refused, because nobody said yuan or ten thousand yuan.
    """

    id: str
    source: str
    status: int
    rank: int
    columns: Mapping[str, str]
    required: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    unit_required: bool = True
    statuses: Mapping[str, str] = field(default_factory=dict)  # attribute → column that states its status


REGISTRY = Shape(
    id="registry",
    source="business registry extract (工商登记公开信息)",
    status=DOCUMENTED,
    rank=0,
    columns={
        "企业名称": "name", "统一社会信用代码": "code", "注册日期": "founded_on", "企业类型": "enterprise_type",
        "注册资金": "registered_capital", "经营范围": "scope", "注册地址": "address",
    },
    required=("企业名称", "统一社会信用代码"),
    ignored=("所在省份", "地区", "year"),
)  # fmt: skip
PROFILES = Shape(
    id="profiles",
    source="published company profile (企业公开介绍)",
    status=DECLARED,
    rank=2,
    columns={
        "公司名称": "name", "统一信用代码": "code", "公司介绍": "profile", "地址": "address", "成立时间": "founded_on",
        "注册资金": "registered_capital", "网址": "website",
    },
    required=("公司名称", "统一信用代码"),
    ignored=("名称", "工商", "工商注册id"),
)  # fmt: skip
LISTED = Shape(
    id="listed",
    source="exchange list of listed companies (上市公司名录)",
    status=DOCUMENTED,
    rank=1,
    columns={"fullname": "name", "c6": "stock_code", "industry": "industry", "listed": "listed_on"},
    required=("fullname", "c6"),
    ignored=("name", "n_products"),
)
FIXED_SHAPES = (REGISTRY, PROFILES, LISTED)


def generic_shape(header: Sequence[str], attributes: Collection[str]) -> Shape:
    """A file whose columns are our own attribute ids; whose every value is declared unless a status column says
    more."""
    known = {*attributes, *ROW_COLUMNS}
    return Shape(
        id="generic",
        source="imported table (导入表)",
        status=DECLARED,
        rank=1,
        columns={column: column for column in header if column in known},
        required=("name",),
        unit_required=False,
        statuses={
            column.removesuffix(STATUS_SUFFIX): column
            for column in header
            if column.endswith(STATUS_SUFFIX) and column.removesuffix(STATUS_SUFFIX) in attributes
        },
    )


def normalise_column(column: str) -> str:
    return unicodedata.normalize("NFKC", column).strip().strip("﻿")


def recognise(header: Sequence[str], attributes: Collection[str]) -> Shape | None:
    """The shape whose required columns are all there; the fixed shapes first, because they say more."""
    columns = set(header)
    for shape in (*FIXED_SHAPES, generic_shape(header, attributes)):
        if columns.issuperset(shape.required):
            return shape
    return None


def refuse_header(file: str, header: Sequence[str], attributes: Collection[str], *, seen: str) -> ImportRefused:
    """What is missing for the nearest shape, and which column looks like it."""
    shapes = (*FIXED_SHAPES, generic_shape(header, attributes))
    known = {shape.id: {*shape.columns, *shape.ignored, *shape.required} for shape in shapes}
    nearest = max(shapes, key=lambda shape: len(known[shape.id].intersection(header)))
    missing = []
    for column in nearest.required:
        if column not in header:
            alike = difflib.get_close_matches(column, header, n=2, cutoff=0.5)
            missing.append(f"{column} (nearest here: {', '.join(alike)})" if alike else column)
    return ImportRefused(
        [
            Problem(
                f"missing columns: {'; '.join(missing)}; {seen}",
                fix=f"nearest shape is {nearest.id!r}; "
                f"its columns are {', '.join(nearest.columns or nearest.required)}; "
                "or use our own attribute ids with at least 'name'",
                file=file,
                line=1,
            )
        ]
    )


def unread_columns(shape: Shape, header: Sequence[str], attributes: Collection[str]) -> list[str]:
    """A sentence for each column that is not read, with the attribute it may have meant."""
    read = {*shape.columns, *shape.ignored, *shape.statuses.values()}
    sentences = []
    for column in header:
        if column not in read and not column.startswith("column_"):
            alike = difflib.get_close_matches(column, [*attributes, *shape.columns], n=1, cutoff=0.75)
            hint = f"; did you mean {alike[0]}?" if alike else ""
            sentences.append(f"column '{column}' is not read{hint}")
    sentences += [
        f"column '{column}' is missing: its facts stay unknown" for column in shape.columns if column not in header
    ]
    return sentences
