"""The language of clauses: CEL checked, kept as our own tree, compiled to Polars, exact or refused."""
