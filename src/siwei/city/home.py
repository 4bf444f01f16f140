"""Where one embedded city lives on disk, and what it remembers of itself."""

import os
import secrets
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from siwei.errors import Conflict, NotFound

PACKS = Path(__file__).resolve().parent.parent / "packs"


@dataclass(frozen=True, slots=True)
class CityHome:
    """`pack` is a built-in pack's name or a directory; `as_of` the day the main job works for, fixed so that a
    rerun does the same. From there the exchange goes on with the calendar (`day_on`), unless the city was made to stand
    still on that day. `asks_second_factor`: whether acts with money do (a demonstration's need not)."""

    directory: Path
    pack: str
    as_of: date
    secret_key: str
    asks_second_factor: bool = True
    follows_calendar: bool = False

    def day_on(self, today: date) -> date:
        """The day this city decides for: by which windows close, notices end, facts hold and days are settled."""
        return max(self.as_of, today) if self.follows_calendar else self.as_of

    @property
    def pack_directory(self) -> Path:
        """Where the pack lies. A relative path is one from the city's own directory, else from where we stand."""
        return resolve_pack(self.pack, self.directory)

    @property
    def database(self) -> Path:
        return self.directory / "city.sqlite3"

    @property
    def runs(self) -> Path:
        """Content-addressed Parquet results."""
        return self.directory / "runs"

    @property
    def jobs(self) -> Path:
        return self.directory / "jobs"

    @property
    def files(self) -> Path:
        """What people gave as evidence, by its hash; never served from here."""
        return self.directory / "files"

    @property
    def datasets(self) -> Path:
        """Files of datasets, by their hash; handed out to whoever accepted their terms."""
        return self.directory / "datasets"

    @property
    def demonstration_key(self) -> Path:
        """The key with which the demonstration calls models; its owner alone may read it."""
        return self.directory / "demonstration.key"

    @property
    def rejects(self) -> Path:
        return self.directory / "rejects"

    @property
    def report(self) -> Path:
        return self.directory / "report.html"


def resolve_pack(pack: str, directory: Path | None = None) -> Path:
    """A directory (anything with a separator or existing on disk) or the name of a built-in pack."""
    for candidate in (PACKS / pack, *([directory / pack] if directory else []), Path(pack)):
        if (candidate / "pack.yaml").is_file():
            return candidate
    built_in = ", ".join(sorted(entry.parent.name for entry in PACKS.glob("*/pack.yaml")))
    raise NotFound(
        f"no city pack {pack!r} → name a built-in pack ({built_in}) or a folder with a pack.yaml",
        f"没有城市政策包 {pack!r} → 请指定内置的政策包（{built_in}），或含 pack.yaml 的文件夹",
    )


def create_home(
    directory: Path, pack: str, as_of: date, *, asks_second_factor: bool = True, follows_calendar: bool = False
) -> CityHome:
    """Write `city.toml`; doing it again with the same pack changes nothing."""
    existing = directory / "city.toml"
    if existing.exists():
        home = open_home(directory)
        if home.pack_directory.resolve() != resolve_pack(pack, home.directory).resolve():
            raise Conflict(
                f"{directory} is already a city of pack {home.pack!r}; choose another directory for {pack!r}",
                f"{directory} 已是政策包 {home.pack!r} 的城市；请为 {pack!r} 另选目录",
            )
        return home
    resolve_pack(pack)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)  # the database and the operator's report hold what is not public
    text = (
        f'pack = "{pack if (PACKS / pack).is_dir() else Path(pack).resolve()}"\n'
        f"as_of = {as_of.isoformat()}\n"
        f"follows_calendar = {str(follows_calendar).lower()}\n"
        f'secret_key = "{secrets.token_urlsafe(50)}"\n'
        f"second_factor = {str(asks_second_factor).lower()}\n"
    )
    draft = directory / "city.toml.new"
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o600)
    draft.replace(existing)
    return open_home(directory)


def open_home(directory: Path) -> CityHome:
    path = directory / "city.toml"
    try:
        values = tomllib.loads(path.read_text())
        return CityHome(
            directory.resolve(),
            str(values["pack"]),
            values["as_of"],
            str(values["secret_key"]),
            values.get("second_factor", True) is not False,
            values.get("follows_calendar", False) is True,
        )
    except FileNotFoundError:
        raise NotFound(
            f"{directory} is not a city (no city.toml) → siwei init {directory} --pack shenzhen",
            f"{directory} 不是城市（没有 city.toml） → siwei init {directory} --pack shenzhen",
        ) from None
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise Conflict(
            f"{path} cannot be read ({error}) → restore it, or make a new city elsewhere",
            f"{path} 无法读取（{error}） → 请恢复，或在别处新建城市",
        ) from None
