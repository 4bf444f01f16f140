"""CEL's own parser and checker (cel-cpp through cel-expr-python), behind our syntax tree and with places for faults."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cel_expr_python import cel

from siwei.errors import Said
from siwei.policy.language.syntax import Syntax, read_syntax
from siwei.policy.language.wire import TooDeep, decode_checked

LONGEST_EXPRESSION = 10_000
"""Code points. CEL's own parser stops at 32 levels of brackets; this bounds what it is ever given."""
_ERROR = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem inside an expression: line and column count from 1 within it."""

    message: str
    fix: str
    line: int
    column: int


class ExpressionRefused(Exception):
    """`by_cel` tells what CEL itself calls wrong from what only our compiler does not take."""

    def __init__(self, faults: Iterable[Fault], by_cel: bool = False) -> None:
        self.faults, self.by_cel = tuple(faults), by_cel
        super().__init__("; ".join(fault.message for fault in self.faults))


class Parser:
    """One environment, made once and used for many expressions. `names` are what a misspelt name is compared with."""

    def __init__(
        self,
        variables: Mapping[str, cel.Type],
        functions: Sequence[cel.FunctionDecl] = (),
        suggest: Callable[[str], str] = lambda message: "",
        container: str | None = None,
        extensions: Sequence[object] = (),
    ) -> None:
        self.suggest = suggest
        self.environment = cel.NewEnv(
            variables=dict(variables), functions=functions, container=container, extensions=extensions
        )

    def parse(self, text: str, disable_check: bool = False) -> Syntax:
        """The tree, checked by CEL unless `disable_check`. Raises ExpressionRefused with every fault."""
        if len(text) > LONGEST_EXPRESSION:
            message = f"an expression of {len(text)} characters; at most {LONGEST_EXPRESSION} are read"
            raise ExpressionRefused((Fault(message, "split it into clauses", 1, 1),))
        try:
            text.encode("utf-8")
            serialized = self.environment.compile(text, disable_check=disable_check).serialize()
            return read_syntax(decode_checked(serialized))
        except UnicodeEncodeError as error:
            fault = Fault("half a character in an expression", "write it as UTF-8", *place(text, error.start))
            raise ExpressionRefused((fault,)) from None
        except TooDeep:
            fault = Fault("the expression nests too deeply", "split it into clauses", 1, 1)
            raise ExpressionRefused((fault,)) from None
        except RuntimeError as error:
            raise ExpressionRefused(self._read_errors(str(error)), by_cel=True) from None

    def _read_errors(self, text: str) -> tuple[Fault, ...]:
        faults = tuple(
            Fault(_translate(message), self._suggest(message), max(int(line), 1), max(int(column), 1))
            for line, column, message in _ERROR.findall(text)
        )
        if faults:
            return tuple(dict.fromkeys(faults))
        message = text.split(" [")[0].removeprefix("CANCELLED: ")
        return (Fault(message, "make it simpler, or split it into clauses", 1, 1),)

    def _suggest(self, message: str) -> str:
        if "no matching overload" in message:
            return Said(
                "the two sides are of different types; convert one, or compare like with like",
                "两边的类型不同；请转换其一，或比较同类的值",
            )
        if "recursion" in message:
            return "split the expression into clauses"
        return self.suggest(message) or "see the syntax of CEL (cel.dev)"


def _translate(message: str) -> str:
    message = message.replace(" (in container '')", "").replace(" [INVALID_ARGUMENT]", "")
    message = re.sub(r" expecting \{.*\}$", "", message)
    undeclared = re.match(r"undeclared reference to ('[^']*')", message)
    return Said(message, f"没有名为 {undeclared[1]} 的属性、参数或函数") if undeclared else message


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in code points."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
