"""Whether one may apply on a day: a verdict says what the rules give, a window whether applications are taken."""

from dataclasses import dataclass
from datetime import date

from siwei.policy.programmes import Programme, Text


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when one may apply (`window`), or how long the programme runs where no window is published.

    `state` is open, not_yet, closed or unlimited; `days` are left until the last day (open) or the first (not_yet).
    """

    is_window: bool
    opens: date | None
    closes: date | None
    state: str
    days: int | None

    @property
    def is_shut(self) -> bool:
        """Whether what the rules give cannot be applied for on the day, and nobody knows when again."""
        return self.state == "closed"

    @property
    def words(self) -> Text | None:
        """What a verdict must not be read without; None where one may apply, or no window is known."""
        if not self.is_window or self.state not in ("closed", "not_yet"):
            return None
        if self.state == "not_yet":
            return Text(f"但 {self.opens} 起才受理申报", f"but applications open on {self.opens}")
        return Text(
            f"但申报已于 {self.closes} 截止，下次受理时间未知",
            f"but applications closed on {self.closes}; when they open next is not known",
        )


def deadline_of(programme: Programme, day: date) -> Deadline:
    """The last day still counts."""
    period = programme.window or programme.period
    is_window = programme.window is not None
    if period.start is not None and day < period.start:
        return Deadline(is_window, period.start, period.end, "not_yet", (period.start - day).days)
    if period.end is None:
        return Deadline(is_window, period.start, None, "unlimited", None)
    days = (period.end - day).days
    return Deadline(is_window, period.start, period.end, "open" if days >= 0 else "closed", max(days, 0))
