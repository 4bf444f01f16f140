"""The demonstration's cast, as a pack writes it in `demonstration.yaml`: made-up parties, listings and deals."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from siwei.city.attributes import Attribute, parse_value
from siwei.city.pack_files import MAX_YAML_BYTES, read_pack_file
from siwei.city.pack_yaml import KeyPath, YamlDocument, read_yaml
from siwei.errors import InputError, PackError, Problem
from siwei.market import KINDS

FILE = "demonstration.yaml"
Name = Annotated[str, Field(min_length=1, max_length=60)]


Texts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Field(min_length=1, max_length=100)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Part):
    zh: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=200)]


class CastFact(Part):
    value: str
    status: Literal["declared", "documented", "verified"]


class Party(Part):
    name: Annotated[str, Field(min_length=1, max_length=200, pattern="示例")]
    kind: str
    district: str = ""
    founded_on: date | None = None
    facts: dict[str, CastFact] = {}


class Listing(Part):
    party: str | None = None
    person: str | None = None
    kind: str
    side: Literal["offer", "need"]
    title: Words
    body: dict[str, Any]

    @model_validator(mode="after")
    def _one_owner(self) -> "Listing":
        if (self.party is None) == (self.person is None):
            raise ValueError("a listing belongs to a party or a person: name exactly one")
        return self


class Training(Part):
    """The job that a voucher pays for: the need's party applies under `programme` and runs it in the offer's pool."""

    programme: str
    need: str
    offer: str
    declared_budget_fen: Annotated[int, Field(gt=0)]
    wall_limit_s: Annotated[int, Field(ge=60, le=3600)]


class Milestone(Part):
    """Paid on acceptance. `due_in_days` counts from the city's day; what is not `delivered` is still waited for."""

    title: Name
    amount_fen: Annotated[int, Field(gt=0, le=10**12)]
    due_in_days: Annotated[int, Field(ge=-300, le=3650)]
    delivered: bool = False


class CastDispute(Part):
    """About a milestone that was accepted and paid: it comes to `outcome_fen` in the end, and the rest is paid back."""

    milestone: Annotated[int, Field(ge=1)]
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    answer: Annotated[str, Field(min_length=1, max_length=2000)]
    outcome_fen: Annotated[int, Field(ge=0)]
    resolution: Annotated[str, Field(min_length=1, max_length=2000)]


class Deal(Part):
    """With `milestones` the need's party pays by them, out of `declared_budget_fen`; it may have a cap of its own over
    the city's year, and from `approval_from_fen` on its treasurer's word is asked besides the signature."""

    need: str
    offer: str
    need_role: Name
    offer_role: Name
    weeks: Annotated[int, Field(ge=1, le=520)]
    milestones: Annotated[tuple[Milestone, ...], Field(max_length=20)] = ()
    declared_budget_fen: Annotated[int, Field(gt=0, le=10**14)] | None = None
    cap_fen: Annotated[int, Field(gt=0, le=10**14)] | None = None
    approval_from_fen: Annotated[int, Field(gt=0, le=10**14)] | None = None
    dispute: CastDispute | None = None

    @property
    def price_fen(self) -> int:
        return sum(each.amount_fen for each in self.milestones)

    @model_validator(mode="after")
    def _adds_up(self) -> "Deal":
        if self.milestones and (self.declared_budget_fen or 0) < self.price_fen:
            raise ValueError(f"milestones of {self.price_fen} fen are paid out of a declared budget of as much")
        if self.milestones and self.cap_fen is not None and self.cap_fen < self.price_fen:
            raise ValueError(f"a cap below {self.price_fen} fen would refuse the signature")
        if not self.milestones and (self.cap_fen, self.approval_from_fen, self.dispute) != (None, None, None):
            raise ValueError("a cap, an approval or a dispute is of a deal that pays by milestones")
        if self.dispute is not None:
            done = [number for number, each in enumerate(self.milestones, 1) if each.delivered]
            if self.dispute.milestone not in done:
                raise ValueError("a dispute is about a milestone that was delivered")
            if self.dispute.outcome_fen > self.milestones[self.dispute.milestone - 1].amount_fen:
                raise ValueError("a milestone comes to no more than it was to pay")
        return self


