"""The parts of a programme's file about money, from documents to checked dataclasses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from siwei.city.attributes import Attribute
from siwei.city.pack_yaml import KeyPath
from siwei.policy.documents.document import ProgrammeDocument
from siwei.policy.documents.document_money import AggregateDocument
from siwei.policy.documents.document_parts import CitationDocument, TextDocument
from siwei.policy.group_keys import column_of, is_year
from siwei.policy.language.check import Checker
from siwei.policy.language.tree import Expression
from siwei.policy.language.types import BOOL, DATE, INT, CelType
from siwei.policy.pack_words import refused, subject_named
from siwei.policy.programmes import (
    Aggregate,
    AggregateKind,
    Citation,
    Limit,
    Payment,
    Pot,
    Quota,
    Reserve,
    Returns,
    Sharing,
    Text,
    Voucher,
)
from siwei.policy.sources import source_types, subject_types

Reader = Callable[[Checker, str, CelType, KeyPath], Expression | None]
Complain = Callable[[KeyPath, str, str], None]


@dataclass(frozen=True)
class MoneyReader:
    """`read` checks one expression and notes what is wrong with it; `complain` notes any other problem; `checker`
    makes an environment over columns of the given types."""

    document: ProgrammeDocument
    attributes: Mapping[str, Attribute]
    checker: Callable[[Mapping[str, CelType]], Checker]
    read: Reader
    complain: Complain

    def voucher(self, checker: Checker) -> Voucher | None:
        document = self.document.voucher
        rate = None if document is None else self.read(checker, document.rate, INT, ("voucher", "rate"))
        if document is None or rate is None:
            return None
        return Voucher(
            tuple(dict.fromkeys(document.kinds)),
            rate,
            document.listed_providers_only,
            document.valid_until,
            document.valid_days,
            text_of(document.words),
            citation_of(document.citation),
        )

    def limits(self, checker: Checker) -> tuple[Limit, ...]:
        """The columns a limit names must be known of the subject."""
        known = subject_types(self.attributes, self.document.applies_to)
        made = []
        for index, document in enumerate(self.document.limits):
            for name in (*map(column_of, document.per), *document.order):
                if name not in known:
                    subject = subject_named(self.document.applies_to)
                    self.complain(("limits", index), *refused("not_of_subject", name=name, subject=subject))
            self._check_years(("limits", index, "per"), document.per, known)
            at_most = self.read(checker, document.at_most, INT, ("limits", index, "at_most"))
            if at_most is not None:
                citation = citation_of(document.citation)
                made.append(
                    Limit(
                        document.id,
                        tuple(document.per),
                        at_most,
                        tuple(document.order),
                        text_of(document.words),
                        citation,
                    )
                )
        return tuple(made)

    def aggregates(self) -> tuple[Aggregate, ...]:
        made = (self._aggregate(name, document) for name, document in self.document.aggregates.items())
        return tuple(aggregate for aggregate in made if aggregate is not None)

    def _aggregate(self, name: str, document: AggregateDocument) -> Aggregate | None:
        path = ("aggregates", name)
        if name in self.attributes or name in subject_types(self.attributes, self.document.applies_to):
            self.complain(path, *refused("already_attribute", name=name))
        types = source_types(self.attributes, document.of)
        self._check_per(path, document, types)
        checker = self.checker(types)
        kind, text = self._kind(document)
        value = None if text is None else self.read(checker, text, INT, (*path, str(kind)))
        where = None if document.where is None else self.read(checker, document.where, BOOL, (*path, "where"))
        if (text is not None and value is None) or (document.where is not None and where is None):
            return None
        per, words = tuple(document.per), text_of(document.words)
        return Aggregate(
            name, document.of, kind, value, where, per, document.unit, words, citation_of(document.citation)
        )

    def _kind(self, document: AggregateDocument) -> tuple[AggregateKind, str | None]:
        if document.sum is not None:
            return AggregateKind.SUM, document.sum
        if document.greatest is not None:
            return AggregateKind.GREATEST, document.greatest
        return AggregateKind.COUNT, None

    def _check_per(self, path: KeyPath, document: AggregateDocument, types: Mapping[str, CelType]) -> None:
        subject = {**subject_types(self.attributes, self.document.applies_to), "organisation": CelType("string")}
        self._check_years((*path, "per"), document.per, types)
        for name in map(column_of, document.per):
            if name not in types:
                self.complain((*path, "per"), *refused("per_no_column", name=name, rows=document.of))
            elif name not in subject:
                kind = subject_named(self.document.applies_to)
                self.complain((*path, "per"), *refused("per_not_of_subject", name=name, subject=kind))

    def _check_years(self, path: KeyPath, keys: Sequence[str], types: Mapping[str, CelType]) -> None:
        for key in keys:
            if is_year(key) and types.get(column_of(key), DATE) != DATE:
                self.complain(path, *refused("no_days", name=column_of(key)))

    def pot(self, checker: Checker) -> Pot | None:
        document = self.document.pot
        if document is None:
            return None
        reserves = []
        for index, reserve in enumerate(document.reserves):
            where = self.read(checker, reserve.where, BOOL, ("pot", "reserves", index, "where"))
            if where is not None:
                words, citation = text_of(reserve.words), citation_of(reserve.citation)
                reserves.append(Reserve(reserve.id, reserve.share_bp, where, words, citation))
        known = subject_types(self.attributes, self.document.applies_to)
        for index, quota in enumerate(document.quotas):
            if quota.by not in known:
                subject = subject_named(self.document.applies_to)
                self.complain(("pot", "quotas", index), *refused("quota_no_attribute", name=quota.by, subject=subject))
        quotas = tuple(
            Quota(quota.by, quota.most_bp, text_of(quota.words), citation_of(quota.citation))
            for quota in document.quotas
        )
        return Pot(
            document.budget_fen,
            document.per,
            Sharing(document.sharing),
            text_of(document.words),
            citation_of(document.citation),
            Payment(document.payment),
            tuple(reserves),
            quotas,
            Returns(document.returns),
            document.choose_again,
        )


def text_of(text: TextDocument) -> Text:
    return Text(text.zh, text.en)


def citation_of(citation: CitationDocument | None) -> Citation | None:
    return None if citation is None else Citation(citation.document, citation.locator, citation.url)
