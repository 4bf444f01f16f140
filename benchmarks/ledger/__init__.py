"""The ledger beside pgbench and django-hordak on one PostgreSQL; and on SQLite."""
