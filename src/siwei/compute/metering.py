"""From measured to billed."""

from siwei.compute.engine import Usage
from siwei.compute.specification import JobSpec

BILLING_STEP_S = 60


def billed_accelerator_seconds(usage: Usage) -> int:
    """Every started minute counts, per accelerator, as cloud providers declare it; nothing ran, nothing is billed.

    The raw seconds stay in `usage`.
    """
    if usage.started_at is None:
        return 0
    milliseconds = max(round(usage.wall_s * 1000), 1)
    steps = -(-milliseconds // (BILLING_STEP_S * 1000))
    return steps * BILLING_STEP_S * usage.accelerator_count


def most_billed(spec: JobSpec) -> int:
    """The most accelerator-seconds that may be billed for a job: its wall limit in started minutes."""
    return -(-spec.wall_limit_s // BILLING_STEP_S) * BILLING_STEP_S * spec.count
