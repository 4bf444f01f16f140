"""`siwei run` (the main job) and `siwei demo` (a city from nothing, run and served)."""

import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from siwei.city.home import CityHome
from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city import init
from siwei.cli.city_words import code, headings, line
from siwei.cli.output import console, error_console, print_json, print_line, print_table, shown
from siwei.errors import Conflict, EnvironmentMissing, Said
from siwei.settings import load_settings

DEMO_PEOPLE = {
    "demo-firm": Said("a small firm", "一家小企业"),
    "demo-centre": Said("a compute centre", "一家算力中心"),
    "demo-hospital": Said("a hospital with a scenario", "一家有应用场景的医院"),
    "demo-laboratory": Said("a laboratory", "一家实验室"),
    "demo-engineer": Said("a job seeker", "一名求职者"),
    "demo-operator": Said("the city's operator", "城市运营方"),
    "demo-approver-1": Said("the operator's colleague, who approves payments", "运营方的同事，审批付款"),
    "demo-approver-2": Said("another one: every batch takes two", "另一名同事：每批付款须两人审批"),
    "demo-auditor": Said("an auditor", "一名审计"),
}

MODELS_PORT = 8100
PORTS_TRIED = 100


@app.command
def run(*, city: City = None, json: Json = False) -> None:
    """Run the main job: city, firms, chain, exchange, programmes, measure. Run again, it continues and doubles nothing.

    Firms come from $SIWEI_DATA/firms where that is set, else from a generated population.
    """
    home = open_city(city)
    results = _run(home)
    if json:
        print_json({"city": str(home.directory), "as_of": home.as_of, "stages": [each.as_dict() for each in results]})
    else:
        _print_results(results)


@app.command
def demo(
    *,
    city: Path = Path("var/city"),
    host: str = "127.0.0.1",
    port: int = 8000,
    models_port: int | None = None,
    serve: Annotated[bool, Parameter(help="Serve the portal when the job is done.")] = True,
) -> None:
    """Build a city, run the main job, print who may sign in, and serve the portal. What `make demo` runs.

    Beside the portal the demonstration's model is served through the gateway; where that cannot be, it says why.

    Parameters
    ----------
    host: address to listen on
    port: port to listen on
    models_port: port of the gateway to the demonstration's model, on this machine alone; default 8100, or the next
        one free
    """
    if serve:
        _require_free(host, port)
    init(city, second_factor=False)
    home = open_city(city)
    _print_results(_run(home))
    print_line(f"{shown(line('report'))} {home.report}")
    if not serve:
        return
    from siwei.cli.serve import serve as serve_portal

    passwords = {username: secrets.token_urlsafe(9) for username in DEMO_PEOPLE}
    _set_passwords(passwords)
    lines = [f"{username:16} {password}   {shown(DEMO_PEOPLE[username])}" for username, password in passwords.items()]
    lines.append("" if home.asks_second_factor else f"\n{shown(line('no_second_factor'))}")
    console.print(Panel("\n".join(lines).rstrip(), title=shown(line("sign_in_as")), expand=False))
    with models_beside(home, models_port):
        serve_portal(host=host, port=port, city=city)


def _require_free(host: str, port: int) -> None:
    """Said before minutes of building, not after. Raises Conflict or InputError."""
    from siwei.cli.serve import check_address, listen

    check_address(host, port, allow_remote=False)
    listen(host, port).close()


def _listen_for_models(host: str, port: int | None) -> socket.socket:
    """At the port that was asked for, else at the first one free. Raises Conflict."""
    from siwei.cli.serve import listen

    if port is not None:
        return listen(host, port, option="--models-port")
    for tried in range(MODELS_PORT, MODELS_PORT + PORTS_TRIED):
        with suppress(Conflict):
            return listen(host, tried)
    return listen(host, MODELS_PORT, option="--models-port")


@contextmanager
def models_beside(home: CityHome, port: int | None) -> Iterator[None]:
    """The demonstration's model, and a gateway to it; the portal goes on without where either cannot be."""
    from siwei.city.pack import load_pack
    from siwei.gateway.server import Beside
    from siwei.run.cast import load_cast
    from siwei.run.model_calls import HOST, serving_model

    with ExitStack() as running:
        try:
            pack = load_pack(home.pack_directory)
            cast = load_cast(pack.directory, pack.attributes)
            if cast is not None and cast.model_calls is not None:
                running.enter_context(serving_model(cast.model_calls, wait_s=0))
                listening = _listen_for_models(HOST, port)
                listening.listen(100)
                listening.setblocking(False)
                running.callback(Beside(load_settings(), listening).stop)
                where = f"http://{HOST}:{listening.getsockname()[1]}/v1"
                print_line(f"{shown(line('models_with_key', where=where))} {home.demonstration_key}")
        except (EnvironmentMissing, Conflict) as error:
            print_line(line("no_model", why=Said(str(error), error.in_chinese())))
        yield


def _run(home: CityHome) -> list[Any]:
    from siwei.run.job import STAGES, run_city

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    results = []
    with Progress(*columns, console=error_console, transient=False) as bars:
        whole = bars.add_task(shown(line("doing")), total=len(STAGES))
        current: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in current:
                current[what] = bars.add_task(f"  {what}", total=total)
            bars.update(current[what], completed=done, total=total)

        for result in run_city(home, data=load_settings().data, now=lambda: datetime.now(UTC), progress=show):
            results.append(result)
            if not error_console.is_terminal:  # bars are drawn in a terminal alone
                print_line(line("in_seconds", stage=code(result.stage), seconds=f"{result.seconds:.0f}"), error=True)
            bars.update(whole, advance=1, description=shown(line("stage_done", stage=code(result.stage))))
            for task in current.values():
                bars.remove_task(task)
            current.clear()
    return results


def _print_results(results: Iterable[Any]) -> None:
    rows = []
    for result in results:
        counts = ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in result.counts.items())
        rows.append((code(result.stage), counts, f"{result.seconds:.1f}", f"{result.peak_memory_mb:.0f}"))
    print_table(line("main_job"), headings(("stage", "counts", "seconds", "peak MB")), rows)
    for result in results:
        for note in result.notes:
            print_line(f"{shown(code(result.stage))}: {note}")


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _set_passwords(passwords: dict[str, str]) -> None:
    """New random passwords for the demonstration's people; the old ones stop working."""
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.people.registration import register_person

    for username, password in passwords.items():
        # All of them are there since the main job: only their passwords are new.
        register_person(username, password=password, actor=PLATFORM, now=datetime.now(UTC))
