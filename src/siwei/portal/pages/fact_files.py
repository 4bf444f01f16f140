"""Files that show facts, handed out: an organisation's and a project's to its people and the offices, a person's to
that person, and to the operator while the fact is before them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from siwei.errors import SignInNeeded
from siwei.exchange.actors import Actor
from siwei.exchange.facts.fact_files import read_fact_file
from siwei.exchange.facts.person_files import read_person_file
from siwei.portal.access import actor_of
from siwei.portal.city_pack import home_or_missing
from siwei.portal.downloads import Handed, hand_over, headed


@require_safe
def content(request: HttpRequest, number: int) -> HttpResponseBase:
    """A file's bytes, whole or the part that `Range` asks for. Under /api/, so that a program has it by its access key;
    a browser by its session."""
    actor, directory = _signed_in(request), home_or_missing().files
    found, _path = read_fact_file(number, directory=directory, actor=actor)
    return hand_over(request, Handed(found.name, found.file.sha256, found.file.size_bytes), directory)


@never_cache
@require_safe
def person_content(request: HttpRequest, number: int) -> HttpResponseBase:
    """A person's file, opened for whoever may read it. By the session alone: no access key acts on it."""
    label, told = read_person_file(number, actor=_signed_in(request))
    file = Handed(label.name, label.sha256, label.size_bytes)
    return headed(HttpResponse(b"" if request.method == "HEAD" else told), file)


def _signed_in(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    if actor.person_id is None:
        raise SignInNeeded("sign in, or send an access key, to have files", "请登录或附上访问密钥后再取文件")
    return actor
