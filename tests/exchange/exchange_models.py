"""A signed agreement for a model, with an upstream and a key, for tests that call it."""

from datetime import datetime, timedelta
from typing import Any

from exchange_deal import DAY

from siwei.exchange.calls import model_calls, model_keys, model_upstreams
from siwei.exchange.calls.call_routes import Wanted
from siwei.exchange.calls.model_calls import Admitted
from siwei.exchange.calls.model_keys import KeyLimits
from siwei.exchange.models import Agreement, Voucher
from siwei.exchange.people.keys import MadeKey
from siwei.exchange.trading import agreements, listings
from siwei.exchange.trading.agreements import PartyTerms
from siwei.market.model_calls import Charge, Delivered, Tokens

OFFER = {
    "title": "文本生成",
    "model": "text",
    "endpoints": ["chat", "completions"],
    "input_fen_per_million": 200,
    "output_fen_per_million": 800,
    "context_tokens": 8192,
    "most_output_tokens": 1000,
}
NEED = {"title": "调用", "endpoints": ["chat"], "budget_fen": 1000}


class ModelDeal:
    """Each step may be taken again under its own key. The centre serves, the firm calls."""

    def __init__(self, cast: Any, now: datetime) -> None:
        self.cast, self.now, self.calls = cast, now, 0

    def signed(self, voucher: Voucher | None = None, **need: Any) -> Agreement:
        self.publish()
        self.need(**need)
        match = listings.match_need("model-need", as_of=DAY, actor=self.cast.alice, now=self.now, voucher=voucher)[0]
        agreements.propose_agreement(
            "model",
            [PartyTerms("consumer", self.cast.firm.key), PartyTerms("provider", self.cast.centre.key)],
            ends_at=self.now + timedelta(days=30),
            actor=self.cast.alice,
            now=self.now,
            idempotency_key="model-deal",
            match=match,
            voucher=voucher,
            as_of=DAY,
        )
        agreements.declare_budget(
            self.cast.firm.key, 10_000_000, actor=self.cast.alice, now=self.now, idempotency_key="model-budget"
        )
        agreements.sign_agreement("model-deal", actor=self.cast.alice, now=self.now, as_of=DAY)
        return agreements.sign_agreement("model-deal", actor=self.cast.bob, now=self.now, as_of=DAY)

    def publish(self, base_url: str = "https://models.example/v1", **body: Any) -> None:
        self._listing("offer", self.cast.centre.key, OFFER | body, self.cast.bob, "model-offer")
        model_upstreams.register_upstream(
            "model-offer", base_url=base_url, actor=self.cast.bob, now=self.now, idempotency_key="upstream"
        )
        model_upstreams.approve_upstream("upstream", actor=self.cast.olive, now=self.now)

    def need(self, **body: Any) -> None:
        self._listing("need", self.cast.firm.key, NEED | body, self.cast.alice, "model-need")

    def _listing(self, side: str, organisation: str, body: dict[str, Any], actor: Any, key: str) -> None:
        listings.publish_listing(
            "model",
            side,
            organisation=organisation,
            title_zh="模型",
            title_en="A model",
            body=body,
            actor=actor,
            now=self.now,
            idempotency_key=key,
        )

    def key(
        self, name: str = "key", expires_at: datetime | None = None, secret: str | None = None, **limits: Any
    ) -> MadeKey:
        return model_keys.create_model_key(
            self.cast.firm.key,
            "客服",
            name,
            expires_at=expires_at or self.now + timedelta(days=30),
            actor=self.cast.alice,
            now=self.now,
            idempotency_key=name,
            limits=KeyLimits(**limits),
            secret=secret,
        )

    def admit(self, secret: str | None, now: datetime | None = None, **wanted: Any) -> Admitted:
        self.calls += 1
        asked = {"model": "text", "endpoint": "chat", "request_bytes": 744, "most_output_tokens": 500} | wanted
        return model_calls.admit_call(secret or "", Wanted(**asked), name=f"call-{self.calls}", now=now or self.now)

    def end(self, name: str, read: int, written: int, now: datetime | None = None, **more: Any) -> Charge | None:
        delivered = Delivered(Tokens(read, written), 744, 10, 0)
        return model_calls.end_call(name, delivered, outcome="ok", now=now or self.now, **more)
