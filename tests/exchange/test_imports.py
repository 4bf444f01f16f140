"""Saving imports: whole or not at all, once and only once, undoable, and everything accounted for."""

import csv
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import forking
import polars as pl
import pytest
from django.utils.timezone import localdate

from siwei.city.firms import Counts
from siwei.city.home import PACKS
from siwei.city.pack import Pack, load_pack
from siwei.errors import Conflict, ImportRefused, NotAllowed, NotFound
from siwei.exchange.actors import PLATFORM, VISITOR
from siwei.exchange.facts.import_review import undo_merge, write_rejects, write_warnings
from siwei.exchange.facts.imports import import_firms, import_population
from siwei.exchange.models import Fact, ImportFile, Merge, Organisation, Reject, RowWarning

FIXTURES = Path(__file__).parents[1] / "fixtures" / "firms"
FILES = [FIXTURES / name for name in ("registry.csv", "profiles.csv", "listed.csv", "generic.csv")]
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(PACKS / "shenzhen", today=date(2026, 11, 23))


def everything() -> dict[str, list[tuple[object, ...]]]:
    """What the database holds of imports, less ids and clocks."""
    return {
        "organisations": sorted(
            Organisation.objects.values_list("key", "code", "name", "district", "founded_on", "origin"), key=str
        ),
        "facts": sorted(
            Fact.objects.values_list("organisation__key", "attribute", "value", "source_ref", "status"), key=str
        ),
        "merges": sorted(Merge.objects.values_list("file__name", "row", "organisation__key", "reason"), key=str),
        "rejects": sorted(Reject.objects.values_list("file__name", "row", "field", "reason"), key=str),
        "warnings": sorted(RowWarning.objects.values_list("file__name", "row", "field", "message"), key=str),
    }


@pytest.mark.django_db
def test_import_is_accounted_for(pack: Pack) -> None:
    summary = import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    assert summary.as_dict() == {
        "files": {
            "registry.csv": {"read": 10, "created": 7, "merged": 2, "rejected": 1},
            "profiles.csv": {"read": 5, "created": 3, "merged": 1, "rejected": 1},
            "listed.csv": {"read": 2, "created": 1, "merged": 1, "rejected": 0},
            "generic.csv": {"read": 3, "created": 3, "merged": 0, "rejected": 0},
        },
        "all": {"read": 20, "created": 14, "merged": 4, "rejected": 2},
    }
    assert Organisation.objects.count() == 14
    assert (Merge.objects.count(), Reject.objects.count()) == (4, 2)
    first = Organisation.objects.get(code="Y1440300000000019M")
    assert (first.name, first.district, first.founded_on) == (
        "深圳市示例甲(集团)股份有限公司",
        "luohu",
        date(1979, 1, 1),
    )
    capital = first.facts.filter(attribute="registered_capital").order_by("-status")
    assert list(capital.values_list("value", "status", "known_at")) == [("39076870000", 1, NOW), ("222222200", 0, NOW)]


@pytest.mark.django_db
def test_the_same_files_again_change_nothing(pack: Pack, tmp_path: Path) -> None:
    first = import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    before = everything()
    copy = tmp_path / "copy.csv"
    copy.write_bytes(FILES[0].read_bytes())
    again = import_firms([*reversed(FILES)], actor=PLATFORM, now=LATER, pack=pack)
    copied = import_firms([copy], actor=PLATFORM, now=LATER, pack=pack)
    assert dict(again.files) == dict(first.files)
    assert copied.files["copy.csv"] == first.files["registry.csv"]
    registry = ImportFile.objects.get(name="registry.csv")
    assert copied.remarks == (
        f"copy.csv: imported before as registry.csv on {localdate(registry.imported_at)}; nothing to do",
    )
    assert everything() == before