class ModelCalls(Part):
    """Calls of the model of `offer` under the deal for `need`, through the gateway: of an encoder whose weights the
    Python package `package` carries in `folder`, served on this machine at `port` as `served_as`. Each of `calls` is
    the texts of one."""

    need: str
    offer: str
    package: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,79}$")]
    served_as: Name
    port: Annotated[int, Field(ge=1024, le=65_535)]
    project: Annotated[str, Field(min_length=1, max_length=80)]
    key_name: Annotated[str, Field(min_length=1, max_length=80)]
    requests_per_minute: Annotated[int, Field(gt=0)]
    day_cap_fen: Annotated[int, Field(gt=0)]
    calls: Annotated[tuple[Texts, ...], Field(min_length=1, max_length=20)]


class CastProject(Part):
    """A project that a party leads, with what is known of it; `deal` is the need whose agreement is its consortium."""

    party: str
    name: Annotated[str, Field(min_length=1, max_length=80, pattern="示例")]
    deal: str | None = None
    facts: dict[str, CastFact] = {}


class Applicant(Part):
    party: str
    contracts: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]


class CastObjection(Part):
    """What a party says against an applicant; `upheld` is absent where it is still undecided."""

    by: str
    against: str
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    upheld: bool | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""


class CallRound(Part):
    """A pot shared among applicants. Days are counted back from the city's own day: below zero they lie after it.
    `budget_fen` is made up; without `awarded_days_ago` the round stays on its public notice."""

    programme: str
    budget_fen: Annotated[int, Field(gt=0)]
    sharing: Literal["first_come", "merit", "pro_rata", "lottery"] | None = None
    seed: Annotated[str, Field(max_length=200)] = ""
    applied_days_ago: Annotated[int, Field(ge=0, le=300)]
    shared_days_ago: Annotated[int, Field(ge=0, le=300)]
    notice_until_days_ago: Annotated[int, Field(ge=-60, le=300)]
    awarded_days_ago: Annotated[int, Field(ge=0, le=300)] | None = None
    applicants: Annotated[tuple[Applicant, ...], Field(min_length=1, max_length=50)]
    objections: tuple[CastObjection, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "CallRound":
        days = [self.applied_days_ago, self.shared_days_ago, self.notice_until_days_ago]
        if days != sorted(days, reverse=True):
            raise ValueError("a round is applied to, then shared, then on notice: days ago must fall")
        if self.awarded_days_ago is not None and self.awarded_days_ago >= self.notice_until_days_ago:
            raise ValueError("a round is awarded after the last day of its notice")
        if self.awarded_days_ago is not None and any(each.upheld is None for each in self.objections):
            raise ValueError("a round is awarded when every objection is decided")
        if any(each.upheld is not None and not each.reason for each in self.objections):
            raise ValueError("an objection is decided with a reason")
        return self


class Cast(Part):
    notice: Words
    parties: dict[str, Party]
    people: dict[str, Words]
    listings: dict[str, Listing]
    training: Training | None = None
    deals: tuple[Deal, ...] = ()
    model_calls: ModelCalls | None = None
    projects: dict[str, CastProject] = {}
    rounds: dict[str, CallRound] = {}


def load_cast(directory: Path, attributes: Mapping[str, Attribute]) -> Cast | None:
    """The cast of the pack in `directory`, None where it has none. Raises PackError with every problem found."""
    if not (directory / FILE).exists():
        return None
    name = str(directory / FILE)
    read = read_pack_file(directory, FILE, MAX_YAML_BYTES)
    if read.text is None:
        raise PackError(read.problems)
    document = read_yaml(read.text, name)
    if document.problems:
        raise PackError(document.problems)
    try:
        cast = Cast.model_validate(document.value)
    except ValidationError as error:
        faults = [(detail["loc"], detail["msg"], "see the pack's reference") for detail in error.errors()]
        raise PackError([_placed(fault, document, name) for fault in faults]) from None
    faults = [*_reference_faults(cast), *_round_faults(cast), *_project_faults(cast), *_body_faults(cast)]
    faults += _fact_faults(cast, attributes)
    if faults:
        raise PackError([_placed(fault, document, name) for fault in faults])
    return cast


Fault = tuple[KeyPath, str, str]
"""Where in the document, what is wrong, what to do."""


def _reference_faults(cast: Cast) -> Iterator[Fault]:
    for key, listing in cast.listings.items():
        if listing.party is not None and listing.party not in cast.parties:
            yield ("listings", key, "party"), f"no party {listing.party!r}", "name one of parties"
        if listing.person is not None and listing.person not in cast.people:
            yield ("listings", key, "person"), f"no person {listing.person!r}", "name one of people"
        if listing.kind not in KINDS:
            yield ("listings", key, "kind"), f"no kind {listing.kind!r}", f"one of {', '.join(sorted(KINDS))}"
    pairs: list[tuple[KeyPath, str, str]] = [
        (("deals", index), deal.need, deal.offer) for index, deal in enumerate(cast.deals)
    ]
    if cast.training is not None:
        pairs.append((("training",), cast.training.need, cast.training.offer))
    if (calls := cast.model_calls) is not None:
        if (calls.need, calls.offer) not in {(deal.need, deal.offer) for deal in cast.deals}:
            yield (
                ("model_calls",),
                f"no deal of {calls.need!r} and {calls.offer!r}",
                "name the two ends of one of deals",
            )
        elif {cast.listings[each].kind for each in (calls.need, calls.offer) if each in cast.listings} != {"model"}:
            yield ("model_calls",), "what is called is a model", "name listings of the kind model"
    for index, deal in enumerate(cast.deals):
        ends = [cast.listings.get(deal.need), cast.listings.get(deal.offer)]
        if deal.milestones and any(each is not None and each.party is None for each in ends):
            yield ("deals", index, "milestones"), "money moves between parties only", "leave the milestones out"
    for path, need, offer in pairs:
        for side, listing_key in (("need", need), ("offer", offer)):
            found = cast.listings.get(listing_key)
            if found is None or found.side != side:
                yield (*path, side), f"{listing_key!r} is not a listing on the side {side}", "name one of listings"


def _round_faults(cast: Cast) -> Iterator[Fault]:
    for key, spec in cast.rounds.items():
        applicants = {each.party for each in spec.applicants}
        named: list[tuple[KeyPath, str]]
        named = [(("applicants", index, "party"), each.party) for index, each in enumerate(spec.applicants)]
        named += [(("objections", index, "by"), each.by) for index, each in enumerate(spec.objections)]
        for path, party in named:
            if party not in cast.parties:
                yield ("rounds", key, *path), f"no party {party!r}", "name one of parties"
        for index, each in enumerate(spec.objections):
            if each.against not in applicants:
                place = ("rounds", key, "objections", index, "against")
                yield place, f"{each.against!r} is no applicant of the round", "name one of its applicants"


def _project_faults(cast: Cast) -> Iterator[Fault]:
    needs = {deal.need: deal for deal in cast.deals}
    for key, project in cast.projects.items():
        if project.party not in cast.parties:
            yield ("projects", key, "party"), f"no party {project.party!r}", "name one of parties"
        if project.deal is None:
            continue
        deal = needs.get(project.deal)
        if deal is None:
            yield ("projects", key, "deal"), f"no deal for the need {project.deal!r}", "name the need of one of deals"
        elif project.party not in {cast.listings[each].party for each in (deal.need, deal.offer)}:
            message = f"{project.party!r} takes no part in the deal for {project.deal!r}"
            yield ("projects", key, "deal"), message, "name a deal of the party's own"


def _body_faults(cast: Cast) -> Iterator[Fault]:
    for key, listing in cast.listings.items():
        kind = KINDS.get(listing.kind)
        if kind is None:
            continue
        parse = kind.parse_offer if listing.side == "offer" else kind.parse_need
        try:
            parse(id=key, party=key, body=listing.body)
        except InputError as error:
            for problem in error.problems:
                yield ("listings", key, "body"), f"{problem.message} [{problem.field}]", problem.fix


def _fact_faults(cast: Cast, attributes: Mapping[str, Attribute]) -> Iterator[Fault]:
    told = [(("parties", key), party.facts, "organisation") for key, party in cast.parties.items()]
    told += [(("projects", key), project.facts, "project") for key, project in cast.projects.items()]
    for place, facts, subject in told:
        for name, fact in facts.items():
            path = (*place, "facts", name)
            attribute = attributes.get(name)
            if attribute is None or attribute.subject != subject:
                yield path, f"no attribute {name!r}", f"name one of attributes.csv that describes a {subject}"
                continue
            try:
                parse_value(attribute, fact.value)
            except InputError as error:
                yield path, error.problems[0].message, error.problems[0].fix


def _placed(fault: Fault, document: YamlDocument, name: str) -> Problem:
    """The problem at the nearest place that the document has for its path."""
    path, message, fix = fault
    nearest = next((path[:size] for size in range(len(path), -1, -1) if path[:size] in document.places), ())
    line, column = document.places.get(nearest, (1, 1))
    return Problem(message, fix, name, line, column, ".".join(str(step) for step in path))
