"""`siwei people`: invite to the city, and who operates, reviews and audits it. For whoever runs the city's machine."""

import secrets
from typing import Annotated, Literal

from cyclopts import App, Parameter

from siwei.cli.app import City, Json, app, open_city
from siwei.cli.output import console, print_json, print_table

people_app = App(
    name="people", help="People of the city: invite the first ones, appoint operators, reviewers, auditors."
)
app.command(people_app)
Because = Annotated[str, Parameter(help="Why, in one sentence; it stands in the audit log.")]
OfficeName = Literal["operator", "reviewer", "auditor"]


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

    from siwei.exchange import invitations
    from siwei.exchange.actors import PLATFORM

    made = invitations.invite(name, actor=PLATFORM, now=timezone.now(), idempotency_key=secrets.token_hex(16))
    path, until = reverse("invitation", args=[made.secret]), made.invitation.expires_at
    if json:
        print_json({"path": path, "until": until})
        return
    console.print(
        f"For {name}, once, until {until:%Y-%m-%d}; open it at the portal's own address:", highlight=False, markup=False
    )
    console.print(path, highlight=False, markup=False, soft_wrap=True)


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
    from siwei.exchange.offices import offices_of

    holders = Person.objects.filter(Q(is_operator=True) | Q(is_reviewer=True) | Q(is_auditor=True)).order_by("username")
    rows = [
        (each.username, [str(office) for office in offices_of(each)], each.has_usable_password()) for each in holders
    ]
    if json:
        print_json([{"person": name, "offices": held, "can_sign_in": able} for name, held, able in rows])
    else:
        columns = ("person", "offices", "can sign in")
        print_table("offices", columns, [(name, ", ".join(held), "yes" if able else "no") for name, held, able in rows])


def _change(what: str, username: str, office: OfficeName, because: str, city: City, json: Json) -> None:
    open_city(city)
    from django.utils import timezone

    from siwei.exchange import offices
    from siwei.exchange.actors import PLATFORM

    change = offices.appoint if what == "appoint" else offices.dismiss
    person = change(
        username, offices.Office(office), because=because, actor=PLATFORM, now=timezone.now(),
        idempotency_key=secrets.token_hex(16),
    )  # fmt: skip
    held = [str(each) for each in offices.offices_of(person)]
    if json:
        print_json({"person": person.username, "offices": held})
    else:
        console.print(f"{person.username}: {', '.join(held) or 'no office'}", highlight=False, markup=False)
