"""What one call of a model costs: a bound before it, the charge after it. Integers throughout, in microfen.

A price is fen per million tokens, so tokens × price is a whole number of millionths of a fen: nothing is rounded until
all calls of an agreement are settled at once.
"""

from dataclasses import dataclass
from typing import Literal

from siwei.errors import InputError

MICROFEN_PER_FEN = 1_000_000
TEMPLATE_TOKENS = 256
"""What a chat template may add around the messages, beyond the bytes of the request's own punctuation."""
BYTES_PER_TOKEN = 4
"""Used only where an upstream does not say how many tokens it read or wrote."""
Basis = Literal["reported", "estimated", "capped", "none"]
"""Where a charge comes from: the upstream's own count; ours for want of one; the bound, where the count passed it; or
there is none, because nothing was delivered."""


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """Fen per million tokens read and written."""

    input_fen_per_million: int
    output_fen_per_million: int

    def cost(self, tokens: "Tokens") -> int:
        """In microfen, exact."""
        return tokens.input * self.input_fen_per_million + tokens.output * self.output_fen_per_million


@dataclass(frozen=True, slots=True)
class Tokens:
    input: int = 0
    output: int = 0

    def __post_init__(self) -> None:
        if self.input < 0 or self.output < 0:
            raise InputError(f"tokens are not negative: {self.input} read, {self.output} written")

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is known of a call when it ends. `tokens` is None where the upstream reported none; then what passed through
    counts: the bytes of the request (0 where the upstream did not take it) and of the answer's text, and the pieces a
    stream came in."""

    tokens: Tokens | None
    request_bytes: int
    answer_bytes: int = 0
    pieces: int = 0

    @property
    def is_nothing(self) -> bool:
        return self.tokens is None and not (self.request_bytes or self.answer_bytes or self.pieces)


@dataclass(frozen=True, slots=True)
class Charge:
    tokens: Tokens
    cost_microfen: int
    basis: Basis


def bound_tokens(request_bytes: int, most_output_tokens: int, choices: int = 1) -> Tokens:
    """The most a call may read and write. A byte-level tokeniser makes at most a token of a byte, and the request's own
    punctuation and the allowance stand for the template's marks."""
    return Tokens(request_bytes + TEMPLATE_TOKENS, most_output_tokens * choices)


def charge(price: TokenPrice, bound: Tokens, delivered: Delivered) -> Charge:
    """What a call is charged: the reported tokens; without a report an estimate in the caller's favour; never above the
    bound that was set aside for it. What was not delivered costs nothing."""
    if delivered.is_nothing:
        return Charge(Tokens(), 0, "none")
    tokens, basis = delivered.tokens, "reported"
    if tokens is None:
        written = delivered.pieces or _tokens_of(delivered.answer_bytes)
        estimate = Tokens(_tokens_of(delivered.request_bytes), written)
        tokens, basis = Tokens(min(estimate.input, bound.input), min(estimate.output, bound.output)), "estimated"
    cost, most = price.cost(tokens), price.cost(bound)
    if cost > most:
        return Charge(tokens, most, "capped")
    return Charge(tokens, cost, "reported" if basis == "reported" else "estimated")


def _tokens_of(count_bytes: int) -> int:
    return -(-count_bytes // BYTES_PER_TOKEN)
