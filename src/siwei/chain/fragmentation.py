"""Whether the occupied part of the chain hangs together: its connected parts, and the links with firms at both ends."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """`parts`: the segments of each connected part, the largest first; `linked` of `links` have firms at both ends."""

    parts: tuple[tuple[str, ...], ...]
    links: int
    linked: int

    @property
    def linked_share(self) -> float | None:
        return self.linked / self.links if self.links else None


def fragmentation(placements: pl.DataFrame, edges: pl.DataFrame) -> Fragmentation:
    """`placements`: segment; `edges`: from, to. Edges count without direction, each pair once; loops are left out."""
    occupied = set(placements["segment"])
    pairs = {tuple(sorted(pair)) for pair in edges.select("from", "to").iter_rows() if pair[0] != pair[1]}
    linked = sorted(pair for pair in pairs if pair[0] in occupied and pair[1] in occupied)
    neighbours: dict[str, set[str]] = {segment: set() for segment in occupied}
    for first, second in linked:
        neighbours[first].add(second)
        neighbours[second].add(first)
    parts: list[tuple[str, ...]] = []
    unseen = set(occupied)
    while unseen:
        reached, frontier = set[str](), [min(unseen)]
        while frontier:
            segment = frontier.pop()
            if segment not in reached:
                reached.add(segment)
                frontier.extend(neighbours[segment] - reached)
        unseen -= reached
        parts.append(tuple(sorted(reached)))
    return Fragmentation(tuple(sorted(parts, key=lambda part: (-len(part), part))), len(pairs), len(linked))
