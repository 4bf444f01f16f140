"""Every page and every operation of the API stands in the reference."""

import re
from collections import Counter
from pathlib import Path

from django.test import Client
from django.urls import get_resolver
from ninja import Schema
from portal_addresses import addresses
from portal_messages import PORTAL

from siwei.market.kinds import KINDS
from siwei.portal.api import api
from siwei.portal.listing_fields import FIELD_NAMES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_every_page_is_described() -> None:
    text = (REFERENCE / "pages.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(/[^`]*)`", text))
    routes = {"/" + re.sub(r"<\w+:", "<", route) for route in addresses(get_resolver().url_patterns)}
    ours = {route for route in routes if not route.startswith(("/api/", "/accounts/", "/languages/"))}
    assert ours - described == set()
    assert {each for each in described - ours if not each.startswith(("/accounts/", "/languages/"))} == set()


def test_no_two_schemas_of_the_api_have_one_name() -> None:
    """Of two, the described one would stand for both."""

    def below(schema: type[Schema]) -> list[type[Schema]]:
        return [found for each in schema.__subclasses__() for found in (each, *below(each))]

    ours = {each for each in below(Schema) if each.__module__.startswith("siwei.") and "[" not in each.__name__}
    counts = Counter(each.__name__ for each in ours)
    assert {name for name, count in counts.items() if count > 1} == set()


def test_every_operation_is_described() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(/api/[^`]*)`", text, re.MULTILINE)) == set(api.get_openapi_schema()["paths"])


def test_the_api_describes_itself_once(client: Client) -> None:
    first, second = (client.get("/api/openapi.json") for _ in range(2))
    assert first.status_code == 200 and first.content == second.content
    assert api.get_openapi_schema() is api.get_openapi_schema()
    assert set(api.get_openapi_schema(path_prefix="/other/")["paths"]) != set(api.get_openapi_schema()["paths"])


def test_every_field_of_every_listing_has_a_name() -> None:
    fields = {
        name for kind in KINDS.values() for body in (kind.offer_body, kind.need_body) for name in body.model_fields
    }
    assert set(FIELD_NAMES) == fields


def test_every_part_of_the_room_is_in_its_note() -> None:
    note = (Path(__file__).parents[2] / "docs" / "design" / "portal.md").read_text(encoding="utf-8")
    folders = {path.name for path in PORTAL.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    assert [name for name in sorted(folders) if f"`{name}/`" not in note] == []
