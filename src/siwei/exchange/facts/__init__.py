"""What is known of organisations, projects and people: imported, declared, proven; and what was decided with it."""
