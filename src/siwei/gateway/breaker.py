"""Sparing an upstream that fails: after some failures in a row nobody is sent there for a while, then one to try."""

from dataclasses import dataclass, field

FAILURES = 5
PAUSE_S = 30.0


@dataclass
class Breaker:
    """One process's own knowledge of its upstreams; `now_s` is any steady clock."""

    failures: dict[str, int] = field(default_factory=dict)
    closed_until_s: dict[str, float] = field(default_factory=dict)

    def wait_s(self, upstream: str, now_s: float) -> float:
        """How long not to call yet; 0 where a call may go. The first after a pause is the trial: others wait on."""
        until = self.closed_until_s.get(upstream)
        if until is None:
            return 0.0
        if now_s < until:
            return until - now_s
        self.closed_until_s[upstream] = now_s + PAUSE_S
        return 0.0

    def note(self, upstream: str, *, failed: bool, now_s: float) -> bool:
        """Whether anything is new: a failure, or the first answer after one."""
        if not failed:
            self.closed_until_s.pop(upstream, None)
            return self.failures.pop(upstream, None) is not None
        self.failures[upstream] = self.failures.get(upstream, 0) + 1
        if self.failures[upstream] >= FAILURES:
            self.closed_until_s[upstream] = now_s + PAUSE_S
        return True
