"""The exact evaluator: one expression over one set of values, by the definition of CEL and not by columns.

It serves `siwei policy eval`, folds constants when a programme is checked, and is what the compiled columns are
compared with. An error is an exception; `&&`, `||`, `? :` and the macros absorb it where CEL says so.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from siwei.policy.language import extensions
from siwei.policy.language.standard import GLOBAL, MEMBER, Function, no_overload
from siwei.policy.language.syntax import (
    Constant,
    Fold,
    Invoke,
    MakeList,
    MakeMap,
    Name,
    Select,
    Syntax,
    Unsupported,
    dotted,
)
from siwei.policy.language.values import TYPE_NAMES, CelMap, EvaluationError, TypeName, Value, type_name

MOST_WORK = 500_000
"""Operations, and items or characters made, that one evaluation may take: some seconds and some tens of megabytes."""
MOST_ARGUMENTS = 100
COMPARING = ("_==_", "_!=_", "@in")
"""What walks through its arguments."""
NOTHING: Mapping[str, Function] = MappingProxyType({})


class TooMuchWork(Exception):
    """The evaluation would take more than `MOST_WORK`; nothing absorbs it."""


class NotTaken(Exception):
    """A part of CEL that is not evaluated here."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What a macro's accumulator holds after a step that failed: reading it fails again."""

    error: EvaluationError


Scope = Mapping[str, Value | Failed]


def interpret(
    tree: Syntax, bindings: Mapping[str, Value], container: str = "", functions: Mapping[str, Function] = NOTHING
) -> Value:
    """The value of an expression. Raises EvaluationError, TooMuchWork or NotTaken.

    `bindings` may have dotted names; `container` is the namespace in which names are looked for first; `functions`
    stand beside CEL's own.
    """
    return _Interpreter(bindings, container, functions).value(tree, {})


