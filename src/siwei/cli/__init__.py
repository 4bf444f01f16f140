"""The command `siwei`. One module per group of commands; each is thin: read arguments, call a room, print.

Exit codes: 0 done · 1 unexpected failure · 2 wrong usage · 3 input refused · 4 not found · 5 not allowed ·
6 conflict with the present state · 7 the machine lacks something.
"""

import sys

from siwei.cli.output import print_error, print_unexpected
from siwei.errors import SiweiError


def main() -> None:
    # Importing them registers the commands.
    from siwei.cli import (  # noqa: F401
        backup,
        chain,
        city,
        firms,
        gateway,
        pack,
        policy,
        policy_author,
        policy_diff,
        policy_money,
        run,
        serve,
        worker,
    )  # fmt: skip
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
