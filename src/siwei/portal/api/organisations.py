"""Organisations: search, one, its facts, entitlements and wallet."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from siwei.exchange.models import Fact, FactStatus
from siwei.policy.explanation import plain
from siwei.portal.access import actor_of, require_private
from siwei.portal.api import market_schemas, schemas
from siwei.portal.api.answers import PAGE_SIZE, PageNumber, Text, answers, entries, explained_row, named, organisation
from siwei.portal.city_pack import attributes
from siwei.portal.queries.claims import claim_lines
from siwei.portal.queries.entitlements import best_facts, entitlement, entitlements, not_added_up, what_binds
from siwei.portal.queries.money import accounts_of, entries_of, vouchers_of
from siwei.portal.queries.organisations import Search, find_organisations, load_in_order, organisation_or_missing
from siwei.portal.queries.programmes import programme_or_missing

router = Router()


@router.get("", response=answers(schemas.OrganisationPage))
def list_organisations(
    request: HttpRequest,
    q: Text = "",
    segment: Text = "",
    district: Text = "",
    kind: Text = "",
    origin: Text = "",
    page: PageNumber = 1,
) -> Any:
    """Search by name (Chinese, pinyin, initials) or code; best first."""
    actor = actor_of(request)
    found = find_organisations(Search(q, segment, district, kind, origin), actor).get_column("id")
    items = load_in_order(found.slice((page - 1) * PAGE_SIZE, PAGE_SIZE).to_list(), actor)
    return {"count": len(found), "page": page, "items": [organisation(each) for each in items]}


@router.get("/{key}", response=answers(schemas.Organisation))
def get_organisation(request: HttpRequest, key: str) -> Any:
    """One organisation and where it stands on the chain."""
    return organisation(organisation_or_missing(key, actor_of(request)))


@router.get("/{key}/facts", response=answers(list[schemas.Fact]))
def list_facts(request: HttpRequest, key: str) -> Any:
    """Public facts for all; the rest for its own people, the operator and the auditor. Best first per attribute."""
    actor = actor_of(request)
    row = organisation_or_missing(key, actor)
    known = attributes()
    facts = best_facts(list(Fact.objects.visible_to(actor).filter(organisation=row)))
    return [fact_row(fact, known.get(fact.attribute)) for fact in sorted(facts, key=lambda fact: fact.attribute)]


def fact_row(fact: Fact, attribute: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "attribute": fact.attribute,
        "name": named(attribute or {"name_zh": fact.attribute, "name_en": fact.attribute}),
        "unit": (attribute or {}).get("unit"),
        "value": fact.value,
        "status": FactStatus(fact.status).name.lower(),
        "source": fact.source,
        "source_ref": fact.source_ref,
        "valid_from": fact.valid_from,
        "valid_to": fact.valid_to,
        "known_at": fact.known_at,
        "is_public": fact.is_public,
    }


@router.get("/{key}/entitlements", response=answers(schemas.Entitlements))
def list_entitlements(request: HttpRequest, key: str) -> Any:
    """Every programme decided for the organisation, explained. Its own people, the operator and the auditor."""
    actor = actor_of(request)
    found = entitlements(organisation_or_missing(key, actor), actor)
    return {
        "paid_fen": found.paid_fen,
        "shut_fen": found.shut_fen,
        "tax_saving_fen": found.tax_saving_fen,
        "combination": None if found.combination is None else plain(found.combination.explanation),
        "explanations": [explained_row(each) for each in found.explanations],
    }


@router.get("/{key}/entitlements/{programme_id}", response=answers(dict[str, Any]))
def get_entitlement(request: HttpRequest, key: str, programme_id: str) -> Any:
    """One decision explained: clause by clause, the computation, what is missing, what sums over other rows wait for;
    what holds the award down, and what drafts that bear on it would change were they in force."""
    actor = actor_of(request)
    row = organisation_or_missing(key, actor)
    programme = programme_or_missing(programme_id)
    found, gaps = entitlement(row, programme, actor), not_added_up(row, programme, actor)
    binds = what_binds(row, found, actor)
    return {**explained_row(found, gaps), "bindings": plain(binds.bindings), "drafts": plain(binds.drafts)}


@router.get("/{key}/claims", response=answers(list[market_schemas.ClaimLine]))
def list_claims(request: HttpRequest, key: str) -> Any:
    """The organisation's contracts as claims, with what each programme decides of them, cut by its limits. Its own
    people, the operator and the auditor."""
    actor = actor_of(request)
    return [
        {
            "id": line.id,
            "agreement": line.agreement,
            "provider": line.provider.key,
            "is_related": line.is_related,
            "facts": line.facts,
            "verdicts": [
                {
                    "programme": each.programme.id,
                    "verdict": each.verdict.value,
                    "award_fen": each.award_fen,
                    "limited_by": each.limited_by,
                }
                for each in line.verdicts
            ],
        }
        for line in claim_lines(organisation_or_missing(key, actor), actor)
    ]


@router.get("/{key}/wallet", response=answers(schemas.Wallet))
def get_wallet(request: HttpRequest, key: str) -> Any:
    """Accounts, vouchers and the latest entries. Its own people, the operator and the auditor."""
    actor = actor_of(request)
    row = organisation_or_missing(key, actor)
    require_private(actor, row.pk)
    accounts = [
        {
            "code": each.code,
            "unit": each.unit,
            "purpose": each.purpose,
            "balance": each.balance,
            "held": each.held,
            "available": each.available,
        }
        for each in accounts_of(row.pk, actor)
    ]
    vouchers = [
        {
            "key": each.key,
            "programme": each.decision.programme,
            "cap_fen": each.cap_fen,
            "available_fen": each.account.available,
            "rate_bp": each.rate_bp,
            "valid_from": each.valid_from,
            "valid_to": each.valid_to,
        }
        for each in vouchers_of(row.pk, actor)
    ]
    return {"accounts": accounts, "vouchers": vouchers, "entries": entries(entries_of(row.pk, actor))}
