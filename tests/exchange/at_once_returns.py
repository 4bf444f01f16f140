"""Two at once at what comes back of awards: supplementary rounds, true-ups, grants, claw-backs and repayments, in an
order that is certain. test_races.py runs this."""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from at_once import at_once
from at_once_money import gather, programme_of
from django.core.management import call_command
from exchange_cast import NOW
from exchange_persons import CHARLIE, TAX, Persons
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
    BankEntry,
    ClawBack,
    Decision,
    Grant,
    SharingRound,
    TrueUp,
    Voucher,
)
from siwei.exchange.payments.claw_backs import claw_back_grant, owed_fen
from siwei.exchange.payments.repayments import repay_claw_back

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


def persons(cast: Any, told: Told, folder: Path) -> None:
    made = Persons(cast, folder)
    made.awarded()
    made.city_account()
    for actor in (cast.charlie, cast.alice):
        made.account(actor)
    one = Application.objects.get(pseudonym__person_id=cast.charlie.person_id)
    promised = left_in(made.pot)

    def grant() -> Any:
        from siwei.exchange.awards import grants

        return grants.grant_award(one.key, actor=cast.olive, now=made.now)

    def left() -> Any:
        return type("Left", (), {"fen": left_in(made.pot)})

    told["granted twice"] = at_once(grant, grant)
    told["granted twice"]["grants"] = Grant.objects.filter(application=one).count()
    told["granted twice"]["left"] = [promised, left_in(made.pot)]
    from siwei.exchange.awards import grants

    grants.grant_round(SharingRound.objects.get(pot=made.pot), actor=cast.olive, now=made.now)
    made.exported()
    made.says(made.paid(made.order_of(cast.charlie)))

    def back(fen: int, key: str) -> ClawBack:
        return claw_back_grant(one.key, fen, because="审计", actor=cast.olive, now=made.now, idempotency_key=key)

    told["clawed back twice"] = at_once(lambda: back(200_000, "a"), lambda: back(200_000, "b"))
    granted = Grant.objects.get(application=one)
    told["clawed back twice"]["owed"] = owed_fen(granted)
    order = made.order_of(cast.charlie)
    made.says(made.came_back(order, 150_000, "R-1", ""), made.came_back(order, 150_000, "R-2", ""))

    def repay(reference: str) -> BankEntry:
        entry = BankEntry.objects.get(reference=reference)
        given: dict[str, Any] = {"because": "退款", "actor": cast.olive, "now": made.now}
        return repay_claw_back(entry.account_number, reference, one.key, **given)

    told["repaid twice"] = at_once(lambda: repay("R-1"), lambda: repay("R-2"))
    told["repaid twice"]["owed"] = owed_fen(granted)
    told["clawed back, then repaid"] = at_once(lambda: back(100_000, "c"), lambda: repay("R-2"))
    told["clawed back, then repaid"]["owed"] = owed_fen(granted)
    account = Account.objects.get(code=f"CNY:claw-back:{granted.granted_to.key}")
    told["clawed back, then repaid"]["account"] = -account.balance
    assert TAX[CHARLIE] == 300_000, TAX


def main() -> None:
    call_command("migrate", verbosity=0)
    cast = gather()
    told: Told = {}
    city = city_of(cast)
    supplements(city, told)
    true_ups(city, told)
    with tempfile.TemporaryDirectory() as folder:
        persons(cast, told, Path(folder))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
