"""Which texts speak of the same thing: TF-IDF over character bigrams, which needs no segmenter."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")
MAXIMUM_CHARACTERS = 20_000


def terms(text: str) -> Counter[str]:
    """Bigrams of each run of Chinese characters (a lone character as itself), whole words of Latin letters and digits.

    Text is folded by NFKC and case first, and read up to 20,000 characters.
    """
    folded = unicodedata.normalize("NFKC", text[:MAXIMUM_CHARACTERS]).lower()
    found: Counter[str] = Counter()
    for run in WORD.findall(folded):
        if run[0].isascii() or len(run) == 1:
            found[run] += 1
        else:
            found.update(run[at : at + 2] for at in range(len(run) - 1))
    return found


def text_similarity(query: str, documents: Sequence[str]) -> list[float]:
    """Cosine of the query with each document, in 0..1, weights (1 + ln tf) · (1 + ln((1 + n) / (1 + df))).

    Logarithmic term frequency, inverse document frequency and cosine are the weighting `ltc` of Manning, Raghavan and
    Schütze, Introduction to Information Retrieval, 6.4, with the inverse frequency smoothed by one.
    `n` and `df` count the query too, so that one document alone has sensible weights. No terms in common: 0.
    """
    counted = [terms(document) for document in documents]
    asked = terms(query)
    frequency: Counter[str] = Counter()
    for bag in (asked, *counted):
        frequency.update(bag.keys())
    total = len(documents) + 1

    def weigh(bag: Counter[str]) -> dict[str, float]:
        weights = {
            term: (1 + math.log(count)) * (1 + math.log((1 + total) / (1 + frequency[term])))
            for term, count in bag.items()
        }
        norm = math.sqrt(math.fsum(weight * weight for weight in weights.values()))
        return {term: weight / norm for term, weight in weights.items()} if norm else {}

    wanted = weigh(asked)
    scores = []
    for bag in counted:
        offered = weigh(bag)
        cosine = math.fsum(weight * offered[term] for term, weight in wanted.items() if term in offered)
        scores.append(min(max(cosine, 0.0), 1.0))
    return scores
