"""Sharing ¥500M over 150,000 eligible claims, in every mode.

    python -m benchmarks.policy.sharing [--claims 150000] [--rounds 5] [--json]

The peer is the plainest loop over the same claims in Python, which must come to the same fen.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measuring import machine
from benchmarks.policy.rules import AS_OF, PACK
from siwei.city.attributes import load_attributes
from siwei.policy import Pot, Programme, Sharing, Text, load_programmes, share_pot

BUDGET_FEN = 50_000_000_000
SEED = "published"
MODES = (Sharing.FIRST_COME, Sharing.MERIT, Sharing.PRO_RATA, Sharing.LOTTERY)


def make_claims(count: int) -> pl.DataFrame:
    random = np.random.default_rng(20261128)
    amounts = np.minimum(random.lognormal(13, 1.2, count), 1e9).astype(np.int64) + 1
    return pl.DataFrame(
        {
            "id": pl.int_range(count, eager=True).cast(pl.String).str.zfill(7),
            "claim_fen": amounts,
            "applied_at": pl.Series(random.integers(0, 10**9, count)).cast(pl.Datetime("us")),
            "score": random.integers(0, 100, count),
        }
    )


def by_hand(claims: list[dict[str, Any]], mode: Sharing) -> list[int]:
    """What each claim is paid, in the order given."""
    if mode is Sharing.PRO_RATA:
        total = sum(claim["claim_fen"] for claim in claims)
        if total <= BUDGET_FEN:
            return [claim["claim_fen"] for claim in claims]
        paid = [claim["claim_fen"] * BUDGET_FEN // total for claim in claims]
        rests = [(-(claim["claim_fen"] * BUDGET_FEN % total), claim["id"], place) for place, claim in enumerate(claims)]
        for _, _, place in sorted(rests)[: BUDGET_FEN - sum(paid)]:
            paid[place] += 1
        return paid
    keys = {
        Sharing.FIRST_COME: lambda claim: (claim["applied_at"], claim["id"]),
        Sharing.MERIT: lambda claim: (-claim["score"], claim["applied_at"], claim["id"]),
        Sharing.LOTTERY: lambda claim: hashlib.sha256(f"{SEED}\n{claim['id']}".encode()).hexdigest(),
    }
    paid, left = [0] * len(claims), BUDGET_FEN
    for place in sorted(range(len(claims)), key=lambda place: keys[mode](claims[place])):
        paid[place] = min(left, claims[place]["claim_fen"])
        left -= paid[place]
    return paid


def measure(programme: Programme, claims: pl.DataFrame, mode: Sharing, rounds: int) -> dict[str, Any]:
    seconds, processor = [], []
    for _ in range(rounds):
        started, cpu = time.perf_counter(), time.process_time()
        shares = share_pot(programme, claims, AS_OF, budget_fen=BUDGET_FEN, sharing=mode, seed=SEED)
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - cpu)
    rows = claims.to_dicts()
    started, cpu = time.perf_counter(), time.process_time()
    expected = by_hand(rows, mode)
    hand_s, hand_cpu_s = time.perf_counter() - started, time.process_time() - cpu
    paid = claims.select("id").join(shares.table, on="id", maintain_order="left")["paid_fen"].to_list()
    return {
        "mode": str(mode), "claims": claims.height, "share_s": round(statistics.median(seconds), 4),
        "share_cpu_s": round(statistics.median(processor), 4), "python_s": round(hand_s, 4),
        "python_cpu_s": round(hand_cpu_s, 4), "paid_fen": shares.paid_fen, "agrees": paid == expected,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy.sharing", description=__doc__)
    parser.add_argument("--claims", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    print(json.dumps(machine()), file=sys.stderr)
    first = load_programmes(PACK / "programmes", load_attributes(PACK, today=AS_OF))[0]
    pot = Pot(BUDGET_FEN, "year", Sharing.MERIT, Text("虚构资金池", "A made-up pot"), None)
    programme = replace(first, pot=pot)
    claims = make_claims(options.claims)
    results = [measure(programme, claims, mode, options.rounds) for mode in MODES]
    if options.json:
        print(json.dumps(results))
        return
    print(f"{'mode':>12}{'claims':>10}{'s':>9}{'cpu s':>9}{'loop s':>9}{'cpu s':>9}{'paid fen':>16}  agrees")
    for each in results:
        print(
            f"{each['mode']:>12}{each['claims']:>10,}{each['share_s']:>9.3f}{each['share_cpu_s']:>9.3f}"
            f"{each['python_s']:>9.3f}{each['python_cpu_s']:>9.3f}{each['paid_fen']:>16,}  {each['agrees']}"
        )


if __name__ == "__main__":
    main()
