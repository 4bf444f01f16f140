"""Joint research (政产学研用): a topic looks for partners in named roles; a team offers its role and its fields."""

from typing import Literal

from pydantic import Field

from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import coverage, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words

Role = Literal["government", "firm", "university", "laboratory", "user"]


class ResearchOffer(Body):
    """A team. `facilities` are instruments, data and compute it can bring."""

    title: str = Field(min_length=1, max_length=200)
    role: Role
    fields: tuple[str, ...] = Field(min_length=1, max_length=40)
    methods: tuple[str, ...] = Field(default=(), max_length=40)
    facilities: tuple[str, ...] = Field(default=(), max_length=40)
    description: str = ""


class ResearchNeed(Body):
    """A topic. `roles` are those the consortium still lacks."""

    title: str = Field(min_length=1, max_length=200)
    roles: tuple[Role, ...] = Field(min_length=1)
    fields: tuple[str, ...] = Field(min_length=1, max_length=40)
    methods: tuple[str, ...] = Field(default=(), max_length=40)
    facilities: tuple[str, ...] = Field(default=(), max_length=40)
    description: str = ""


def fills_role(offer: Offer, need: Need, _: Context) -> bool:
    return offer.body.role in need.body.roles


KIND = Kind(
    id="research",
    dimension="road",
    name=Words("联合研究", "Joint research"),
    unit="milestone",
    offer_body=ResearchOffer,
    need_body=ResearchNeed,
    delivered_by="milestone",
    delivery=Words("按项目任务书里程碑评议", "the project's milestones are reviewed one by one"),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.fields)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.fields)} {need.body.description}",
    requirements=(Requirement("role", Words("不是所缺角色", "not a role the consortium lacks"), fills_role),),
    parts=(
        ScorePart(
            "fields",
            35,
            Words("研究方向", "fields"),
            lambda offer, need, _: coverage(need.body.fields, offer.body.fields),
        ),
        ScorePart(
            "methods",
            15,
            Words("方法", "methods"),
            lambda offer, need, _: coverage(need.body.methods, offer.body.methods),
        ),
        ScorePart(
            "facilities",
            20,
            Words("平台条件", "facilities"),
            lambda offer, need, _: coverage(need.body.facilities, offer.body.facilities),
        ),
        text_part(30),
    ),
)
