"""What subjects would have of other awards, gave they up one whose pot lets them choose again.

All else that they keep stays, as on the platform, where it was applied for; of the rest the best lawful choice.
"""

from collections.abc import Collection, Mapping

import polars as pl

from siwei.policy.combinations.choices import choices_of
from siwei.policy.combinations.choosing import Amounts, kept_column
from siwei.policy.combinations.combining import COMBINED_SCHEMA, Combined, group_limits, within
from siwei.policy.decide import Decisions
from siwei.policy.programmes import Programme
from siwei.policy.sharing import INSTEAD
from siwei.policy.stacking import Linked, Stacking, linked
from siwei.policy.subjects import ID


def chosen_again(programmes: Collection[Programme]) -> tuple[str, ...]:
    """Those whose pots let claimants choose again."""
    return tuple(each.id for each in programmes if each.pot is not None and each.pot.choose_again)


def rows_schema(programmes: Collection[Programme]) -> pl.Schema:
    return pl.Schema({**COMBINED_SCHEMA, **({INSTEAD: pl.Int64()} if chosen_again(programmes) else {})})


def with_instead(stacking: Stacking, combined: Combined, decisions: Decisions, table: pl.DataFrame) -> pl.DataFrame:
    """`combined.rows`, with a column `instead_fen` where some pot lets claimants choose again: null of all others, and
    where nothing is claimed."""
    rows, names = combined.rows, chosen_again(decisions.programmes)
    if not names:
        return rows
    parts = [
        within(part, [name for name in combined.programmes if name not in combined.drafts]) for part in linked(stacking)
    ]
    told = [pl.DataFrame(schema={ID: pl.String, "programme": pl.String, INSTEAD: pl.Int64})]
    for name in names:
        part = next((each for each in parts if name in each.programmes), Linked((name,), (), ()))
        rest = within(part, [each for each in part.programmes if each != name])
        amounts = _without(name, rest, combined, group_limits(stacking, [rest], decisions, table))
        told.append(pl.DataFrame([combined.wide[ID], amounts]).with_columns(programme=pl.lit(name)))
    return rows.join(pl.concat(told, how="diagonal"), on=[ID, "programme"], how="left", maintain_order="left")


def _without(name: str, rest: Linked, combined: Combined, limits: Mapping[str, Amounts]) -> pl.Series:
    """Of each subject, without the award `name`: what more it has of the `rest` than it keeps now."""
    wide, entitled, others = combined.wide, combined.entitled, list(rest.programmes)
    height = wide.height
    amounts = pl.Series(INSTEAD, [None], dtype=pl.Int64).new_from_index(0, height)
    held = pl.lit(0) if combined.held is None else pl.lit(combined.held[name])
    claimed = wide.select((pl.col(kept_column(name)) - held > 0).fill_null(False)).to_series()
    kept = wide.select(pl.col(kept_column(each)).alias(each) for each in others)
    both = pl.concat([kept, entitled.select(pl.col(others).name.suffix(":entitled"))], how="horizontal")
    more = [pl.col(f"{each}:entitled") > pl.col(each) for each in others]
    if not others:
        return amounts.scatter(claimed.arg_true(), 0)
    found = both.select(
        pl.all_horizontal(pl.col(others).is_not_null()).alias("known"), pl.any_horizontal(more).alias("more")
    )
    known = found["known"] & claimed
    amounts = amounts.scatter((known & ~found["more"].fill_null(True)).arg_true(), 0)
    more_of: dict[int, int] = {}
    for place in (known & found["more"].fill_null(True)).arg_true():
        now = {each: fen for each, fen in kept.row(place, named=True).items() if fen}
        worth = {each: fen for each, fen in entitled.select(others).row(place, named=True).items() if fen}
        mine = {group.id: int(limits[group.id][place]) for group in rest.groups}
        choices = choices_of(rest, worth, mine, now)
        if choices is not None:
            more_of[place] = max(each.total_fen for each in choices) - sum(now.values())
    return amounts.scatter([*more_of], [*more_of.values()])
