"""For how long records of payments are kept whatever a person asks: the city's pack says it, since law does."""

from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from siwei.city.pack import IDENTITY
from siwei.city.pack_yaml import read_yaml
from siwei.city.rows import PackIdentity

YEARS = 30
"""In a city whose pack does not say: what the Measures on accounting archives (会计档案管理办法, 财政部、国家档案局令
第 79 号, 2015-12-11) ask of vouchers, counted from the first day after the fiscal year."""


def kept_until(paid_on: date) -> date:
    """The first day on which the record of a payment need not be kept."""
    return date(paid_on.year + 1 + retention_years(), 1, 1)


def retention_years() -> int:
    """The pack's word, read again when the file changes."""
    path = Path(settings.CITY_PACK) / IDENTITY
    return _years(path, path.stat().st_mtime_ns) if path.is_file() else YEARS


@lru_cache(maxsize=8)
def _years(path: Path, changed_ns: int) -> int:
    found = read_yaml(path.read_text(encoding="utf-8"), path.name).value
    return PackIdentity.model_validate(found, context={"today": date.max}).payment_records_years or YEARS
