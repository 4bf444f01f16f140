"""The files of an organisation's other subjects, by which `siwei policy explain` and `diff` weigh joint limits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from siwei.policy.combinations.joint_tables import KindTables

OPTIONS = {"organisation": "--organisations", "claim": "--claims", "project": "--projects"}
Organisations = Annotated[
    Path | None, Parameter(help="The organisations whose contracts or projects the rows are, for joint limits.")
]
Claims = Annotated[Path | None, Parameter(help="Contracts of these organisations, for joint limits.")]
Projects = Annotated[Path | None, Parameter(help="Projects of these organisations, for joint limits.")]


def kind_files(
    own: str, source: Path, *, organisations: Path | None = None, claims: Path | None = None,
    projects: Path | None = None,
) -> "KindTables":  # fmt: skip
    """Raises InputError where a file is given twice for one kind, or stands beside persons."""
    from siwei.policy.combinations.joint_tables import KindTables, check_kinds
    from siwei.policy.deciding.subject_tables import FileTable

    others = {"organisation": organisations, "claim": claims, "project": projects}
    given = {kind: file for kind, file in others.items() if file is not None}
    check_kinds(own, given, OPTIONS, "--in")
    tables = {kind: FileTable(file) for kind, file in {own: source, **given}.items()}
    return KindTables(own, tables, OPTIONS)
