"""The database's own rules: installed by migration, from one SQL file per database.

Two editions: `ledger_<vendor>.sql` is what migration 0003 installed, `guards_<vendor>.sql` what stands now; only the
last migration that alters a guarded table installs that (an earlier one has not its columns yet). It takes the guards
away first (`drop_guards`) and installs them again (`install_guards`).
"""

import re
from pathlib import Path
from typing import Any

from siwei.errors import EnvironmentMissing

FUNCTIONS = (
    "transfer_check", "transfer_apply", "write_transfer", "try_transfer", "draw_numbers", "account_check",
    "account_balance", "event_check", "seal_check",
)  # fmt: skip
"""Of this subject, of either edition."""
SQL = Path(__file__).parent / "migrations" / "sql"
CURRENT = "guards"
SUPERSEDED = ("ledger",)
SUBJECTS = tuple(sorted({path.stem.rpartition("_")[0] for path in SQL.glob("*.sql")} - {*SUPERSEDED}))
"""What has rules of its own in the database: the ledger with its audit trail, meter readings, payments …"""
GUARDED = ("transfer", "hold", "account", "event", "seal")
"""Tables of this subject."""
TRIGGERS_BY_VENDOR = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, relname, pg_get_triggerdef(pg_trigger.oid) || prosrc FROM pg_trigger "
    "JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid "
    "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
}
FUNCTION = re.compile(r"CREATE(?: OR REPLACE)? FUNCTION (\w+)\(.*?AS \$\$(.*)\$\$", re.DOTALL)
TRIGGER = re.compile(r"CREATE TRIGGER (\w+)\b.*?\bON (\w+)(?:.*EXECUTE FUNCTION (\w+))?", re.DOTALL)


def statements(subject: str, vendor: str) -> list[str]:
    """The statements of `<subject>_<vendor>.sql`; `EnvironmentMissing` for a database we have no rules for."""
    path = SQL / f"{subject}_{vendor}.sql"
    if vendor not in TRIGGERS_BY_VENDOR or not path.is_file():
        raise EnvironmentMissing(
            f"the ledger has no guards for the database {vendor!r} → use SQLite or PostgreSQL",
            f"账本没有针对数据库 {vendor!r} 的约束 → 请使用 SQLite 或 PostgreSQL",
        )
    return [part.strip() for part in path.read_text(encoding="utf-8").split("\n--;;\n")]


def install_guards(apps: Any, schema_editor: Any) -> None:
    """For migrations: the guards as they are now."""
    for statement in statements(CURRENT, schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)  # no parameters: a percent sign is a percent sign


def drop_guards(apps: Any, schema_editor: Any) -> None:
    """For migrations, before a guarded table is altered: the ledger's guards, of whichever edition. What other
    subjects have on these tables stays."""
    vendor = schema_editor.connection.vendor
    others = {name for subject in SUBJECTS if subject != CURRENT for name in _wanted(subject, vendor)}
    for name, (table, _) in _standing(schema_editor.connection).items():
        if table.removeprefix("exchange_") in GUARDED and name not in others:
            schema_editor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if vendor == "postgresql" else ""))
    if vendor == "postgresql":
        # siwei_refuse stays: other subjects' triggers call it.
        for name in FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS siwei_{name}")


def missing_guards(connection: Any, subject: str = CURRENT) -> list[str]:
    """Triggers that should stand in this database and do not, or not as they were installed.

    SQLite loses them when a table is rebuilt; somebody who owns the database can put others in their place.
    """
    standing = _standing(connection)
    wanted = _wanted(subject, connection.vendor)
    return sorted(name for name, (table, text) in wanted.items() if standing.get(name) != (table, text))


def _standing(connection: Any) -> dict[str, tuple[str, str]]:
    """Name → table, and what it runs, of every guard that fires."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS_BY_VENDOR[connection.vendor])
        return {name: (table, _plain(text)) for name, table, text in cursor.fetchall() if name.startswith("siwei_")}


def _wanted(subject: str, vendor: str) -> dict[str, tuple[str, str]]:
    texts = statements(subject, vendor)
    # Another subject's triggers may call a function of the ledger's.
    functions = {name: body for text in [*statements(CURRENT, vendor), *texts] for name, body in FUNCTION.findall(text)}
    wanted = {}
    for text in texts:
        found = TRIGGER.search(text)
        if found is not None:
            name, table, function = found.groups()
            wanted[name] = (table, _plain(text[found.start() :] + functions.get(function, "")))
    return wanted


def _plain(text: str) -> str:
    """Without what PostgreSQL changes when it says a trigger back: schemas, casts, brackets, spaces,
    case, the order of events."""
    text = re.sub(r"\bpublic\.|::text|[()]", "", text).casefold()
    events = r"(?:insert|delete|update|truncate)(?: or (?:insert|delete|update|truncate))+"
    text = re.sub(events, lambda found: " or ".join(sorted(found[0].split(" or "))), text)
    return re.sub(r"\s", "", text)
