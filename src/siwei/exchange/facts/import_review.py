"""Looking over an import: take a merge apart again, and carry rejects and warnings away as files."""

import csv
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import polars as pl
from django.db.models import F
from django.utils import timezone

from siwei.city.firms import check_codes, clean_names, name_key, neutralise_formulas, normalise_names, separate_key
from siwei.city.firms.merging import BY_CODE
from siwei.city.firms.reading import reference_prefix
from siwei.city.firms.reasons import in_chinese
from siwei.city.firms.shapes import FIXED_SHAPES
from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.facts.imports import hold_imports
from siwei.exchange.models import Fact, ImportFile, Merge, Organisation, Reject, RowWarning


def find_import(name: str) -> ImportFile:
    """By the name it was imported under, or the first digits of its hash."""
    found = list(ImportFile.objects.filter(name=name).order_by("pk")) or list(
        ImportFile.objects.filter(sha256__startswith=name)[:2]
    )
    if not found:
        known = ", ".join(ImportFile.objects.order_by("name").values_list("name", flat=True)[:20])
        raise NotFound(
            f"no file {name!r} was imported → imported were: {known or 'none yet'}",
            f"没有导入过文件 {name!r} → 导入过的有：{known or '尚无'}",
        )
    if len(found) > 1:
        hashes = ", ".join(file.sha256[:8] for file in found)
        raise InputError(
            [
                Problem(
                    Said(f"{len(found)} imports are called {name!r}", f"有 {len(found)} 次导入名为 {name!r}"),
                    fix=Said(f"name one by its hash: {hashes}", f"请用哈希指定：{hashes}"),
                )
            ]
        )
    return found[0]


@action
def undo_merge(file: str, row: int, *, actor: Actor, now: datetime) -> Organisation:
    """The row becomes an organisation of its own, and takes with it the facts that came from it.

    It takes its code too where the organisation has the code from this row alone (it was merged by name). The file's
    counts move one row from merged to created. Raises `NotFound`, and `Conflict` where it was undone before or where
    other
    rows were merged by that code since.
    """
    require(can_operate(actor), actor, Said("undo a merge", "撤销合并"))
    hold_imports()
    imported = find_import(file)
    merge = Merge.objects.filter(file=imported, row=row).select_related("organisation").first()
    if merge is None:
        raise NotFound(
            f"row {row} of {imported.name} was not merged → `siwei import merges` lists what was",
            f"{imported.name} 的第 {row} 行没有合并过 → 合并过的见 `siwei import merges`",
        )
    if Merge.objects.filter(pk=merge.pk, undone_at=None).update(undone_at=now) == 0:
        raise Conflict(
            f"the merge of row {row} of {imported.name} was undone on {timezone.localdate(merge.undone_at)}",
            f"{imported.name} 第 {row} 行的合并已于 {timezone.localdate(merge.undone_at)} 撤销",
        )
    name, normalised, code = _identity(imported.shape, merge.record)
    source_ref = f"{reference_prefix(imported.name, imported.sha256)} row {row}"
    takes_code = merge.reason != BY_CODE and code is not None and merge.organisation.code == code
    if takes_code:
        _give_up_code(merge, imported)
    key = code if takes_code and code else name_key(normalised)
    if Organisation.objects.filter(key=key).exists():
        key = separate_key(normalised, source_ref)
    own = Organisation.objects.create(
        key=key,
        code=code if takes_code else None,
        name=name,
        name_normalised=normalised,
        kind=merge.organisation.kind,
        origin=merge.organisation.origin,
    )
    facts = Fact.objects.filter(organisation=merge.organisation, source_ref=source_ref)
    stated = dict(facts.filter(attribute__in=["district", "founded_on"]).values_list("attribute", "value"))
    own.district, own.founded_on = stated.get("district", ""), stated.get("founded_on")
    own.save(update_fields=["district", "founded_on"])
    moved = facts.update(organisation=own)
    ImportFile.objects.filter(pk=imported.pk).update(merged=F("merged") - 1, created=F("created") + 1)
    record_event(
        "undo_merge",
        f"{imported.sha256[:32]}-{row}",
        {"file": imported.sha256, "row": row},
        subject=own.key,
        actor=actor,
        now=now,
        organisations=[own, merge.organisation],
        payload={"reason": merge.reason, "facts": moved},
    )
    return own


