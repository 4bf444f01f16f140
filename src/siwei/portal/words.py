"""Codes the platform stores, as words people read. One place, so that no page spells a state in its own way."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from siwei.exchange.contract_claims import SOURCE
from siwei.exchange.parties import DECLARED_BY, PROVEN_BY
from siwei.exchange.person_facts import OWN_WORD
from siwei.portal.figures import grouped
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
        "proven": gettext_noop("proven"),
        "open": gettext_noop("Open"),
        "withdrawn": gettext_noop("Withdrawn"),
        "closed": gettext_noop("Closed"),
        "approved": gettext_noop("Approved"),
        "exported": gettext_noop("Sent to the bank"),
        "explained": gettext_noop("Explained"),
        "proposed": gettext_noop("Proposed"),
        "signed": gettext_noop("Signed"),
        "delivering": gettext_noop("Delivering"),
        "awaiting-approval": gettext_noop("Awaiting approval"),
        "completed": gettext_noop("Completed"),
        "disputed": gettext_noop("Disputed"),
        "answered": gettext_noop("Answered"),
        "resolved": gettext_noop("Resolved"),
        "given": gettext_noop("Approval given"),
        "lapsed": gettext_noop("Lapsed"),
        "asked": gettext_noop("Asked for"),
        "done": gettext_noop("Ended"),
        "swept": gettext_noop("ended for a gateway that was gone"),
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
        "supplier": gettext_noop("Supplier"),
        "opener": gettext_noop("Opens the scenario"),
        "solver": gettext_noop("Answers the scenario"),
        "employer": gettext_noop("Employer"),
        "candidate": gettext_noop("Candidate"),
        "learner": gettext_noop("Learner"),
        "teacher": gettext_noop("Teacher"),
        "borrower": gettext_noop("Borrower"),
        "funder": gettext_noop("Funder"),
        "owner": gettext_noop("Owner"),
        "manager": gettext_noop("Manager"),
        "finance": gettext_noop("Finance"),
    },
    "role_explained": {
        "owner": gettext_noop("signs, commits money, manages its people"),
        "manager": gettext_noop("signs; manages managers and members"),
        "finance": gettext_noop("commits money, signs nothing"),
        "member": gettext_noop("ordinary acts: no signature, no money"),
    },
    "claim": {
        "asked": gettext_noop("Waits for the operator"),
        "approved": gettext_noop("Approved"),
        "refused": gettext_noop("Not approved"),
        "withdrawn": gettext_noop("Withdrawn"),
    },
    "invitation": {
        "open": gettext_noop("Waits to be accepted"),
        "accepted": gettext_noop("Accepted"),
        "revoked": gettext_noop("Taken back"),
        "expired": gettext_noop("Its time is over"),
        "lapsed": gettext_noop("Its sender may not invite any more"),
    },
    "choice": {
        "text": gettext_noop("Text"),
        "image": gettext_noop("Images"),
        "audio": gettext_noop("Audio"),
        "video": gettext_noop("Video"),
        "table": gettext_noop("Tables"),
        "point-cloud": gettext_noop("Point clouds"),
        "multimodal": gettext_noop("Multimodal"),
        "research": gettext_noop("Research"),
        "training": gettext_noop("Training"),
        "product": gettext_noop("In products"),
        "chat": gettext_noop("Chat"),
        "completions": gettext_noop("Text completion"),
        "embeddings": gettext_noop("Embeddings"),
        "none": gettext_noop("none asked"),
        "college": gettext_noop("College"),
        "bachelor": gettext_noop("Bachelor"),
        "master": gettext_noop("Master"),
        "doctor": gettext_noop("Doctor"),
        "entry": gettext_noop("Beginners"),
        "practitioner": gettext_noop("Practitioners"),
        "expert": gettext_noop("Experts"),
        "licence": gettext_noop("Licence"),
        "assignment": gettext_noop("Assignment"),
        "joint-development": gettext_noop("Joint development"),
        "equity": gettext_noop("Equity"),
        "government": gettext_noop("Government"),
        "firm": gettext_noop("Firm"),
        "university": gettext_noop("University"),
        "laboratory": gettext_noop("Laboratory"),
        "user": gettext_noop("User"),
        "seed": gettext_noop("Seed"),
        "angel": gettext_noop("Angel"),
        "a": gettext_noop("Series A"),
        "b": gettext_noop("Series B"),
        "later": gettext_noop("Later"),
        "loan": gettext_noop("Loan"),
        "guarantee": gettext_noop("Guarantee"),
        "convertible": gettext_noop("Convertible"),
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
        "people": gettext_noop("people"),
        "item": gettext_noop("items"),
        "year": gettext_noop("years"),
        "month": gettext_noop("months"),
        "day": gettext_noop("days"),
        "accelerator_hour": gettext_noop("accelerator-hours"),
        "accelerator_second": gettext_noop("accelerator-seconds"),
        "token": gettext_noop("tokens"),
        "row": gettext_noop("rows"),
        "segment": gettext_noop("segments"),
        "milestone": gettext_noop("milestones"),
        "piece": gettext_noop("pieces"),
        "seat": gettext_noop("seats"),
        "licence": gettext_noop("licences"),
        "accelerator-second": gettext_noop("accelerator-seconds"),
        "accelerator-seconds": gettext_noop("accelerator-seconds"),
        "service-day": gettext_noop("service-days"),
        "microfen": gettext_noop("millionths of a fen"),
    },
    "one": {
        "accelerator-second": gettext_noop("accelerator-second"),
        "licence": gettext_noop("licence"),
        "milestone": gettext_noop("milestone"),
        "piece": gettext_noop("piece"),
        "seat": gettext_noop("seat"),
        "service-day": gettext_noop("service-day"),
    },
    "purpose": {
        "pot": gettext_noop("Pot"),
        "budget": gettext_noop("Public budget"),
        "voucher": gettext_noop("Voucher"),
        "commitment": gettext_noop("Own commitment"),
        "receivable": gettext_noop("Receivable"),
        "own-share": gettext_noop("Own share"),
        "claw-back": gettext_noop("To be paid back"),
        "issued": gettext_noop("Put at others' disposal"),
        "allowance": gettext_noop("Allowance"),
        "used": gettext_noop("Delivered"),
        "cap": gettext_noop("Spending cap"),
        "cap-spent": gettext_noop("Committed under caps"),
        "grant": gettext_noop("Grant to be paid"),
        "paid": gettext_noop("Paid by bank"),
        "written-off": gettext_noop("Written off"),
        "bank-difference": gettext_noop("Bank differences"),
        "bank-unordered": gettext_noop("Moved without an order"),
        "bank-explained": gettext_noop("Bank differences, explained"),
    },
    "purpose_explained": {
        "commitment": gettext_noop("what was declared and no agreement has taken yet"),
        "own-share": gettext_noop("moved here by signed agreements; what one does not use serves the next"),
        "allowance": gettext_noop("put at its disposal; used as it is metered"),
    },
    "column": {
        "accelerator": gettext_noop("Accelerator"),
        "agreement": gettext_noop("Agreement"),
        "amount_fen": gettext_noop("Amount (fen)"),
        "attribute": gettext_noop("Fact"),
        "award_fen": gettext_noop("Award (fen)"),
        "confidence": gettext_noop("Confidence"),
        "decided": gettext_noop("Decided"),
        "decisions": gettext_noop("Decisions"),
        "district": gettext_noop("District"),
        "draft": gettext_noop("Draft"),
        "eligible": gettext_noop("eligible"),
        "facts": gettext_noop("Facts"),
        "firms": gettext_noop("Firms"),
        "framework": gettext_noop("Framework"),
        "generated": gettext_noop("Generated"),
        "hhi": "HHI",
        "id": gettext_noop("Number"),
        "key": gettext_noop("Key"),
        "kind": gettext_noop("Kind"),
        "layer": gettext_noop("Layer"),
        "name": gettext_noop("Name"),
        "name_en": gettext_noop("Name (English)"),
        "name_zh": gettext_noop("Name (Chinese)"),
        "organisation": gettext_noop("Organisation"),
        "origin": gettext_noop("Origin"),
        "part": gettext_noop("Counted"),
        "programme": gettext_noop("Programme"),
        "purpose": gettext_noop("Account"),
        "quantity": gettext_noop("Quantity"),
        "rows": gettext_noop("Rows"),
        "segment": gettext_noop("Segment"),
        "side": gettext_noop("Side"),
        "state": gettext_noop("State"),
        "status": gettext_noop("Proof"),
        "title_en": gettext_noop("Name (English)"),
        "title_zh": gettext_noop("Name (Chinese)"),
        "unit": gettext_noop("Unit"),
        "verdict": gettext_noop("Verdict"),
        "verified": gettext_noop("Verified"),
        "whole": gettext_noop("Out of"),
    },
    "measured": {
        "started_at": gettext_noop("began"),
        "ended_at": gettext_noop("over at"),
        "wall_s": gettext_noop("seconds by the clock"),
        "cpu_s": gettext_noop("processor seconds"),
        "peak_memory_mb": gettext_noop("most memory (MB)"),
        "accelerator_model": gettext_noop("accelerator"),
        "accelerator_count": gettext_noop("how many"),
        "accelerator_seconds": gettext_noop("accelerator-seconds"),
    },
    "actor": {"platform": gettext_noop("the platform"), "bank": gettext_noop("the bank")},
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
        "grant": gettext_noop("award granted as money"),
        "payment order": gettext_noop("payment ordered"),
        "paid": gettext_noop("paid by the bank"),
        "returned": gettext_noop("came back from the bank"),
        "rejected": gettext_noop("not paid by the bank"),
        "withdrawn": gettext_noop("payment withdrawn"),
        "bank difference": gettext_noop("bank difference"),
        "ordered anew": gettext_noop("rest ordered anew"),
        "written off": gettext_noop("rest written off"),
        "matched": gettext_noop("matched with its order"),
        "explained": gettext_noop("difference explained"),
    },
    "order": {
        "ordered": gettext_noop("Ordered"),
        "paid": gettext_noop("Paid"),
        "part-paid": gettext_noop("Paid in part"),
        "ended": gettext_noop("Paid in part, the rest decided"),
        "rejected": gettext_noop("Not paid by the bank"),
        "returned": gettext_noop("Came back"),
        "withdrawn": gettext_noop("Withdrawn"),
    },
    "rest": {
        "due": gettext_noop("to be paid by a further order"),
        "asked": gettext_noop("to be written off, when two people approve"),
        "written-off": gettext_noop("written off"),
        "withdrawn": gettext_noop("not to be written off after all"),
    },
    "finding": {
        "paid": gettext_noop("paid as ordered"),
        "part-paid": gettext_noop("less than ordered"),
        "overpaid": gettext_noop("more than ordered"),
        "paid-twice": gettext_noop("paid twice"),
        "other-payee": gettext_noop("paid to another account"),
        "not-ordered": gettext_noop("paid, not ordered"),
        "returned": gettext_noop("came back"),
        "received": gettext_noop("received, not expected"),
    },
    "hindrance": {
        "no-account": gettext_noop("no bank account yet"),
        "nothing-left": gettext_noop("nothing left to pay"),
    },
    "statement": {
        "provided": gettext_noop("Provided"),
        "consumed": gettext_noop("Consumed"),
        "received": gettext_noop("Received"),
        "paid": gettext_noop("Paid"),
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
    "bank_word": {
        "noted": gettext_noop("taken in by the bank"),
        "rejected": gettext_noop("rejected by the bank: due again"),
        "unchanged": gettext_noop("nothing new"),
        "not-taken": gettext_noop("not taken"),
    },
    "action": {
        "apply_to_pot": gettext_noop("Applied for an award"),
        "claw_back_grant": gettext_noop("Award of money taken back"),
        "repay_claw_back": gettext_noop("What was owed for an award paid back"),
        "apply_as_person": gettext_noop("Application of a person"),
        "enter_person_account": gettext_noop("A person's bank account entered"),
        "destroy_old_records": gettext_noop("Records of payments to a person destroyed"),
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
        "declare_person_facts": gettext_noop("Facts of oneself declared"),
        "record_person_decision": gettext_noop("A person's decision kept"),
        "give_consent": gettext_noop("Consent given"),
        "withdraw_consent": gettext_noop("Consent withdrawn"),
        "declare_project_facts": gettext_noop("Facts of a project declared"),
        "prove_facts": gettext_noop("Facts entered as proven"),
        "ask_for_proof": gettext_noop("A fact put forward to be proven"),
        "take_back_proof": gettext_noop("A fact put forward taken back"),
        "decide_proof": gettext_noop("Decided whether a person's fact is proven"),
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
        "attach_evidence": gettext_noop("File attached"),
        "submit_delivery": gettext_noop("Delivery submitted"),
        "accept_delivery": gettext_noop("Delivery accepted"),
        "reject_delivery": gettext_noop("Delivery sent back"),
        "complete_agreement": gettext_noop("Agreement completed"),
        "charge_period": gettext_noop("Part of an agreement charged"),
        "refresh_job": gettext_noop("Job looked at"),
        "change_limits": gettext_noop("Limits of a key changed"),
        "register_upstream": gettext_noop("Upstream registered"),
        "approve_upstream": gettext_noop("Upstream approved"),
        "close_upstream": gettext_noop("Upstream closed"),
        "stop_calls": gettext_noop("Model calls stopped"),
        "publish_dataset": gettext_noop("Dataset published"),
        "accept_terms": gettext_noop("Terms accepted"),
        "withdraw_terms": gettext_noop("Terms withdrawn"),
        "retry_task": gettext_noop("Task tried again"),
        "enter_bank_account": gettext_noop("Bank account entered"),
        "grant_award": gettext_noop("Award granted as money"),
        "make_batch": gettext_noop("Payments ordered"),
        "approve_batch": gettext_noop("Payments approved"),
        "withdraw_batch": gettext_noop("Payments withdrawn"),
        "export_batch": gettext_noop("Payments sent to the bank"),
        "reject_order": gettext_noop("Payment not made by the bank"),
        "order_rest": gettext_noop("Rest of a payment ordered anew"),
        "write_off": gettext_noop("Asked to write off the rest of a payment"),
        "approve_write_off": gettext_noop("Writing off approved"),
        "withdraw_write_off": gettext_noop("Writing off withdrawn"),
        "import_status_report": gettext_noop("Bank's report on orders imported"),
        "import_statement": gettext_noop("Bank statement imported"),
        "match_entry": gettext_noop("Bank entry matched by hand"),
        "return_entry": gettext_noop("Part that came back booked against its order"),
        "explain_entry": gettext_noop("Bank difference explained"),
        "bank_paid": gettext_noop("Paid by the bank"),
        "bank_part_paid": gettext_noop("Paid in part by the bank"),
        "bank_overpaid": gettext_noop("Paid too much by the bank"),
        "bank_paid_twice": gettext_noop("Paid twice by the bank"),
        "bank_other_payee": gettext_noop("Paid to another account by the bank"),
        "bank_not_ordered": gettext_noop("Paid without an order by the bank"),
        "bank_returned": gettext_noop("Came back from the bank"),
        "bank_received": gettext_noop("Received by the bank"),
        "issue_invoice": gettext_noop("Settlement statement issued"),
        "enter_tax_number": gettext_noop("Tax invoice's number entered"),
        "remove_second_factor": gettext_noop("Second factor removed"),
        "change_role": gettext_noop("Role changed"),
        "end_mandate": gettext_noop("Mandate ended"),
        "claim_organisation": gettext_noop("Organisation claimed"),
        "approve_claim": gettext_noop("Claim to an organisation approved"),
        "refuse_claim": gettext_noop("Claim to an organisation refused"),
        "withdraw_claim": gettext_noop("Claim to an organisation withdrawn"),
        "invite": gettext_noop("Person invited"),
        "revoke_invitation": gettext_noop("Invitation revoked"),
        "accept_invitation": gettext_noop("Invitation accepted"),
        "decline_match": gettext_noop("Match declined"),
        "lose_attempt": gettext_noop("Attempt at a job lost"),
        "undo_merge": gettext_noop("Merge undone"),
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
    "outcome": {
        "ok": gettext_noop("answered"),
        "deadline": gettext_noop("no answer in time"),
        "unreachable": gettext_noop("not reached"),
        "cut": gettext_noop("broken off by the server"),
        "disconnected": gettext_noop("left by the caller"),
        "stopped": gettext_noop("stopped with the gateway"),
        "swept": gettext_noop("ended for a gateway that was gone"),
        "paused": gettext_noop("not sent: the server is spared"),
        "setup": gettext_noop("not sent: the server is not set up"),
    },
    "basis": {
        "reported": gettext_noop("as the server reported"),
        "estimated": gettext_noop("estimated, as nothing was reported"),
        "capped": gettext_noop("at the bound, as more was reported"),
        "none": gettext_noop("nothing was delivered"),
    },
    "upstream": {
        "waiting": gettext_noop("waits for the operator"),
        "serving": gettext_noop("serving"),
        "failing": gettext_noop("failing"),
        "spared": gettext_noop("spared after failures"),
        "closed": gettext_noop("closed"),
    },
    "proof": {
        "documented": gettext_noop("Documented"),
        "verified": gettext_noop("Verified"),
        "asked": gettext_noop("before the operator"),
        "proven": gettext_noop("proven"),
        "refused": gettext_noop("refused"),
        "withdrawn": gettext_noop("taken back"),
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
    "size": {
        "large": gettext_noop("Large enterprise"),
        "medium": gettext_noop("Medium enterprise"),
        "small": gettext_noop("Small enterprise"),
        "micro": gettext_noop("Micro enterprise"),
    },
    "measure": {
        "employees": gettext_noop("Employees"),
        "revenue": gettext_noop("Revenue"),
        "assets": gettext_noop("Total assets"),
    },
    "project_field": {
        "basic_research": gettext_noop("Basic research"),
        "key_technology": gettext_noop("Key technology"),
        "application": gettext_noop("Use in an industry"),
        "talent_team": gettext_noop("A team brought in"),
        "other": gettext_noop("Other field"),
    },
    "project_level": {
        "demonstration": gettext_noop("Demonstration"),
        "benchmark": gettext_noop("Benchmark"),
    },
    "peacock_level": {
        "highest": gettext_noop("Highest level"),
        "middle": gettext_noop("Middle level"),
        "lowest": gettext_noop("Lowest level"),
    },
    "legal_form": {
        "firm": gettext_noop("Firm"),
        "university": gettext_noop("University"),
        "institute": gettext_noop("Institute"),
        "branch": gettext_noop("Branch"),
        "individual": gettext_noop("Individual"),
    },
}
SECONDS_PER_HOUR = 3_600
GROUPS["project_lead_form"] = GROUPS["legal_form"]
CODED = frozenset(
    {"legal_form", "main_industry", "project_field", "project_level", "project_lead_form", "peacock_level"}
)
"""Attributes whose values are codes; each has a group of words by its own name."""
DEMONSTRATION = "demonstration (generated)"
"""The source of the demonstration's facts (`siwei.run.cast_parties`), which stands above this room."""
MARKS = {"source": "源", "road": "路", "base": "基", "wing": "翼", "evolve": "演"}


