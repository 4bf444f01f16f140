"""The API object: routers, and how errors answer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.openapi.schema import OpenAPISchema

from siwei import __version__
from siwei.errors import SiweiError
from siwei.portal.access import authenticate
from siwei.portal.api import (
    calls,
    chain,
    city,
    datasets,
    dossier,
    evidence,
    fact_files,
    invoices,
    ledger,
    meters,
    organisations,
    payments,
    people,
    person,
    person_accounts,
    person_awards,
    policy,
    programmes,
    projects,
    representatives,
    services,
    spending,
    tasks,
    trading,
)
from siwei.portal.api.invalid import answer_of
from siwei.portal.faults import status_of
from siwei.portal.languages import in_asked_language, words_of


class DescribedAPI(NinjaAPI):
    """Its description is made once: that takes most of a second, and anybody may ask for it."""

    _description: OpenAPISchema | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        if path_prefix or path_params:
            return super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        if self._description is None:
            self._description = super().get_openapi_schema()
        return self._description


api = DescribedAPI(
    title="Siwei",
    version=__version__,
    description=(
        "A city's AI industry exchange. What a visitor may not see needs an access key (`Authorization: Bearer …`) or "
        "a signed-in session. Money is integer fen."
    ),
    docs_url="/docs",
    auth=authenticate,
    urls_namespace="api",
)
api.add_router("", city.router, tags=["city"])
api.add_router("/organisations", organisations.router, tags=["organisations"])
api.add_router("/organisations", dossier.router, tags=["dossier"])
api.add_router("", chain.router, tags=["chain"])
api.add_router("/programmes", programmes.router, tags=["programmes"])
api.add_router("/policy", policy.router, tags=["policy"])
api.add_router("", trading.router, tags=["market"])
api.add_router("", spending.router, tags=["market"])
api.add_router("", evidence.router, tags=["market"])
api.add_router("", meters.router, tags=["meters"])
api.add_router("", calls.router, tags=["calls"])
api.add_router("", projects.router, tags=["projects"])
api.add_router("", fact_files.router, tags=["dossier"])
api.add_router("/person", person.router, tags=["person"])
api.add_router("/person/awards", person_awards.router, tags=["person"])
api.add_router("/ledger", ledger.router, tags=["ledger"])
api.add_router("", people.router, tags=["people"])
api.add_router("", person_accounts.router, tags=["people"])
api.add_router("", representatives.router, tags=["people"])
api.add_router("", tasks.router, tags=["tasks"])
api.add_router("", services.router, tags=["services"])
api.add_router("", datasets.router, tags=["datasets"])
api.add_router("", payments.router, tags=["payments"])
api.add_router("", invoices.router, tags=["payments"])


@api.exception_handler(SiweiError)
def answer_error(request: HttpRequest, error: Any) -> HttpResponse:
    return api.create_response(request, {"detail": in_asked_language(words_of(error))}, status=status_of(error))


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: Any) -> HttpResponse:
    return api.create_response(request, answer_of(error.errors), status=422)


@api.exception_handler(RawPostDataException)
def answer_no_json(request: HttpRequest, error: Any) -> HttpResponse:
    """Parts of a form, sent to an operation that reads JSON."""
    return api.create_response(
        request, {"detail": in_asked_language(_("This operation takes JSON, not a form."))}, status=400
    )
