"""How the process of a command ends."""

import atexit
import contextlib
import os
import sys
import threading

_serves = False


def end_at_once() -> None:
    """For commands that serve: what they opened they close themselves, and then the process ends. Else the interpreter
    looks through the millions of objects of a portal for cycles before it lets them go, which takes seconds."""
    global _serves
    _serves = True


def leave(code: int) -> None:
    """End here after a command that serves, and where a thread is still at work beside (a measurement, a query): the
    interpreter, taking itself apart under one that is in C++, would abort. What such a thread does may end at any
    moment and loses nothing. Otherwise the interpreter ends as it is used to."""
    if not _serves and not any(each.daemon for each in threading.enumerate()):
        return
    if "django.db" in sys.modules:
        from django.db import connections

        connections.close_all()  # SQLite then tidies its journal away
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)
