"""Firms from files: read, check, clean, merge. Pure: paths and tables in, tables and reasons out.

`read_files` is the whole of it; the parts are public because a form on a page checks one code or one amount the same
way.
"""

from siwei.city.firms.addresses import Gazetteer, build_gazetteer, find_districts
from siwei.city.firms.amounts import parse_amounts
from siwei.city.firms.codes import check_codes
from siwei.city.firms.dates import parse_days
from siwei.city.firms.names import clean_names, name_key, normalise_names, separate_key
from siwei.city.firms.opening import LIMITS, Limits
from siwei.city.firms.reading import (
    FACTS,
    ORGANISATIONS,
    Counts,
    Imported,
    merge_files,
    name_files,
    parse_files,
    read_files,
)
from siwei.city.firms.spreadsheets import neutralise_formulas

__all__ = [
    "FACTS", "LIMITS", "ORGANISATIONS", "Counts", "Gazetteer", "Imported", "Limits", "build_gazetteer", "check_codes",
    "clean_names", "find_districts", "merge_files", "name_files", "name_key", "neutralise_formulas",
    "normalise_names", "parse_amounts",
    "parse_days", "parse_files", "read_files", "separate_key",
]  # fmt: skip
