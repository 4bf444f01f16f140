"""The database's own rules: installed by migration, from one SQL file per database."""

from pathlib import Path
from typing import Any

from siwei.errors import EnvironmentMissing

SQL = Path(__file__).parent / "migrations" / "sql"
TRIGGERS_BY_VENDOR = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def statements(subject: str, vendor: str) -> list[str]:
    """The statements of `<subject>_<vendor>.sql`; `EnvironmentMissing` for a database we have no rules for."""
    path = SQL / f"{subject}_{vendor}.sql"
    if vendor not in TRIGGERS_BY_VENDOR or not path.is_file():
        raise EnvironmentMissing(f"the ledger has no guards for the database {vendor!r} → use SQLite or PostgreSQL")
    return [part.strip() for part in path.read_text(encoding="utf-8").split("\n--;;\n")]


def missing_guards(connection: Any, subject: str = "ledger") -> list[str]:
    """Triggers that should stand in this database and do not (SQLite loses them when a table is rebuilt)."""
    wanted = {
        words[words.index("TRIGGER") + 1]
        for statement in statements(subject, connection.vendor)
        if "TRIGGER" in (words := statement.split())
    }
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS_BY_VENDOR[connection.vendor])
        return sorted(wanted - {row[0] for row in cursor.fetchall()})
