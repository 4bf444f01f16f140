"""What opens something is in no log, even where somebody put it into an address: links of invitations hold it there."""

from __future__ import annotations

import logging
import re
from typing import Any

SECRET = re.compile(r"([0-9a-f]{12}[-_])[A-Za-z0-9_-]{16,}")
"""Behind the identifier of an invitation (`exchange.invitations`) or an access key (`exchange.keys`); a part too."""
LOGGERS = ("django.request", "django.security.csrf", "django.security.SuspiciousOperation", "siwei.portal.faults")
"""Those that write addresses down. A filter of a logger is not its children's."""


class WithoutSecrets(logging.Filter):
    """The identifier stays, so that it can be found; what follows it does not."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = without_secrets(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(without_secrets(each) for each in record.args)
        request = getattr(record, "request", None)
        if SECRET.search(getattr(request, "path", "")):
            record.request = None  # some handlers write its address down too
        return True


def without_secrets(value: Any) -> Any:
    return SECRET.sub(r"\1…", value) if isinstance(value, str) else value
