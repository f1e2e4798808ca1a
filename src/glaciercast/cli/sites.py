"""``glaciercast sites``: the built-in glaciers."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common

app = typer.Typer(help="The built-in glaciers.", no_args_is_help=True)


@app.command(name="list")
def list_(
    box: Annotated[str | None, typer.Option(help="Only those that overlap lon min,lat min,lon max,lat max (degrees).")] = None,
    as_json: common.Json = False,
) -> None:
    """List the built-in glaciers."""

    def work() -> dict[str, Any]:
        from glaciercast import config, sites

        found = [sites.find(name) for name in sites.names()] if box is None else sites.within(common.box(box))
        return {"sites": [config.plain(site) for site in found]}

    common.run_command(work, as_json, lambda result: "\n".join(f"{s['name']:<12} {s['title']}, {s['country']}" for s in result["sites"]))


@app.command()
def show(site: Annotated[str, typer.Argument(help="Name or RGI id.")], as_json: common.Json = False) -> None:
    """Show one glacier and the grid on which its cubes are built."""

    def work() -> dict[str, Any]:
        from glaciercast import config, grid, sites

        found = sites.find(site)
        return {**config.plain(found), "grid": grid.describe(grid.make(found.grid))}

    common.run_command(
        work, as_json, lambda result: "\n".join(f"{key}: {value}" for key, value in result.items() if value not in (None, ""))
    )
