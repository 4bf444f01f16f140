"""Tables as files: read in parts of bounded memory, bad rows kept with their reason; written whole or not at all."""
