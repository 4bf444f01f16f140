"""A call's row and the counters that it moves, as single statements; and closing an agreement's lines to further calls.

The statements are written out and run on the driver's own connection: building them anew for each call, or passing them
through Django's cursors, would be most of what a call costs.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils import timezone

from siwei.errors import Conflict
from siwei.exchange.models import Agreement, CallMeter, CallState, ModelCall

OPEN_CALL = """
INSERT INTO exchange_modelcall (
  name, key_id, line_id, model, endpoint, is_streamed, state, bound_input, bound_output, input_fen_per_million,
  output_fen_per_million, reserved_microfen, request_bytes, pieces, "window", basis, outcome, started_at, expires_at)
VALUES (
  %(name)s, %(key)s, %(line)s, %(model)s, %(endpoint)s, %(is_streamed)s, %(state)s, %(bound_input)s, %(bound_output)s,
  %(input_price)s, %(output_price)s, %(reserved)s, %(request_bytes)s, 0, %(window)s, '', '', %(started_at)s,
  %(expires_at)s)
"""
END_CALL = """
UPDATE exchange_modelcall SET
  state = %(state)s, input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s, cost_microfen = %(cost)s,
  basis = %(basis)s, pieces = %(pieces)s, outcome = %(outcome)s, ended_at = %(ended_at)s
WHERE name = %(name)s AND state = %(open)s
"""
COUNT_ON_KEY = """
UPDATE exchange_modelkey SET
  window_requests = CASE WHEN "window" = %(window)s THEN window_requests + 1 ELSE 1 END,
  window_tokens = CASE WHEN "window" = %(window)s THEN window_tokens + %(tokens)s ELSE %(tokens)s END,
  "window" = %(window)s,
  day_microfen = CASE WHEN "day" >= %(day)s THEN day_microfen + %(reserved)s ELSE %(reserved)s END,
  "day" = CASE WHEN "day" >= %(day)s THEN "day" ELSE %(day)s END,
  month_microfen = CASE WHEN "month" >= %(month)s THEN month_microfen + %(reserved)s ELSE %(reserved)s END,
  "month" = CASE WHEN "month" >= %(month)s THEN "month" ELSE %(month)s END,
  reserved_microfen = reserved_microfen + %(reserved)s
WHERE id = %(key)s
  AND (requests_per_minute IS NULL OR "window" <> %(window)s OR window_requests < requests_per_minute)
  AND (tokens_per_minute IS NULL OR tokens_per_minute >=
       CASE WHEN "window" = %(window)s THEN window_tokens + %(tokens)s ELSE %(tokens)s END)
  AND (cap_microfen IS NULL OR cap_microfen >= spent_microfen + reserved_microfen + %(reserved)s)
  AND (day_cap_microfen IS NULL OR day_cap_microfen >=
       CASE WHEN "day" >= %(day)s THEN day_microfen + %(reserved)s ELSE %(reserved)s END)
  AND (month_cap_microfen IS NULL OR month_cap_microfen >=
       CASE WHEN "month" >= %(month)s THEN month_microfen + %(reserved)s ELSE %(reserved)s END)
  AND EXISTS (SELECT 1 FROM exchange_accesskey held
              WHERE held.id = access_id AND held.revoked_at IS NULL AND held.expires_at > %(now)s)
"""
"""Rates, caps, expiry and revocation are judged by the rows as they are now. A clock that runs behind counts on the day
and the month that have begun, so that two clocks around midnight do not spend a day's money twice."""
COUNT_ON_LINE = """
UPDATE exchange_callmeter SET reserved_microfen = reserved_microfen + %(reserved)s
WHERE line_id = %(line)s AND closed_at IS NULL
  AND limit_microfen >= used_microfen + reserved_microfen + %(reserved)s
"""
CHARGE_KEY = """
UPDATE exchange_modelkey SET
  reserved_microfen = reserved_microfen - %(reserved)s,
  spent_microfen = spent_microfen + %(cost)s,
  day_microfen = CASE WHEN "day" = %(day)s THEN day_microfen - %(unspent)s ELSE day_microfen END,
  month_microfen = CASE WHEN "month" = %(month)s THEN month_microfen - %(unspent)s ELSE month_microfen END,
  window_tokens = CASE WHEN "window" = %(window)s AND window_tokens >= %(over)s
                       THEN window_tokens - %(over)s ELSE window_tokens END
WHERE id = %(key)s
"""
"""`over` tokens and `unspent` money were set aside and not taken: given back to their minute, day and month."""
CHARGE_LINE = """
UPDATE exchange_callmeter SET
  reserved_microfen = reserved_microfen - %(reserved)s, used_microfen = used_microfen + %(cost)s
WHERE line_id = %(line)s
"""


