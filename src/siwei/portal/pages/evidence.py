"""Files that show what was delivered, or what is not right: attached from an agreement's page, had by its parties."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from siwei.errors import EnvironmentMissing, InputError, Problem, Said, SignInNeeded
from siwei.exchange.actors import Actor
from siwei.exchange.models import Delivery, Dispute, EvidenceFile
from siwei.exchange.trading.evidence import attach_evidence, read_evidence
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import current_home
from siwei.portal.downloads import Handed, hand_over
from siwei.portal.returning import only_post


@only_post("desk")
@login_required
def attach(request: HttpRequest) -> HttpResponse:
    """More files for what stands on an agreement's page already."""
    form, actor = request.POST, actor_of(request)
    given = [each for each in request.FILES.getlist("files") if isinstance(each, UploadedFile)]
    if not given:
        raise InputError([Problem(_("no file was chosen"), _("choose one or more"), field="files")])
    number, dispute = form.get("number", ""), form.get("dispute", "")
    if number and not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise InputError(
            [
                Problem(
                    Said(f"{number!r:.40} is not a whole number", f"{number!r:.40} 不是整数"),
                    Said("digits alone", "只用数字"),
                    field="number",
                )
            ]
        )
    delivery = int(number) if number else None
    key = form.get("key", "")[:120]
    _attach_all(
        key, given, own_key(actor, form.get("token", "")), actor, timezone.now(), delivery=delivery,
        dispute=dispute or None,
    )  # fmt: skip
    messages.success(request, _("The files are attached."))
    return redirect("agreement", key=key)


def attach_to(made: object, files: Iterable[object], *, token: str, actor: Actor, now: datetime) -> None:
    """Files that came with an act, to what it made: a delivery handed over, a dispute opened or answered."""
    given = [each for each in files if isinstance(each, UploadedFile)]
    if isinstance(made, Delivery):
        _attach_all(made.agreement.key, given, token, actor, now, delivery=made.number)
    elif isinstance(made, Dispute):
        _attach_all(made.agreement.key, given, token, actor, now, dispute=made.key)
    elif given:
        fix = Said(
            "hand a delivery over, or open or answer a dispute, with them", "请随交付、提出争议或答复争议一起提交"
        )
        raise InputError([Problem(Said("no files are taken here", "此处不接收文件"), fix, field="files")])


@require_safe
def content(request: HttpRequest, key: str, number: int) -> HttpResponseBase:
    """A file's bytes, whole or the part that `Range` asks for. Under /api/, so that a program has it by its access key;
    a browser by its session."""
    actor, home = actor_of(request), current_home()
    if actor.person_id is None:
        raise SignInNeeded("sign in, or send an access key, to have files", "取文件须登录，或发送访问密钥")
    if home is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    evidence, _path = read_evidence(key, number, directory=home.files, actor=actor)
    file = Handed(evidence.name, evidence.file.sha256, evidence.file.size_bytes)
    return hand_over(request, file, home.files)


def _attach_all(
    agreement: str,
    files: list[UploadedFile],
    token: str,
    actor: Actor,
    now: datetime,
    *,
    delivery: int | None = None,
    dispute: str | None = None,
) -> list[EvidenceFile]:
    home = current_home()
    if home is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    return [
        attach_evidence(
            agreement, each, (each.name or "file")[:200], directory=home.files, delivery=delivery, dispute=dispute,
            actor=actor, now=now, idempotency_key=f"{token[:60]}-{number}",
        )
        for number, each in enumerate(files, 1)
    ]  # fmt: skip
