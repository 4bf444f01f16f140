"""What every page has around its own content: the city, the reader, the languages, the ribbon."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.timezone import localdate
from django.utils.translation import get_language

from siwei.exchange.models import Organisation
from siwei.portal.access import actor_of
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.languages import TRADITIONAL, choose
from siwei.portal.navigation import navigation
from siwei.portal.returning import return_to
from siwei.portal.words import MARKS

HTML_LANGUAGE = {"zh-hans": "zh-Hans", TRADITIONAL: "zh-Hant", "en": "en"}
LANGUAGE_NAMES = (("zh-hans", "简体"), (TRADITIONAL, "繁體"), ("en", "English"))


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """Context of the base template. A visitor costs no query; a signed-in person one."""
    if not hasattr(request, "user"):  # a fault before the session was opened
        return {"navigation": (), "language_names": LANGUAGE_NAMES, "marks": MARKS, "html_language": "zh-Hans"}
    actor = actor_of(request)
    acting_for = (
        Organisation.objects.filter(pk__in=actor.organisation_ids).only("key", "name") if actor.organisation_ids else ()
    )
    identity = pack().identity
    language = get_language() or settings.LANGUAGE_CODE
    return {
        "actor": actor,
        "acting_for": acting_for,
        "return_to": return_to(request),
        "language": language,
        "html_language": HTML_LANGUAGE.get(language, "zh-Hans"),
        "language_names": LANGUAGE_NAMES,
        "marks": MARKS,
        "navigation": navigation(actor),
        "city_name": choose(identity.name_zh, identity.name_en),
        "decided_on": decided_on(),
        "calendar_day": localdate(),
    }
