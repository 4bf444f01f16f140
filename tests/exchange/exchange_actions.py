"""Every function of the exchange that acts: found in the code, so that a new one cannot be forgotten."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import siwei.exchange

PACKAGE = Path(siwei.exchange.__file__).parent
NO_ACTIONS = {"migrations", "management", "models", "digest"}
# Writes an action's event, inside it.
PARTS_OF_ACTIONS = {"record_event", "record_events"}


def acting_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """`module.function` and the function, of every public one with keyword-only `actor` and `now`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.stem == "__init__" or path.relative_to(PACKAGE).parts[0] in NO_ACTIONS:
            continue
        module = importlib.import_module(".".join(("siwei.exchange", *path.relative_to(PACKAGE).with_suffix("").parts)))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or name in PARTS_OF_ACTIONS or function.__module__ != module.__name__:
                continue
            wanted = inspect.signature(function).parameters
            if all(each in wanted and wanted[each].kind == inspect.Parameter.KEYWORD_ONLY for each in ("actor", "now")):
                yield f"{path.stem}.{name}", function


def calls_of(function: Callable[..., Any]) -> set[str]:
    """Names of the functions its body calls."""
    tree = ast.parse(inspect.getsource(inspect.unwrap(function)))
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def nonsense_for(function: Callable[..., Any]) -> dict[str, Any]:
    """Something for every parameter without a default: what is refused must be refused before it is looked at."""
    wanted = inspect.signature(function).parameters.values()
    return {each.name: object() for each in wanted if each.default is inspect.Parameter.empty}
