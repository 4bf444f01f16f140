"""`siwei gateway`: models behind one address, for programs."""

import logging
import sys
from typing import Annotated

from cyclopts import Parameter

from siwei.cli.app import City, app, open_city
from siwei.cli.city_words import line
from siwei.cli.ending import end_at_once
from siwei.cli.output import print_line, shown
from siwei.cli.serve import check_address, listen
from siwei.settings import load_settings


@app.command
def gateway(
    *,
    host: str = "127.0.0.1",
    port: int = 8100,
    city: City = None,
    allow_remote: Annotated[
        bool, Parameter(name="--allow-remote", negative="", help="Listen on an address other machines can reach.")
    ] = False,
    log_calls: Annotated[
        bool, Parameter(name="--log-calls", negative="", help="One line a call; never what was asked or answered.")
    ] = False,
) -> None:
    """Answer the OpenAI protocol for the city's model services until interrupted: chat, completions, embeddings.

    Each call is admitted against what its agreement holds and charged by the tokens reported. Several may run beside
    each other on one database. Speaks plain HTTP: other machines should reach it through a proxy that speaks TLS.

    Parameters
    ----------
    host: address to listen on
    port: port to listen on
    """
    check_address(host, port, allow_remote)
    end_at_once()
    home = open_city(city)
    from siwei.gateway.server import make_application, run_server

    logging.basicConfig(level=logging.INFO if log_calls else logging.WARNING, stream=sys.stderr)
    application = make_application(load_settings())
    listening = listen(host, port)
    listening.listen(1024)
    listening.setblocking(False)

    def ready() -> None:
        print_line(line("models", where=f"http://{host}:{port}/v1"))
        sys.stdout.flush()

    run_server(application, listening, ready)
    print_line(f"{shown(line('stopped_gateway'))} {home.directory}.")
