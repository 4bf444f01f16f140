"""`siwei serve`: the portal of one city, for people."""

import ipaddress
import signal
import socket
import sys
import threading
from typing import Annotated

from cyclopts import Parameter

from siwei.city.home import CityHome
from siwei.cli.app import City, app, open_city
from siwei.cli.city_words import line
from siwei.cli.ending import end_at_once
from siwei.cli.output import print_line, shown
from siwei.cli.worker import Beside
from siwei.errors import Conflict, EnvironmentMissing, InputError, Problem, Said

THREADS = 8
BODY_LIMIT_BYTES = 22 * 1024 * 1024
"""A file of evidence and the form around it (`siwei.exchange.files`); a body is kept on disk while it comes."""


@app.command
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    city: City = None,
    allow_remote: Annotated[
        bool, Parameter(name="--allow-remote", negative="", help="Listen on an address other machines can reach.")
    ] = False,
    no_work: Annotated[
        bool, Parameter(name="--no-work", negative="", help="Leave the queue to a `siwei worker` elsewhere.")
    ] = False,
) -> None:
    """Serve the city's portal and API until interrupted, and do the city's own work beside (see `siwei worker`).

    Only this machine is served unless --allow-remote is given: the portal speaks plain HTTP, so other machines should
    reach it through a proxy that speaks TLS. Name the hosts it answers to in SIWEI_HOSTS.

    Parameters
    ----------
    host: address to listen on
    port: port to listen on
    """
    check_address(host, port, allow_remote)
    end_at_once()
    home = open_city(city)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # as Ctrl-C: what is in hand is finished
    run_server(host, port, worker_of=None if no_work else home)
    print_line(f"{shown(line('stopped_serving'))} {home.directory}.")


def check_address(host: str, port: int, allow_remote: bool) -> None:
    """Raises InputError for an address that cannot be, or that others could reach without being asked for."""
    if not 0 < port < 65_536:
        fix = Said("choose one from 1 to 65535", "请选 1 至 65535")
        raise InputError([Problem(Said(f"no port {port}", f"没有端口 {port}"), fix, field="--port")])
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not allow_remote:
        raise InputError(
            [
                Problem(
                    Said(f"{host} can be reached from other machines", f"其他机器可访问 {host}"),
                    Said("add --allow-remote if you mean it", "确有此意请加 --allow-remote"),
                    field="--host",
                )
            ]
        )


def run_server(host: str, port: int, *, worker_of: CityHome | None = None) -> None:
    """Serve the opened city with waitress until interrupted, working for `worker_of` in a thread beside.

    Raises Conflict when the port is taken.
    """
    import waitress
    from django.core.wsgi import get_wsgi_application

    from siwei.portal.assets import VENDOR, compile_locales

    compile_locales()
    if not (VENDOR / "htmx.min.js").is_file():
        raise EnvironmentMissing(
            "the front-end files are missing → python -m siwei.portal.assets",
            "缺少前端文件 → python -m siwei.portal.assets",
        )
    listening = listen(host, port)
    application = get_wsgi_application()
    warm_up()
    server = waitress.create_server(
        application, sockets=[listening], threads=THREADS, ident=None, max_request_body_size=BODY_LIMIT_BYTES
    )
    print_line(line("serving", where=f"http://{host}:{port}/"))
    sys.stdout.flush()
    beside = Beside(worker_of) if worker_of is not None else None
    try:
        server.run()
    finally:
        server.close()
        if beside is not None:
            beside.stop()


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A listening socket, or Conflict. Bound here because waitress leaves its own open when the port is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Conflict(
            f"cannot listen on {host}:{port} ({error.strerror}) → choose another {option}",
            f"无法监听 {host}:{port}（{error.strerror}） → 请另选 {option}",
        ) from None
    return listening


def warm_up() -> None:
    """Read the pack, the programmes and the names now, so that no reader waits; a wrong pack fails here."""
    from siwei.portal.city_pack import chain, programmes
    from siwei.portal.directory import current_directory

    chain()
    programmes()
    current_directory()
    threading.Thread(target=measure_ahead, daemon=True).start()


def measure_ahead() -> None:
    """Measuring a large city takes seconds: begun now, so that the first reader seldom waits for it."""
    from django.db import connections

    from siwei.portal.queries.indicators import measurements

    try:
        measurements()
    finally:
        connections.close_all()
