"""What every command shares: errors become one line and an exit code, results become JSON or text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from glaciercast.errors import GlaciercastError, InputError

if TYPE_CHECKING:
    from glaciercast.cube.settings import Fetching

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output; everything else goes to standard error.")]
Out = Annotated[str, typer.Option("--out", "-o", help="Run folder to write; never overwritten, an unfinished one is taken up again.")]

ConfigFile = Annotated[str | None, typer.Option("--config", "-c", help="YAML file with windows, models and training.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a key of the config: training.epochs=5; can be repeated.")]

Device = Annotated[str | None, typer.Option(help="Where to compute: auto (the default), cpu or cuda.")]

MODEL_FORM = (
    "NAME[/PRESET][+PART]…, such as lstm/paper or unet_time+harmonic+x5+calibrated; parts: the baseline whose residual the network "
    "predicts (harmonic, climatology, same_season, season_shift, last), its head (gaussian, quantiles), x5 for an ensemble of 5; "
    "calibrated: its intervals hold what they say on the validation part"
)
"""How a model is named on the command line (see `workflow.settings.parse_model`)."""

Cache = Annotated[str | None, typer.Option(help="Folder of raw windows, kept between runs.")]
Connections = Annotated[int | None, typer.Option(help="Requests at the same time (default 16).")]
Fetch = Annotated[list[str] | None, typer.Option("--fetch", help="Other ways to fetch: policy.tries=8; can be repeated.")]


class _Debug:
    on = False


def set_debug(on: bool) -> None:
    """Show tracebacks of errors that would else be one line."""
    _Debug.on = on


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors into one line on standard error and the exit code that goes with them."""
    try:
        yield
    except GlaciercastError as error:
        if _Debug.on:
            raise
        fail(str(error), error.exit_code)
    except OSError as error:
        if _Debug.on:
            raise
        fail(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except Exception as error:
        if _Debug.on:
            raise
        fail(f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)", 1)
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on from here", 1)


def fail(message: str, code: int) -> NoReturn:
    """Print one line and exit."""
    typer.echo(f"glaciercast: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


def run_command(work: Callable[[], dict[str, Any]], as_json: bool, text: Callable[[dict[str, Any]], str]) -> None:
    """Run `work` with progress on standard error and print its result as JSON or as `text`."""
    from glaciercast import progress

    progress.show(sys.stderr.isatty() or not as_json)
    with reporting():
        result = work()
        typer.echo(json.dumps(result, indent=2, allow_nan=False, default=str) if as_json else text(result))


def training_overrides(pairs: list[str] | None, device: str | None) -> dict[str, Any]:
    """Return the overrides of ``--set`` and ``--device``."""
    return overrides([*(pairs or []), *([f"training.device={device}"] if device else [])])


def overrides(assignments: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """Parse ``key.subkey=value`` options; values are read as YAML.

    Raises
    ------
    InputError
        If an assignment has no ``=``.
    """
    import yaml

    parsed = {}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"{option} {assignment}: expected KEY=VALUE, such as training.epochs=5")
        try:
            parsed[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"{option} {assignment}: the value is not valid YAML") from error
    return parsed


def fetching(cache: str | None, connections: int | None, others: list[str] | None) -> Fetching:
    """Return how to fetch, from the options `Cache`, `Connections` and `Fetch`."""
    from glaciercast import workflow

    return workflow.read_fetching({**overrides(others, "--fetch"), "cache": cache, "connections": connections})


def box(text: str) -> tuple[float, float, float, float]:
    """Parse ``lon min,lat min,lon max,lat max``."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"box '{text}': expected four numbers, lon min,lat min,lon max,lat max") from error
    return west, south, east, north


def point(text: str, option: str) -> tuple[float, float]:
    """Parse ``lon,lat`` in degrees.

    Raises
    ------
    InputError
        If these are no two numbers, or lie outside ±180 and ±90.
    """
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} {text}: expected two numbers, lon,lat") from error
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(f"{option} {text}: expected degrees within ±180 and ±90, longitude first")
    return lon, lat


def benchmark_text(result: dict[str, Any]) -> str:
    """Return the benchmark table for a terminal."""
    from glaciercast.evaluate import card, table
    from glaciercast.report import tables

    part = f"Scored on the {result['part']} part." + (f" {card.CHOOSING}" if result["part"] == "validation" else "")
    return "\n".join([tables.text_table(result), *table.band_lines(result), result["split"]["text"], *card.seals(result), part])


def forecast_text(result: dict[str, Any]) -> str:
    """Return what a forecast wrote."""
    return f"{result['model']}, issued {result['issue_time']}, valid {', '.join(result['valid'])}\n{result['netcdf']}"


def pipeline_text(result: dict[str, Any]) -> str:
    """Return the outcome of a whole run."""
    site = result["benchmark"]["site"]
    parts = [site["title"], site["note"], "", benchmark_text(result["benchmark"]), "", forecast_text(result["forecast"]), result["report"]]
    return "\n".join(parts)
