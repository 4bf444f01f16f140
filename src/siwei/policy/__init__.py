"""Programmes as code: read and check them, decide them for every subject, explain a decision, share out a pot."""

from siwei.policy.checks.case_results import run_pack_cases
from siwei.policy.checks.check import check_programmes
from siwei.policy.decide import CLAUSE_VERDICTS, VERDICTS, Decisions, decide, decide_lazily
from siwei.policy.diffs.diff import diff
from siwei.policy.documents.document import programme_schema
from siwei.policy.documents.document_stacking import stacking_schema
from siwei.policy.documents.loading import load_all_versions, load_programme, load_programmes
from siwei.policy.documents.releases import load_version, release_version
from siwei.policy.explaining.explain import explain
from siwei.policy.explaining.nearest import nearest_change
from siwei.policy.explaining.unlock import UNLOCK_SCHEMA, unlock
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.pots.share import SHARES_SCHEMA, Shares, lottery_digest, share_pot
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
    State,
    Text,
    Verdict,
)
from siwei.policy.sharing import share_pro_rata
from siwei.policy.subjects import attribute_dtypes

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
    "State",
    "Text",
    "Verdict",
    "attribute_dtypes",
    "check_programmes",
    "decide",
    "decide_lazily",
    "diff",
    "explain",
    "load_all_versions",
    "load_programme",
    "load_programmes",
    "load_version",
    "lottery_digest",
    "nearest_change",
    "programme_schema",
    "release_version",
    "run_pack_cases",
    "share_pot",
    "share_pro_rata",
    "stacking_schema",
    "unlock",
]
