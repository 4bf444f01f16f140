"""The policy room against its peers: six made-up programmes, five clauses each, and a limit over three awards."""
