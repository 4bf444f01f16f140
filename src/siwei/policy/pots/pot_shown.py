"""What a sharing of a pot came to, and the pot after what happened to it: one summary for command and API."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from siwei.policy.pots.earlier_awards import Earlier
from siwei.policy.pots.pot_event_tables import Followed
from siwei.policy.pots.share import CLAIM, Shares
from siwei.policy.programmes import Programme, Sharing

PAID = "paid_fen"


def shares_as_dict(
    programme: Programme, shares: Shares, seed: str | None, before: Earlier | None = None
) -> dict[str, Any]:
    """`before` is what earlier sharings of the pot took."""
    table = shares.table
    return {
        "programme": programme.id,
        "sharing": str(shares.sharing),
        "seed": seed if shares.sharing is Sharing.LOTTERY else None,
        "budget_fen": shares.budget_fen,
        "taken_before_fen": 0 if before is None else before.taken_fen,
        "treasury_before_fen": 0 if before is None else before.treasury_fen,
        "claims": table.height,
        "claimed_fen": shares.claimed_fen,
        "paid_fen": shares.paid_fen,
        "left_fen": shares.left_fen,
        "paid_in_full": table.filter(table[PAID] == table[CLAIM]).height,
        "paid_in_part": table.filter((table[PAID] > 0) & (table[PAID] < table[CLAIM])).height,
        "choose_again": programme.pot is not None and programme.pot.choose_again,
        "draft": programme.is_draft,
    }


def followed_as_dict(programme: Programme, followed: Followed) -> dict[str, Any]:
    """`after_events` in figures, and every `movement` of money between the pot and a claim."""
    assert programme.pot is not None
    after = followed.state
    figures: Mapping[str, Any] = {
        "events": followed.events,
        "returns": str(programme.pot.returns),
        "put_in_fen": after.funded_fen,
        "given_up": len(after.given_up_fen),
        "given_up_fen": sum(after.given_up_fen.values()),
        "paid_fen": followed.paid_fen,
        "earlier_awards_fen": followed.earlier_fen,
        "left_fen": after.left_fen,
        "treasury_fen": after.treasury_fen,
        "waiting": len(after.waiting_fen),
        "waiting_fen": sum(after.waiting_fen.values()),
    }
    return {"after_events": figures, "movements": [asdict(each) for each in after.movements]}
