"""Two texts over the same subjects: who gains, who loses, what it costs, and which change did it."""
