"""The nearest change that would make a subject eligible: fewest facts changed, then the smallest change.

Candidates come from the clauses themselves: the constants and parameters facts are compared with, and their
neighbours; the point at which a comparison of several facts turns, the others fixed. Every combination is decided by
the rules before it is shown. What a subject cannot change is never touched, but a fact that is not known may be given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product

import polars as pl

from siwei.city.attributes import Attribute
from siwei.policy.checks.linear import comparisons_of, facts_of, meeting_points, turning_points
from siwei.policy.checks.thresholds import OTHER, Candidate, thresholds
from siwei.policy.constants import Setting
from siwei.policy.decide import award_column, clause_column, decide, verdict_column
from siwei.policy.documents.findings import setting_on
from siwei.policy.explaining.nearest_words import write_nearest
from siwei.policy.explanation import FactChange, FactValue, NearestChange, Value
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.language.tree import Attribute as AttributeNode
from siwei.policy.language.tree import Call, children, walk
from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.programmes import FactStatus, Programme, Text
from siwei.policy.subjects import ID, attribute_dtypes

MOST_CHANGES = 4
MOST_TRIALS = 100_000
"""Rows decided for one number of changes; where the search is cut, the answer says so (`is_cut`)."""
MOST_PER_SET = 5_000
EXAMPLES = (0, 1, 1_000_000)
"""Tried of a whole number that is not known, where only another unknown one bounds it."""
YEAR = 365
Assignment = dict[str, Candidate]


def nearest_change(
    programme: Programme, row: Mapping[str, FactValue], as_of: date, attributes: Mapping[str, Attribute]
) -> NearestChange | None:
    """None where the subject is eligible already, the programme is not in force, or no change of at most
    `MOST_CHANGES` facts that the subject can change (or has not given) was found."""
    if not programme.period.contains(as_of):
        return None
    return _Search(programme, row, as_of, attributes).find()


@dataclass
class _Search:
    programme: Programme
    row: Mapping[str, FactValue]
    as_of: date
    attributes: Mapping[str, Attribute]
    was_cut: bool = False

    def find(self) -> NearestChange | None:
        wide = self._decide([{}])
        if wide[verdict_column(self.programme.id)].item() == 1:
            return None
        self.open = [
            clause for clause in self.programme.clauses
            if wide[clause_column(self.programme.id, clause.id)].item() != 1
        ]  # fmt: skip
        for size in range(1, min(MOST_CHANGES, len(self.movable)) + 1):
            trials = [*self._bounded(self._trials(size), MOST_TRIALS)]
            found = self._best(trials) if trials else None
            if found is not None:
                return found
        return None

    @cached_property
    def movable(self) -> tuple[str, ...]:
        """Facts the clauses read that the subject can change, has not given, or could prove; in the order read."""
        read = dict.fromkeys(name for clause in self.programme.clauses for name in clause.expression.attributes)
        return tuple(name for name in read if self._is_movable(name))

    def _is_movable(self, name: str) -> bool:
        attribute = self.attributes.get(name)
        if attribute is None:
            return False
        return attribute.changeable or self._value(name) is None or self._is_unproven(name)

    def _is_unproven(self, name: str) -> bool:
        fact = self.row.get(name)
        return fact is not None and fact.value is not None and fact.status < self.proof_asked[name]

    @cached_property
    def proof_asked(self) -> dict[str, FactStatus]:
        """The most that any clause asks of a fact."""
        asked: dict[str, FactStatus] = {}
        for clause in self.programme.clauses:
            for name in clause.expression.attributes:
                asked[name] = max(asked.get(name, FactStatus.DECLARED), clause.requires)
        return asked

    @cached_property
    def values(self) -> dict[str, object]:
        return {name: self._value(name) for name in self.programme.attributes}

    def _value(self, name: str) -> Value | None:
        fact = self.row.get(name)
        return None if fact is None else fact.value

    def _trials(self, size: int) -> Iterator[Assignment]:
        """Every open clause must read one of the facts that change, or it stays as it is."""
        for names in combinations(self.movable, size):
            if all(set(clause.expression.attributes) & set(names) for clause in self.open):
                yield from self._bounded(self._of_set(names), MOST_PER_SET)

    def _bounded(self, trials: Iterator[Assignment], most: int) -> Iterator[Assignment]:
        for place, trial in enumerate(trials):
            if place == most:
                self.was_cut = True
                return
            yield trial

    def _of_set(self, names: tuple[str, ...]) -> Iterator[Assignment]:
        """All but one fact at their own thresholds, or where two clauses turn at once with the last; and the last where
        the clauses turn with the others so."""
        seen: set[tuple[Candidate, ...]] = set()
        for last in names:
            others = [name for name in names if name != last]
            for chosen in product(*([*self.alone[name], *self.beside_last(name, last)] for name in others)):
                assignment = dict(zip(others, chosen, strict=True))
                for value in self._candidates(last, {**self.values, **assignment}):
                    whole = {**assignment, last: value}
                    key = tuple(whole[name] for name in names)
                    if key not in seen:
                        seen.add(key)
                        yield whole

    @cached_property
    def alone(self) -> dict[str, list[Candidate]]:
        """The candidates of each fact where no other changes."""
        return {name: self._candidates(name, self.values) for name in self.movable}

    def beside_last(self, name: str, last: str) -> list[Candidate]:
        """What to try for a whole number by the comparisons it shares with the fact `last`, which turns next."""
        key = (name, last)
        if key not in self.met:
            kinds = {self.attributes[each].type for each in key}
            now = self._value(name)
            free = kinds == {"int"} and (now is None or self.attributes[name].changeable)
            shared = [each for each in self.comparisons[name] if last in facts_of(each)] if free else []
            found: dict[Candidate, None] = {}
            for one, other in combinations(dict.fromkeys(shared), 2):
                for value in meeting_points(one, other, key, self.values, self.setting):
                    if INT64_MIN <= value <= INT64_MAX:
                        found[value] = None
            if shared and now is None and self._value(last) is None:
                # Two facts that are only compared with one another: any amount of one will do.
                found |= dict.fromkeys(EXAMPLES)
            self.met[key] = [value for value in found if value != now and value not in self.alone[name]]
        return self.met[key]

    @cached_property
    def met(self) -> dict[tuple[str, str], list[Candidate]]:
        return {}

    def _candidates(self, name: str, values: Mapping[str, object]) -> list[Candidate]:
        """What to try for a fact; only the facts it is compared together with bear on that."""
        key = (name, *(values[other] for other in self.beside[name]))
        if key not in self.tried:
            self.tried[key] = self._new_candidates(name, values)
        return self.tried[key]

    @cached_property
    def tried(self) -> dict[tuple[object, ...], list[Candidate]]:
        return {}

    @cached_property
    def beside(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for name in self.movable:
            nodes = (node for comparison in self.comparisons[name] for node in walk(comparison))
            found[name] = tuple({node.name for node in nodes if isinstance(node, AttributeNode)} - {name})
        return found

    def _new_candidates(self, name: str, values: Mapping[str, object]) -> list[Candidate]:
        now = self._value(name)
        found: dict[Candidate, None] = {}
        if now is not None and self._is_unproven(name) and not isinstance(now, float):
            found[now] = None
        if now is None or self.attributes[name].changeable:
            found |= dict.fromkeys(self.thresholds.get(name, ()))
            if self.attributes[name].type == "int":
                found |= dict.fromkeys(self._turning(name, values))
            if name not in self.only_compared:
                found.pop(OTHER, None)
        return [value for value in found if value != now or self._is_unproven(name)]

    def _turning(self, name: str, values: Mapping[str, object]) -> Iterator[int]:
        for comparison in self.comparisons[name]:
            for value in turning_points(comparison, name, values, self.setting):
                if INT64_MIN <= value <= INT64_MAX:
                    yield value

    @cached_property
    def setting(self) -> Setting:
        return setting_on(self.programme, self.as_of)

    @cached_property
    def comparisons(self) -> dict[str, list[Call]]:
        trees = [clause.expression.tree for clause in self.programme.clauses]
        return {name: [each for tree in trees for each in comparisons_of(tree, name)] for name in self.movable}

    @cached_property
    def thresholds(self) -> dict[str, tuple[Candidate, ...]]:
        return thresholds(self.programme, self.as_of)

    @cached_property
    def only_compared(self) -> frozenset[str]:
        """Texts that are only ever equal to something or in a list: any other text then stands for all others."""
        read: dict[str, bool] = {}
        for clause in self.programme.clauses:
            for node in walk(clause.expression.tree):
                for child in children(node):
                    if isinstance(child, AttributeNode):
                        plain = isinstance(node, Call) and node.function in ("_==_", "_!=_", "@in")
                        read[child.name] = read.get(child.name, True) and plain
        return frozenset(name for name, plain in read.items() if plain)

    def _best(self, trials: list[Assignment]) -> NearestChange | None:
        wide = self._decide(trials)
        eligible = (wide[verdict_column(self.programme.id)] == 1).arg_true().to_list()
        if not eligible:
            return None
        best = min(eligible, key=lambda place: (self._distance(trials[place]), place))
        award = wide[award_column(self.programme.id)][best]
        changes = tuple(self._change(name, trials[best][name]) for name in self.movable if name in trials[best])
        found = write_nearest(self.programme, changes, self._distance(trials[best]), award)
        return replace(found, is_cut=self.was_cut)

    def _distance(self, assignment: Assignment) -> Fraction:
        return sum((distance(self._value(name), value) for name, value in assignment.items()), Fraction(0))

    def _change(self, name: str, value: Candidate) -> FactChange:
        now, attribute = self._value(name), self.attributes[name]
        kind = "give" if now is None else "prove" if value == now else "change"
        others = tuple(each for each in self.thresholds.get(name, ()) if isinstance(each, str) and each != OTHER)
        return FactChange(
            name,
            Text(attribute.name_zh, attribute.name_en),
            attribute.unit,
            kind,
            now,
            None if value == OTHER else value,
            others if value == OTHER else (),
            self.proof_asked[name],
        )

    def _decide(self, trials: list[Assignment]) -> pl.DataFrame:
        columns: dict[str, pl.Series] = {ID: pl.Series([str(place) for place in range(len(trials))])}
        for name, dtype in attribute_dtypes([self.programme]).items():
            now, fact = self._value(name), self.row.get(name)
            status = None if fact is None or now is None else int(fact.status)
            columns[name] = pl.Series([trial.get(name, now) for trial in trials], dtype=dtype)
            # A new value comes with the proof that is asked of it.
            statuses = [int(FactStatus.VERIFIED) if name in trial else status for trial in trials]
            columns[name + STATUS_SUFFIX] = pl.Series(statuses, dtype=pl.UInt8)
        return decide((self.programme,), pl.DataFrame(columns), self.as_of).wide


def distance(now: Value | None, then: Candidate) -> Fraction:
    """How far a fact moves: numbers in proportion to what they are (to 1 where they are 0), days in years, anything
    else 1; a fact that is given counts 1, one that is only proven 0."""
    if now is None:
        return Fraction(1)
    if now == then:
        return Fraction(0)
    if isinstance(now, bool) or isinstance(then, bool):
        return Fraction(1)
    if isinstance(now, int) and isinstance(then, int):
        return Fraction(abs(then - now), max(abs(now), 1))
    if isinstance(now, date) and isinstance(then, date):
        return Fraction(abs((then - now).days), YEAR)
    return Fraction(1)
