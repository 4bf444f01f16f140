"""The command `siwei`. One module per group of commands; each is thin: read arguments, call a room, print.

Exit codes: 0 done · 1 unexpected failure · 2 wrong usage · 3 input refused · 4 not found · 5 not allowed ·
6 conflict with the present state · 7 the machine lacks something.
"""

import atexit
import contextlib
import importlib
import os
import pkgutil
import sys
import threading

from siwei.cli.output import print_error, print_unexpected
from siwei.errors import SiweiError


def load_commands() -> None:
    """Importing the modules of this package registers their commands."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def main() -> None:
    try:
        _run()
    except SystemExit as left:
        _leave(left.code if isinstance(left.code, int) else 0 if left.code is None else 1)
        raise
    _leave(0)


def _leave(code: int) -> None:
    """End here where a thread is still at work beside (a measurement, a query): the interpreter, taking itself apart
    under one that is in C++, would abort. What such a thread does may end at any moment and loses nothing."""
    if not any(each.daemon for each in threading.enumerate()):
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)


def _run() -> None:
    load_commands()
    from siwei.cli.app import app

    try:
        app()
    except SiweiError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception:
        sys.exit(print_unexpected())
