"""The command `siwei`. One module per group of commands; each is thin: read arguments, call a room, print.

Exit codes: 0 done · 1 unexpected failure · 2 wrong usage · 3 input refused · 4 not found · 5 not allowed ·
6 conflict with the present state · 7 the machine lacks something · 130 interrupted.
"""

import importlib
import pkgutil
import sys

from siwei.cli.ending import FULL, hear_no_more, interrupt_once, leave, tell_unwritten
from siwei.cli.loading import loading
from siwei.cli.output import print_error, print_interrupted, print_unexpected
from siwei.errors import SiweiError

INTERRUPTED = 130


def load_commands() -> None:
    """Importing the modules of this package registers their commands."""
    with loading():
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")


def main() -> None:
    interrupt_once()
    try:
        _run()
    except SystemExit as left:
        leave(left.code if isinstance(left.code, int) else 0 if left.code is None else 1)
        raise
    leave(0)


def _run() -> None:
    try:
        load_commands()
        from siwei.cli.app import app

        app()
    except SiweiError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        hear_no_more()
        print_interrupted()
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        sys.exit(tell_unwritten(error) if error.errno in FULL else print_unexpected())
    except Exception:
        sys.exit(print_unexpected())
