"""Accounts of people, for the offices: who can sign in, as what, and what was done to each account."""

from __future__ import annotations

from django.db.models import Count, Prefetch, Q, QuerySet

from siwei.errors import NotFound
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import Event, Organisation, Person, Representative
from siwei.exchange.people.mandates import owners_of
from siwei.portal.access import require_operator

STATES = ("active", "disabled")


def person_accounts(actor: Actor, text: str = "", state: str = "") -> QuerySet[Person]:
    """Accounts by user name, with the mandates that stand and how many keys do. For the operator and the auditor."""
    require_operator(actor)
    standing = Representative.objects.visible_to(actor).filter(approved_at__isnull=False)
    mandates = standing.select_related("organisation").order_by("organisation__name")
    found: QuerySet[Person] = Person.objects.visible_to(actor).annotate(
        keys=Count("access_keys", filter=Q(access_keys__revoked_at=None))
    )
    if text:
        found = found.filter(
            Q(username__icontains=text) | Q(pk__in=standing.filter(name__icontains=text).values("person"))
        )
    if state in STATES:
        found = found.filter(is_active=state == "active")
    return found.prefetch_related(Prefetch("mandates", queryset=mandates, to_attr="standing")).order_by("username")


def person_account(username: str, actor: Actor) -> Person:
    found = person_accounts(actor).filter(username=username).first()
    if found is None:
        raise NotFound(f"nobody is called {username!r} here", f"这里没有名为 {username!r} 的人")
    return found


def alone_in(person: Person) -> list[Organisation]:
    """The organisations that nobody could manage without this person: the last owner who can act."""
    owned = [each for each in person.standing if each.role == Role.OWNER]  # type: ignore[attr-defined]
    return [each.organisation for each in owned if not owners_of(each.organisation_id).exclude(pk=each.pk).exists()]


def account_events(person: Person, actor: Actor) -> list[Event]:
    """The latest that was done to the account."""
    about = Event.objects.visible_to(actor).filter(subject=f"person:{person.username}")
    return list(about.order_by("-at", "-pk")[:20])
