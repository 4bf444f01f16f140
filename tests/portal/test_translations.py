"""Every message has its Chinese, none is left over, and each keeps its placeholders."""

import re

import pytest
from portal_messages import catalogue, messages_in_python, messages_in_template, messages_used

PLACEHOLDER = re.compile(r"%\(\w+\)s")


def test_every_message_is_translated() -> None:
    have = catalogue()
    assert sorted(message for message in messages_used() if not have.get(message)) == []


def test_no_translation_is_left_over() -> None:
    assert sorted(set(catalogue()) - messages_used()) == []


def test_placeholders_are_kept() -> None:
    wrong = {
        message
        for message, text in catalogue().items()
        if sorted(PLACEHOLDER.findall(message)) != sorted(PLACEHOLDER.findall(text))
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% translate \"One\" %}{% translate 'Two' as x %}", {"One", "Two"}),
        (
            "{% blocktranslate count n=a|length %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}",
            {"%(n)s row", "%(n)s rows"},
        ),
        ('{{ value|default:_("none") }}', {"none"}),
    ],
)
def test_messages_are_found_in_templates(text: str, expected: set[str]) -> None:
    assert messages_in_template(text) == expected


def test_messages_are_found_in_python() -> None:
    assert messages_in_python('a = _("One")\nb = {"x": gettext_noop("Two")}') == {"One", "Two"}