def word(group: str, code: str) -> str:
    """The word for `code`, or the code itself where a newer room knows one that this page does not."""
    found = GROUPS.get(group, {}).get(code)
    return code if found is None else _(found) if found else ""


def quantity(value: int, unit: str) -> str:
    """A metered amount with its unit: accelerator-seconds also as hours, and the model they are of."""
    kind, _, model = unit.partition(":")
    hours = ""
    if kind.startswith("accelerator-second"):
        count = grouped(value / SECONDS_PER_HOUR)
        hours = choose(f"（{count} 小时）", f" ({count} h)")
    return f"{grouped(value)} {_unit(value, kind)}{hours}" + (f" · {model}" if model else "")


def per(quantity: int, unit: str) -> str:
    """What a price is for: one of the unit by its own name, an hour for 3,600 accelerator-seconds, else the quantity of
    it."""
    kind, _colon, _model = unit.partition(":")
    if kind.startswith("accelerator-second") and quantity == SECONDS_PER_HOUR:
        return _("accelerator-hour")
    return _unit(1, kind) if quantity == 1 and kind in GROUPS["one"] else f"{grouped(quantity)} {_unit(quantity, kind)}"


def _unit(quantity: int, kind: str) -> str:
    """1 milestone, 2 milestones."""
    return word("one" if quantity == 1 and kind in GROUPS["one"] else "unit", kind)


