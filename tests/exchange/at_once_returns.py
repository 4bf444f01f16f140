"""Two at once at what comes back of awards: supplementary rounds and true-ups, in an order that is certain.
test_races.py runs this."""

import json
import sys
from dataclasses import replace
from typing import Any

from at_once import at_once
from at_once_money import gather, programme_of
from django.core.management import call_command
from exchange_cast import NOW
from test_pot_counts import voucher_of
from test_rounds import City
from test_supplements import PAST, RULE, again, finish, of

from siwei.city.attributes import load_attributes
from siwei.city.home import resolve_pack
from siwei.exchange.awards import vouchers
from siwei.exchange.awards.round_claims import left_in
from siwei.exchange.awards.true_ups import true_up_voucher
from siwei.exchange.models import (
    Account,
    Application,
    Decision,
    TrueUp,
    Voucher,
)

Told = dict[str, dict[str, Any]]


def city_of(cast: Any) -> City:
    """Two have 75 of the 100 that each claimed; one's voucher lapsed, so that there is money and one who waits."""
    attributes = load_attributes(resolve_pack("shenzhen"))
    city = City(cast, NOW, replace(programme_of(attributes), pot=RULE), attributes)
    city.both()
    finish(city, city.share(sharing=None))
    voucher_of(city, of("n-firm"))
    vouchers.return_expired_vouchers(as_of=PAST, actor=cast.olive, now=NOW)
    return city


def supplements(city: City, told: Told) -> None:
    told["two supplements"] = at_once(lambda: again(city, "one"), lambda: again(city, "two"))
    rests = Application.objects.exclude(supplement_to=None)
    told["two supplements"]["shared"] = list(rests.values_list("shared_fen", flat=True))
    told["two supplements"]["left"] = left_in(city.pot)


def decided(city: City, voucher: Voucher, award: int) -> TrueUp:
    first = voucher.decision
    copied = {
        name: getattr(first, name)
        for name in ("organisation", "subject", "programme", "version_sha256", "is_draft", "as_of", "inputs", "result")
    }
    decision = Decision.objects.create(
        key=f"award {award}", verdict="eligible", award_fen=award, decided_at=NOW, **copied
    )
    given: dict[str, Any] = {"actor": city.cast.olive, "now": NOW, "idempotency_key": f"{award}"}
    return true_up_voucher(voucher, decision, because="审计", **given)


def true_ups(city: City, told: Told) -> None:
    """The claim of 100 had 75 and has a rest of 25 shared: decided again at 60, or 110, while the rest is granted."""
    extra = Application.objects.exclude(supplement_to=None).get()
    finish(city, extra.round)
    first = voucher_of(city, of("n-outsider"))
    extra = Application.objects.get(pk=extra.pk)

    def worth() -> int:
        return sum(Account.objects.filter(voucher__organisation__key="n-outsider").values_list("balance", flat=True))

    told["a rest granted, then trued up"] = at_once(
        lambda: voucher_of(city, extra), lambda: decided(city, first, 110_000_000)
    )
    told["a rest granted, then trued up"]["worth"] = worth()
    second = Voucher.objects.get(decision=extra.decision)
    told["both trued up"] = at_once(lambda: decided(city, first, 60_000_000), lambda: decided(city, second, 50_000_000))
    told["both trued up"]["worth"] = worth()
    # What came back waits for nobody: the firm's award came back, the other's was decided again.
    told["both trued up"]["left"] = left_in(city.pot)


def main() -> None:
    call_command("migrate", verbosity=0)
    told: Told = {}
    city = city_of(gather())
    supplements(city, told)
    true_ups(city, told)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
