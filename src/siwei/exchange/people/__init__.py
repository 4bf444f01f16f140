"""Who represents whom, who holds an office, keys, consents; and the vault in which what is personal lies."""
