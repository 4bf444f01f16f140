"""A pot shared among claims, and what happens to it afterwards."""
