"""Files in an answer: their bytes as Base64, with their hash."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Annotated

from ninja import Field, Schema


class WrittenFile(Schema):
    media_type: str
    sha256: str
    content: Annotated[str, Field(description="Base64")]


def written(media_type: str, content: bytes) -> dict[str, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"media_type": media_type, "sha256": sha256, "content": b64encode(content).decode()}
