"""Programmes as code: read and check them, decide them for every subject, explain a decision, share out a pot."""

from siwei.policy.decide import CLAUSE_VERDICTS, VERDICTS, Decisions, decide, decide_lazily
from siwei.policy.document import programme_schema
from siwei.policy.explain import explain
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.loading import load_programme, load_programmes
from siwei.policy.pots import SHARES_SCHEMA, Shares, lottery_digest, share_pot
from siwei.policy.programmes import (
    Award,
    Citation,
    Clause,
    ClauseVerdict,
    FactStatus,
    Kind,
    Parameter,
    Payment,
    Period,
    Pot,
    Programme,
    Quota,
    Reserve,
    Rounding,
    RoundingMode,
    Sharing,
    Source,
    Text,
    Verdict,
)
from siwei.policy.sharing import share_pro_rata
from siwei.policy.subjects import attribute_dtypes
from siwei.policy.unlock import UNLOCK_SCHEMA, unlock

__all__ = [
    "CLAUSE_VERDICTS",
    "SHARES_SCHEMA",
    "UNLOCK_SCHEMA",
    "VERDICTS",
    "Award",
    "Citation",
    "Clause",
    "ClauseVerdict",
    "Decisions",
    "Explanation",
    "FactStatus",
    "FactValue",
    "Kind",
    "Parameter",
    "Payment",
    "Period",
    "Pot",
    "Programme",
    "Quota",
    "Reserve",
    "Rounding",
    "RoundingMode",
    "Shares",
    "Sharing",
    "Source",
    "Text",
    "Verdict",
    "attribute_dtypes",
    "decide",
    "decide_lazily",
    "explain",
    "load_programme",
    "load_programmes",
    "lottery_digest",
    "programme_schema",
    "share_pot",
    "share_pro_rata",
    "unlock",
]
