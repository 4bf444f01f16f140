"""What must hold between the rows of a pack: keys are unique, names lead somewhere, edges say one thing once."""

from collections.abc import Iterator, Mapping
from itertools import islice

import polars as pl

from siwei.city.firms.codes import check_codes
from siwei.city.pack_csv import MAX_PROBLEMS, nearest_name, too_many_problems
from siwei.city.rows import ClusterRow, ClusterSegmentRow, DistrictRow, EdgeRow, FacilityRow, InstitutionRow
from siwei.city.table_words import of_pack
from siwei.city.tables import ParsedTable, cell_of, check_unique, numbered
from siwei.errors import Problem, Said


def check_tables(tables: Mapping[str, ParsedTable]) -> list[Problem]:
    """Every problem between rows, for tables whose rows have been checked one by one."""
    found = [check_unique(parsed) for parsed in tables.values()]
    found += [_check_references(parsed, tables) for parsed in tables.values()]
    found += [
        _check_edges(tables["edges"]),
        _check_cluster_links(tables["clusters"], tables["cluster_segments"]),
        _check_split_districts(tables["districts"]),
        _check_same_facility(tables["facilities"]),
        _check_institution_codes(tables["institutions"]),
    ]
    problems: list[Problem] = []
    for each in found:
        first = list(islice(each, MAX_PROBLEMS + 1))
        if len(first) > MAX_PROBLEMS:
            first[-1] = too_many_problems(first[-1].file, first[-1].line)
        problems += first
    return problems


def _check_references(parsed: ParsedTable, tables: Mapping[str, ParsedTable]) -> Iterator[Problem]:
    for column, target in parsed.table.references.items():
        known = tables[target].keys
        if known is None:
            continue
        for line, row in numbered(parsed):
            value = cell_of(row, column)
            if value is not None and value not in known:
                nearest = nearest_name(str(value), sorted(known))
                yield Problem(
                    *_not_there(repr(value), tables[target].table.path, nearest),
                    parsed.file,
                    line,
                    field=column,
                )


def _not_there(name: str, table: str, nearest: str) -> tuple[Said, Said]:
    if nearest:
        return of_pack("misspelt", name=name, table=table, near=nearest)
    return of_pack("not_there", name=name, table=table)


def _check_edges(edges: ParsedTable) -> Iterator[Problem]:
    """`a supplies b` and `b uses a` are one statement; so are `a substitutes b` and `b substitutes a`."""
    first: dict[tuple[str, str, str], int] = {}
    for line, row in numbered(edges):
        assert isinstance(row, EdgeRow)
        if row.type == "substitutes":
            said = ("substitutes", min(row.from_, row.to), max(row.from_, row.to))
        elif row.type == "uses":
            said = ("supplies", row.to, row.from_)
        else:
            said = ("supplies", row.from_, row.to)
        if said in first and not _is_plain_duplicate(edges, first[said], row):
            yield Problem(
                *of_pack("said_again", line=first[said], row=f"{row.from_} {row.type} {row.to}"),
                edges.file,
                line,
                field="type",
            )
        first.setdefault(said, line)


def _is_plain_duplicate(edges: ParsedTable, first_line: int, row: EdgeRow) -> bool:
    """Reported by the unique key already."""
    other = edges.rows[edges.lines.index(first_line)]
    return isinstance(other, EdgeRow) and (other.from_, other.to, other.type) == (row.from_, row.to, row.type)


def _check_cluster_links(clusters: ParsedTable, links: ParsedTable) -> Iterator[Problem]:
    """A link names a cluster of its own version: lists change from one version to the next."""
    if not clusters.complete:
        return
    known = {(row.version, row.id) for row in clusters.rows if isinstance(row, ClusterRow)}
    versions = sorted({version for version, _ in known})
    for line, row in numbered(links):
        assert isinstance(row, ClusterSegmentRow)
        if (row.version, row.cluster) in known:
            continue
        if row.version not in versions:
            nearest, field = nearest_name(row.version, versions), "version"
            words = Said(repr(row.version), repr(row.version))
        else:
            of_version = sorted(name for version, name in known if version == row.version)
            nearest = nearest_name(row.cluster, of_version)
            field = "cluster"
            words = Said(f"{row.cluster!r} of version {row.version}", f"版本 {row.version} 的 {row.cluster!r}")
        yield Problem(
            *_not_there(words, clusters.table.path, nearest),
            links.file,
            line,
            field=field,
        )


def _check_split_districts(districts: ParsedTable) -> Iterator[Problem]:
    """One step only: a chain of splits would make an old address ambiguous."""
    parents = {row.id: row.split_from for row in districts.rows if isinstance(row, DistrictRow)}
    for line, row in numbered(districts):
        assert isinstance(row, DistrictRow)
        if row.split_from is not None and parents.get(row.split_from) is not None:
            yield Problem(
                *of_pack("split_again", name=row.split_from, parent=parents[row.split_from]),
                districts.file,
                line,
                field="split_from",
            )


def _check_same_facility(facilities: ParsedTable) -> Iterator[Problem]:
    """The figures of one facility stand on several rows: its name and place must be the same on each."""
    first: dict[str, tuple[int, FacilityRow]] = {}
    for line, row in numbered(facilities):
        assert isinstance(row, FacilityRow)
        before, other = first.setdefault(row.facility, (line, row))
        for field in ("name_zh", "name_en", "kind", "district"):
            said, now = getattr(other, field), getattr(row, field)
            if said != now:
                yield Problem(
                    *of_pack("differs", name=row.facility, field=field, now=now, said=said, line=before),
                    facilities.file,
                    line,
                    field=field,
                )


def _check_institution_codes(institutions: ParsedTable) -> Iterator[Problem]:
    """Unified social credit codes carry a check character (GB 32100-2015)."""
    codes = [row.code if isinstance(row, InstitutionRow) else None for row in institutions.rows]
    if not any(codes):
        return
    checked = check_codes(pl.Series(codes, dtype=pl.String))
    for line, code, found in zip(institutions.lines, codes, checked.iter_rows(named=True), strict=True):
        if code is not None and found["code"] != code:
            english = found["problem"] or f"{code!r} is not a unified social credit code"
            why = Said(english, f"{code!r} 不是统一社会信用代码（18 位，末位为校验码）")
            yield Problem(*of_pack("no_code", why=why), institutions.file, line, field="code")
