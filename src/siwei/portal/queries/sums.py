"""What a programme's sums over other rows wait for, where they are not known."""

from collections.abc import Mapping

from siwei.exchange.facts.aggregates import sum_gaps
from siwei.exchange.models import Organisation
from siwei.policy.aggregating.aggregate_gaps import Gap
from siwei.policy.explanation import FactValue
from siwei.policy.programmes import Programme
from siwei.portal.city_pack import decided_on, pack


def gaps_of(programme: Programme, organisation: Organisation, row: Mapping[str, FactValue]) -> tuple[Gap, ...]:
    """Nothing is read where all are known. For those who may see the facts of the row."""
    if all(each.id in row for each in programme.aggregates):
        return ()
    return sum_gaps(programme, organisation, decided_on(), pack().attributes, row)
