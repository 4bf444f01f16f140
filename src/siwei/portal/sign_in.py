"""How people get in: accounts made by others, a second factor, and what it opens."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY, suspend_request
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from siwei.errors import ConfirmationNeeded, Conflict, NotFound
from siwei.exchange.actors import Confirmation
from siwei.portal.city_pack import asks_second_factor, pack
from siwei.portal.languages import choose

CONFIRMED_FOR_S = 15 * 60
"""How long after a second factor was shown acts with money are open."""


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class EncryptedFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Seeds of authenticator apps are kept under a key drawn from the city's secret: a copy of the database alone opens
    nothing."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise Conflict(
                "this second factor was set up under another secret of the city → ask the operator to remove it",
                "该第二重验证是用本市的另一密钥设置的 → 请运营方移除",
            ) from None

    def get_totp_issuer(self) -> str:
        identity = pack().identity
        return f"{_('Siwei')} {choose(identity.name_zh, identity.name_en)}"


def confirmation_of(request: HttpRequest) -> Confirmation:
    """Whether the signed-in person has shown a second factor in this session, lately."""
    if not asks_second_factor() or has_shown_factor(request):
        return Confirmation.GIVEN
    return Confirmation.STALE if is_mfa_enabled(request.user) else Confirmation.NO_FACTOR


def has_shown_factor(request: HttpRequest) -> bool:
    """Lately, and the one that stands: a session whose factor was taken away shows nothing any more, however it got
    past that; nor does one that showed the factor before this."""
    shown = [each["at"] for each in get_authentication_records(request, request.user) if each.get("method") == "mfa"]
    if not shown or time.time() - max(shown) >= CONFIRMED_FOR_S:
        return False
    apps = Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.TOTP)
    return apps.filter(created_at__lte=datetime.fromtimestamp(max(shown), UTC)).exists()


def behind_factor(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For what takes a factor away or makes another way around it: whoever has one shows it first. The password alone,
    with which allauth would be content, must not undo what stands beside the password."""

    @wraps(view)
    def run(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.user.is_authenticated and is_mfa_enabled(request.user) and not has_shown_factor(request):
            response: HttpResponseBase = suspend_request(request, reverse("mfa_reauthenticate"))
            return response
        return view(request, *args, **kwargs)

    return run


def no_mail(request: HttpRequest, **_parts: str) -> HttpResponse:
    """Where allauth would send a message: this city sends none, and an address that nobody checked proves nothing."""
    raise NotFound(
        "this city sends no mail → ask the operator for a new password", "本市不发送邮件 → 请向运营方索取新密码"
    )


def ask_confirmation(request: HttpRequest, needed: ConfirmationNeeded, back: str) -> HttpResponse | None:
    """Where a page asked for money too early: to the second factor, after which the form that was sent goes on; one
    with files is sent once more from its page `back`, for a session keeps no files. None where there is no factor to
    ask for."""
    if needed.reason != Confirmation.STALE:
        return None
    if request.FILES:
        # A form that waited before would go on in this one's place.
        request.session.pop(STATE_SESSION_KEY, None)
        messages.info(request, _("A file is not kept meanwhile: confirm first, then choose it once more and send it."))
        response = HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}")
    else:
        response = suspend_request(request, reverse("mfa_reauthenticate"))
    _seal_sent(request)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


def going_on(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For where a factor is shown: the form that was sent before lies sealed in the session until then, or a person's
    bank account would lie open in the table of sessions."""

    @wraps(view)
    def run(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        state = request.session.get(STATE_SESSION_KEY) or {}
        if "sealed" in state:
            try:
                request.session[STATE_SESSION_KEY] = {"request": _cipher().decrypt(state["sealed"].encode()).decode()}
            except InvalidToken:  # sent under another secret of the city: to be filled in again
                del request.session[STATE_SESSION_KEY]
        response = view(request, *args, **kwargs)
        _seal_sent(request)
        return response

    return run


def _seal_sent(request: HttpRequest) -> None:
    state = request.session.get(STATE_SESSION_KEY) or {}
    if "request" in state:
        request.session[STATE_SESSION_KEY] = {"sealed": _cipher().encrypt(state["request"].encode()).decode()}


def _cipher() -> Fernet:
    key = hashlib.sha256(b"siwei second factor\x00" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
