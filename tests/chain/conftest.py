"""The built-in pack's chain, read once; and a small chain of its own for exact cases."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from siwei.chain.segments import load_segments
from siwei.chain.vocabulary import FEATURES, Vocabulary, load_vocabulary
from siwei.city.home import PACKS

SHENZHEN = PACKS / "shenzhen" / "chain"
LABELS = Path(__file__).parent / "labels"
RULES = (
    "rules:\n"
    "  threshold: 0.5\n"
    "  at_most: 2\n"
    "  source_factors: {name: 0.5, scope: 0.8, profile: 1.0}\n"
    "  intercept: -1.0\n"
    "  coefficients: {" + ", ".join(f"{name}: {4.0 if name == 'strength' else 0.0}" for name in FEATURES) + "}\n"
)


@pytest.fixture(scope="session")
def segments() -> pl.DataFrame:
    return load_segments(SHENZHEN / "segments.csv")


@pytest.fixture(scope="session")
def vocabulary(segments: pl.DataFrame) -> Vocabulary:
    return load_vocabulary(SHENZHEN / "vocabulary.yaml", segments)


@pytest.fixture(scope="session")
def small_segments() -> pl.DataFrame:
    rows = [("chip", "base"), ("vision", "technology"), ("hospital", "application"), ("robot", "application")]
    return pl.DataFrame(
        {
            "id": [row[0] for row in rows],
            "layer": [row[1] for row in rows],
            "name_zh": ["芯片", "视觉", "医院", "机器人"],
            "name_en": ["Chips", "Vision", "Hospitals", "Robots"],
        }
    )


@pytest.fixture
def write_vocabulary(tmp_path: Path) -> Callable[[str], Path]:
    def write(body: str) -> Path:
        path = tmp_path / "vocabulary.yaml"
        path.write_text(RULES + body, encoding="utf-8")
        return path

    return write
