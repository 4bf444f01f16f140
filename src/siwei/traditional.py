"""繁體 from 简体 by OpenCC (`s2hk`, Hong Kong forms), with what OpenCC reads wrongly in our words put right.

OpenCC takes the longest phrase it knows, over the borders of words: 半导体制造 holds 体制.
"""

import re
from functools import cache

from opencc import OpenCC

MISREAD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), right)
    for pattern, right in (
        # 籤 is a slip or a label; what people put under a text is 簽, also 協議中簽署 beside 搖號中籤.
        (r"(?<![標抽價書浮竹牙中求])籤|(?<=[中求])籤(?=[字署訂名約發章收到定下批認領])|(?<=[要需請]求)籤", "簽"),
        (r"上鍊", "上鏈"),  # on the industry chain; 上鍊 winds a watch
        (r"發布", "發佈"),
        # 控制, 限制, 強制 end before 造價, 單元, 作業; 機制 and 體制 also where 手機製造 and 半導體製造 do not.
        (r"(?<![控限強編稅税])制(造(?!成)|冷|作(?![用風])|(?<![管機體]制)單)", r"製\1"),
        (r"繫統", "系統"),
        (r"(?<=核)(?!(?<=[審考]核)準(?:[則備]|確(?![認定])))準", "准"),
        (r"(?<=[\d\s])天后", "天後"),  # days; a goddess and her streets carry no number
        (r"聲明瞭", "聲明了"),
        (r"銷燬", "銷毀"),
        (r"(?<![脈緩])衝(?=[正回銷])", "沖"),
        (r"(?<=塘下)湧|(?<=步)湧(?![入進出現動向])", "涌"),
    )
)
"""As OpenCC leaves it → as it is written."""


@cache
def _opencc() -> OpenCC:
    return OpenCC("s2hk")


def traditional(chinese: str) -> str:
    """`chinese` in traditional characters; what is neither Chinese nor simplified stays as it is."""
    converted = str(_opencc().convert(chinese))
    for pattern, right in MISREAD:
        converted = pattern.sub(right, converted)
    return converted
