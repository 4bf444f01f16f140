"""YAML with the line of every value, so that a problem can say where it is."""

from dataclasses import dataclass
from typing import Any, cast

import yaml


@dataclass(frozen=True, slots=True)
class Located:
    """A value (dict of str to Located, list of Located, or a scalar) and the line it starts on."""

    value: Any
    line: int


def load_located(text: str) -> Located:
    """Safe YAML only. Raises yaml.YAMLError, also for a key that stands twice in one mapping."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        # A few nested aliases expand to more memory than any machine has.
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not allowed", problem_mark=cast("yaml.Mark", event.start_mark)
            )
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Located({}, 1) if node is None else _locate(loader, node)
    finally:
        loader.dispose()


def _locate(loader: yaml.SafeLoader, node: yaml.Node) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node))
            if key in found:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} stands twice", problem_mark=key_node.start_mark)
            found[key] = _locate(loader, value_node)
        return Located(found, line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(loader, item) for item in node.value], line)
    return Located(loader.construct_object(node), line)
