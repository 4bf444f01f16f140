"""What programmes for claims and projects are decided over: every contract and project of the city, or of one
organisation."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import polars as pl

from siwei.city.attributes import Attribute
from siwei.exchange.facts.aggregates import with_aggregates
from siwei.exchange.facts.contract_claims import claim_table
from siwei.exchange.facts.projects import project_table
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import Organisation
from siwei.exchange.relations import related_around, related_on
from siwei.policy import Programme
from siwei.policy.sources import ORGANISATION
from siwei.policy.subjects import ID


def claims_to_decide(
    programmes: Sequence[Programme],
    as_of: date,
    attributes: Mapping[str, Attribute],
    organisation: Organisation | None = None,
    besides: Collection[str] = (),
) -> pl.DataFrame:
    """`claim_table` with what the programmes (and `besides`, rules of stacking) read of the organisation that makes
    each claim, and what they add up."""
    keys = frozenset() if organisation is None else frozenset((organisation.key,))
    graph = related_around(as_of, keys) if keys else related_on(as_of)
    ids = None if organisation is None else [organisation.pk]
    claims = claim_table(as_of, attributes=attributes, graph=graph, organisation_ids=ids)
    facts = facts_read(programmes, as_of, attributes, ids, besides).rename({ID: ORGANISATION})
    table = claims.join(facts, on=ORGANISATION, how="left", maintain_order="left")
    return with_aggregates(programmes, table, as_of, attributes, organisation)


def projects_to_decide(
    programmes: Sequence[Programme],
    as_of: date,
    attributes: Mapping[str, Attribute],
    organisation: Organisation | None = None,
    besides: Collection[str] = (),
) -> pl.DataFrame:
    """`project_table` with what the programmes (and `besides`) read of who leads each project, and what they add up."""
    ids = None if organisation is None else [organisation.pk]
    facts = facts_read(programmes, as_of, attributes, ids, besides)
    table = project_table(as_of, attributes=attributes, facts=facts, organisation_ids=ids)
    return with_aggregates(programmes, table, as_of, attributes, organisation)


def facts_read(
    programmes: Sequence[Programme],
    as_of: date,
    attributes: Mapping[str, Attribute],
    organisation_ids: Sequence[int] | None = None,
    besides: Collection[str] = (),
) -> pl.DataFrame:
    """`id` and the facts of an organisation that the programmes and `besides` read, with their status."""
    named = {name for programme in programmes for name in programme.attributes} | {*besides}
    read = sorted(name for name in named if name in attributes)
    table = subjects(as_of, attributes={name: attributes[name] for name in read}, organisation_ids=organisation_ids)
    return table.drop("name").rename({"key": ID})
