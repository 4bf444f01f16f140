"""Claims that wait for money, in the order in which they came: the next one that a sum can serve, in logarithmic time.

A tree over the claims in their order; every node holds the least amount wanted below it.
"""

NOTHING = 2**127
"""Above every amount: nothing is wanted there."""


class WaitingClaims:
    def __init__(self) -> None:
        self.claims: list[str] = []
        self.places: dict[str, int] = {}
        self.width = 1
        self.least = [NOTHING] * 2

    def want(self, claim: str, amount: int) -> None:
        """What is still owed on a claim; 0 or less: it waits for nothing. A claim that is new comes last."""
        if claim not in self.places:
            self.places[claim] = len(self.claims)
            self.claims.append(claim)
            if len(self.claims) > self.width:
                self._widen()
        node = self.width + self.places[claim]
        self.least[node] = amount if amount > 0 else NOTHING
        while node > 1:
            node //= 2
            self.least[node] = min(self.least[2 * node], self.least[2 * node + 1])

    def wanted(self, claim: str) -> int:
        return self.least[self.width + self.places[claim]]

    def first(self, at_most: int = NOTHING - 1) -> str | None:
        """The first claim that wants no more than `at_most`; None where none does."""
        if self.least[1] > at_most:
            return None
        node = 1
        while node < self.width:
            node = 2 * node if self.least[2 * node] <= at_most else 2 * node + 1
        return self.claims[node - self.width]

    def _widen(self) -> None:
        leaves = self.least[self.width :] + [NOTHING] * self.width
        self.width *= 2
        self.least = [NOTHING] * self.width + leaves
        for node in range(self.width - 1, 0, -1):
            self.least[node] = min(self.least[2 * node], self.least[2 * node + 1])
