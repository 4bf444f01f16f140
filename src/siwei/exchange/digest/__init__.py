"""One hash over the whole city, and one for each table, so that a difference can be found.

Rows are told by their natural keys; left out are clocks, measured durations, random ids, attempts lost and what only
says how often or in which order something was done. Two cities that went the same way have the same digest, however
often either was killed on it.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from siwei.exchange.canonical import canonical_json, sha256_of
from siwei.exchange.digest.deals import DEALS
from siwei.exchange.digest.money import MONEY
from siwei.exchange.digest.parties import PARTIES

LEFT_OUT = {
    "AccessKey": "random, and no part of the city's state: its events are covered",
    "Consent": "a person's own, under PIPL; not the city's state",
    "PersonKey": "random, and a person's own: nobody else reads what it seals",
    "PersonFact": "a person's own, sealed under that person's key",
    "PersonFile": "a person's own, sealed under that person's key",
    "PersonProof": "a person's own, sealed under that person's key",
    "PersonDecision": "a person's own, sealed under that person's key",
    "Pseudonym": "random; awards, accounts and orders are covered by it",
    "PersonBankAccount": "a person's own, sealed; orders are covered by its key",
    "SealedPart": "what a file for the bank says of a person, sealed",
    "Invitation": "random, and no part of the city's state: its events are covered",
    "StoredFile": "a person's own papers, named by their hash in the events of claims and of evidence",
    "Claim": "a person's own papers; what was decided is in the events and in the mandates",
    "PaymentFile": "what a batch says, written with the moment of its export; the batch and its orders are covered",
    "Schedule": "clocks only",
    "Worker": "which processes were at work, and when",
    "KeptCall": "what was asked and answered is kept for a while only",
    "Seal": "blocks end where a clock or an operator ended them; verify_seals checks them",
}
"""Tables of this room that no digest covers, and why."""
ROWS: dict[str, Callable[[], Iterator[Any]]] = {**DEALS, **MONEY, **PARTIES}
"""For each table, its rows as a digest sees them."""


def digest() -> dict[str, Any]:
    """`{"tables": {name: {"rows": n, "sha256": …}}, "sha256": …}`; the total is over the tables' own."""
    tables = {name: _table(rows) for name, rows in sorted(ROWS.items())}
    return {"tables": tables, "sha256": sha256_of({name: table["sha256"] for name, table in tables.items()})}


def _table(rows: Callable[[], Iterator[Any]]) -> dict[str, Any]:
    # Sorted by the rows themselves: databases disagree on how text sorts. A digest a row, not the row, is kept.
    hashes = sorted(hashlib.sha256(canonical_json(row).encode("utf-8", "surrogatepass")).digest() for row in rows())
    return {"rows": len(hashes), "sha256": hashlib.sha256(b"".join(hashes)).hexdigest()}
