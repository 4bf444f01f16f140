"""Codes the platform stores, as words people read. One place, so that no page spells a state in its own way."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from siwei.exchange.contract_claims import SOURCE
from siwei.exchange.parties import DECLARED_BY
from siwei.portal.languages import choose

GROUPS: dict[str, dict[str, str]] = {
    "dimension": {
        "source": gettext_noop("Source"),
        "road": gettext_noop("Road"),
        "base": gettext_noop("Base"),
        "wing": gettext_noop("Wing"),
        "evolve": gettext_noop("Evolve"),
    },
    "element": {
        "technology": gettext_noop("Technology"),
        "people": gettext_noop("People"),
        "institution": gettext_noop("Institution"),
    },
    "layer": {
        "base": gettext_noop("Base layer"),
        "technology": gettext_noop("Technology layer"),
        "application": gettext_noop("Application layer"),
    },
    "kind": {
        "firm": gettext_noop("Firm"),
        "centre": gettext_noop("Centre"),
        "university": gettext_noop("University"),
        "laboratory": gettext_noop("Laboratory"),
        "hospital": gettext_noop("Hospital"),
        "government": gettext_noop("Government"),
        "institution": gettext_noop("Public institution"),
    },
    "origin": {
        "imported": gettext_noop("Imported"),
        "pack": gettext_noop("City pack"),
        "generated": gettext_noop("Generated"),
    },
    "status": {
        "0": gettext_noop("Declared"),
        "1": gettext_noop("Documented"),
        "2": gettext_noop("Verified"),
        "declared": gettext_noop("Declared"),
        "documented": gettext_noop("Documented"),
        "verified": gettext_noop("Verified"),
    },
    "side": {"offer": gettext_noop("Offer"), "need": gettext_noop("Need")},
    "edge": {
        "supplies": gettext_noop("supplies"),
        "uses": gettext_noop("uses"),
        "substitutes": gettext_noop("substitutes"),
    },
    "state": {
        "open": gettext_noop("Open"),
        "withdrawn": gettext_noop("Withdrawn"),
        "closed": gettext_noop("Closed"),
        "proposed": gettext_noop("Proposed"),
        "signed": gettext_noop("Signed"),
        "delivering": gettext_noop("Delivering"),
        "awaiting-approval": gettext_noop("Awaiting approval"),
        "completed": gettext_noop("Completed"),
        "disputed": gettext_noop("Disputed"),
        "settled": gettext_noop("Settled"),
        "planned": gettext_noop("Planned"),
        "submitted": gettext_noop("Submitted"),
        "rejected": gettext_noop("Sent back"),
        "cancelled": gettext_noop("Cancelled"),
        "queued": gettext_noop("Queued"),
        "running": gettext_noop("Running"),
        "succeeded": gettext_noop("Succeeded"),
        "failed": gettext_noop("Failed"),
        "lost": gettext_noop("Lost"),
        "introduced": gettext_noop("Introduced"),
        "accepted": gettext_noop("Accepted"),
        "matched": gettext_noop("Matched"),
        "suggested": gettext_noop("Suggested"),
        "declined": gettext_noop("Declined"),
        "draft": gettext_noop("Draft"),
        "active": gettext_noop("Active"),
    },
    "text": {"name": gettext_noop("name"), "scope": gettext_noop("scope"), "profile": gettext_noop("profile")},
    "award": {
        "grant": gettext_noop("Grant"),
        "voucher": gettext_noop("Voucher"),
        "tax_saving": gettext_noop("Tax saving (a computed benefit, not paid out)"),
    },
    "sharing": {
        "first_come": gettext_noop("first come, first served"),
        "merit": gettext_noop("by merit"),
        "pro_rata": gettext_noop("shared pro rata"),
        "lottery": gettext_noop("by lottery"),
        "not_known": gettext_noop("how it is shared is not known"),
    },
    "role": {
        "provider": gettext_noop("Provider"),
        "consumer": gettext_noop("Consumer"),
        "lead": gettext_noop("Lead"),
        "member": gettext_noop("Member"),
        "buyer": gettext_noop("Buyer"),
        "seller": gettext_noop("Seller"),
    },
    "form": {"milestone": gettext_noop("Milestone"), "event": gettext_noop("Event")},
    "transfer": {
        "post": gettext_noop("Posted"),
        "hold": gettext_noop("Held"),
        "capture": gettext_noop("Captured"),
        "release": gettext_noop("Released"),
    },
    "unit": {
        "agreement": gettext_noop("agreements"),
        "decision": gettext_noop("decisions"),
        "edge": gettext_noop("edges"),
        "fact": gettext_noop("facts"),
        "index": "",
        "job": gettext_noop("jobs"),
        "listing": gettext_noop("listings"),
        "organisation": gettext_noop("organisations"),
        "pair": gettext_noop("pairs"),
        "person": gettext_noop("people"),
        "programme": gettext_noop("programmes"),
        "row": gettext_noop("rows"),
        "segment": gettext_noop("segments"),
        "milestone": gettext_noop("milestones"),
        "piece": gettext_noop("pieces"),
        "seat": gettext_noop("seats"),
        "licence": gettext_noop("licences"),
        "accelerator-second": gettext_noop("accelerator-seconds"),
        "accelerator-seconds": gettext_noop("accelerator-seconds"),
    },
    "purpose": {
        "pot": gettext_noop("Pot (account)"),
        "budget": gettext_noop("Public budget"),
        "voucher": gettext_noop("Voucher (account)"),
        "commitment": gettext_noop("Own commitment"),
        "receivable": gettext_noop("Receivable"),
        "own-share": gettext_noop("Own share (account)"),
        "claw-back": gettext_noop("To be paid back"),
    },
    "memo": {
        "budget": gettext_noop("budget set aside"),
        "award": gettext_noop("voucher granted"),
        "voucher share": gettext_noop("voucher's share"),
        "own share": gettext_noop("own share of the price"),
        "settlement": gettext_noop("settlement of metered use"),
        "expired": gettext_noop("time ran out"),
        "true-up": gettext_noop("award decided again"),
        "claw-back": gettext_noop("award claimed back"),
        "extended": gettext_noop("put off, as it is disputed"),
        "dispute resolved": gettext_noop("dispute resolved"),
        "cancelled": gettext_noop("agreement cancelled"),
    },
    "application": {
        "applied": gettext_noop("Applied"),
        "shared": gettext_noop("Shared"),
        "awarded": gettext_noop("Awarded"),
        "refused": gettext_noop("Refused"),
        "withdrawn": gettext_noop("Withdrawn"),
    },
    "round": {
        "shared": gettext_noop("Shared, not public yet"),
        "notice": gettext_noop("On public notice"),
        "awarded": gettext_noop("Awarded"),
    },
    "document": {"contract": gettext_noop("Contract"), "invoice": gettext_noop("Invoice")},
    "action": {
        "apply_to_pot": gettext_noop("Applied for an award"),
        "withdraw_application": gettext_noop("Application withdrawn"),
        "score_application": gettext_noop("Application scored"),
        "share_applications": gettext_noop("Pot shared"),
        "open_notice": gettext_noop("Public notice opened"),
        "object_to": gettext_noop("Objection raised"),
        "decide_objection": gettext_noop("Objection decided"),
        "award_round": gettext_noop("Round awarded"),
        "create_access_key": gettext_noop("Access key made"),
        "revoke_access_key": gettext_noop("Access key revoked"),
        "declare_budget": gettext_noop("Budget declared"),
        "declare_facts": gettext_noop("Facts declared"),
        "grant_voucher": gettext_noop("Voucher granted"),
        "import_firms": gettext_noop("Firms imported"),
        "introduce_match": gettext_noop("Match introduced"),
        "open_pot": gettext_noop("Pot opened"),
        "propose_agreement": gettext_noop("Agreement proposed"),
        "publish_listing": gettext_noop("Listing published"),
        "record_decision": gettext_noop("Decision recorded"),
        "record_usage": gettext_noop("Usage metered"),
        "register_organisation": gettext_noop("Organisation registered"),
        "settle_agreement": gettext_noop("Agreement settled"),
        "sign_agreement": gettext_noop("Agreement signed"),
        "submit_job": gettext_noop("Job submitted"),
        "withdraw_listing": gettext_noop("Listing withdrawn"),
        "cancel_agreement": gettext_noop("Agreement cancelled"),
        "open_project": gettext_noop("Project opened"),
        "set_cap": gettext_noop("Spending cap set"),
        "set_approval_rule": gettext_noop("Approval rule set"),
        "approve_agreement": gettext_noop("Agreement approved"),
        "refuse_approval": gettext_noop("Approval refused"),
        "register_reporter": gettext_noop("Meter's key registered"),
        "revoke_reporter": gettext_noop("Meter's key revoked"),
        "counter_reading": gettext_noop("Counter-reading entered"),
        "open_dispute": gettext_noop("Dispute opened"),
        "answer_dispute": gettext_noop("Dispute answered"),
        "agree_on_dispute": gettext_noop("Dispute settled between the parties"),
        "resolve_dispute": gettext_noop("Dispute resolved"),
        "withdraw_dispute": gettext_noop("Dispute withdrawn"),
        "quote_match": gettext_noop("Price quoted"),
        "revise_listing": gettext_noop("Listing revised"),
        "true_up_voucher": gettext_noop("Voucher trued up"),
        "put_off": gettext_noop("Holds put off"),
        "submit_delivery": gettext_noop("Delivery submitted"),
        "accept_delivery": gettext_noop("Delivery accepted"),
        "reject_delivery": gettext_noop("Delivery sent back"),
        "complete_agreement": gettext_noop("Agreement completed"),
        "charge_period": gettext_noop("Part of an agreement charged"),
        "refresh_job": gettext_noop("Job looked at"),
        "retry_task": gettext_noop("Task tried again"),
    },
    "scope": {
        "read": gettext_noop("Read"),
        "write": gettext_noop("Write"),
        "money": gettext_noop("Money"),
        "call": gettext_noop("Call services"),
    },
    "scope_explained": {
        "read": gettext_noop("what you may see"),
        "write": gettext_noop("what you may do without money; reads too"),
        "money": gettext_noop("sign, budgets, approvals; writes and reads too"),
        "call": gettext_noop("the gateway, for one organisation, nothing else"),
    },
    "evidence": {
        "in_hand": gettext_noop("in hand"),
        "to_prove": gettext_noop("to be proven"),
        "to_give": gettext_noop("to be given"),
    },
    "main_industry": {
        "software_it_services": gettext_noop("Software and IT services"),
        "tobacco_manufacturing": gettext_noop("Tobacco manufacturing"),
        "accommodation_catering": gettext_noop("Accommodation and catering"),
        "wholesale_retail": gettext_noop("Wholesale and retail"),
        "real_estate": gettext_noop("Real estate"),
        "leasing_business_services": gettext_noop("Leasing and business services"),
        "entertainment": gettext_noop("Entertainment"),
        "other": gettext_noop("Other industry"),
    },
    "legal_form": {
        "firm": gettext_noop("Firm"),
        "university": gettext_noop("University"),
        "institute": gettext_noop("Institute"),
        "branch": gettext_noop("Branch"),
        "individual": gettext_noop("Individual"),
    },
}
MARKS = {"source": "源", "road": "路", "base": "基", "wing": "翼", "evolve": "演"}


def word(group: str, code: str) -> str:
    """The word for `code`, or the code itself where a newer room knows one that this page does not."""
    found = GROUPS.get(group, {}).get(code)
    return _(found) if found else code


def bound(code: str) -> str:
    """What kept an application from more: the pot, or a quota of a programme."""
    name = code.removeprefix("quota:")
    return _("the pot's money") if name == code else _("the quota by %(name)s") % {"name": name}


def dimension(code: str) -> str:
    return choose(MARKS.get(code, code), word("dimension", code))


def source(text: str) -> str:
    """A fact's source; an organisation's own word (`siwei.exchange.facts`) in the reader's language."""
    if text == SOURCE:
        return _("this exchange")
    name = text.removeprefix(DECLARED_BY)
    return text if name == text else _("declared by %(name)s") % {"name": name}
