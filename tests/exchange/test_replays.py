"""Decisions replayed by the text they were made by, whatever the programme says since."""

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import NotFound
from siwei.exchange.facts.decisions import record_decision
from siwei.exchange.facts.replays import replay_decisions
from siwei.exchange.models import Decision
from siwei.policy import load_programmes

DAY = date(2026, 11, 23)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "programmes").mkdir()
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", tmp_path)
    shutil.copy(PACKS / "shenzhen" / "programmes" / "yuliao.yaml", tmp_path / "programmes")
    return tmp_path


@pytest.fixture
def attributes(pack: Path) -> dict[str, Attribute]:
    return load_attributes(pack)


def record(cast: Any, now: datetime, pack: Path, attributes: dict[str, Attribute], key: str) -> Decision:
    (programme,) = load_programmes(pack / "programmes", attributes, DAY)
    return record_decision(
        programme, cast.firm, as_of=DAY, attributes=attributes, actor=cast.alice, now=now, idempotency_key=key
    )


def test_each_by_its_own_version(cast: Any, now: datetime, pack: Path, attributes: dict[str, Attribute]) -> None:
    first = record(cast, now, pack, attributes, "first")
    path = pack / "programmes" / "yuliao.yaml"
    text = path.read_text(encoding="utf-8")
    path.rename(pack / "programmes" / "yuliao@2024.1.yaml")
    later = text.replace('version: "2024.1"', 'version: "2026.1"').replace("value: 3000", "value: 2000")
    assert later != text
    path.write_text(later.replace("start: 2024-12-18", "start: 2026-01-01"), encoding="utf-8")
    second = record(cast, now, pack, attributes, "second")
    assert first.version_sha256 != second.version_sha256
    replays = replay_decisions(pack, attributes)
    assert [(each.decision, each.reason) for each in replays] == [("first", ""), ("second", "")]
    assert [each.decision for each in replay_decisions(pack, attributes, ["second"])] == ["second"]
    path.write_text(later.replace("value: 2000", "value: 2001"), encoding="utf-8")
    same, gone = replay_decisions(pack, attributes)
    assert (same.reason, "its text has changed or is gone" in gone.reason) == ("", True)


def test_a_result_that_was_tampered_with_is_named(
    cast: Any, now: datetime, pack: Path, attributes: dict[str, Attribute]
) -> None:
    decision = record(cast, now, pack, attributes, "only")
    decision.refresh_from_db()
    Decision.objects.filter(pk=decision.pk).update(result={**decision.result, "verdict": "eligible"})
    (replay,) = replay_decisions(pack, attributes)
    assert "does not replay" in replay.reason
    with pytest.raises(NotFound, match="no decision other"):
        replay_decisions(pack, attributes, ["other"])
