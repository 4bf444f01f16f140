"""What an organisation, its contracts and its projects get together under joint limits, with what each holds."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import polars as pl
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from siwei.city.attributes import Attribute
from siwei.exchange.awards.held_awards import LIVE
from siwei.exchange.facts.aggregates import with_aggregates
from siwei.exchange.facts.claim_decisions import claims_to_decide, facts_read, projects_to_decide
from siwei.exchange.facts.contract_claims import claim_titles
from siwei.exchange.facts.projects import project_id
from siwei.exchange.models import Application, Organisation, Voucher
from siwei.policy import Programme, decide
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.combinations.combination import WithinOf
from siwei.policy.combinations.holdings import Held, holdings_on
from siwei.policy.combinations.joint_choices import Decided, Holdings
from siwei.policy.combinations.joint_explanation import JointAwards, joint_family
from siwei.policy.programmes import Text
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID, read_dtypes


def within_joint_limits(
    organisation: Organisation,
    kind: str,
    subject: str,
    *,
    programmes: Collection[Programme],
    stacking: Stacking,
    as_of: date,
    attributes: Mapping[str, Attribute],
) -> WithinOf | None:
    """Of the organisation itself (`subject` is its key), of one of its contracts or of its projects; None where no
    joint limit bears on awards of that kind. For whoever may see all of the organisation's own: it names its other
    subjects."""
    joint = joint_awards(
        organisation, kind, programmes=programmes, stacking=stacking, as_of=as_of, attributes=attributes
    )
    return None if joint is None else joint.within(kind, subject)


def joint_awards(
    organisation: Organisation,
    kind: str,
    *,
    programmes: Collection[Programme],
    stacking: Stacking,
    as_of: date,
    attributes: Mapping[str, Attribute],
) -> JointAwards | None:
    """What joint limits bear on of an organisation's: of all that is its own, so for whoever may see that. To be asked
    for several subjects of that kind; None where no joint limit bears on awards of it."""
    narrowed, names = joint_family(stacking, {each.id for each in programmes if each.applies_to == kind})
    if not names:
        return None
    mine = [each for each in programmes if each.id in names]
    kinds = {"organisation", kind, *(each.applies_to for each in mine)}
    decided = {
        each: _decided(each, [one for one in mine if one.applies_to == each], organisation, narrowed, as_of, attributes)
        for each in sorted(kinds)
    }
    holdings = holdings_of(organisation, as_of, {each.id: each.applies_to for each in programmes})
    return JointAwards(narrowed, decided, organisation.key, as_of, holdings)


def holdings_of(organisation: Organisation, day: date, kinds: Mapping[str, str]) -> Holdings:
    """What each subject of the organisation applied for or was granted and has not lost again, as the rules of that
    subject count it (`policy.holdings`). `kinds` by programme."""
    applied = Application.objects.filter(organisation=organisation, state__in=LIVE).annotate(
        fen=Coalesce(F("shared_fen"), F("claim_fen"))
    )
    # Of vouchers that were granted on an application the application counts.
    granted = Voucher.objects.filter(organisation=organisation, decision__application=None).annotate(fen=F("cap_fen"))
    names = ("decision__subject", "pot__programme", "pot__period")
    summed = (rows.values_list(*names).annotate(sum=Sum("fen")).order_by(*names) for rows in (applied, granted))
    rows = (
        Held(subject or organisation.key, programme, fen, period)
        for each in summed for subject, programme, period, fen in each
    )  # fmt: skip
    return holdings_on(rows, day, kinds)


def _decided(
    kind: str, mine: Sequence[Programme], organisation: Organisation, stacking: Stacking, as_of: date,
    attributes: Mapping[str, Attribute],
) -> Decided:  # fmt: skip
    limits = [group.limit for group in stacking.of(kind).groups]
    limits += [limit.limit for limit in stacking.joint] if kind == ORGANISATION else []
    besides = [*read_dtypes(limits)]
    match kind:
        case "claim":
            table = claims_to_decide(mine, as_of, attributes, organisation, besides)
        case "project":
            table = projects_to_decide(mine, as_of, attributes, organisation, besides)
        case _:
            facts = facts_read(mine, as_of, attributes, [organisation.pk], besides)
            table = with_aggregates(
                mine, facts.with_columns(pl.col(ID).alias(ORGANISATION)), as_of, attributes, organisation
            )
    return Decided(apply_limits(decide(tuple(mine), table, as_of), table), table, _names(kind, organisation))


def _names(kind: str, organisation: Organisation) -> Mapping[str, Text]:
    match kind:
        case "claim":
            return claim_titles(organisation)
        case "project":
            return {
                project_id(each): Text(each.name, each.name)
                for each in organisation.projects.select_related("organisation")
            }
        case _:
            return {}
