import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.compute import JobSpec, WorkingFile
from siwei.compute.specification import BOUNDS, is_safe_path
from siwei.errors import InputError

WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
VARIABLES = st.dictionaries(st.sampled_from(["LEVEL", "MODE", "X_1"]), st.text("aé三 =", max_size=5), max_size=3)
NAME = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True)
SPECS = st.builds(
    JobSpec,
    command=st.lists(WORD, min_size=1).map(tuple),
    files=st.dictionaries(NAME, st.binary(max_size=40), max_size=3).map(
        lambda files: tuple(WorkingFile(path, content) for path, content in files.items())
    ),
    environment=VARIABLES.map(lambda values: tuple(values.items())),
    count=st.integers(*BOUNDS["count"]),
    wall_limit_s=st.integers(*BOUNDS["wall_limit_s"]),
    memory_mb=st.integers(*BOUNDS["memory_mb"]),
)  # fmt: skip


@given(SPECS)
def test_a_specification_comes_back_from_json_equal(spec: JobSpec) -> None:
    assert JobSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"command": ()}, "a job needs a command"),
        ({"command": ("",)}, "a job needs a command"),
        ({"command": ("a\0b",)}, "a job needs a command"),
        ({"command": ("a", "\ud800")}, "a job needs a command"),
        ({"command": ("a" * 70_000,)}, "the command is too long"),
        ({"files": (WorkingFile("../a", b""),)}, "leaves the work directory"),
        ({"files": (WorkingFile("a", b""), WorkingFile("a", b"x"))}, "given twice"),
        ({"files": (WorkingFile("a", bytes(17 << 20)),)}, "too large"),
        ({"environment": (("A=B", "x"),)}, "cannot be set"),
        ({"environment": (("A", "x\0"),)}, "cannot be set"),
        ({"environment": (("LD_PRELOAD", "x"),)}, "set by the engine only"),
        ({"environment": (("PYTHONPATH", "x"),)}, "set by the engine only"),
        ({"environment": (("path", "x"),)}, "set by the engine only"),
        ({"environment": (("A", "x"), ("A", "y"))}, "given twice"),
        ({"count": 0}, r"0 is out of bounds \[count\] → a whole number 1–1024"),
        ({"count": True}, "out of bounds"),
        ({"memory_mb": 1.5}, "out of bounds"),
        ({"processes": 10**9}, "out of bounds"),
        ({"accelerator": ""}, "no accelerator named"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_member_and_the_remedy(members: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        JobSpec(**({"command": ("true",)} | members))
    assert [problem.field for problem in refused.value.problems] == list(members)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InputError) as refused:
        JobSpec((), environment=(("1", ""),), count=0, disk_mb=-1)
    assert [problem.field for problem in refused.value.problems] == ["command", "environment", "count", "disk_mb"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"command": "true"},
        {"command": [1]},
        {"command": None},
        {"command": ["true"], "network": "host"},
        {"command": ["true"], "files": [{"path": "a"}]},
        {"command": ["true"], "files": [{"path": "a", "content_base64": "*"}]},
        {"command": ["true"], "environment": [1]},
        {"command": ["true"], "count": "1"},
    ],
)
def test_json_that_is_no_specification_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        JobSpec.from_dict(values)


@given(st.text())
def test_a_safe_path_never_leaves(path: str) -> None:
    if is_safe_path(path):
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        assert "\0" not in path
