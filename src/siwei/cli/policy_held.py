"""What subjects hold already, in `siwei policy combine`, `explain` and `diff`: read, and told where it counts oddly."""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from siwei.cli.output import print_line, shown
from siwei.cli.policy_rows import MOST_TOLD
from siwei.cli.policy_words import in_both, line
from siwei.cli.words import joined
from siwei.errors import Said

if TYPE_CHECKING:
    from siwei.policy import Programme
    from siwei.policy.combinations.joint_choices import Holdings


def holdings_in(rows: Path | None, programmes: "Sequence[Programme]", day: date) -> "Holdings":
    """Of a folder of rows, as the rules of each subject count it; of two programmes of one id the last says what it is
    for. Raises ImportRefused."""
    from siwei.policy.combinations.holdings import holdings_on, read_holdings

    known = {each.id: each for each in programmes}
    held = () if rows is None else read_holdings(rows, [*known.values()])
    return holdings_on(held, day, {id: each.applies_to for id, each in known.items()})


def tell_nowhere(subjects: Collection[str]) -> None:
    """A misspelt subject would be a holding that nobody counts."""
    if subjects:
        print_line(line("held_nowhere", count=len(subjects), shown=_named(subjects)), error=True)


def tell_otherwise(subjects: Collection[str]) -> None:
    """Of whose rows another organisation is read than their holdings say."""
    from siwei.policy.combinations.joint_tables import told_otherwise

    if subjects:
        print_line(f"! {shown(in_both(told_otherwise(subjects)))}", error=True)


def _named(subjects: Collection[str]) -> Said:
    return joined(map(repr, [*subjects][:MOST_TOLD]))
