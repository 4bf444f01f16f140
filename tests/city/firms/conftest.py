"""The built-in pack's attributes and places, and a reader that needs only paths."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from siwei.city.firms import Gazetteer, Imported, build_gazetteer, read_files
from siwei.city.home import PACKS
from siwei.city.pack import Pack, load_pack

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
# Shared machines are slow by turns; a slow example is not a wrong one.
settings.register_profile("siwei", deadline=None)
settings.load_profile("siwei")

FIXTURES = Path(__file__).parents[2] / "fixtures" / "firms"


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack(PACKS / "shenzhen", today=date(2026, 11, 23))


@pytest.fixture(scope="session")
def gazetteer(pack: Pack) -> Gazetteer:
    return build_gazetteer(pack.districts, pack.places, city=pack.identity.name_zh)


@pytest.fixture(scope="session")
def read(pack: Pack, gazetteer: Gazetteer) -> Callable[..., Imported]:
    def read_paths(*paths: Path, **options: Any) -> Imported:
        chosen: Sequence[Path] = paths
        return read_files(chosen, attributes=pack.attributes, gazetteer=gazetteer, now=NOW, **options)

    return read_paths


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES
