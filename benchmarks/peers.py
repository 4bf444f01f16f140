"""Our columnar steps against the plain way of doing the same, on the same rows in the same run.

    python -m benchmarks.peers --folder FOLDER      (FOLDER as `benchmarks.scale --folder` left it)

Peers: a Python loop over rows for code checks and amounts; jieba with a dictionary for placing firms (it finds words
and knows no context: what ours does beyond that is paid for in the ratio); Google's CEL interpreter, row by row and
clause by clause, for programmes.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.scale import AS_OF, PACK

LOOP_ROWS = 10_000
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
AMOUNT = re.compile(r"([\d,]+(?:\.\d+)?)\s*[(（]?\s*(万)?\s*(元|人民币元?|美元|港币|港元)")


def seconds_of(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The shortest of `times` runs: the first one also warms up both sides."""
    shortest, found = float("inf"), None
    for _ in range(times):
        started = time.perf_counter()
        found = work()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest, found


def side_by_side(what: str, peer: str, rows: int, ours: float, theirs: float, agreement: str = "") -> dict[str, Any]:
    return {
        "what": what, "peer": peer, "rows": rows, "ours_seconds": ours, "peer_seconds": theirs,
        "ours_rows_per_second": round(rows / ours), "peer_rows_per_second": round(rows / theirs),
        "ratio": theirs / ours, "agreement": agreement,
    }  # fmt: skip


def code_holds(code: str) -> bool:
    """GB 32100-2015, the plain way."""
    code = code.strip().upper()
    if len(code) != 18 or any(character not in ALPHABET for character in code):
        return False
    total = sum(ALPHABET.index(character) * weight for character, weight in zip(code[:17], WEIGHTS, strict=True))
    return ALPHABET[(31 - total % 31) % 31] == code[17]


def compare_codes(codes: list[str]) -> dict[str, Any]:
    from siwei.city.firms import check_codes

    series = pl.Series(codes)
    ours, checked = seconds_of(lambda: check_codes(series))
    theirs, held = seconds_of(lambda: [code_holds(code) for code in codes])
    same = sum(one == other for one, other in zip(checked["code"].is_not_null(), held, strict=True))
    return side_by_side("code check (GB 32100)", "Python loop", len(codes), ours, theirs, f"{same:,} verdicts the same")


def amount_of(text: str) -> int | None:
    found = AMOUNT.search(text)
    if not found:
        return None
    try:
        return int(Decimal(found[1].replace(",", "")) * (1_000_000 if found[2] else 100))
    except InvalidOperation:
        return None


def compare_amounts(count: int) -> dict[str, Any]:
    """Amounts in the forms that registries write, made here from their row number."""
    from siwei.city.firms import parse_amounts

    forms = ("{n}(万元人民币)", "{n}万元", "{n}.5000(万元人民币)", "{n}万美元", "{n}000元", "{n},000.00万港元")
    texts = [forms[number % len(forms)].format(n=number % 999 + 1) for number in range(count)]
    series = pl.Series(texts)
    ours, parsed = seconds_of(lambda: parse_amounts(series))
    theirs, amounts = seconds_of(lambda: [amount_of(text) for text in texts])
    same = sum(one == other for one, other in zip(parsed["minor"], amounts, strict=True))
    return side_by_side("amounts", "Python loop with Decimal", count, ours, theirs, f"{same:,} amounts the same")


def compare_placing(folder: Path, pack_directory: Path) -> dict[str, Any]:
    import jieba

    from siwei.chain.classify import classify
    from siwei.chain.vocabulary import load_vocabulary
    from siwei.city.pack import load_pack

    vocabulary = load_vocabulary(pack_directory / "chain" / "vocabulary.yaml", load_pack(pack_directory).segments)
    firms = pl.read_parquet(folder / "subjects-*.parquet", columns=["key", "name", "scope", "profile"])
    firms = firms.rename({"key": "id"}).head(LOOP_ROWS)
    segments: dict[str, str] = {}
    for term in vocabulary.terms:
        segments[term.text] = term.segment
        jieba.add_word(term.text)
    texts = [" ".join(part for part in row if part) for row in firms.select("name", "scope", "profile").rows()]

    def look_up() -> list[set[str]]:
        return [{segments[word] for word in jieba.cut(text) if word in segments} for text in texts]

    jieba.lcut("预热")
    ours, placements = seconds_of(lambda: classify(firms, vocabulary))
    theirs, found = seconds_of(look_up)
    agreement = f"ours places {placements['id'].n_unique():,} firms, the peer {sum(map(bool, found)):,}"
    return side_by_side("placing on the chain", "jieba and a dictionary", len(texts), ours, theirs, agreement)


