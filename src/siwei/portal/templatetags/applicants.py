"""Who applied or is paid: an organisation by its name; a person as whoever reads it may know them."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from siwei.exchange.awards.person_awards import shown_name
from siwei.exchange.ledger.accounts import Payee
from siwei.exchange.models import Application, Pseudonym

register = template.Library()


@register.filter
def notice_name(application: Application) -> str:
    """As a public notice shows it: of a person the first character of the name."""
    return shown_name(application) or _("erased")


@register.filter
def applicant(application: Application) -> str:
    """For the applicant and the offices: of a person the pseudonym, as the ledger has it."""
    return application.applicant.name


@register.filter
def is_person(payee: Payee) -> bool:
    return isinstance(payee, Pseudonym)
