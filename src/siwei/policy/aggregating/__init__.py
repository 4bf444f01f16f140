"""What other rows come to: sums as columns of the subjects, and limits over several rows."""
