"""``glaciercast explore``: what a cube, or velocities that are in none, show before any model."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it; or velocities: NetCDF, Zarr or a table (CSV).")],
    out: common.Out,
    band: Annotated[float | None, typer.Option(help="Height of an elevation band, m (default 250).")] = None,
    level: Annotated[float | None, typer.Option(help="Level of intervals (default 0.95).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a setting: thresholds.ndsi=0.45; can be repeated.")] = None,
    as_json: common.Json = False,
) -> None:
    """Describe and draw a cube: coverage, cover, the season of velocity, temperature and its warming, by zone and elevation.

    Velocities that are in no cube (an ITS_LIVE cube, a regular series, a table of glaciers or points) give series, season, trend and surges
    of each place. Names, units and points are keys of --set velocities.
    """

    def work() -> dict[str, Any]:
        from glaciercast.workflow import exploring

        given = common.overrides(set_) | {key: value for key, value in (("band", band), ("level", level)) if value is not None}
        return exploring.explore(cube, out, exploring.read_explore_config(given))

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    from glaciercast.report import exploration_page

    return "\n".join([*exploration_page.summary(result), result["page"]])
