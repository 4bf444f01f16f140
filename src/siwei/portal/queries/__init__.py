"""What pages and the API read, in one place, so that both say the same. Every function takes the actor."""
