"""Programs that measure. Never run by the tests; each prints a table, or JSON with --json."""
