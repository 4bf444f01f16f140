"""A pack's YAML files, read and checked into programmes; their cases; the lock of released versions."""
