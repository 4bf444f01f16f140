"""The best lawful combination of awards, of one subject or of an organisation with all that is its own; and why."""
