"""Everything a database is laid out as, in a form that two databases can be compared by.

Run as a program, it makes the tables of $SIWEI_CITY (or $SIWEI_DATABASE_URL) by the migrations, one after another, and
says the same of them as JSON.
"""

import json
import re
import sys
from typing import Any

POSTGRESQL = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, is_nullable, "
    "column_default, is_identity FROM information_schema.columns WHERE table_schema = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
}
WRITTEN_BY_DJANGO = {
    "applied": "SELECT app, name FROM django_migrations",
    "contents": "SELECT app_label, model FROM django_content_type",
    "permissions": "SELECT codename, name FROM auth_permission",
}


def schema(connection: Any) -> dict[str, list[list[Any]]]:
    """Order of columns left out: it follows the history of a table, and nothing goes by it."""
    with connection.cursor() as cursor:

        def ask(sql: str) -> list[list[Any]]:
            cursor.execute(sql)
            return sorted((list(row) for row in cursor.fetchall()), key=repr)

        found = {name: ask(sql) for name, sql in WRITTEN_BY_DJANGO.items()}
        if connection.vendor == "postgresql":
            return found | {name: ask(sql) for name, sql in POSTGRESQL.items()}
        objects = ask("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        return found | {"objects": [[*row[:3], plain(row[3]) if row[0] == "table" else row[3]] for row in objects]}


def plain(table: str) -> list[str]:
    """The columns and constraints of CREATE TABLE, sorted."""
    parts, depth, quote = [""], 0, ""
    for sign in table[table.index("(") + 1 : table.rindex(")")]:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        else:
            depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return sorted(re.sub(r"\s+", " ", part).strip() for part in parts)


if __name__ == "__main__":
    import django

    django.setup()
    from django.core.management import call_command
    from django.core.management.commands import migrate
    from django.db import connection

    call_command(migrate.Command(), verbosity=0, interactive=False)
    sys.stdout.write(json.dumps(schema(connection)))
