"""How the process of a command ends."""

import atexit
import contextlib
import errno
import os
import signal
import sys
import threading
from typing import TextIO

from siwei.errors import EnvironmentMissing, Said

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk without room answers, or a file that may not grow."""
_serves = False


def end_at_once() -> None:
    """For commands that serve: nobody waits for the threads that they leave at work."""
    global _serves
    _serves = True


def interrupt_once() -> None:
    """^C in a query is raised by the engine and by the interpreter. The second may come while what was begun is put
    away, where Python can only print it: the command is ending as it was asked to, and says so itself."""
    told = sys.unraisablehook

    def hook(found: "sys.UnraisableHookArgs") -> None:
        if not issubclass(found.exc_type, KeyboardInterrupt):
            told(found)

    sys.unraisablehook = hook


def hear_no_more() -> None:
    """The same second interrupt must not come between the command and what it says of the first."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGINT, lambda number, frame: None)
            return


def leave(code: int) -> None:
    """End here, with all that is told and written. Else the interpreter looks through all objects for cycles and takes
    every module apart before it lets them go, which is a third of a short command's time and seconds of a portal's;
    and under a thread that is still at work in C++ (a measurement, a query) it would abort. What such a thread does may
    end at any moment and loses nothing. Only for threads that are to be waited for does the interpreter end as it is
    used to."""
    others = [each.daemon for each in threading.enumerate() if each is not threading.main_thread()]
    if others and not _serves and not any(others):
        return
    if "django.db" in sys.modules:
        from django.conf import settings
        from django.db import connections

        if settings.configured:  # else no city was opened
            connections.close_all()  # SQLite then tidies its journal away
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        code = _flush(stream) or code
    os._exit(code)


def _flush(stream: TextIO | None) -> int:
    """0, or the exit code where what was told has no place, on a full disk say."""
    if stream is None or stream.closed:
        return 0
    try:
        stream.flush()
    except BrokenPipeError:  # whoever read it has had enough
        return 0
    except OSError as error:
        return tell_unwritten(error)
    return 0


def tell_unwritten(error: OSError) -> int:
    """Say once that what was told has no place; returns the exit code. Nothing more goes to where it was told."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()  # where the place of errors is the full one
    sys.stdout = None  # else its rest would be tried again, and told again
    with contextlib.suppress(OSError, ValueError):
        from siwei.cli.output import in_terminal_language

        told = Said("what was told could not be written", "输出无法写入")
        sys.stderr.write(f"✗ {in_terminal_language(told)}: {error.strerror}\n")
    return EnvironmentMissing.exit_code
