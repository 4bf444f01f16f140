"""A folder of tables that aggregates add up: claims, awards, organisations, members and ties, each CSV or Parquet."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.files.file_words import of_file
from siwei.policy.files.typed_rows import read_rows, type_names
from siwei.policy.pack_words import refused
from siwei.policy.related import TIES_SCHEMA, Related, related
from siwei.policy.sources import source_types, subject_types
from siwei.policy.stacking import RelatedRule

TABLES = ("claims", "awards", "organisations", "members", "ties")
_TIES = {"share_bp": "int", "valid_from": "date", "valid_to": "date"}


def read_row_folder(folder: Path, attributes: Mapping[str, Attribute], rule: RelatedRule | None, as_of: date) -> Rows:
    """What the folder has of `claims`, `awards`, `organisations`, `members` (`organisation`, `member`) and `ties`
    (`holder`, `held`, `kind`, `share_bp`, `valid_from`, `valid_to`, `source`); `.csv`, `.csv.gz` or `.parquet`.

    Raises ImportRefused with what cannot be read, and where there are ties and no rule to tell by.
    """
    if not folder.is_dir():
        raise ImportRefused([Problem(*of_file("no_row_folder", names=", ".join(TABLES)), str(folder))])
    kinds = {
        "claims": type_names(source_types(attributes, "claims")),
        "awards": type_names(source_types(attributes, "awards")),
        "organisations": type_names(subject_types(attributes, "organisation")),
        "members": {},
        "ties": _TIES,
    }
    found = {name: read_rows(path, kinds[name]) for name in TABLES if (path := table_file(folder, name)) is not None}
    ties = found.get("ties")
    graph: Related | None = None
    if ties is not None:
        if rule is None:
            raise ImportRefused([Problem(*refused("ties_no_rule"), str(folder))])
        absent = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in TIES_SCHEMA.items() if name not in ties]
        graph = related(ties.with_columns(absent), as_of, rule.share_from_bp)
    return Rows(
        claims=found.get("claims"),
        awards=found.get("awards"),
        organisations=found.get("organisations"),
        members=found.get("members"),
        related=graph,
    )


def table_file(folder: Path, name: str) -> Path | None:
    """CSV or Parquet; None where there is none. Raises ImportRefused where there are several."""
    endings = (".parquet", ".csv", ".csv.gz")
    paths = [path for ending in endings if (path := folder / f"{name}{ending}").is_file()]
    if len(paths) > 1:
        shown = ", ".join(path.name for path in paths)
        raise ImportRefused([Problem(*of_file("both", names=shown), str(folder))])
    return paths[0] if paths else None
