"""Whether some subject could make conditions true together: sound, so that "none can" is certain.

Conditions are split into cases; in each case every comparison of a term with a constant narrows what that term may
be (ranges for whole numbers and days, sets for text and yes/no), and every other condition is taken as a yes or no of
its own. A term is anything that is compared, an attribute or a computation, known by its text: two texts are thought
independent, which can only make more cases possible. Beyond `MOST_CASES` the answer is "perhaps".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from siwei.policy.constants import ORDERED, Constant, Interval, Setting, bounds_of, constant_of
from siwei.policy.language.tree import Call, ListLiteral, Literal, Node, render

MOST_CASES = 4_000
_OPPOSITE = {"_==_": "_!=_", "_!=_": "_==_", "_<_": "_>=_", "_>=_": "_<_", "_>_": "_<=_", "_<=_": "_>_"}
_MIRRORED = {"_==_": "_==_", "_!=_": "_!=_", "_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_"}
TOTAL = ("int", "uint", "date", "timestamp", "duration", "string", "bool")
"""Types of which `!(a < b)` is `a >= b`; doubles have NaN."""
Goal = tuple[Node, bool]
"""A condition, and what it is to come out as."""


class TooManyCases(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Case:
    """What is assumed together. `ranges` by a term's text; `without` are single values taken out of them; `values`
    are the texts or truths a term may have, `others` those it may not; `truths` of conditions that are not
    understood further."""

    ranges: Mapping[str, Interval] = field(default_factory=dict)
    without: Mapping[str, frozenset[int]] = field(default_factory=dict)
    values: Mapping[str, frozenset[Constant]] = field(default_factory=dict)
    others: Mapping[str, frozenset[Constant]] = field(default_factory=dict)
    truths: Mapping[str, bool] = field(default_factory=dict)


def is_possible(goals: list[Goal], setting: Setting) -> bool:
    """False only where no subject can meet all the goals on any day of the setting."""
    try:
        return next(possible_cases(goals, setting), None) is not None
    except TooManyCases:
        return True


def possible_cases(goals: list[Goal], setting: Setting) -> Iterator[Case]:
    """Every case that is not contradictory; together they cover all subjects that meet the goals. Raises
    TooManyCases."""
    return _Search(setting).cases(tuple(goals), Case())


class _Search:
    def __init__(self, setting: Setting) -> None:
        self.setting, self.left = setting, MOST_CASES

    def cases(self, goals: tuple[Goal, ...], case: Case) -> Iterator[Case]:
        if not goals:
            yield case
            return
        self.left -= 1
        if self.left < 0:
            raise TooManyCases
        (node, wanted), rest = goals[0], goals[1:]
        for more in self._alternatives(node, wanted):
            if isinstance(more, list):
                yield from self.cases((*more, *rest), case)
            else:
                narrowed = self._narrow(case, more, wanted)
                if narrowed is not None:
                    yield from self.cases(rest, narrowed)

    def _alternatives(self, node: Node, wanted: bool) -> list[list[Goal] | Node]:
        """The ways in which a condition comes out as wanted: lists of goals, or the condition itself where it is one
        that narrows."""
        match node:
            case Call(function="!_", arguments=(inner,)):
                return [[(inner, not wanted)]]
            case Call(function="_&&_" | "_||_", arguments=(left, right)):
                # `&&` is yes where both are; it is no where either is, even beside an error.
                if (node.function == "_&&_") == wanted:
                    return [[(left, wanted), (right, wanted)]]
                return [[(left, wanted)], [(right, wanted)]]
            case Call(function="_?_:_", arguments=(test, then, otherwise)):
                return [[(test, True), (then, wanted)], [(test, False), (otherwise, wanted)]]
            case Call(function="_==_" | "_!=_", arguments=(left, right)) if left.type.kind == "bool":
                alike = (node.function == "_==_") == wanted
                return [[(left, truth), (right, truth is alike)] for truth in (True, False)]
            case _:
                return [node]

    def _narrow(self, case: Case, node: Node, wanted: bool) -> Case | None:
        """None where the case becomes contradictory."""
        match node:
            case Literal(value=bool() as value):
                return case if value == wanted else None
            case Call(function="@in", arguments=(element, ListLiteral(items=items))):
                return self._membership(case, node, element, items, wanted)
            case Call(function=function, arguments=(left, right)) if function in _OPPOSITE:
                return self._comparison(case, function, left, right, wanted)
            case _:
                return _assume(case, render(node), wanted)

    def _comparison(self, case: Case, function: str, left: Node, right: Node, wanted: bool) -> Case | None:
        if left.type.kind not in TOTAL or right.type.kind not in TOTAL:
            return _assume(case, f"{render(left)} {function} {render(right)}", wanted)
        if not wanted:
            function = _OPPOSITE[function]
        if constant_of(left, self.setting) is not None:
            function, left, right = _MIRRORED[function], right, left
        limit = constant_of(right, self.setting)
        if isinstance(limit, int) and not isinstance(limit, bool) and left.type.kind in ORDERED:
            return self._ordered(case, function, left, limit)
        if isinstance(limit, str) and left.type.kind == "string" and function in ("_==_", "_!=_"):
            return _one_of(case, render(left), frozenset({limit}), function == "_==_")
        return _relation(case, function, render(left), render(right))

    def _ordered(self, case: Case, function: str, term: Node, limit: int) -> Case | None:
        low, high = bounds_of(term, self.setting, case.ranges)
        text = render(term)
        without = case.without.get(text, frozenset())
        match function:
            case "_==_":
                low, high = max(low, limit), min(high, limit)
            case "_!=_":
                without = without | {limit}
            case "_<_":
                high = min(high, limit - 1)
            case "_<=_":
                high = min(high, limit)
            case "_>_":
                low = max(low, limit + 1)
            case _:
                low = max(low, limit)
        while low in without:
            low += 1
        while high in without:
            high -= 1
        if low > high:
            return None
        return replace(case, ranges={**case.ranges, text: (low, high)}, without={**case.without, text: without})

    def _membership(self, case: Case, node: Node, element: Node, items: tuple[Node, ...], wanted: bool) -> Case | None:
        constants = [constant_of(item, self.setting) for item in items]
        if element.type.kind == "string" and all(isinstance(value, str) for value in constants):
            return _one_of(case, render(element), frozenset(value for value in constants if value is not None), wanted)
        whole = [value for value in constants if isinstance(value, int) and not isinstance(value, bool)]
        if element.type.kind in ORDERED and len(whole) == len(items):
            return self._whole_membership(case, element, whole, wanted)
        return _assume(case, render(node), wanted)

    def _whole_membership(self, case: Case, element: Node, whole: list[int], wanted: bool) -> Case | None:
        if not wanted:
            narrowed: Case | None = case
            for value in whole:
                narrowed = None if narrowed is None else self._ordered(narrowed, "_!=_", element, value)
            return narrowed
        low, high = bounds_of(element, self.setting, case.ranges)
        without = case.without.get(render(element), frozenset())
        left = [value for value in whole if low <= value <= high and value not in without]
        if not left:
            return None
        # The values between two members are not ruled out: a wider range can only make more possible.
        between = self._ordered(case, "_>=_", element, min(left))
        return None if between is None else self._ordered(between, "_<=_", element, max(left))


def _assume(case: Case, text: str, truth: bool) -> Case | None:
    if case.truths.get(text, truth) is not truth:
        return None
    return replace(case, truths={**case.truths, text: truth})


def _relation(case: Case, function: str, left: str, right: str) -> Case | None:
    """A comparison of two terms as one question with a yes or no, whichever way round it is written."""
    match function:
        case "_<_" | "_>=_":
            return _assume(case, f"{left} < {right}", function == "_<_")
        case "_>_" | "_<=_":
            return _assume(case, f"{right} < {left}", function == "_>_")
        case _:
            return _assume(case, " == ".join(sorted((left, right))), function == "_==_")


def _one_of(case: Case, text: str, values: frozenset[Constant], wanted: bool) -> Case | None:
    others = case.others.get(text, frozenset())
    allowed = case.values.get(text)
    if wanted:
        allowed = values if allowed is None else allowed & values
    else:
        others = others | values
    if allowed is None:
        return replace(case, others={**case.others, text: others})
    allowed = allowed - others
    if not allowed:
        return None
    return replace(case, values={**case.values, text: allowed}, others={**case.others, text: others})