def compare_deciding(folder: Path, pack_directory: Path) -> dict[str, Any]:
    from datetime import UTC, datetime

    from cel_expr_python import cel

    from siwei.city.pack import load_pack
    from siwei.policy import decide, load_programmes
    from siwei.policy.language import functions

    programmes = load_programmes(pack_directory / "programmes", load_pack(pack_directory).attributes)
    read = sorted({name for programme in programmes for name in programme.attributes})
    columns = ["key", *read, *(f"{name}__status" for name in read)]
    table = pl.read_parquet(folder / "subjects-*.parquet", columns=columns).rename({"key": "id"}).head(LOOP_ROWS)
    kinds = {pl.Int64: cel.Type.INT, pl.Boolean: cel.Type.BOOL, pl.String: cel.Type.STRING, pl.Date: cel.Type.TIMESTAMP}
    day = datetime.combine(AS_OF, datetime.min.time(), UTC)
    compiled = []
    for programme in programmes:
        parameters = {f"p.{each.id}": each.value_on(AS_OF) for each in programme.parameters}
        variables = {name: kinds[type(table.schema[name])] for name in programme.attributes}
        variables |= dict.fromkeys(parameters, cel.Type.INT) | {"as_of": cel.Type.TIMESTAMP}
        environment = cel.NewEnv(variables=variables, functions=functions.declarations(str(programme.rounding.mode)))
        given = {"as_of": day} | {name: value for name, value in parameters.items() if value is not None}
        for clause in programme.clauses:
            compiled.append((programme, clause, environment.compile(clause.expression.text), given))

    def row_by_row() -> list[list[bool | None]]:
        verdicts = []
        for row in table.select(read).iter_rows(named=True):
            known = {
                name: datetime.combine(value, datetime.min.time(), UTC) if name == "founded_on" else value
                for name, value in row.items() if value is not None
            }  # fmt: skip
            line: list[bool | None] = []
            for _, _, expression, given in compiled:
                try:
                    value = expression.eval(data=known | given).plain_value()
                    line.append(value if isinstance(value, bool) else None)
                except (RuntimeError, ValueError):
                    line.append(None)
            verdicts.append(line)
        return verdicts

    ours, decisions = seconds_of(lambda: decide(programmes, table, AS_OF))
    theirs, verdicts = seconds_of(row_by_row, times=1)
    clauses = decisions.clauses.with_columns(pl.col("verdict", "programme", "clause").cast(pl.String))
    told = {"yes": True, "no": False}
    compared = same = 0
    for place, (programme, clause, _, _) in enumerate(compiled):
        mine = clauses.filter((pl.col("programme") == programme.id) & (pl.col("clause") == clause.id))["verdict"]
        for word, line in zip(mine, verdicts, strict=True):
            if word in told and line[place] is not None:
                compared, same = compared + 1, same + (told[word] == line[place])
    agreement = f"{same:,} of {compared:,} clause verdicts both could give are the same"
    return side_by_side(
        f"deciding {len(programmes)} programmes ({len(compiled)} clauses; ours with awards)", "CEL interpreter by row",
        table.height, ours, theirs, agreement,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pack", type=Path, default=PACK)
    options = parser.parse_args()
    codes = pl.read_parquet(options.folder / "organisations.parquet", columns=["code"])["code"].drop_nulls().to_list()
    peers = [
        compare_codes(codes),
        compare_amounts(len(codes)),
        compare_placing(options.folder, options.pack),
        compare_deciding(options.folder, options.pack),
    ]
    print(json.dumps({"peers": peers}, ensure_ascii=False))


if __name__ == "__main__":
    main()
