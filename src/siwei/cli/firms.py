"""Commands follow with their room."""
