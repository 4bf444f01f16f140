"""The lines that seals hash are canonical JSON of the rows, whatever stands in them and wherever they are cut."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models

from siwei.exchange.audit import record_event
from siwei.exchange.canonical import canonical_json
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger import sealed_rows
from siwei.exchange.ledger.actions import Chain, Entry, of_hold, of_reversal, write_batch
from siwei.exchange.ledger.sealed_rows import SealedRows
from siwei.exchange.ledger.seals import NEVER_CHANGES
from siwei.exchange.models import Account, Event, Transfer, TransferKind

TEXTS = ('a "b" \\ c', "tab\tline\nreturn\r\x01\x1f\x7f", "四维 \u2028 😀", "%s %% {}", "")
MOMENTS = (0, 1, 120_000, 999_999, 500)


def expected(model: type[models.Model], columns: tuple[str, ...] = ()) -> list[str]:
    """As rows were hashed before there was anything quicker."""
    rows = model._default_manager.order_by("pk").values(*columns)
    return [canonical_json({k: v for k, v in row.items() if v is not None or k != "reverses_id"}) for row in rows]


def lines(rows: SealedRows, last: int | None = None) -> list[str]:
    found: list[str] = []
    for count, number, text in rows.until(last):
        part = text.decode().split("\n")
        assert part.pop() == ""
        assert (len(part), f'"id":{number},' in part[-1]) == (count, True)
        found.extend(part)
    return found


@pytest.fixture
def written(cast: Any, now: datetime) -> None:
    """Entries of every kind, with every sort of text, number and moment."""
    budget = ledger.open_account("budget", unit="CNY", purpose="budget", floor=-5_000)
    firm = ledger.open_account('firm "一"', unit="CNY", purpose="own-share", owner=cast.firm)
    for place, (text, micros) in enumerate(zip(TEXTS, MOMENTS, strict=True)):
        causes = {"z": [1.5, -0.0, 1e300, None, True], "a": {"中": text, "b": 10**15}, text: place}
        moment = now.replace(microsecond=micros)
        posted = Entry(TransferKind.POST, budget, firm, 10 + place, memo=text, causes=causes)
        held = Entry(
            TransferKind.HOLD, firm, budget, 5, expires_at=moment + timedelta(hours=1), memo=text, causes=causes
        )
        parts = (of_hold(TransferKind.CAPTURE, held, 2), of_hold(TransferKind.RELEASE, held, 3), of_reversal(posted, 1))
        outcomes = write_batch([Chain(f"{place}{text}", (posted, held, *parts))], now=moment)
        assert outcomes[0].refusal is None
        record_event(
            "noted", f"{place}{text}", causes, subject=f"firm:{place}", actor=cast.alice if place % 2 else cast.olive,
            now=moment, organisations=[cast.firm], payload=causes,
        )  # fmt: skip


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("part", [1, 3, 2_000])
def test_lines_are_canonical_rows(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(sealed_rows, "PART", part)
    monkeypatch.setattr(sealed_rows, "MOST_KEPT", 2)
    for model, columns in ((Event, ()), (Transfer, ()), (Account, NEVER_CHANGES), (Event.organisations.through, ())):
        with SealedRows(model, None, columns) as rows:
            found = lines(rows)
        assert found == expected(model, columns)
        assert len(found) >= 2


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("part", [1, 4, 100])
def test_blocks_cut_where_they_end(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(sealed_rows, "PART", part)
    ids = list(Transfer.objects.order_by("pk").values_list("pk", flat=True))
    wanted = expected(Transfer)
    with SealedRows(Transfer, None) as rows:
        assert lines(rows, ids[0] - 1) == []
        assert lines(rows, ids[5]) == wanted[:6]
        assert lines(rows, ids[5]) == []
        assert lines(rows, ids[7]) == wanted[6:8]
        assert lines(rows, None) == wanted[8:]
        assert lines(rows, ids[-1] + 9) == []
    with SealedRows(Transfer, ids[9]) as rows:
        assert lines(rows) == wanted[10:]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's column holds moments only")
@pytest.mark.parametrize(
    "value",
    ['"2026-11-23T00:00:00+00:00"', "x", "", 5, 0.5, "2026-13-23 00:00:00", "2026-11-23 00:00:01", None],
)
def test_what_is_no_such_moment_is_hashed_as_something_else(value: Any) -> None:
    right = canonical_json(datetime(2026, 11, 23, tzinfo=UTC))
    assert sealed_rows._kept_by_sqlite("2026-11-23 00:00:00") == right
    assert sealed_rows._kept_by_sqlite(value) != right
