"""CEL's own parser and checker (cel-cpp through cel-expr-python), behind our syntax tree and with places for faults."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cel_expr_python import cel

from siwei.errors import Said
from siwei.policy.language.cel_words import in_both
from siwei.policy.language.syntax import Syntax, read_syntax
from siwei.policy.language.wire import TooDeep, decode_checked

LONGEST_EXPRESSION = 10_000
"""Code points. CEL's own parser stops at 32 levels of brackets; this bounds what it is ever given."""
SPLIT = Said("split it into clauses", "请拆为几个条件")
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
            message = Said(
                f"an expression of {len(text)} characters; at most {LONGEST_EXPRESSION} are read",
                f"表达式有 {len(text)} 个字符；至多读取 {LONGEST_EXPRESSION} 个",
            )
            raise ExpressionRefused((Fault(message, SPLIT, 1, 1),))
        try:
            text.encode("utf-8")
            serialized = self.environment.compile(text, disable_check=disable_check).serialize()
            return read_syntax(decode_checked(serialized))
        except UnicodeEncodeError as error:
            message = Said("half a character in an expression", "表达式含有半个字符")
            fault = Fault(message, Said("write it as UTF-8", "请写成 UTF-8"), *place(text, error.start))
            raise ExpressionRefused((fault,)) from None
        except TooDeep:
            fault = Fault(Said("the expression nests too deeply", "表达式嵌套过深"), SPLIT, 1, 1)
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
        message = in_both(text.split(" [")[0].removeprefix("CANCELLED: "))
        fix = Said("make it simpler, or split it into clauses", "请化简，或拆为几个条件")
        return (Fault(message, fix, 1, 1),)

    def _suggest(self, message: str) -> str:
        if "no matching overload" in message:
            return Said(
                "the two sides are of different types; convert one, or compare like with like",
                "两边的类型不同；请转换其一，或比较同类的值",
            )
        if "recursion" in message:
            return Said("split the expression into clauses", "请把表达式拆为几个条件")
        return self.suggest(message) or Said("see the syntax of CEL (cel.dev)", "CEL 的语法见 cel.dev")


def _translate(message: str) -> str:
    message = message.replace(" (in container '')", "").replace(" [INVALID_ARGUMENT]", "")
    return in_both(re.sub(r" expecting \{.*\}$", "", message))


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in code points."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
