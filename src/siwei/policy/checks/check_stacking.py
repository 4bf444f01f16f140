"""Rules about awards standing together: those that can never bind, name what cannot count, miss a figure, or cite
nothing.

As with programmes, a fault is only said where it is certain: a rule that never binds whatever anybody is entitled to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from siwei.city.pack_yaml import KeyPath
from siwei.errors import Said
from siwei.policy.checks.check_award import largest_award
from siwei.policy.constants import Setting, bounds_of
from siwei.policy.documents.finding_words import kind_of, told
from siwei.policy.documents.findings import Finding, Severity
from siwei.policy.documents.loading_stacking import FILE, WrittenStacking
from siwei.policy.programmes import Citation, Kind, Parameter, Programme
from siwei.policy.stacking import EitherOr, JointLimit, StackingGroup, lawful_choices
from siwei.policy.versions import latest_versions


@dataclass(frozen=True)
class StackingSubject:
    """The rules, every version of every programme that could be read, the day of the check, and until when the pack's
    documents are valid."""

    written: WrittenStacking
    versions: Sequence[Programme]
    today: date
    documents_until: Mapping[str, date] = field(default_factory=dict)

    def at(self, severity: Severity, key: str, path: KeyPath, written: str = "", **values: object) -> Finding:
        """A finding of a whole value, said as `finding_words` has it; with what is `written` there, shown with a
        caret."""
        places, (message, fix) = self.written.places, told(key, **values)
        shown = path in places.places and written
        problem = places.problem(path, written, message, fix) if shown else places.problem_at(path, message, fix)
        return Finding(severity, kind_of(key), FILE, problem)

    @property
    def rules(self) -> Iterator[tuple[tuple[str, int], StackingGroup | EitherOr]]:
        """Each rule with its place in the file."""
        yield from ((("groups", index), rule) for index, rule in enumerate(self.written.stacking.groups))
        yield from ((("either_or", index), rule) for index, rule in enumerate(self.written.stacking.either_or))

    def taken_on(self, rule: StackingGroup | EitherOr, day: date) -> int:
        """The most of a rule's awards that can be taken together on a day; a group's, under every exclusion."""
        in_force = {each.id for each in self.versions if each.period.contains(day)}
        present = [name for name in rule.programmes if name in in_force]
        exclusions = self.written.stacking.either_or if isinstance(rule, StackingGroup) else ()
        return max(len(choice) for choice in lawful_choices(present, exclusions))

    def days(self, names: Sequence[str]) -> list[date]:
        """Days on which another of the programmes comes into force: on one of them the most are in force together."""
        return sorted({each.period.start or date.min for each in self.versions if each.id in names})


def check_stacking(subject: StackingSubject) -> Iterator[Finding]:
    for path, rule in subject.rules:
        yield from _members(subject, path, rule)
        yield from _never_binds(subject, path, rule)
        yield from _repeated(subject, path, rule)
        yield from _cited(subject, path, _rule_named(rule.id), rule.citation)
    for index, joint in enumerate(subject.written.stacking.joint):
        yield from _members(subject, ("joint", index), joint)
        yield from _cited(subject, ("joint", index), _rule_named(joint.id), joint.citation)
    yield from _limits(subject)
    yield from _parameters(subject)
    yield from _related(subject)


def _rule_named(id: str) -> Said:
    return Said(f"rule {id}", f"规则 {id}")


def _members(subject: StackingSubject, path: KeyPath, rule: StackingGroup | EitherOr | JointLimit) -> Iterator[Finding]:
    current = {each.id: each for each in latest_versions(subject.versions, subject.today)}
    named = [(place, current[name]) for place, name in enumerate(rule.programmes) if name in current]
    for place, programme in named:
        at = (*path, "programmes", place)
        if programme.is_draft:
            yield subject.at(Severity.WARNING, "draft_in_rule", at, programme.id, programme=programme.id)
    savings = [(place, each) for place, each in named if each.kind is Kind.TAX_SAVING]
    if not isinstance(rule, EitherOr) and savings and len(savings) < len(named):
        place, programme = savings[0]
        at = (*path, "programmes", place)
        yield subject.at(Severity.WARNING, "saving_beside_money", at, programme.id, programme=programme.id)


def _never_binds(subject: StackingSubject, path: KeyPath, rule: StackingGroup | EitherOr) -> Iterator[Finding]:
    """A group needs `applies_from` awards, an exclusion more than `most`, that can be taken together on some day."""
    is_group = isinstance(rule, StackingGroup)
    needed = rule.applies_from if isinstance(rule, StackingGroup) else rule.most + 1
    where, written = (*path, "applies_from" if is_group else "most"), str(needed if is_group else needed - 1)
    what = Said("group", "组") if is_group else Said("exclusion", "互斥规则")
    if needed > len(rule.programmes):
        yield subject.at(
            Severity.ERROR, "never_binds:names", where, written,
            what=what, rule=rule.id, needed=needed, names=len(rule.programmes),
        )  # fmt: skip
        return
    most = max((subject.taken_on(rule, day) for day in subject.days(rule.programmes)), default=0)
    # Where a programme could not be read, its period is not known and nothing is certain.
    all_read = {each.id for each in subject.versions} >= set(rule.programmes)
    if all_read and most < needed:
        yield subject.at(
            Severity.ERROR, "never_binds:days", path, what=what, rule=rule.id, needed=needed, most=most
        )  # fmt: skip


def _repeated(subject: StackingSubject, path: KeyPath, rule: StackingGroup | EitherOr) -> Iterator[Finding]:
    """A rule that an earlier one already holds."""
    for _, earlier in subject.rules:
        if earlier is rule:
            return
        if isinstance(earlier, EitherOr) and isinstance(rule, EitherOr):
            implied = set(rule.programmes) <= set(earlier.programmes) and rule.most >= earlier.most
        elif isinstance(earlier, StackingGroup) and isinstance(rule, StackingGroup):
            same_limit = rule.limit.text.split() == earlier.limit.text.split()
            implied = (
                same_limit
                and set(rule.programmes) <= set(earlier.programmes)
                and rule.applies_from >= earlier.applies_from
            )
        else:
            continue
        if implied:
            at = (*path, "id")
            yield subject.at(Severity.WARNING, "implied:rule", at, rule.id, rule=rule.id, earlier=earlier.id)
            return


def _limits(subject: StackingSubject) -> Iterator[Finding]:
    stacking = subject.written.stacking
    stretches = _stretches(stacking.parameters)
    for index, group in enumerate(stacking.groups):
        ranges = [bounds_of(group.limit.tree, setting, {}) for setting in stretches]
        low, high = min(each[0] for each in ranges), max(each[1] for each in ranges)
        path = ("groups", index, "limit")
        if high <= 0:
            yield subject.at(Severity.WARNING, "limit_never_positive", path, group.limit.text, group=group.id)
        most = [largest_award(each) for each in subject.versions if each.id in group.programmes]
        bounded = [amount for amount in most if amount is not None]
        # Each programme is taken once, so of its versions the largest is more than enough.
        if most and len(bounded) == len(most) and sum(bounded) <= low:
            yield subject.at(
                Severity.WARNING, "never_reached", path, group.limit.text, group=group.id, low=low, sum=sum(bounded)
            )  # fmt: skip


def _stretches(parameters: Sequence[Parameter]) -> list[Setting]:
    """All days, cut where a parameter changes."""
    changes = sorted({start for each in parameters for start, _ in each.values if start != date.min})
    firsts: list[date | None] = [None, *changes]
    lasts: list[date | None] = [*(day - timedelta(days=1) for day in changes), None]
    return [
        Setting(first, last, {each.id: each.value_on(first or date.min) for each in parameters})
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _parameters(subject: StackingSubject) -> Iterator[Finding]:
    stacking = subject.written.stacking
    for parameter in stacking.parameters:
        path = ("parameters", parameter.id)
        readers = [group for group in stacking.groups if parameter.id in group.limit.parameters]
        if not readers and not any(parameter.id in limit.limit.parameters for limit in stacking.joint):
            yield subject.at(Severity.WARNING, "unused_parameter:stacking", path, parameter=parameter.id)
        for group in readers:
            yield from _missing_value(subject, parameter, group)
        what = Said(f"parameter {parameter.id}", f"参数 {parameter.id}")
        yield from _cited(subject, path, what, parameter.citation)


def _missing_value(subject: StackingSubject, parameter: Parameter, group: StackingGroup) -> Iterator[Finding]:
    """Before its first value a limit cannot be told, on days on which the group may bind already."""
    first = parameter.values[0][0]
    needed = group.applies_from
    early = [
        day for day in subject.days(group.programmes)
        if day < first and subject.taken_on(group, day) >= needed
    ]  # fmt: skip
    if not early:
        return
    at, since = ("parameters", parameter.id, "values", 0), early[0]
    if since == date.min:
        key, severity = "parameter_missing:stacking_open", Severity.WARNING
    else:
        key, severity = "parameter_missing:stacking", Severity.ERROR
    yield subject.at(severity, key, at, parameter=parameter.id, first=first, group=group.id, since=since)


def _related(subject: StackingSubject) -> Iterator[Finding]:
    rule = subject.written.stacking.related_parties
    if rule is not None:
        yield from _cited(subject, ("related_parties",), Said("related_parties", "related_parties"), rule.citation)
        return
    readers = sorted({each.id for each in subject.versions if _asks_who_is_related(each)})
    if readers:
        yield subject.at(Severity.WARNING, "related_missing", (), programmes=", ".join(readers))


def _asks_who_is_related(programme: Programme) -> bool:
    names = set(programme.attributes)
    for each in programme.aggregates:
        names |= {name for read in (each.value, each.where) if read is not None for name in read.attributes}
    return "is_related" in names or any(each.of == "related" for each in programme.aggregates)


def _cited(subject: StackingSubject, path: KeyPath, what: Said, citation: Citation | None) -> Iterator[Finding]:
    if citation is None:
        yield subject.at(Severity.WARNING, "uncited", path, what=what)
        return
    until = subject.documents_until.get(citation.document)
    if until is not None and until < subject.today:
        at = (*path, "citation", "document")
        yield subject.at(Severity.WARNING, "source_expired:stacking", at, document=citation.document, day=until)
