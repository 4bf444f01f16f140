"""Datasets: what there is, under which terms; accepting them, having files, publishing a version."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Collection
from pathlib import Path

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import EnvironmentMissing, InputError, NotAllowed, Problem, SignInNeeded
from siwei.exchange.actors import Actor
from siwei.exchange.files import UnsatisfiableRange, read_part, wanted_range
from siwei.exchange.models import DatasetFile, DatasetVersion
from siwei.exchange.trading.dataset_publication import publish_dataset
from siwei.exchange.trading.datasets import accept_terms, hand_over, withdraw_terms
from siwei.market.croissant import read_croissant
from siwei.market.json_ld import LIMIT_BYTES
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import current_home
from siwei.portal.downloads import Handed, headed
from siwei.portal.pages.paging import page_of
from siwei.portal.problem_words import lines_of
from siwei.portal.queries import datasets as queries
from siwei.portal.returning import only_post


@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = page_of(request, queries.datasets(actor))
    context = {
        "page": page,
        "rows": [(each, list(each.versions.all())[-1]) for each in page.object_list],
        "may_publish": queries.offers_to_fill(actor).exists(),
        "generated": any(each.organisation.is_generated for each in page.object_list),
    }
    return render(request, "portal/datasets/list.html", context)


@require_safe
def dataset_page(request: HttpRequest, key: str, number: int | None = None) -> HttpResponse:
    view = queries.version_view(key, number, actor_of(request))
    context = {"view": view, "version": view.version, "generated": view.version.dataset.organisation.is_generated}
    return render(request, "portal/datasets/detail.html", context)


@require_safe
def croissant_file(request: HttpRequest, key: str, number: int) -> HttpResponse:
    version = queries.version_or_missing(key, number, actor_of(request))
    addresses = {
        each.identifier: request.build_absolute_uri(reverse("dataset-content", args=[key, number, each.number]))
        for each in version.files.order_by("number")
    }
    page = request.build_absolute_uri(reverse("dataset-version", args=[key, number]))
    return HttpResponse(
        queries.croissant_of(version, addresses, page), content_type="application/ld+json; charset=utf-8"
    )


@only_post("dataset-version", "key", "number")
@login_required
def accept(request: HttpRequest, key: str, number: int) -> HttpResponse:
    actor, form = actor_of(request), request.POST
    queries.version_or_missing(key, number, actor)
    accept_terms(
        key, number, form.get("organisation", ""), terms_sha256=form.get("terms_sha256", ""), actor=actor,
        now=timezone.now(),
    )  # fmt: skip
    messages.success(request, _("The terms are accepted. The files stand below."))
    return redirect("dataset-version", key=key, number=number)


@only_post("dataset-version", "key", "number")
@login_required
def withdraw(request: HttpRequest, key: str, number: int) -> HttpResponse:
    actor = actor_of(request)
    queries.version_or_missing(key, number, actor)
    withdraw_terms(key, number, actor=actor, now=timezone.now())
    messages.success(request, _("The terms are withdrawn: nothing more is handed over under them."))
    return redirect("dataset-version", key=key, number=number)


@require_safe
def content(request: HttpRequest, key: str, number: int, file: int) -> HttpResponseBase:
    """A file's bytes, whole or the part that `Range` asks for; one that lies elsewhere is a redirect. Under /api/, so
    that a program has it by its access key (scope write: an access is written down); a browser by its session."""
    actor = actor_of(request)
    if actor.person_id is None:
        raise SignInNeeded("sign in, or send an access key, to have files", "取文件须登录，或发送访问密钥")
    version = queries.version_or_missing(key, number, actor)
    found = version.files.filter(number=file).first()
    organisation = request.GET.get("organisation", "")[:64] or _taker_of(version, actor)
    size = found.size_bytes if found is not None and not found.url else None
    try:
        part = wanted_range(request.headers.get("Range", ""), size) if size is not None else None
    except UnsatisfiableRange:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    if request.method == "HEAD" and found is not None and size is not None:
        return headed(HttpResponse(), _about(found), None, told={"X-Dataset-Media-Type": found.media_type})
    handed = hand_over(key, number, file, organisation, actor=actor, now=timezone.now(), part=part)
    if handed.file.url:
        return redirect(handed.file.url)
    home = current_home()
    if home is None or size is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    first, last = part or (0, size - 1)
    body = StreamingHttpResponse(read_part(handed.file.sha256, home.datasets, first, last))
    return headed(body, _about(handed.file), part, told={"X-Dataset-Media-Type": handed.file.media_type})


def _about(file: DatasetFile) -> Handed:
    return Handed(file.path.rpartition("/")[2], file.sha256, file.size_bytes or 0)


def _taker_of(version: DatasetVersion, actor: Actor) -> str:
    """The one of the actor's organisations that may have the files."""
    takers = queries.version_view(version.dataset.key, version.number, actor).takers
    found = [each for each in takers if each.may_have] or takers
    if not found:
        raise NotAllowed(
            "you act for no organisation → files are had for one", "您不代表任何机构 → 文件须以机构名义取得"
        )
    return found[0].organisation.key


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def publish_page(request: HttpRequest) -> HttpResponse:
    """Publish a dataset or a new version: its Croissant description, the terms, and the files it names."""
    if request.method != "POST":
        return _form(request)
    actor, home, sent = actor_of(request), current_home(), request.FILES.get("metadata")
    if home is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    try:
        if sent is None or (sent.size or 0) > LIMIT_BYTES:
            raise InputError(
                [Problem(_("The description is missing, or too large"), "croissant.json", field="metadata")]
            )
        metadata = sent.read()
        paths = {each.path for each in read_croissant(metadata).files if each.path is not None}
        with tempfile.TemporaryDirectory(dir=home.directory, prefix=".given-") as folder:
            files = {}
            for index, each in enumerate(request.FILES.getlist("files")):
                place = files[described_path(str(each.name), paths)] = Path(folder) / str(index)
                with place.open("wb") as kept:
                    kept.writelines(each.chunks())
            version = publish_dataset(
                request.POST.get("offer", ""), metadata=metadata, terms=request.POST.get("terms", ""),
                files=files, directory=home.datasets, actor=actor, now=timezone.now(),
                idempotency_key=own_key(actor, request.POST.get("token", "")),
            )  # fmt: skip
    except InputError as error:
        return _form(request, problems=error, status=400)
    messages.success(request, _("The version is published."))
    return redirect("dataset-version", key=version.dataset.key, number=version.number)


def described_path(name: str, paths: Collection[str]) -> str:
    """The described path that a file sent as `name` is: a browser sends names without their folder."""
    found = [path for path in paths if path.rpartition("/")[2] == name]
    return found[0] if len(found) == 1 else name


def _form(request: HttpRequest, *, problems: InputError | None = None, status: int = 200) -> HttpResponse:
    context = {
        "offers": queries.offers_to_fill(actor_of(request))[: queries.SHOWN],
        "problems": lines_of(problems.problems) if problems else [],
        "typed": request.POST if problems else {},
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/datasets/publish.html", context, status=status)
