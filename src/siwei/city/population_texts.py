"""Words of the generated population. Written from what such firms do, not from the classifier's vocabulary.

Each sector: words for names, lines of business scope, what the firm says it is, whom it serves. An AI sector bears the
id of the segment of the chain it was written from; ten segments have none, so that a made-up city has gaps to find.
Scopes of some AI firms say nothing of AI, and those of some other firms do, as registered scopes do.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECTORS_DIRECTORY = Path(__file__).with_name("population_sectors")
AI_FILES, OTHER_FILES = ("base.toml", "technology.toml", "application.toml"), ("other.toml",)
INDUSTRIES = {
    "aerospace": "铁路、船舶、航空航天和其他运输设备制造业",
    "business": "商务服务业",
    "catering": "住宿和餐饮业",
    "construction": "建筑业",
    "education": "教育",
    "electrical": "电气机械和器材制造业",
    "electronics": "计算机、通信和其他电子设备制造业",
    "farming": "农、林、牧、渔业",
    "garments": "纺织服装、服饰业",
    "general-equipment": "通用设备制造业",
    "instruments": "仪器仪表制造业",
    "manufacture": "其他制造业",
    "media": "广播、电视、电影和录音制作业",
    "property": "房地产业",
    "research": "科学研究和技术服务业",
    "retail": "零售业",
    "services": "居民服务、修理和其他服务业",
    "software": "软件和信息技术服务业",
    "special-equipment": "专用设备制造业",
    "transport": "道路运输业",
    "vehicle": "汽车制造业",
    "wholesale": "批发业",
}


@dataclass(frozen=True, slots=True)
class Sector:
    """`weight`: how many firms, against the other AI or non-AI sectors; `industry`: as a yearbook would class it."""

    id: str
    industry: str
    weight: float
    names: tuple[str, ...]
    scopes: tuple[str, ...]
    claims: tuple[str, ...]
    customers: tuple[str, ...]


def _read(file: str) -> tuple[Sector, ...]:
    return tuple(_sector(row) for row in tomllib.loads((SECTORS_DIRECTORY / file).read_text("utf-8"))["sector"])


def _sector(row: dict[str, Any]) -> Sector:
    texts = {field: tuple(row[field]) for field in ("names", "scopes", "claims", "customers")}
    return Sector(row["id"], INDUSTRIES[row["industry"]], float(row["weight"]), **texts)


AI_SECTORS = tuple(sector for file in AI_FILES for sector in _read(file))
OTHER_SECTORS = tuple(sector for file in OTHER_FILES for sector in _read(file))

COMMON_SCOPES = (
    "技术服务、技术开发、技术咨询",
    "国内贸易",
    "货物进出口",
    "技术进出口",
    "信息咨询服务（不含许可类信息咨询服务）",
    "兴办实业（具体项目另行申报）",
    "机械设备租赁",
    "非居住房地产租赁",
)
BRANDS = (
    "安邦昌诚达德鼎东帆飞丰福海汉和恒弘华汇嘉金锦景聚凯康蓝乐立联龙美明铭宁鹏启清荣瑞润森盛顺思泰腾天通同伟新信星兴旭"
    "轩远云泽智中众卓"
)  # 64 characters
