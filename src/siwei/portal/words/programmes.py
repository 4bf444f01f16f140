"""Words about public programmes: awards, applications, rounds."""

from __future__ import annotations

from django.utils.translation import gettext_noop

PROGRAMMES: dict[str, dict[str, str]] = {
    "award": {
        "grant": gettext_noop("Grant"),
        "voucher": gettext_noop("Voucher"),
        "tax_saving": gettext_noop("Tax saving (a computed benefit, not paid out)"),
    },
    "part": {
        "clause": gettext_noop("Clause"),
        "award": gettext_noop("Award"),
        "limit": gettext_noop("Limit"),
        "voucher": gettext_noop("Terms of the voucher"),
        "parameter": gettext_noop("Parameter"),
        "table": gettext_noop("Table"),
    },
    "returns": {
        "pot": gettext_noop("back into the pot, for later applications"),
        "waiting": gettext_noop("to those who did not get all they claimed"),
        "treasury": gettext_noop("to the treasury: this period it is spent no more"),
    },
    "sharing": {
        "first_come": gettext_noop("first come, first served"),
        "merit": gettext_noop("by merit"),
        "pro_rata": gettext_noop("shared pro rata"),
        "lottery": gettext_noop("by lottery"),
        "not_known": gettext_noop("how it is shared is not known"),
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
}