def _give_up_code(merge: Merge, imported: ImportFile) -> None:
    """The organisation was known by name alone before this row, and is so again."""
    organisation = merge.organisation
    others = Merge.objects.filter(organisation=organisation, reason=BY_CODE, undone_at=None).exclude(pk=merge.pk)
    if others.exists():
        raise Conflict(
            f"other rows were merged into {organisation.key} by the code that row {merge.row} of {imported.name} "
            "brought → "
            "undo those first (`siwei import merges`)",
            f"其他行凭 {imported.name} 第 {merge.row} 行带来的代码并入了 {organisation.key} → "
            "请先撤销那些（`siwei import merges`）",
        )
    key = name_key(organisation.name_normalised)
    if Organisation.objects.filter(key=key).exists():
        key = separate_key(organisation.name_normalised, organisation.key)
    Organisation.objects.filter(pk=organisation.pk).update(code=None, key=key)


def _identity(shape: str, record: object) -> tuple[str, str, str | None]:
    """Name, normalised name and checked code of a row, from its own cells."""
    cells: Mapping[str, str] = record if isinstance(record, dict) else json.loads(str(record))
    declared = next((each.columns for each in FIXED_SHAPES if each.id == shape), {"name": "name", "code": "code"})
    column_of = {attribute: column for column, attribute in declared.items()}
    names = clean_names(pl.Series([cells[column_of["name"]]]))
    code = check_codes(pl.Series([cells.get(column_of.get("code", ""), "")], dtype=pl.String))["code"][0]
    return names[0], normalise_names(names)[0], code


def write_rejects(out: Path, *, actor: Actor, file: str | None = None) -> int:
    """`file,row,field,reason_zh,reason` and the original cells, one column each, formulas neutralised; returns how many
    rows."""
    rows = Reject.objects.select_related("file").order_by("file__name", "file_id", "row")
    require(actor.sees_all, actor, Said("read rejected rows", "查看被拒的行"))
    rows = rows.filter(file=find_import(file)) if file else rows
    headers = (
        ImportFile.objects.filter(rejects__in=rows).order_by("name", "pk").distinct().values_list("header", flat=True)
    )
    # A row that could not be split into cells is kept whole, as its `line`.
    names = list(dict.fromkeys([column for header in headers for column in header] + ["line"]))
    if not rows.filter(record__has_key="line").exists():
        names.remove("line")
    lines = (
        [
            each.file.name,
            each.row,
            each.field,
            in_chinese(each.reason),
            each.reason,
            *(each.record.get(name, "") for name in names),
        ]
        for each in rows.iterator(chunk_size=2_000)
    )
    return _write_csv(out, ["file", "row", "field", "reason_zh", "reason", *names], lines)


def write_warnings(out: Path, *, actor: Actor, file: str | None = None) -> int:
    """`file,row,field,message_zh,message`; row 0 is the file as a whole. Returns how many rows."""
    require(actor.sees_all, actor, Said("read the warnings of an import", "查看导入的警告"))
    rows = RowWarning.objects.select_related("file").order_by("file__name", "file_id", "row", "field")
    rows = rows.filter(file=find_import(file)) if file else rows
    lines = (
        [each.file.name, each.row, each.field, in_chinese(each.message), each.message]
        for each in rows.iterator(chunk_size=2_000)
    )
    return _write_csv(out, ["file", "row", "field", "message_zh", "message"], lines)


def _write_csv(out: Path, header: list[str], rows: Iterable[list[object]]) -> int:
    """Whole or not at all; UTF-8 with a mark, so that spreadsheets read Chinese."""
    draft = out.with_name(f".{out.name}.{os.getpid()}.new")
    written = 0
    try:
        with draft.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([neutralise_formulas(cell) for cell in header])
            for row in rows:
                writer.writerow([neutralise_formulas("" if cell is None else str(cell)) for cell in row])
                written += 1
        draft.replace(out)
    except OSError as error:
        raise InputError(
            [
                Problem(
                    Said(f"cannot be written ({error.strerror})", f"无法写入（{error.strerror}）"),
                    Said("choose another --out", "请换一个 --out"),
                    str(out),
                )
            ]
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return written
