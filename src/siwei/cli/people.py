"""`siwei people`: invite to the city, who operates, reviews and audits it, accounts disabled and enabled. For whoever
runs the city's machine."""

import secrets
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import code, coded, headings, line
from siwei.cli.output import print_json, print_line, print_table
from siwei.cli.words import joined

people_app = App(
    name="people",
    help="People of the city: invite the first ones, appoint operators, reviewers, auditors; disable accounts.",
)
app.command(people_app)
Because = Annotated[str, Parameter(help="Why, in one sentence; it stands in the audit log.")]
OfficeName = Literal["operator", "reviewer", "auditor"]
ACCOUNT = ("username", "state", "offices", "represents", "keys", "last_login")


@people_app.command
def invite(name: str, /, *, city: City = None, json: Json = False) -> None:
    """Invite somebody to make an account: prints a link, once. The operator does the same on the page Invitations.

    Parameters
    ----------
    name: whom the link is for
    """
    open_city(city)
    from django.urls import reverse
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.people import invitations

    made = invitations.invite(name, actor=PLATFORM, now=timezone.now(), idempotency_key=secrets.token_hex(16))
    path, until = reverse("invitation", args=[made.secret]), made.invitation.expires_at
    if json:
        print_json({"path": path, "until": until})
        return
    print_line(line("invited", name=name, day=f"{until:%Y-%m-%d}"))
    print_line(path)


@people_app.command
def appoint(username: str, office: OfficeName, /, *, because: Because, city: City = None, json: Json = False) -> None:
    """Give somebody who has an account an office of the city. An auditor holds no other and represents nobody."""
    _change("appoint", username, office, because, city, json)


@people_app.command
def dismiss(username: str, office: OfficeName, /, *, because: Because, city: City = None, json: Json = False) -> None:
    """Take an office of the city away. The last operator stays until there is another."""
    _change("dismiss", username, office, because, city, json)


@people_app.command(name="list")
def list_(*, city: City = None, json: Json = False) -> None:
    """List who holds which office of the city."""
    open_city(city)
    from django.db.models import Q

    from siwei.exchange.models import Person
    from siwei.exchange.people.offices import offices_of

    holders = Person.objects.filter(Q(is_operator=True) | Q(is_reviewer=True) | Q(is_auditor=True)).order_by("username")
    rows = [
        (each.username, [str(office) for office in offices_of(each)], each.is_active and each.has_usable_password())
        for each in holders
    ]
    if json:
        print_json([{"person": name, "offices": held, "can_sign_in": able} for name, held, able in rows])
    else:
        columns = ("person", "offices", "can sign in")
        told = [(name, joined(_words(held)), able) for name, held, able in rows]
        print_table(line("offices"), headings(columns), told)


@people_app.command
def accounts(
    text: str = "", /, *, state: Literal["", "active", "disabled"] = "", city: City = None, json: Json = False
) -> None:
    """List the accounts there are: state, offices, whom they represent, keys in force, when they last signed in.

    Parameters
    ----------
    text: a part of the user name, or of the name that a mandate gives
    state: only those that are active, or disabled
    """
    open_city(city)
    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.person_accounts import person_accounts

    rows = [_account(each) for each in person_accounts(PLATFORM, text, state)]
    if json:
        print_json([dict(zip(ACCOUNT, row, strict=True)) for row in rows])
    else:
        print_table(line("accounts"), headings(ACCOUNT), coded(ACCOUNT, rows))


@people_app.command
def disable(username: str, /, *, because: Because, city: City = None, json: Json = False) -> None:
    """Disable an account: signed out everywhere, keys ended for good; what was promised stands.

    Never the last operator's. It stands in the audit log as done by the platform; on the pages an operator acts
    under their own name.
    """
    open_city(city)
    from siwei.exchange.people.disabling import disable_account

    _decide(disable_account, username, because, json)


@people_app.command
def enable(username: str, /, *, because: Because, city: City = None, json: Json = False) -> None:
    """Enable a disabled account again, in the roles and offices it has; keys are made anew."""
    open_city(city)
    from siwei.exchange.people.disabling import enable_account

    _decide(enable_account, username, because, json)


def _change(what: str, username: str, office: OfficeName, because: str, city: City, json: Json) -> None:
    open_city(city)
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.people import offices

    change = offices.appoint if what == "appoint" else offices.dismiss
    person = change(
        username, offices.Office(office), because=because, actor=PLATFORM, now=timezone.now(),
        idempotency_key=secrets.token_hex(16),
    )  # fmt: skip
    held = [str(each) for each in offices.offices_of(person)]
    if json:
        print_json({"person": person.username, "offices": held})
    else:
        print_line(line("figure", name=person.username, value=joined(_words(held)) or line("no_office")))


def _words(offices: list[str]) -> list[str]:
    return [office for office in map(code, offices) if isinstance(office, str)]


def _decide(act: Any, username: str, because: str, as_json: bool) -> None:
    from django.utils import timezone

    from siwei.exchange.actors import PLATFORM
    from siwei.portal.queries.person_accounts import person_account

    act(username, because=because, actor=PLATFORM, now=timezone.now(), idempotency_key=secrets.token_hex(16))
    row = _account(person_account(username, PLATFORM))
    if as_json:
        print_json(dict(zip(ACCOUNT, row, strict=True)))
    else:
        print_line(line("figure", name=row[0], value=code(row[1])))


def _account(person: Any) -> tuple[str, str, str, str, int, str]:
    from siwei.exchange.people.offices import offices_of

    represents = " ".join(f"{each.organisation.key}:{each.role}" for each in person.standing)
    last = f"{person.last_login:%Y-%m-%dT%H:%MZ}" if person.last_login else ""
    state = "active" if person.is_active else "disabled"
    return person.username, state, " ".join(map(str, offices_of(person))), represents, person.keys, last
