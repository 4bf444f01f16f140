"""The portal's API under /api/: the same subjects as the pages, the same scoping, described by /api/openapi.json."""

from siwei.portal.api.app import api

__all__ = ["api"]
