"""The names of CEL's own extensions, none of which is taken: what calls them is refused and not called wrong."""

NAMESPACES = frozenset(("base64", "cel", "lists", "math", "optional", "proto", "regex", "sets", "strings"))
FUNCTIONS = frozenset(
    (
        # strings
        "charAt", "format", "indexOf", "join", "lastIndexOf", "lowerAscii", "quote", "replace", "reverse", "split",
        "substring", "trim", "upperAscii",
        # lists
        "distinct", "first", "flatten", "last", "slice", "sort", "sortBy",
        # comprehensions of two variables
        "existsOne", "transformList", "transformMap", "transformMapEntry",
        # optional values
        "hasValue", "optFlatMap", "optMap", "or", "orValue", "unwrapOpt", "value",
        # networks
        "cidr", "containsCIDR", "containsIP", "family", "ip", "isCIDR", "isCanonical", "isGlobalUnicast", "isIP",
        "isLinkLocalMulticast", "isLinkLocalUnicast", "isLoopback", "isUnspecified", "masked", "prefixLength",
    )
)  # fmt: skip
MACROS = frozenset(("all", "exists", "exists_one"))
"""Macros of CEL itself that an extension gives a second variable."""