def ledger_unit(unit: str) -> str:
    """What an account counts: money, something metered, or what is committed under caps in either."""
    if unit.startswith("cap:"):
        return _("under caps: %(unit)s") % {"unit": ledger_unit(unit.removeprefix("cap:"))}
    if unit in ("CNY", "fen"):
        return _("money (CNY)")
    kind, _colon, model = unit.partition(":")
    return word("unit", kind) + (f" · {model}" if model else "")


def bound(code: str) -> str:
    """What kept an application from more: the pot, or a quota of a programme."""
    name = code.removeprefix("quota:")
    return _("the pot's money") if name == code else _("the quota by %(name)s") % {"name": name}


def dimension(code: str) -> str:
    return choose(MARKS.get(code, code), word("dimension", code))


def source(text: str) -> str:
    """A fact's source; an organisation's own word (`siwei.exchange.facts`) in the reader's language."""
    if text == OWN_WORD:
        return _("your own word")
    if text == SOURCE:
        return _("this exchange")
    if text.startswith(PROVEN_BY):
        return _("proven before %(name)s") % {"name": text.removeprefix(PROVEN_BY)}
    if text == DEMONSTRATION:
        return _("demonstration (generated)")
    name = text.removeprefix(DECLARED_BY)
    return text if name == text else _("declared by %(name)s") % {"name": name}
