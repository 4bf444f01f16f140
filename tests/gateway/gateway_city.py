"""Run in a city of its own: a provider with two models, a firm with an agreement for each, and keys. Prints the keys.

Also answers what tests ask about the money afterwards: `gateway_city.py report`.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
KEYS: dict[str, dict[str, Any]] = {
    "free": {},
    "keeping": {"keeps_days": 3},
    "embedding": {"endpoints": ("embeddings",)},
    "slow": {"requests_per_minute": 1},
    "poor": {"cap_fen": 0},
    "gone": {},
}
MODELS = {
    "tiny": ("tiny-titles", ["chat", "completions"], 200, 800),
    "minilm": ("all-MiniLM-L6-v2", ["embeddings"], 50, 0),
}


def fill(upstreams: dict[str, str]) -> dict[str, str]:
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.calls import model_keys, model_upstreams
    from siwei.exchange.calls.model_keys import KeyLimits
    from siwei.exchange.models import Organisation, Origin, Person, Representative
    from siwei.exchange.people import keys
    from siwei.exchange.trading import agreements, listings
    from siwei.exchange.trading.agreements import PartyTerms

    now = timezone.now()
    end = now + timedelta(days=30)
    people = {}
    for name in ("firm", "centre", "other"):
        owner = Organisation.objects.create(key=f"n-{name}", name=name, name_normalised=name, origin=Origin.GENERATED)
        person = Person.objects.create(username=name)
        Representative.objects.create(person=person, organisation=owner, role="owner", approved_at=now)
        people[name] = person.as_actor()
    firm, centre = people["firm"], people["centre"]
    agreements.declare_budget("n-firm", 10_000_000, actor=firm, now=now, idempotency_key="budget")
    for name, (model, endpoints, read, written) in MODELS.items():
        offer = {
            "title": name, "model": name, "endpoints": endpoints, "context_tokens": 8192, "most_output_tokens": 200,
            "input_fen_per_million": read, "output_fen_per_million": written,
        }  # fmt: skip
        need = {"title": name, "models": [name], "endpoints": endpoints, "budget_fen": 100_000}
        for side, owner, actor, body in (("offer", "n-centre", centre, offer), ("need", "n-firm", firm, need)):
            listings.publish_listing(
                "model", side, organisation=owner, title_zh=name, title_en=name, body=body, actor=actor, now=now,
                idempotency_key=f"{name}-{side}",
            )  # fmt: skip
        model_upstreams.register_upstream(
            f"{name}-offer", base_url=upstreams[name], served_as=model, credential="centre", deadline_s=20,
            actor=centre, now=now, idempotency_key=name,
        )  # fmt: skip
        model_upstreams.approve_upstream(name, actor=PLATFORM, now=now)
        match = listings.match_need(f"{name}-need", as_of=now.date(), actor=firm, now=now)[0]
        agreements.propose_agreement(
            "model", [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")], match=match, actor=firm,
            ends_at=now + timedelta(days=30), now=now, idempotency_key=f"{name}-deal",
        )  # fmt: skip
        for actor in (firm, centre):
            agreements.sign_agreement(f"{name}-deal", actor=actor, now=now)
    made = {
        name: model_keys.create_model_key(
            "n-firm",
            "tests",
            name,
            expires_at=end,
            actor=firm,
            now=now,
            idempotency_key=name,
            limits=KeyLimits(**limits),
        )
        for name, limits in KEYS.items()
    }
    other = model_keys.create_model_key(
        "n-other", "tests", "other", expires_at=end, actor=people["other"], now=now, idempotency_key="other"
    )
    keys.revoke_access_key(made["gone"].key.identifier, actor=firm, now=now)
    return {name: each.secret for name, each in made.items()} | {"other": other.secret}


def report(sweep_after_s: int) -> dict[str, Any]:
    """Every call, and whether the counters say what the calls say. Sweeps first, as seen that much later."""
    from django.db.models import Sum
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.calls import model_calls
    from siwei.exchange.models import CallMeter, KeptCall, ModelCall, ModelKey

    if sweep_after_s:
        model_calls.sweep_calls(actor=PLATFORM, now=timezone.now() + timedelta(seconds=sweep_after_s))
    adrift = []
    for field, rows in (("key", ModelKey.objects.all()), ("line", CallMeter.objects.all())):
        for row in rows:
            calls = ModelCall.objects.filter(**{field: row if field == "key" else row.line})
            cost = calls.aggregate(n=Sum("cost_microfen"))["n"] or 0
            reserved = calls.filter(state="open").aggregate(n=Sum("reserved_microfen"))["n"] or 0
            used = row.spent_microfen if field == "key" else row.used_microfen
            if (used, row.reserved_microfen) != (cost, reserved):
                adrift.append([field, row.pk, used, cost, row.reserved_microfen, reserved])
    fields = ("name", "state", "basis", "output_tokens", "pieces")
    kept = list(KeptCall.objects.values_list("call__name", "request", "answer"))
    return {"calls": {row["name"]: row for row in ModelCall.objects.values(*fields)}, "adrift": adrift, "kept": kept}


if __name__ == "__main__":
    django.setup()
    done: Any = report(int(sys.argv[2])) if sys.argv[1] == "report" else fill(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(done))
