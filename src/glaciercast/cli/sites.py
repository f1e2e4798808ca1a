"""``glaciercast sites``: the glaciers that are known, and how to add one."""

from typing import Annotated, Any, Literal

import typer

from glaciercast.cli import common

app = typer.Typer(help="The glaciers that are known: list them, show one, add your own.", no_args_is_help=True)


@app.command(name="list")
def list_(
    box: Annotated[str | None, typer.Option(help="Only those that overlap lon min,lat min,lon max,lat max (degrees).")] = None,
    as_json: common.Json = False,
) -> None:
    """List the glaciers that are known."""

    def work() -> dict[str, Any]:
        from glaciercast import config, sites

        found = [sites.find(name) for name in sites.names()] if box is None else sites.within(common.box(box))
        return {"sites": [config.plain(site) for site in found]}

    common.run_command(work, as_json, lambda result: "\n".join(f"{s['name']:<12} {_title(s)}" for s in result["sites"]))


@app.command()
def show(site: Annotated[str, typer.Argument(help="Name or RGI id.")], as_json: common.Json = False) -> None:
    """Show one glacier and the grid on which its cubes are built."""

    def work() -> dict[str, Any]:
        from glaciercast import config, grid, sites

        found = sites.find(site)
        return {**config.plain(found), "grid": grid.describe(grid.make(found.grid))}

    common.run_command(work, as_json, _lines)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name for the site: small letters, digits and hyphens.")],
    box: Annotated[str | None, typer.Option(help="lon min,lat min,lon max,lat max (degrees).")] = None,
    outline: Annotated[str | None, typer.Option(help="Shapefile, GeoPackage, GeoJSON or zip of one, as a file or URL.")] = None,
    rgi: Annotated[str | None, typer.Option(help="RGI id of a glacier in the inventory given by --from.")] = None,
    glacier: Annotated[str | None, typer.Option(help="Name of a glacier in the inventory given by --from.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Inventory of outlines (RGI), as a file or URL.")] = None,
    buffer: Annotated[float, typer.Option(help="By how much to widen the outline, m.")] = 0.0,
    resolution: Annotated[float, typer.Option(help="Pixel size, m.")] = 30.0,
    title: Annotated[str | None, typer.Option(help="Title for people; default: the glacier's name.")] = None,
    lake: Annotated[str | None, typer.Option(help="lon,lat,elevation (degrees, m) of an ice-dammed lake.")] = None,
    polar_night: Annotated[Literal["auto", "yes", "no"], typer.Option(help="Does mid-winter stay without optical data?")] = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a site of yours that has this name.")] = False,
    as_json: common.Json = False,
) -> None:
    """Add a glacier of your own by box, outline file, RGI id or name; its UTM zone is chosen for you."""

    def work() -> dict[str, Any]:
        from glaciercast.workflow import places

        return places.add_site(
            name, box=None if box is None else common.box(box), outline=outline, rgi_id=rgi, glacier=glacier, source=source, buffer=buffer,
            resolution=resolution, title=title, lake=None if lake is None else _lake(lake), polar_night=polar_night, replace=replace,
        )  # fmt: skip

    common.run_command(work, as_json, _lines)


def _lake(text: str) -> tuple[float, float, float]:
    from glaciercast.errors import InputError

    try:
        lon, lat, elevation = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"lake '{text}': expected three numbers, lon,lat,elevation") from error
    return lon, lat, elevation


def _title(site: dict[str, Any]) -> str:
    return ", ".join(part for part in (site["title"], site["country"]) if part)


def _lines(result: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in result.items() if value not in (None, ""))
