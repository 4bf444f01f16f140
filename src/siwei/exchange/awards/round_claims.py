"""What a round shares, and among whom: the money of a pot that nobody was promised; applications as claims on it."""

from collections.abc import Mapping, Sequence

import polars as pl
from django.db.models import Sum

from siwei.city.attributes import Attribute, parse_value
from siwei.exchange.awards.person_awards import inputs_of
from siwei.exchange.models import Application, ApplicationState, Pot
from siwei.policy import Programme


def left_in(pot: Pot) -> int:
    """What the pot has and no earlier round has promised: a promise stays in the pot until its voucher or
    its money is granted."""
    promised = Application.objects.filter(
        pot=pot, state__in=(ApplicationState.SHARED, ApplicationState.AWARDED), decision__voucher=None, grant=None
    )
    # Promises first: what is granted between the two is then taken off twice, never counted as left.
    promised_fen = promised.aggregate(sum=Sum("shared_fen"))["sum"] or 0
    pot.account.refresh_from_db()
    return max(0, pot.account.available - promised_fen)


def claims_of(
    programme: Programme, applications: Sequence[Application], attributes: Mapping[str, Attribute]
) -> pl.DataFrame:
    """As `share_pot` takes them: with the facts that each decision saw, which reserves and quotas read."""
    columns: dict[str, pl.Series] = {
        "id": pl.Series([each.key for each in applications], dtype=pl.String),
        "claim_fen": pl.Series([each.claim_fen for each in applications], dtype=pl.Int64),
        "applied_at": pl.Series([each.applied_at for each in applications]),
    }
    scores = [each.score for each in applications]
    if any(score is not None for score in scores):
        columns["score"] = pl.Series(scores, dtype=pl.Int64)
    saw = [inputs_of(each) for each in applications] if programme.pot_attributes else []
    for name in programme.pot_attributes:
        attribute = attributes[name]
        seen = (inputs.get(name) for inputs in saw)
        values = [None if fact is None else parse_value(attribute, fact["value"]) for fact in seen]
        columns[name] = pl.Series(values, dtype=attribute.dtype)
    return pl.DataFrame(columns)
