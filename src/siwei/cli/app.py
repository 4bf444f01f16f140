"""The command tree, and how a command opens a city."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from siwei import __version__
from siwei.city.home import CityHome, open_home
from siwei.cli.loading import loading
from siwei.errors import Conflict
from siwei.settings import load_settings

app = App(
    name="siwei",
    version=__version__,
    help="Run a city that grows its AI industry: 源 compute and chain, 路 matching, 基 programmes, 翼 talent.",
    suppress_keyboard_interrupt=False,  # told by `main`
)
City = Annotated[Path | None, Parameter(name="--city", help="Directory of the city; default: $SIWEI_CITY or var/city.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of tables.")]


def open_city(city: Path | None, *, migrated: bool = True) -> CityHome:
    """Point this process (Django included) at a city and open its database.

    Raises Conflict where the database was laid by another version of the platform (unless `migrated` is not asked).
    """
    home = open_home(city or load_settings().city)
    os.environ["SIWEI_CITY"] = str(home.directory)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "siwei.portal.django_settings")
    with loading():
        import django

        django.setup()
    if migrated:
        from django.db import connection

        from siwei.exchange.laying import is_laid

        if not is_laid(connection):
            raise Conflict(
                f"the database of {home.directory} is not of this version → siwei init {home.directory}",
                f"{home.directory} 的数据库不是此版本的 → siwei init {home.directory}",
            )
    return home
