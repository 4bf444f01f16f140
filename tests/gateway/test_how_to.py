"""What docs/how-to/call-models.md tells people to write is run, with the address and the key of a city of ours."""

import re
from pathlib import Path
from typing import Any

from gateway_at_hand import Running

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "call-models.md"


def test_the_snippet_of_the_how_to_works(running: Running) -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for shown, ours in (
        ('"https://models.city.example/v1"', repr(running.base_url)),
        ('"siwei_…"', repr(running.keys["free"])),
        ('model="text"', 'model="tiny"'),
    ):
        assert snippet.count(shown) == 1, shown
        snippet = snippet.replace(shown, ours)
    made: dict[str, Any] = {}
    exec(compile(snippet, str(PAGE), "exec"), made)
    with made["client"]:
        assert made["answer"].choices[0].message.content
        assert [len(each.embedding) for each in made["vectors"].data] == [384, 384]
    calls = list(running.calls().values())[-2:]
    assert [(each["endpoint"], each["outcome"], each["basis"]) for each in calls] == [
        ("chat", "ok", "reported"), ("embeddings", "ok", "reported"),
    ]  # fmt: skip
