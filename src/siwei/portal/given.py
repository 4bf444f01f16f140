"""What was typed into a form or sent to the API, as acts read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.awards import vouchers
from siwei.exchange.models import Voucher
from siwei.portal.entries import amount_entry, microfen_entry


@dataclass(frozen=True, slots=True)
class Given:
    """What was typed or sent, every value a text; an empty one was left out."""

    actor: Actor
    now: datetime
    key: str
    token: str
    """The idempotency key, already the actor's own."""
    values: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.values.get(name, "").strip()

    def number(self, name: str) -> int | None:
        written = self.text(name)
        if not written:
            return None
        if not (written.isascii() and written.isdigit() and len(written) <= 17):
            raise InputError(
                [
                    Problem(
                        Said(f"{written!r:.40} is not a whole number", f"{written!r:.40} 不是整数"),
                        Said("digits alone", "只用数字"),
                        field=name,
                    )
                ]
            )
        return int(written)

    def wanted(self, name: str) -> int:
        found = self.number(name)
        if found is None:
            raise InputError([Problem(Said("a number is wanted", "须填数字"), Said("give one", "请填写"), field=name)])
        return found

    def amount(self, name: str) -> int | None:
        """A quantity, or fen; typed in 元 or 万元 where a form says so (`<name>_in`)."""
        written, unit = self.text(name), self.text(f"{name}_in")
        return amount_entry(written, unit, name) if written and unit else self.number(name)

    def disputed(self, name: str, unit: str) -> int | None:
        """What somebody says is right: of a reading a quantity in its `unit` (money where that is money, as its page
        shows it), of a delivery an amount."""
        written, chosen = self.text(name), self.text(f"{name}_in")
        if unit == "microfen" and written and chosen:
            return microfen_entry(written, chosen, name)
        return self.number(name) if unit else self.amount(name)

    def wanted_amount(self, name: str) -> int:
        found = self.amount(name)
        return self.wanted(name) if found is None else found

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InputError(
                [
                    Problem(
                        Said(f"{self.text(name)!r:.40} is not a date", f"{self.text(name)!r:.40} 不是日期"),
                        "2026-11-28",
                        field=name,
                    )
                ]
            ) from None

    def voucher(self) -> Voucher | None:
        """One that the actor may see."""
        key = self.text("voucher")
        if not key:
            return None
        if not Voucher.objects.filter(key=key).visible_to(self.actor).exists():
            raise NotFound(f"no voucher {key!r} that you may see", f"没有您可查看的券 {key!r}")
        return vouchers.find_voucher(key)