@pytest.mark.django_db
def test_the_same_content_twice_in_one_call_counts_once(pack: Pack, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(FILES[3].read_bytes())
    summary = import_firms([FILES[3], copy], actor=PLATFORM, now=NOW, pack=pack)
    assert dict(summary.files) == {"generic.csv": Counts(3, 3, 0, 0), "copy.csv": Counts()}
    assert summary.remarks == ("copy.csv: the same content as generic.csv; counted once, there",)


@pytest.mark.django_db
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_one_by_one_in_any_order_ends_with_the_same_organisations(pack: Pack, order: tuple[int, ...]) -> None:
    for position in order:
        import_firms([FILES[position]], actor=PLATFORM, now=NOW, pack=pack)
    assert sorted(Organisation.objects.values_list("key", flat=True)) == sorted(
        [
            "Y1440300000000019M", "Y144030000000102XU", "Y1440300000000027G", "Y1440300000000035B",
            "Y14403000000000511",
            "Y1440300000000078Q", "Y1440300000000086K", *_codes("profiles.csv", "generic.csv"), *_names("示例癸",
            "示例子股份", "示例卯"),
        ]
    )  # fmt: skip


def _codes(*files: str) -> list[str]:
    from siwei.city.firms import check_codes

    codes: list[str] = []
    for file in files:
        frame = pl.read_csv(FIXTURES / file, infer_schema=False)
        column = "code" if "code" in frame.columns else "统一信用代码"
        codes += check_codes(frame[column])["code"].drop_nulls().to_list()
    return [code for code in codes if code != "Y1440300000000019M"]


def _names(*parts: str) -> list[str]:
    return [Organisation.objects.get(name__contains=part, code=None).key for part in parts]


@pytest.mark.django_db
def test_other_names_of_a_code_are_remembered(pack: Pack, tmp_path: Path) -> None:
    """Row 6 of the registry bears the code of row 5 under an older name; a later list knows the firm by that name."""
    import_firms([FILES[0]], actor=PLATFORM, now=NOW, pack=pack)
    path = tmp_path / "later.csv"
    path.write_text("name,code\n深圳市示例丙旧名有限公司,\n", encoding="utf-8")
    assert import_firms([path], actor=PLATFORM, now=LATER, pack=pack).all == Counts(1, 0, 1, 0)
    assert Merge.objects.get(file__name="later.csv").organisation.code == "Y1440300000000035B"


@pytest.mark.django_db
def test_a_refused_file_leaves_nothing(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"\xff\xff")
    with pytest.raises(ImportRefused):
        import_firms([FILES[0], tmp_path / "bad.csv"], actor=PLATFORM, now=NOW, pack=pack)
    assert everything() == {"organisations": [], "facts": [], "merges": [], "rejects": [], "warnings": []}


@pytest.mark.django_db
def test_only_the_operator_imports(pack: Pack) -> None:
    with pytest.raises(NotAllowed):
        import_firms(FILES, actor=VISITOR, now=NOW, pack=pack)
    with pytest.raises(NotAllowed):
        undo_merge("registry.csv", 6, actor=VISITOR, now=NOW)
    import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    assert ImportFile.objects.visible_to(VISITOR).count() == 0
    assert RowWarning.objects.visible_to(VISITOR).count() == 0
    assert RowWarning.objects.visible_to(PLATFORM).count() == RowWarning.objects.count() > 0


@pytest.mark.django_db
def test_undoing_a_merge_by_code(pack: Pack) -> None:
    import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    merged = Organisation.objects.get(code="Y1440300000000035B")
    ref = Merge.objects.get(file__name="registry.csv", row=6)
    facts = set(merged.facts.filter(source_ref__endswith=" row 6").values_list("attribute", "value"))
    own = undo_merge("registry.csv", 6, actor=PLATFORM, now=LATER)
    assert (own.name, own.code, own.key[:2]) == ("深圳市示例丙旧名有限公司", None, "n-")
    assert set(own.facts.values_list("attribute", "value")) == facts != set()
    assert not merged.facts.filter(source_ref__endswith=" row 6").exists()
    ref.refresh_from_db()
    assert ref.undone_at == LATER
    file = ImportFile.objects.get(name="registry.csv")
    assert (file.read, file.created, file.merged, file.rejected) == (10, 8, 1, 1)
    with pytest.raises(Conflict):
        undo_merge("registry.csv", 6, actor=PLATFORM, now=LATER)
    import_firms(FILES, actor=PLATFORM, now=LATER, pack=pack)
    assert Organisation.objects.filter(key=own.key).exists()


@pytest.mark.django_db
def test_undoing_a_merge_by_name_keeps_the_other_apart(pack: Pack) -> None:
    import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    own = undo_merge("listed.csv", 2, actor=PLATFORM, now=LATER)
    assert own.name == "深圳市示例甲(集团)股份有限公司"
    assert sorted(own.facts.values_list("attribute", flat=True)) == ["industry", "listed_on", "stock_code"]
    assert Organisation.objects.filter(name_normalised=own.name_normalised).count() == 2


@pytest.mark.django_db
def test_undoing_gives_the_code_back_to_its_row(pack: Pack) -> None:
    """The registry knows 示例己 by name alone; the profile brings its code, wrongly as the operator finds."""
    import_firms([FILES[0]], actor=PLATFORM, now=NOW, pack=pack)
    before = Organisation.objects.get(name="深圳市示例己有限公司")
    import_firms([FILES[1]], actor=PLATFORM, now=NOW, pack=pack)
    learned = Organisation.objects.get(pk=before.pk)
    assert learned.code == learned.key == Merge.objects.get(file__name="profiles.csv", row=5).organisation.code
    own = undo_merge("profiles.csv", 5, actor=PLATFORM, now=LATER)
    assert own.code == own.key == learned.code
    again = Organisation.objects.get(pk=before.pk)
    assert (again.key, again.code) == (before.key, None)


@pytest.mark.django_db
def test_undo_names_what_is_wrong(pack: Pack) -> None:
    with pytest.raises(NotFound, match="imported were: none yet"):
        undo_merge("registry.csv", 6, actor=PLATFORM, now=NOW)
    import_firms(FILES, actor=PLATFORM, now=NOW, pack=pack)
    with pytest.raises(NotFound, match=r"row 3 of registry\.csv was not merged"):
        undo_merge("registry.csv", 3, actor=PLATFORM, now=NOW)


@pytest.mark.django_db
def test_rejects_and_warnings_are_carried_away_without_formulas(pack: Pack, tmp_path: Path) -> None:
    dirty = tmp_path / "dirty.csv"
    dirty.write_text('name,code,scope\n"=cmd|calc",9144,"+1+1"\n示例甲公司,-,"@x"\n,,\n', encoding="utf-8")
    import_firms([dirty], actor=PLATFORM, now=NOW, pack=pack)
    assert write_rejects(tmp_path / "rejects.csv", actor=PLATFORM) == 2
    with (tmp_path / "rejects.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["file", "row", "field", "reason_zh", "reason", "name", "code", "scope"],
        [
            "dirty.csv",
            "2",
            "code",
            "代码 9144 有 4 位，应为 18 位",
            "code 9144 has 4 characters, a code has 18",
            "'=cmd|calc",
            "9144",
            "'+1+1",
        ],
        ["dirty.csv", "4", "name", "没有名称", "no name", "", "", ""],
    ]
    assert write_warnings(tmp_path / "warnings.csv", actor=PLATFORM) == 0
    with pytest.raises(NotAllowed):
        write_rejects(tmp_path / "mine.csv", actor=VISITOR)


@pytest.mark.django_db
def test_a_newer_version_of_a_file_adds_facts_and_no_organisations(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "firms.csv"
    path.write_text("name,code,employees\n示例甲公司,91440300192317458F,5\n", encoding="utf-8")
    import_firms([path], actor=PLATFORM, now=NOW, pack=pack)
    path.write_text("name,code,employees\n示例甲公司,91440300192317458F,6\n", encoding="utf-8")
    summary = import_firms([path], actor=PLATFORM, now=LATER, pack=pack)
    assert summary.all == Counts(1, 0, 1, 0)
    assert list(Fact.objects.order_by("known_at").values_list("value", flat=True)) == ["5", "6"]


@pytest.mark.django_db
def test_facts_of_a_merged_organisation_go_to_the_one_it_was_merged_into(pack: Pack) -> None:
    survivor = Organisation.objects.create(key="n-survivor", name="示例存", name_normalised="示例存", origin="imported")
    code = "Y1440300000000019M"
    Organisation.objects.create(
        key=code, code=code, name="示例并", name_normalised="示例并", origin="imported", merged_into=survivor
    )
    summary = import_firms([FILES[0]], actor=PLATFORM, now=NOW, pack=pack)
    assert summary.all == Counts(10, 7, 2, 1)
    assert survivor.facts.get(attribute="registered_capital").value == "39076870000"


@pytest.mark.django_db
def test_generated_firms_are_labelled_and_made_once(pack: Pack) -> None:
    first = import_population(200, 20, 7, actor=PLATFORM, now=NOW, as_of=date(2026, 11, 23), pack=pack)
    again = import_population(200, 20, 7, actor=PLATFORM, now=LATER, as_of=date(2026, 11, 23), pack=pack)
    assert dict(first.files) == dict(again.files) == {"generated-200-20-seed7.csv": Counts(200, 200, 0, 0)}
    assert set(Organisation.objects.values_list("origin", flat=True)) == {"generated"}
    assert set(Fact.objects.values_list("source", flat=True)) == {"generated population, seed 7"}
    assert Organisation.objects.exclude(name__contains="示例").count() == 0
    assert RowWarning.objects.count() == 0


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from siwei.cli.app import open_city
open_city(Path(sys.argv[1]))
from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.imports import import_firms
def die(stage, done, total):
    if stage == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
import_firms([Path(p) for p in sys.argv[3:]], actor=PLATFORM, now=datetime.now(UTC), progress=die)
"""


def test_killed_anywhere_and_run_again_is_one_import(tmp_path: Path, lay_city: Callable[[Path], None]) -> None:
    """In a city of its own on SQLite, because a killed process takes its transaction with it."""
    city = tmp_path / "city"
    environment = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"}

    def imported(*, anew: bool) -> Any:
        words = ["import", "firms", *files, "--city", str(city), "--json"]
        return json.loads(forking.run([*forking.SIWEI, *words], env=environment, check=True, anew=anew).stdout)

    lay_city(city)
    files = [str(path) for path in FILES]
    for stage in ("read", "facts"):
        killed = forking.run([sys.executable, "-c", KILLED, str(city), stage, *files], env=environment)
        assert killed.returncode == -signal.SIGKILL
        with sqlite3.connect(city / "city.sqlite3") as database:
            assert database.execute("SELECT count(*) FROM exchange_organisation").fetchone() == (0,)
    again = imported(anew=True)
    assert again["all"] == {"read": 20, "created": 14, "merged": 4, "rejected": 2}
    assert imported(anew=False) == again


@pytest.mark.django_db
def test_real_files(pack: Pack, real_data: Path) -> None:
    """The figures of docs/design/import.md."""
    files = [
        real_data / "firms" / name
        for name in ("shenzhen_registry.csv.gz", "shenzhen_profiles.csv.gz", "shenzhen_listed.csv")
    ]
    summary = import_firms(files, actor=PLATFORM, now=NOW, pack=pack)
    assert dict(summary.files) == {
        "shenzhen_registry.csv.gz": Counts(18_984, 18_974, 10, 0),
        "shenzhen_profiles.csv.gz": Counts(1_056, 1_013, 42, 1),
        "shenzhen_listed.csv": Counts(339, 214, 125, 0),
    }
    by_reason = {reason: Merge.objects.filter(reason=reason).count() for reason in ("code", "name")}
    assert by_reason == {"code": 52, "name": 125}
    assert Reject.objects.get().reason.startswith("code 914403003196285000 looks rounded by a spreadsheet")
    assert Organisation.objects.count() == 20_201
