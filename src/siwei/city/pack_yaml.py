"""A YAML text → plain mappings, lists and *text* scalars, each with its place.

Scalars stay text and are typed by the reader's own schema, so that country `NO` is not false, version `1.10` is not
1.1, and a wrong value is reported as it was written. Anchors are refused: a few lines of them can expand to gigabytes.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from siwei.city.yaml_words import yaml_in_both
from siwei.errors import Problem, Said

MAX_DEPTH = 20
QUICK = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, ten times as quick; a wheel of PyYAML has it, one built where libyaml is missing has not."""
_TAKEN_OTHERWISE = re.compile("[\t?\ufeff\ud800-\udfff]|[|>][-+0-9]*#")
"""libyaml takes tabs and, between brackets, question marks where the other does not, and a comment right after the sign
of a block of text; counts no column for a byte order mark, and cannot be given half of a character."""
_QUOTED_VALUE = re.compile(r"""^[ ]*(?:- )?[\w-]+: "[^"\\\n]*"$""", re.MULTILINE)
"""A line whose value is wholly between quotes: no bracket is open within it, whatever stands around the line."""
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Characters that turn or hide what a reader sees: a rule must read as it is decided."""
MAX_PROBLEMS = 100
MEND, TAKE_OUT = Said("mend the syntax", "请改正语法"), Said("take it out", "请删去")
PLAIN = Said("write a plain value", "请写普通的值")
EMPTY = Said("is empty", "是空的"), Said("write at least one key: value", "请至少写一行 key: value")
ANCHOR = Said("uses a YAML anchor or alias", "用了 YAML 锚点或别名"), Said("write the value out", "请写出值本身")
SECOND = (
    Said("holds a second YAML document", "含有第二个 YAML 文档"),
    Said("keep one document per file", "每个文件只留一个文档"),
)
DEEP = (
    Said(f"is nested deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层"),
    Said("make it flatter", "请减少嵌套"),
)
KEY = Said("a key must be plain text", "键须为普通文字"), Said("write key: value", "请写 key: value")
Value = str | list["Value"] | dict[str, "Value"]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """`places` maps the path of every value, such as `("clauses", 0, "when")`, to its line and column (from 1)."""

    value: Value
    places: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_yaml(text: str, name: str) -> YamlDocument:
    """Parse one YAML document; `problems` is not empty where it may not be used. The caller bounds the text's size."""
    if is_left_to_libyaml(text):
        document = _read(text, name, QUICK)
        if not document.problems:
            return document
    # What is wrong is told in the words and places of one parser, wherever it runs.
    return _read(text, name, yaml.SafeLoader)


def is_left_to_libyaml(text: str) -> bool:
    """Whether both parsers take it alike, where they take it."""
    # Nearly every condition in CEL holds a question mark, and nearly every one is quoted.
    left = _QUOTED_VALUE.sub(lambda line: line[0].replace("?", ""), text) if "?" in text else text
    return _TAKEN_OTHERWISE.search(left) is None


def _no_yaml(why: str | None) -> Said:
    """`why`: as the parser says it, or said in both languages."""
    told = why if isinstance(why, Said) else yaml_in_both(why or "")
    return Said(f"is not YAML: {told}", f"不是 YAML：{told.zh}")


def _read(text: str, name: str, loader: Any) -> YamlDocument:
    try:
        problem = _refuse_events(text, name, loader)
        if problem:
            return YamlDocument({}, problems=(problem,))
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return YamlDocument({}, problems=(Problem(_no_yaml(error.problem), MEND, name, *place),))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, error.position - before.rfind("\n"))
        code = f"U+{ord(text[error.position : error.position + 1] or chr(0)):04X}"
        message = _no_yaml(Said(f"holds the character {code}", f"含有字符 {code}"))
        return YamlDocument({}, problems=(Problem(message, TAKE_OUT, name, *place),))
    except yaml.YAMLError as error:
        return YamlDocument({}, problems=(Problem(_no_yaml(str(error)), MEND, name, 1),))
    if node is None:
        return YamlDocument({}, problems=(Problem(*EMPTY, name, 1),))
    places: dict[KeyPath, tuple[int, int]] = {}
    problems: list[Problem] = []
    value = _plain(node, (), places, problems, name)
    return YamlDocument(value, places, tuple(problems[:MAX_PROBLEMS]))


def _refuse_events(text: str, name: str, loader: Any) -> Problem | None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=loader):
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return Problem(*ANCHOR, name, *place)
        tag = getattr(event, "tag", None)
        if tag:
            return Problem(Said(f"uses the YAML tag {tag!r}", f"用了 YAML 标签 {tag!r}"), PLAIN, name, *place)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                return Problem(*SECOND, name, *place)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return Problem(*DEEP, name, *place)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _plain(
    node: yaml.Node, path: KeyPath, places: dict[KeyPath, tuple[int, int]], problems: list[Problem], name: str
) -> Value:
    places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, (*path, index), places, problems, name) for index, each in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        if unseen := _UNSEEN.search(node.value):
            code = f"U+{ord(unseen[0]):04X}"
            message = Said(f"holds the unseen character {code}", f"含有不可见字符 {code}")
            field_name = ".".join(str(part) for part in path)
            problems.append(Problem(message, TAKE_OUT, name, *places[path], field_name))
        return str(node.value)
    mapping: dict[str, Value] = {}
    for key_node, value_node in node.value:
        key_place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(*KEY, name, *key_place))
        elif key_node.value in mapping:
            problems.append(
                Problem(
                    Said(f"key {key_node.value!r} appears twice", f"键 {key_node.value!r} 出现两次"),
                    Said("remove one of them", "请删去其一"),
                    name,
                    *key_place,
                    str(key_node.value),
                )
            )
        else:
            mapping[key_node.value] = _plain(value_node, (*path, key_node.value), places, problems, name)
    return mapping
