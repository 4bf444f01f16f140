"""`siwei init` and `siwei city …`."""

from datetime import date
from pathlib import Path

from cyclopts import App

from siwei.city.home import create_home, open_home, resolve_pack
from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import headings, line
from siwei.cli.output import print_json, print_line, print_table, shown

city_app = App(name="city", help="Look at a city as a whole.")
app.command(city_app)


@app.command
def init(
    directory: Path,
    /,
    *,
    pack: str | None = None,
    as_of: date | None = None,
    second_factor: bool = True,
    json: Json = False,
) -> None:
    """Make an embedded city in DIRECTORY from a city pack. Doing it again changes nothing.

    Parameters
    ----------
    pack: name of a built-in pack, or a folder with a pack.yaml; default shenzhen, or what the city has
    as_of: a day on which the city stands still, to rehearse. Without it `siwei run` works for the pack's own date, the
        same anywhere, and from there pages, API and worker go with the calendar
    second_factor: ask people for a second factor before acts with money; off for a demonstration only. Kept in the
        city's city.toml (`second_factor`), where it can be changed later
    """
    from siwei.city.pack import load_pack

    if pack is None:
        pack = open_home(directory).pack if (directory / "city.toml").exists() else "shenzhen"
    day = as_of or load_pack(resolve_pack(pack, directory)).identity.date
    home = create_home(directory, pack, day, asks_second_factor=second_factor, follows_calendar=as_of is None)
    open_city(directory, migrated=False)
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    if json:
        print_json(
            {
                "city": str(home.directory),
                "pack": home.pack,
                "as_of": home.as_of,
                "follows_calendar": home.follows_calendar,
            }
        )
    else:
        told = line("by_calendar" if home.follows_calendar else "stands_on", day=home.as_of)
        of_pack = line("of_pack", pack=home.pack, told=told)
        print_line(f"{shown(line('city_ready'))} {home.directory} {shown(of_pack)}")


@city_app.command
def digest(*, city: City = None, json: Json = False) -> None:
    """One hash over the whole city (clocks, random ids and lost attempts left out), and one for each table.

    Two cities that went the same way have the same digest; where they differ, the tables say in what.
    """
    open_city(city)
    from siwei.exchange.digest import digest as compute_digest

    result = compute_digest()
    if json:
        print_json(result)
        return
    rows = [(name, table["rows"], table["sha256"][:16]) for name, table in result["tables"].items()]
    print_table(line("tables"), headings(("table", "rows", "sha256 (first 16)")), rows)
    print_line(f"sha256 {result['sha256']}")
