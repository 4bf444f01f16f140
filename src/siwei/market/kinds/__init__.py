"""The kinds of deal there are. A new kind is one module here and one line below."""

from collections.abc import Mapping
from types import MappingProxyType

from siwei.market.kind import Kind
from siwei.market.kinds import (
    compute,
    course,
    dataset,
    funding,
    model,
    position,
    product,
    research,
    scenario,
    service,
    site,
    technology,
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        module.KIND.id: module.KIND
        for module in (
            compute, model, service, dataset, site, product, technology, scenario, research, funding, position, course
        )
    }
)  # fmt: skip
