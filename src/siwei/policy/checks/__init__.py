"""What can be wrong with a programme that can be read: contradictions, gaps, what no case reaches."""
