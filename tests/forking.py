"""Commands that begin where one process of theirs already stands: `run` does what `subprocess.run` does, sooner.

To start an interpreter and to load Django and the commands is most of a short command's time, and the tests give
hundreds. So each process of tests keeps one that has loaded what all commands load, has read no settings, opened
nothing and started no thread, and waits: for every command it forks. What the fork then runs is a process of its own,
with the command's arguments, folder, environment and files; it reads the settings, opens the city and ends by itself.

How a command starts, is stopped or told another locale, what it takes of memory, and the console script itself, is
for `subprocess`: tests/cli/test_start.py, test_stopping.py, test_output.py and others.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

SIWEI = (sys.executable, "-c", "from siwei.cli import main; main()")
MAY_DIFFER = ("SIWEI_", "DJANGO_SETTINGS_MODULE", "PYTEST_")
"""What of its environment a command reads for itself; the rest an interpreter or a library may read when it starts."""
LOADED = (
    "django.contrib.auth.hashers", "django.contrib.messages.middleware", "django.core.serializers.json",
    "django.db.backends.sqlite3.base", "django.db.models", "django.forms", "django.template", "django.test.client",
    "django.urls", "django.views.generic", "jinja2", "siwei.market", "siwei.matching", "sqlparse",
)  # fmt: skip
"""With the commands themselves. None of it asks for settings, which belong to a city; models do."""
NEVER = ("duckdb", "numpy", "polars", "pyarrow", "siwei.portal.django_settings", "siwei.exchange.models")
"""Native threads do not live on in a fork; settings and models are those of one city."""
LARGEST = 1 << 17


@dataclass(frozen=True)
class Waiting:
    """The process that waits, and what it began with; it ends when its connection is closed."""

    process: "subprocess.Popen[bytes]"
    connection: socket.socket
    environment: Mapping[str, str]

    def end(self) -> None:
        self.connection.close()
        self.process.wait()


def run(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, check: bool = False, anew: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run `[sys.executable, "-c", program, *arguments]` to its end, or `anew` in an interpreter that starts for it."""
    if anew:
        return subprocess.run(command, env=env, cwd=cwd, check=check, capture_output=True, text=True)
    python, option, program, *arguments = command
    assert (python, option) == SIWEI[:2], f"{command}: only programs given to this interpreter by -c"
    assert as_begun(env) == waiting().environment, "with another environment it is to begin `anew`"
    asked = {"program": program, "arguments": arguments, "cwd": str(cwd or Path.cwd()), "environment": dict(env)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        exit_code = ended(asked, [out.fileno(), err.fileno()])
        said = []
        for each in (out, err):
            each.seek(0)
            said.append(each.read().decode())
    done = subprocess.CompletedProcess([*command], exit_code, *said)
    if check:
        done.check_returncode()
    return done


def ended(asked: dict, files: list[int]) -> int:
    """The exit code, or the signal less than nothing, once what is asked for has ended."""
    try:
        socket.send_fds(waiting().connection, [json.dumps(asked).encode()], files)
        return int(json.loads(waiting().connection.recv(LARGEST)))
    except BaseException:  # a test given up: its answer must not be taken for the next one's
        waiting().end()
        waiting.cache_clear()
        raise


def as_begun(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(MAY_DIFFER)}


@cache
def waiting() -> Waiting:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = as_begun(os.environ)
    with theirs:
        command = [sys.executable, __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    made = Waiting(process, ours, environment)
    atexit.register(made.end)
    return made


def wait(asking: socket.socket) -> str:
    """Load, then fork for each that is asked for; comes back, in the fork alone, with the program it is to be."""
    import importlib

    from siwei.cli import load_commands

    load_commands()
    for name in LOADED:
        importlib.import_module(name)
    assert not set(NEVER) & set(sys.modules), set(NEVER) & set(sys.modules)
    assert len([*Path("/proc/self/task").iterdir()]) == 1
    while True:
        said, files, _, _ = socket.recv_fds(asking, LARGEST, 2)
        if not said:
            os._exit(0)
        forked = os.fork()
        if not forked:
            asking.close()
            return become(json.loads(said), files)
        for each in files:
            os.close(each)
        _, status = os.waitpid(forked, 0)
        asking.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def become(asked: dict, files: list[int]) -> str:
    for number, each in enumerate(files, 1):
        os.dup2(each, number)
        os.close(each)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["-c", *asked["arguments"]]
    sys.path[0] = ""
    return str(asked["program"])


if __name__ == "__main__":
    program = wait(socket.socket(fileno=int(sys.argv[1])))
    sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(program, "<string>", "exec"), sys.modules["__main__"].__dict__)
