"""Every address that the portal answers at, as routes."""

from collections.abc import Iterator, Sequence

from django.urls import URLPattern, URLResolver


def addresses(patterns: Sequence[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route
