"""Every address of the portal. The same subjects answer under /api/ (see `siwei.portal.api`)."""

from django.urls import URLPattern, URLResolver, include, path

from siwei.portal.api import api
from siwei.portal.pages import (
    account,
    calls,
    chain,
    deals,
    desk,
    dossier,
    home,
    imports,
    indicators,
    jobs,
    market,
    organisations,
    programmes,
    search,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home_page, name="home"),
    path("chain", chain.chain_page, name="chain"),
    path("chain/edges.json", chain.chain_edges, name="chain-edges"),
    path("chain/<slug:segment_id>", chain.segment_page, name="segment"),
    path("organisations", organisations.organisation_list, name="organisations"),
    path("organisations/<slug:key>", organisations.organisation_page, name="organisation"),
    path("organisations/<slug:key>/programmes/<slug:programme_id>", organisations.entitlement_page, name="entitlement"),
    path(
        "organisations/<slug:key>/programmes/<slug:programme_id>/application.<slug:form>",
        dossier.application_download,
        name="application",
    ),
    path("organisations/<slug:key>/programmes/<slug:programme_id>/apply", calls.apply_page, name="apply"),
    path("calls", calls.call_list, name="calls"),
    path("calls/<slug:programme_id>/<str:period>", calls.call_page, name="call"),
    path("programmes/<slug:programme_id>/pot", calls.pot_opening, name="open-pot"),
    path("applications/<path:key>", calls.application_page, name="application-page"),
    path("notices/<path:key>", calls.notice_page, name="notice"),
    path("organisations/<slug:key>/dossier", dossier.dossier_page, name="dossier"),
    path("wings/<slug:dimension>", market.wing_page, name="wing"),
    path("market", market.market_page, name="market"),
    path("listings/<path:key>", market.listing_page, name="listing"),
    path("agreements/<path:key>", market.agreement_page, name="agreement"),
    path("acts/<slug:act>", deals.act_page, name="act"),
    path("approvals", deals.approvals_page, name="approvals"),
    path("disputes", deals.disputes_page, name="disputes"),
    path("budgets", deals.budgets_page, name="budgets"),
    path("jobs/<str:key>", jobs.job_page, name="job"),
    path("jobs/<str:key>/state", jobs.job_state, name="job-state"),
    path("jobs/<str:key>/log", jobs.job_log, name="job-log"),
    path("programmes", programmes.programme_list, name="programmes"),
    path("programmes/<slug:programme_id>", programmes.programme_page, name="programme"),
    path("money", desk.money_page, name="money"),
    path("indicators", indicators.indicator_list, name="indicators"),
    path("indicators/<str:indicator_id>", indicators.indicator_page, name="indicator"),
    path("imports", imports.import_list, name="imports"),
    path("imports/<slug:sha256>", imports.import_page, name="import"),
    path("desk", desk.desk_page, name="desk"),
    path("account", account.account_page, name="account"),
    path("account/keys", account.create_key, name="create-key"),
    path("account/keys/<slug:identifier>/revoke", account.revoke_key, name="revoke-key"),
    path("search", search.search_page, name="search"),
    path("api/", api.urls),
    path("accounts/", include("allauth.urls")),
    path("languages/", include("django.conf.urls.i18n")),
]
handler400 = "siwei.portal.faults.bad_request"
handler403 = "siwei.portal.faults.permission_denied"
handler404 = "siwei.portal.faults.page_not_found"
handler500 = "siwei.portal.faults.server_error"
