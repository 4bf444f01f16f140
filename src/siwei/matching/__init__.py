"""Retrieve by text, allocate by a named mechanism."""

from siwei.matching.allocation import Assignment, allocate_by_priority, allocate_by_weight, allocate_stably
from siwei.matching.retrieval import text_similarity

__all__ = ["Assignment", "allocate_by_priority", "allocate_by_weight", "allocate_stably", "text_similarity"]
