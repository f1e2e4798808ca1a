"""The application: options that all commands share, and the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from glaciercast import __version__
from glaciercast.cli import (
    align,
    audit,
    benchmark,
    build,
    common,
    demo,
    explore,
    export,
    finetune,
    forecast,
    hazard,
    models,
    motion,
    plot,
    report,
    run,
    simulate,
    sites,
    train,
)

app = typer.Typer(
    name="glaciercast",
    help="Honest, georeferenced forecasts of a glacier's snow and ice, beside the baselines they must beat.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    common.set_debug(debug)
    if version:
        typer.echo(__version__)
        raise typer.Exit


for module in (demo, run, simulate, build, audit, align, motion, explore, train, finetune, benchmark, forecast, export, report):
    app.command(name=module.__name__.rpartition(".")[2])(module.command)
app.command(name="models")(models.command)
app.add_typer(hazard.app, name="hazard")
app.add_typer(plot.app, name="plot")
app.add_typer(sites.app, name="sites")


def main() -> None:
    """Run the command line."""
    app()
