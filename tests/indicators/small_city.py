"""A city small enough to count by hand."""

from datetime import date

import polars as pl

from siwei.city.pack import OfficialFirmCount
from siwei.indicators import TABLES, Snapshot

OFFICIAL = OfficialFirmCount("ai-firms-2022", 2000, "less_than", 2022, "深圳特區報 2024-03-04", "近2000家")


def table(name: str, *rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(TABLES[name]), orient="row")


def small_city(**changed: pl.DataFrame) -> Snapshot:
    """Five firms (one generated), a university and a centre; three segments, the last of them empty."""
    tables = {
        "organisations": table(
            "organisations",
            ("f1", "甲", "firm", "nanshan", "imported", date(2015, 1, 1)),
            ("f2", "乙", "firm", "nanshan", "imported", None),
            ("f3", "丙", "firm", "futian", "imported", None),
            ("f4", "丁 示例", "firm", "", "generated", None),
            ("f5", "戊", "firm", "futian", "imported", None),
            ("u1", "大学", "university", "nanshan", "pack", None),
            ("c1", "中心", "centre", "futian", "pack", None),
        ),
        "placements": table(
            "placements",
            ("f1", "chip", "base", 0.9),
            ("f2", "chip", "base", 0.9),
            ("f2", "vision", "technology", 0.8),
            ("f4", "chip", "base", 0.7),
        ),
        "segments": table(
            "segments",
            ("chip", "base", "芯片", "Chips"),
            ("vision", "technology", "视觉", "Vision"),
            ("health", "application", "医疗", "Health"),
        ),
        "edges": table(
            "edges", ("chip", "vision", "supplies"), ("vision", "health", "supplies"), ("chip", "health", "uses")
        ),
        "coverage": table("coverage", ("chip", 3, 0.5), ("vision", 1, None), ("health", 0, None)),
        "districts": table(
            "districts",
            ("nanshan", "南山区", "Nanshan"),
            ("futian", "福田区", "Futian"),
            ("yantian", "盐田区", "Yantian"),
        ),
        "programmes": table(
            "programmes", ("p1", "券", "Voucher", "grant", False), ("p2", "税", "Tax", "tax_saving", True)
        ),
        "awards": table(
            "awards",
            ("f1", "p1", "eligible", 100),
            ("f1", "p2", "cannot_tell", None),
            ("f2", "p1", "eligible", 300),
            ("f2", "p2", "not_eligible", 0),
            ("f3", "p1", "not_eligible", 0),
            ("f3", "p2", "cannot_tell", None),
        ),
        "listings": table(
            "listings",
            ("n1", "compute", "need", "open", "f1", "训练"),
            ("n2", "scenario", "need", "open", "u1", "分诊"),
            ("n3", "product", "need", "withdrawn", "f3", "镜头"),
            ("x1", "position", "offer", "open", None, "某人求职"),
            ("o1", "compute", "offer", "open", "c1", "算力"),
        ),
        "matches": table("matches", ("n1", "o1", 0.7)),
        "agreements": table("agreements", ("a1", "compute", "settled"), ("a2", "product", "proposed")),
        "parties": table(
            "parties", ("a1", "f1", "buyer"), ("a1", "c1", "provider"), ("a2", "f1", "buyer"), ("a2", "f2", "seller")
        ),
        "transfers": table(
            "transfers",
            ("t1", "hold", "CNY", 600, "voucher", "imported"),
            ("t2", "capture", "CNY", 120, "voucher", "imported"),
            ("t3", "release", "CNY", 480, "voucher", "imported"),
            ("t4", "hold", "accelerator-second:cpu", 999, "quota", None),
        ),
        "jobs": table("jobs", ("j1", "a1", "failed"), ("j2", "a1", "succeeded"), ("j3", "a1", "running")),
        "usage": table(
            "usage",
            ("r1", "accelerator-second:cpu", 60, "imported"),
            ("r2", "accelerator-second:ascend-910b", 180, "imported"),
        ),
        "staff": table("staff", ("f1", 100, 30), ("f2", 10, 20), ("f3", 100, 100), ("f4", None, 5)),
        "facts": table("facts", ("founded_on", 1, 6, 1), ("employees", 0, 2, 0)),
        "representatives": table("representatives", ("f1",)),
        "frameworks": table("frameworks", ("mindspore",), ("pytorch",)),
        "accelerators": table("accelerators", ("ascend-910b",), ("mtt-s4000",)),
        "compatibility": table("compatibility", ("mindspore", "ascend-910b")),
        "statistics": table(
            "statistics",
            (
                "ai-firms-2022",
                "人工智能企业数",
                "AI firms",
                "Shenzhen",
                2022,
                "actual",
                "less_than",
                2000.0,
                "firm",
                None,
                "深圳特區報 2024-03-04",
                date(2024, 3, 4),
                True,
            ),
        ),
        "sources": table("sources", ("segments", 3, 1, 0), ("edges", 3, 0, 1)),
    }
    return Snapshot(as_of=date(2026, 11, 23), official=OFFICIAL, **(tables | changed))
