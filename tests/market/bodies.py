"""Any body a kind's schema allows, drawn from the schema itself: a new kind is tested without a new line."""

from types import UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from siwei.market import KINDS, Kind, Need, Offer
from siwei.market.listing import Body

WORDS = st.sampled_from(["cpu", "Ascend 910B", "shenzhen", "影像", "机器人", "robot", "model-llm", "nanshan"])

NAMES = st.sampled_from(["bge-small", "Qwen/Qwen3-8B", "deepseek-v3.1:latest"])


def member(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    origin = get_origin(annotation)
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin is tuple:
        return st.lists(member(get_args(annotation)[0], []), min_size=1, max_size=4)
    if origin is UnionType:
        inner = next(part for part in get_args(annotation) if part is not type(None))
        return st.none() | member(inner, metadata)
    if hasattr(annotation, "__metadata__"):
        return member(annotation.__origin__, list(annotation.__metadata__))
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low = next((bound.ge for bound in metadata if isinstance(bound, Ge)), 0)
        high = next((bound.le for bound in metadata if isinstance(bound, Le)), 10**15)
        return st.integers(low, min(low + 20, high)) | st.integers(low, high)
    assert annotation is str, annotation
    return NAMES if any("pattern=" in repr(each) for each in metadata) else WORDS


def field(info: FieldInfo) -> st.SearchStrategy[Any]:
    return member(info.annotation, info.metadata)


def body(schema: type[Body]) -> st.SearchStrategy[dict[str, Any]]:
    drawn = st.fixed_dictionaries({name: field(info) for name, info in schema.model_fields.items()})
    return drawn.map(in_order)


def in_order(values: dict[str, Any]) -> dict[str, Any]:
    if "least_fen" in values:
        values["least_fen"], values["most_fen"] = sorted((values["least_fen"], values["most_fen"]))
    return values


def offers(kind: Kind) -> st.SearchStrategy[list[Offer]]:
    return st.lists(body(kind.offer_body), max_size=4).map(
        lambda bodies: [kind.parse_offer(id=f"o{n}", party=f"p{n}", body=given) for n, given in enumerate(bodies)]
    )


def needs(kind: Kind) -> st.SearchStrategy[Need]:
    return body(kind.need_body).map(lambda given: kind.parse_need(id="n", party="buyer", body=given))


KIND = st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__)
