"""Finding who and what an action names."""

from datetime import date

from django.db.models import F, Q

from siwei.errors import Conflict, NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Fact, Organisation, Person, Representative

DECLARED_BY = "declared by "
"""How the source of a fact begins that an organisation states of itself (`siwei.exchange.facts.declared`)."""
PROVEN_BY = "proven before "
"""How the source of a fact begins that an office saw proven (`siwei.exchange.facts.proofs`, `person_proofs`)."""


def find_organisation(key: str) -> Organisation:
    try:
        found = Organisation.objects.get(key=key)
    except Organisation.DoesNotExist:
        raise NotFound(
            f"no organisation {key!r} → search by name at /organisations, or import it first",
            f"没有机构 {key!r} → 请在 /organisations 按名称搜索，或先导入",
        ) from None
    if found.merged_into_id is not None:
        raise Conflict(
            f"organisation {key!r} was merged into another → use that one", f"机构 {key!r} 已并入另一机构 → 请使用后者"
        )
    return found


def lock_active(person_id: int) -> Person:
    """The person as they stand now; whoever disables the account or gives it an office waits until this transaction
    ends. `Conflict` where the account is disabled."""
    person = Person.objects.select_for_update(no_key=True).get(pk=person_id)
    if not person.is_active:
        raise Conflict(
            f"the account of {person.username} is disabled → an operator enables it first",
            f"{person.username} 的账号已停用 → 请先由运营人员恢复",
        )
    return person


def require_standing(actor: Actor, organisation: Organisation) -> None:
    """`Conflict` where the actor's own role at an organisation is not what it was when the request began. To be asked
    under the lock that changing it takes (`siwei.exchange.people.mandates.lock_people_of`, or `lock_active` of
    oneself)."""
    role = actor.role_in(organisation.pk)
    if role is None or actor.person_id is None:
        return
    own = Representative.objects.filter(person_id=actor.person_id, organisation=organisation, approved_at__isnull=False)
    if not own.filter(role=role).exists():
        raise Conflict(
            f"your own role at {organisation.name} was changed meanwhile → reload the page",
            f"您在 {organisation.name} 的角色刚被更改 → 请刷新页面",
        )


def listed_providers(as_of: date) -> frozenset[str]:
    """Keys of organisations whose latest `listed_provider` fact on that day says true. What a provider declares of
    itself does not list it: public money flows to those on this list."""
    others_word = Fact.objects.filter(attribute="listed_provider").exclude(source__startswith=DECLARED_BY)
    facts = others_word.filter(Q(valid_from=None) | Q(valid_from__lte=as_of), Q(valid_to=None) | Q(valid_to__gt=as_of))
    latest: dict[str, str] = {}
    # Databases differ on where NULL sorts; no beginning counts as the oldest.
    ordered = facts.order_by("status", F("valid_from").asc(nulls_first=True), "known_at", "pk")
    for key, value in ordered.values_list("organisation__key", "value"):
        latest[key] = value
    return frozenset(key for key, value in latest.items() if value == "true")
