"""Where the demonstration's model is served: the pack's port, the next free one for a new city, never another later."""

import socket
from datetime import UTC, datetime

import pytest

from siwei.city.home import PACKS
from siwei.city.pack import load_pack
from siwei.errors import EnvironmentMissing
from siwei.exchange.models import Listing, Organisation, Upstream
from siwei.run.cast import ModelCalls, load_cast
from siwei.run.model_calls import HOST, serving_model

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def calls() -> ModelCalls:
    pack = load_pack(PACKS / "shenzhen")
    cast = load_cast(pack.directory, pack.attributes)
    assert cast is not None and cast.model_calls is not None
    pytest.importorskip(cast.model_calls.package, reason="the weights are not installed: src/siwei/run/models.txt")
    return cast.model_calls


def registered(calls: ModelCalls, port: int) -> None:
    owner = Organisation.objects.create(
        key="n-00000000000000aa", name="示例算力中心", kind="centre", origin="generated"
    )
    offer = Listing.objects.create(
        key=f"demo-{calls.offer}", organisation=owner, kind="model", side="offer", title_zh="甲", title_en="A", body={},
        published_at=NOW,
    )  # fmt: skip
    Upstream.objects.create(
        key=offer.key, organisation=owner, offer=offer, model="minilm", served_as="minilm",
        base_url=f"http://{HOST}:{port}/v1", deadline_s=60, registered_at=NOW,
    )  # fmt: skip


def test_a_new_city_goes_round_a_port_that_is_taken_and_one_that_is_known_waits_for_its_own(calls: ModelCalls) -> None:
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        wanted = calls.model_copy(update={"port": taken})
        with serving_model(wanted, wait_s=0) as port:
            assert taken < port <= taken + 100
        registered(calls, taken)
        with pytest.raises(EnvironmentMissing, match=f"port {taken} is taken"), serving_model(wanted, wait_s=0):
            pass
