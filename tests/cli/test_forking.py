"""What `tests/forking.py` runs is a process like one that an interpreter is started for."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import forking
import pytest

PROGRAMS = {
    "its arguments, folder, environment and place": "import os, sys; print(sys.argv, os.getcwd(), sys.path[0] == '', "
    "os.environ['SIWEI_CITY'], sorted(n for n in os.environ if n.startswith('SIWEI_')), __name__, sys.stdin.read())",
    "its files and its session": "import os, sys; print(sorted(os.listdir('/proc/self/fd')), os.getpgid(0), "
    "os.getsid(0), sys.stdout.encoding, sys.stderr.encoding, os.umask(0))",
    "its signals": "import signal; print([(s.name, str(signal.getsignal(s))) for s in signal.valid_signals() "
    "if hasattr(s, 'name')], signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "its end by a fault": "import atexit, sys; atexit.register(print, 'put away'); "
    "sys.tracebacklimit = 0; raise ValueError('no')",
    "its end by a signal": "import os, signal; print('begun', flush=True); os.kill(os.getpid(), signal.SIGTERM)",
    "its exit code": "import sys; sys.exit(7)",
    "its threads": "import threading; print(threading.active_count()); "
    "t = threading.Thread(target=lambda: print('waited for')); t.start()",
    "what crunches numbers": "import polars, numpy, threading; "
    "print(polars.DataFrame({'a': range(50_000)}).group_by('a').len()['len'].sum(), numpy.ones(9) @ numpy.ones(9))",
}
COMMANDS = (("people", "list"), ("city", "digest", "--json"), ("ledger", "nothing"), ("policy", "check", "--json"))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, lay_city: Callable[[Path], None]) -> Path:
    directory = tmp_path_factory.mktemp("forking") / "city"
    lay_city(directory)
    return directory


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_finds_what_it_would_find(program: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}
    command = [sys.executable, "-c", program, "--one", "二"]
    anew, forked = (
        forking.run(command, env=environment | {"SIWEI_CITY": "/nowhere"}, cwd=tmp_path, anew=anew)
        for anew in (True, False)
    )
    assert vars(forked) == vars(anew)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_says_what_it_would_say(words: tuple[str, ...], city: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}
    anew, forked = (
        forking.run([*forking.SIWEI, *words], env=environment | {"SIWEI_CITY": str(city)}, anew=anew)
        for anew in (True, False)
    )
    assert vars(forked) == vars(anew)


def test_another_terminal_is_refused() -> None:
    with pytest.raises(AssertionError, match="anew"):
        forking.run([*forking.SIWEI, "--version"], env=os.environ | {"LC_ALL": "zh_CN.UTF-8"})