SEE_KEY_USED = "UPDATE exchange_accesskey SET last_used_at = %(now)s WHERE id = %(access)s"
DAYS_KEPT = "SELECT keeps_days FROM exchange_modelkey WHERE id = %(key)s"
KEEP_CALL = """
INSERT INTO exchange_keptcall (call_id, request, answer, expires_at)
SELECT id, %(request)s, %(answer)s, %(expires_at)s FROM exchange_modelcall WHERE name = %(name)s
"""


def spending_windows(moment: datetime) -> dict[str, int]:
    """The city's day and month, as a key's columns count them."""
    day = timezone.localdate(moment)
    return {"day": day.toordinal(), "month": day.year * 12 + day.month - 1}


class Statements:
    """Statements within a `short_transaction`, on the driver's own connection."""

    def __init__(self, connection: Any) -> None:
        self._driver = connection.connection
        self._moment = connection.ops.adapt_datetimefield_value if connection.vendor == "sqlite" else None

    def run(self, statement: str, **values: Any) -> bool:
        """Whether a row was changed."""
        return bool(self._execute(statement, values).rowcount)

    def read_number(self, statement: str, **values: Any) -> int:
        """The one number of the one row it finds."""
        return int(self._execute(statement, values).fetchone()[0])

    def _execute(self, statement: str, values: dict[str, Any]) -> Any:
        if self._moment is None:
            return self._driver.execute(statement, values)
        for name, value in values.items():
            if isinstance(value, datetime):
                values[name] = self._moment(value)
        return self._driver.execute(_with_colons(statement), values)


@contextmanager
def short_transaction() -> Iterator[Statements]:
    """BEGIN, the statements, COMMIT; anything raised undoes them. Within a caller's transaction a part of that one.

    Django knows nothing of it: inside there is no `atomic`, and no call of the ORM that would open one.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        with transaction.atomic():
            yield Statements(connection)
        return
    connection.ensure_connection()
    statements = Statements(connection)
    with connection.wrap_database_errors:
        try:
            # A writer waits for SQLite's lock at the start instead of failing in the middle.
            statements.run("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
            yield statements
            statements.run("COMMIT")
        except BaseException:
            try:
                statements.run("ROLLBACK")
            except connection.Database.Error:
                # Whatever state it is in: the next one makes a new connection.
                connection.close()
            raise


@cache
def _with_colons(statement: str) -> str:
    """SQLite's own way of naming values."""
    return re.sub(r"%\((\w+)\)s", r":\1", statement)


def close_meters(agreement: Agreement, *, now: datetime) -> None:
    """Admit no further call under the agreement; part of the caller's transaction.

    Raises Conflict while a call is under way: it ends, or is swept, within its deadline.
    """
    for line in agreement.lines.filter(offer__kind="model").order_by("number"):
        # Made where there was none: a call admitted at this very moment must find it closed.
        CallMeter.objects.get_or_create(line=line, defaults={"limit_microfen": line.quantity, "closed_at": now})
        CallMeter.objects.filter(line=line, closed_at=None).update(closed_at=now)
    if running := ModelCall.objects.filter(line__agreement=agreement, state=CallState.OPEN).count():
        raise Conflict(
            f"{running} call(s) under {agreement.key} have not ended → stop its calls, and try again",
            f"{agreement.key} 下还有 {running} 次调用未结束 → 请先停止调用再试",
        )
