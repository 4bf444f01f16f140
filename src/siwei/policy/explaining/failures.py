"""Why an expression is in error for one subject: the first operation that fails, done again exactly with what it was
given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from siwei.errors import chinese_of
from siwei.policy.explanation import Value
from siwei.policy.language.failure_words import failure_in_both
from siwei.policy.language.functions import definitions
from siwei.policy.language.standard import GLOBAL
from siwei.policy.language.tree import Call, ListLiteral, Node, children, render
from siwei.policy.language.values import EvaluationError, checked_int
from siwei.policy.programmes import Text

AWARD = "award"
NEGATIVE = Text("金额为负", "the amount is negative")
_OF_CEL = ("_+_", "_-_", "_*_", "_/_", "_%_", "-_", "int")


@dataclass(frozen=True, slots=True)
class Failure:
    """`of` is a clause's id, or `award`."""

    of: str
    sentence: Text


def failure(of: str, words: Text, why: Text) -> Failure:
    sentence = Text(f"计算出错：{words.zh}（{why.zh}）。", f"In error: {words.en} ({why.en}).")
    return Failure(of, sentence)


def why_failed(
    nodes: Iterable[Node], outcome: Callable[[Node], tuple[Value | None, str]], rounding: str
) -> Text | None:
    """The operation as written and what is wrong with it. `nodes` come as they are worked out, children first;
    `outcome` is a node's value and its status. None where no operation on whole numbers fails by itself."""
    functions = {**{name: GLOBAL[name] for name in _OF_CEL}, **definitions(rounding), "unlisted": _unlisted}
    for node in nodes:
        if isinstance(node, Call) and node.function in functions and outcome(node)[1] == "error":
            arguments = [_given(child, outcome) for child in node.arguments]
            if None in arguments:
                continue
            try:
                done = functions[node.function](*arguments)
                if isinstance(done, int):
                    checked_int(done)
            except (EvaluationError, ValueError) as error:
                what = failure_in_both(str(error))
                return Text(f"{render(node)}：{chinese_of(what)}", f"{render(node)}: {what}")
    return None


def _unlisted(industry: object) -> None:
    raise EvaluationError(f"no industry {industry!r} in size_classes.csv")


def _given(node: Node, outcome: Callable[[Node], tuple[Value | None, str]]) -> object:
    """None where it is not known, or in error."""
    if isinstance(node, ListLiteral):
        items = [_given(each, outcome) for each in children(node)]
        return None if None in items else items
    return outcome(node)[0]