class _Interpreter:
    def __init__(self, bindings: Mapping[str, Value], container: str, functions: Mapping[str, Function]) -> None:
        self.bindings, self.functions = bindings, functions
        parts = container.split(".") if container else []
        self.namespaces = [".".join(parts[:size]) + "." for size in range(len(parts), 0, -1)] + [""]
        self.work = 0

    def value(self, node: Syntax, scope: Scope) -> Value:
        self._spend(1)
        match node:
            case Constant(value=value):
                return value
            case Name() | Select():
                return self._name_or_field(node, scope)
            case Invoke():
                return self._invoke(node, scope)
            case MakeList(items=items):
                return tuple(self.value(item, scope) for item in items)
            case MakeMap(entries=entries):
                return CelMap(tuple((self.value(key, scope), self.value(value, scope)) for key, value in entries))
            case Fold():
                return self._fold(node, scope)
            case Unsupported(what=what):
                raise NotTaken(f"{what} is not supported")

    def _spend(self, amount: int) -> None:
        self.work += amount
        if self.work > MOST_WORK:
            raise TooMuchWork(f"more than {MOST_WORK} operations, items and characters")

    def _name_or_field(self, node: Name | Select, scope: Scope) -> Value:
        if isinstance(node, Name) and not node.absolute and node.name in scope:
            held = scope[node.name]
            if isinstance(held, Failed):
                raise held.error
            return held
        path = dotted(node)
        local = path[:1] and path[0] in scope and not _is_absolute(node)
        if path and not local:
            found = self._variable(".".join(path), node)
            if found is not None:
                return found[0]
            # cel-cpp knows the constants of protobuf's own enumerations (`NullValue.NULL_VALUE`), checked or not.
            if any((namespace + ".".join(path)).startswith("google.protobuf.") for namespace in self.namespaces):
                raise NotTaken(f"{'.'.join(path)} is not supported")
        if isinstance(node, Name):
            raise EvaluationError(f"undeclared reference to {node.name!r}")
        operand = self.value(node.operand, scope)
        if not isinstance(operand, CelMap):
            raise EvaluationError(f"a {type_name(operand)} has no fields")
        entry = operand.find(node.field)
        if node.tests:
            return entry is not None
        if entry is None:
            raise EvaluationError(f"no such key {node.field!r}")
        return entry[1]

    def _variable(self, name: str, node: Name | Select) -> tuple[Value] | None:
        """The value a name is bound to, in a tuple, the innermost namespace first."""
        exact = isinstance(node, Name) and (node.resolved or node.absolute)
        for namespace in [""] if exact else self.namespaces:
            if namespace + name in self.bindings:
                return (self.bindings[namespace + name],)
        return (TypeName(name),) if name in TYPE_NAMES else None

    def _invoke(self, node: Invoke, scope: Scope) -> Value:
        match node.function, node.arguments:
            case ("_&&_", (left, right)):
                return self._connective(False, left, right, scope)
            case ("_||_", (left, right)):
                return self._connective(True, left, right, scope)
            case ("_?_:_", (test, then, otherwise)):
                answer = self.value(test, scope)
                if not isinstance(answer, bool):
                    raise no_overload("_?_:_", (answer,))
                return self.value(then if answer else otherwise, scope)
            case ("@not_strictly_false" | "__not_strictly_false__", (argument,)):
                try:
                    return self.value(argument, scope) is not False
                except EvaluationError:
                    return True
        return self._call(node, scope)

    def _connective(self, absorbing: bool, left: Syntax, right: Syntax, scope: Scope) -> Value:
        """`false` decides `&&` and `true` decides `||`, whatever the other side is, an error included."""
        error = None
        for side in (left, right):
            try:
                value = self.value(side, scope)
            except EvaluationError as raised:
                error = error or raised
                continue
            if value is absorbing:
                return absorbing
            if not isinstance(value, bool):
                error = error or no_overload("_||_" if absorbing else "_&&_", (value,))
        if error is not None:
            raise error
        return not absorbing

    def _call(self, node: Invoke, scope: Scope) -> Value:
        function, operands = self._function(node, scope)
        arguments = tuple(self.value(operand, scope) for operand in operands)
        fewest, most = _arity(function)
        if not fewest <= len(arguments) <= most:
            raise no_overload(node.function, arguments)
        # What is looked at counts, and what is made: doubling a text thirty times stops long before memory is full.
        for argument in arguments:
            self._spend_on(argument, deep=node.function in COMPARING)
        result = function(*arguments)
        self._spend_on(result)
        return result

    def _spend_on(self, value: Value, deep: bool = False) -> None:
        if isinstance(value, str | bytes):
            self._spend(len(value) // 64)
        elif isinstance(value, tuple):
            self._spend(len(value) // 4)
            if deep:
                for item in value:
                    self._spend_on(item, deep)
        elif isinstance(value, CelMap):
            self._spend(len(value) // 4)
            if deep:
                for _, item in value.items():
                    self._spend_on(item, deep)

    def _function(self, node: Invoke, scope: Scope) -> tuple[Function, tuple[Syntax, ...]]:
        if node.target is None:
            found = self.functions.get(node.function) or GLOBAL.get(node.function)
            return self._known(found, node), node.arguments
        path = dotted(node.target)
        qualified = ".".join((*path, node.function))
        if path and path[0] not in scope:
            if qualified in self.functions:
                return self.functions[qualified], node.arguments
            if path[0] in extensions.NAMESPACES and path[0] not in self.bindings:
                raise NotTaken(f"{qualified} is of an extension of CEL, and not supported")
        found = self.functions.get("." + node.function) or MEMBER.get(node.function)
        return self._known(found, node), (node.target, *node.arguments)

    def _known(self, found: Function | None, node: Invoke) -> Function:
        """The checker refuses what is not declared; where it did not run, a function of an extension is not wrong."""
        if found is not None:
            return found
        if node.function in extensions.FUNCTIONS or (node.function in extensions.MACROS and len(node.arguments) > 2):
            raise NotTaken(f"{node.function} is of an extension of CEL, and not supported")
        raise EvaluationError(f"no function {node.function!r}")

    def _fold(self, node: Fold, scope: Scope) -> Value:
        over = self.value(node.over, scope)
        if isinstance(over, CelMap):
            over = tuple(over.keys())
        if not isinstance(over, tuple):
            raise EvaluationError(f"no macro over a {type_name(over)}")
        held = self._attempt(node.initial, scope)
        for item in over:
            inner = {**scope, node.variable: item, node.accumulator: held}
            if self.value(node.condition, inner) is False:
                break
            held = self._attempt(node.step, inner)
        return self.value(node.result, {**scope, node.accumulator: held})

    def _attempt(self, node: Syntax, scope: Scope) -> Value | Failed:
        try:
            return self.value(node, scope)
        except EvaluationError as error:
            return Failed(error)


@lru_cache(maxsize=1_000)
def _arity(function: Function) -> tuple[int, int]:
    parameters = inspect.signature(function).parameters.values()
    most = len(parameters) if all(each.kind != each.VAR_POSITIONAL for each in parameters) else MOST_ARGUMENTS
    required = [each for each in parameters if each.default is each.empty and each.kind != each.VAR_POSITIONAL]
    return len(required), most


def _is_absolute(node: Name | Select) -> bool:
    while isinstance(node, Select):
        if not isinstance(node.operand, Name | Select):
            return False
        node = node.operand
    return node.absolute
