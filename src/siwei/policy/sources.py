"""What a programme can be decided for, and the rows it can add up: the columns each has.

Ids of attributes are unique in a pack, so a claim's expressions read the claim's own attributes and those of the
organisation that makes it by their plain names.
"""

from collections.abc import Mapping

from siwei.city.attributes import Attribute
from siwei.policy.language.types import BOOL, DATE, INT, STRING, CelType

ORGANISATION = "organisation"
PROVIDER = "provider"
MEMBER = "member"
IS_RELATED = "is_related"
SUBJECTS: Mapping[str, str] = {
    "organisation": "organisation", "claim": "agreement", "project": "project", "person": "person",
}  # fmt: skip
"""What a programme applies to, and the subject of the attributes that describe it in attributes.csv."""
_TIES: Mapping[str, Mapping[str, CelType]] = {
    "organisation": {},
    "claim": {ORGANISATION: STRING, PROVIDER: STRING, IS_RELATED: BOOL},
    "project": {ORGANISATION: STRING},
    "person": {ORGANISATION: STRING},
}
"""Columns every row of that kind has besides: `organisation` makes the claim (leads the project, employs the person),
`provider` is paid under it, `is_related` says whether the two are related parties."""
_AWARDS: Mapping[str, CelType] = {
    ORGANISATION: STRING, "programme": STRING, "awarded_on": DATE, "award_fen": INT, "paid_fen": INT,
}  # fmt: skip

AWARD_UNITS: Mapping[str, str] = {"award_fen": "fen", "paid_fen": "fen"}


def subject_types(attributes: Mapping[str, Attribute], applies_to: str) -> dict[str, CelType]:
    """What expressions of a programme that applies to organisations, claims, projects or persons may read."""
    subjects = {"organisation", SUBJECTS[applies_to]}
    own = {name: CelType(each.type) for name, each in attributes.items() if each.subject in subjects}
    return {**own, **_TIES[applies_to]}


def source_types(attributes: Mapping[str, Attribute], of: str) -> dict[str, CelType]:
    """What the expressions of an aggregate may read of one row."""
    match of:
        case "claims":
            return subject_types(attributes, "claim")
        case "awards":
            return dict(_AWARDS)
        case _:
            return {**subject_types(attributes, "organisation"), ORGANISATION: STRING, MEMBER: STRING}
