"""How a file that somebody hands over may be called."""

import re

from siwei.errors import Said

NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]')
DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that some systems take for devices."""


def name_fault(path: str) -> str:
    """Why a file must not be called so; empty where it may. A name is one path, relative, of plain parts."""
    if not 0 < len(path) <= 400 or not path.isprintable():
        return Said("1 to 400 characters, all of them printable", "1 至 400 个可打印字符")
    if NOT_IN_A_NAME.search(path):
        return Said(
            "no backslash, colon, quotation mark, wild card or mark that turns text around",
            "不含反斜杠、冒号、引号、通配符或改变文字方向的符号",
        )
    parts = path.split("/")
    if any(part in ("", ".", "..") or part != part.strip() or part.endswith(".") for part in parts):
        return Said(
            "a path of plain names: none empty, `.` or `..`, none that begins or ends with a blank or ends in a dot",
            "由普通名称组成的路径：不为空，不是 `.` 或 `..`，首尾无空格，不以点结尾",
        )
    if any(DEVICES.fullmatch(part) for part in parts) or any(len(part.encode("utf-8")) > 200 for part in parts):
        return Said("no device's name, and no name longer than 200 bytes", "不是设备名，每个名称不超过 200 字节")
    return ""
