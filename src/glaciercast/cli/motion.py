"""``glaciercast motion``: how far ground and ice move between two rasters, or over all scenes of a cube."""

from datetime import date
from typing import Annotated, Any

import typer

from glaciercast.cli import common
from glaciercast.errors import InputError


def command(
    first: Annotated[str, typer.Argument(help="The earlier raster; or a cube, or the run folder that holds it.")],
    second: Annotated[str | None, typer.Argument(help="The later raster, on the same grid; none for a cube.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Run folder; rasters need one, of a cube it gets figures.")] = None,
    step: Annotated[int | None, typer.Option(help="Pixels between vectors (default 16; 8 in a cube).")] = None,
    chips: Annotated[str | None, typer.Option(help="Sides of the chips to choose from, pixels, such as 32,48,64.")] = None,
    search: Annotated[float | None, typer.Option(help="Largest displacement along each axis, pixels.")] = None,
    max_speed: Annotated[float | None, typer.Option(help="Highest speed, m/yr: sets the search by the baseline.")] = None,
    buffer: Annotated[float | None, typer.Option(help="Metres around ice that are no stable ground (default 100).")] = None,
    band: Annotated[str | None, typer.Option(help="Number of the rasters' band (default 1); of a cube its name (default nir).")] = None,
    dates: Annotated[tuple[str, str] | None, typer.Option(help="Rasters: acquisitions, where tags and names do not tell.")] = None,
    mask: Annotated[str | None, typer.Option(help="Rasters: raster of the same grid; what is above half its maximum is not used.")] = None,
    outline: Annotated[str | None, typer.Option(help="Rasters: ice, as polygons or a raster; ground outside corrects the scenes.")] = None,
    pixels: Annotated[bool, typer.Option("--pixels", help="Rasters: displacement in pixels alone; needs no dates or CRS.")] = False,
    product: Annotated[str | None, typer.Option(help="Cube: product under /optical (default: the only one).")] = None,
    min_days: Annotated[float | None, typer.Option(help="Cube: shortest baseline of a pair, days (default 10).")] = None,
    max_days: Annotated[float | None, typer.Option(help="Cube: longest baseline (default 128).")] = None,
    max_pairs: Annotated[int | None, typer.Option(help="Cube: most pairs, spread over time (default: all).")] = None,
    until: Annotated[str | None, typer.Option(help="Cube: take only what could be had by the end of this day.")] = None,
    gnss: Annotated[str | None, typer.Option(help="Cube: table (CSV) of GNSS stations to compare with.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Cube: merge own and ITS_LIVE series by their errors.")] = False,
    set_: common.Set = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Cube: remove own velocities of other settings, and all series, first.")
    ] = False,
    as_json: common.Json = False,
) -> None:
    """Measure motion: between two rasters, as GeoTIFFs in m/yr with errors; or between all scenes of a cube, into its /velocity/own.

    Ground outside the ice says how far scenes are shifted and how large the errors are. Vectors that cannot be trusted are missing, never
    guessed. Flow between snow masks of different dates shows the snow line moving, not ice: track reflectance.
    """
    for_rasters = {"--dates": dates, "--mask": mask, "--outline": outline, "--pixels": pixels or None}
    pairing = {"product": product, "min_days": min_days, "max_days": max_days, "max_pairs": max_pairs}
    for_cubes = {
        **{f"--{key}": value for key, value in pairing.items()},
        "--until": until,
        "--gnss": gnss,
        "--merge": merge or None,
        "--replace": replace or None,
    }

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        shared = {**_tracking(step, chips, search, max_speed), "buffer": buffer, "band": band}
        if second is not None:
            _refuse(for_cubes, "a cube")
            own = {"dates": dates and list(dates), "mask": mask, "outline": outline, "pixels": pixels}
            settings = workflow.read_motion_config({**shared, **own, **common.overrides(set_)})
            return workflow.motion_between(first, second, _needed(out), settings)
        _refuse(for_rasters, "two rasters")
        given = {f"own.{key}": value for key, value in {**shared, **pairing}.items()}
        settings_of_cube = workflow.read_cube_motion_config({**given, **common.overrides(set_)}, by_search=search is not None)
        return workflow.motion_in_cube(first, settings_of_cube, until=_day(until), merge=merge, gnss=gnss, replace=replace, out=out)

    common.run_command(work, as_json, _text)


def _tracking(step: int | None, chips: str | None, search: float | None, max_speed: float | None) -> dict[str, Any]:
    if search is not None and max_speed is not None:
        raise InputError("--search and --max-speed: expected one of the two")
    try:
        sides = None if chips is None else [int(side) for side in chips.split(",")]
    except ValueError as error:
        raise InputError(f"--chips '{chips}': expected whole numbers of pixels, such as 32,48,64") from error
    return {"tracking.step": step, "tracking.chips": sides, "tracking.search": search, "max_speed": max_speed}


def _refuse(options: dict[str, Any], kind: str) -> None:
    given = [name.replace("_", "-") for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)}: only for {kind}")


def _needed(out: str | None) -> str:
    if out is None:
        raise InputError("--out: expected the run folder to write, found none")
    return out


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--until '{text}': expected a day such as 2020-05-01") from error


def _text(result: dict[str, Any]) -> str:
    return _of_cube(result) if "cube" in result else _of_rasters(result)


def _of_rasters(result: dict[str, Any]) -> str:
    lines = [f"{result['vectors']} vectors, {result['valid_share']:.0%} of those that could be seen"]
    if result.get("median_speed") is not None:
        of, where = ("_ice", "on ice") if result["median_speed_ice"] is not None else ("", "of all")
        speed, error = result[f"median_speed{of}"], result[f"median_error{of}"]
        lines[0] += f"; median speed {where} {speed:.3g} ± {error:.2g} m/yr over {result['days']:g} days"
    if result.get("median_displacement") is not None:
        lines[0] += f"; median displacement {result['median_displacement']:.3g} pixels"
    if ground := result["stable_ground"]:
        unit = "m/yr" if "days" in result else "pixels"
        lines.append(
            f"stable ground: moved by ({ground['shift_x']:.3g}, {ground['shift_y']:.3g}) {unit}, which is subtracted; "
            f"NMAD ({ground['nmad_x']:.2g}, {ground['nmad_y']:.2g}) of {ground['vectors']} vectors"
        )
    if result["concern"]:
        lines.append(f"of concern: {result['concern']}")
    return "\n".join([*lines, result["files"][0], *result.get("figures", [])])


def _of_cube(result: dict[str, Any]) -> str:
    own = result["own"]
    nmad = "" if own["stable_nmad"] is None else f"; NMAD of stable ground {own['stable_nmad']:.3g} m/yr"
    first = f"{result['cube']}{own['group']}: {own['pairs']} pairs of {own['product']} {own['band']}, {len(own['flagged'])} flagged{nmad}"
    series = [
        f"{one['group']}: {one['steps']} steps of {one['pixels']} pixels from {one['pairs']} pairs" for one in result["series"].values()
    ]
    beside = [_beside(name, one) for name, one in result["agreement"].items() if one["values"]]
    if merged := result["merged"]:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in merged["shares"].items())
        series.append(f"{merged['group']}: shares {shares}")
    surges = [_surge(source, event) for source, events in result["surges"].items() for event in events]
    return "\n".join([first, *series, *surges, *beside, *result["figures"]])


def _surge(source: str, event: dict[str, Any]) -> str:
    end = f"to {event['end']}" if event["end"] else "going on"
    return (
        f"surge in {source} series: {event['onset']} {end}, peak {event['peak']} at {event['peak_speed']:.4g} m/yr, "
        f"quiet {event['quiet_speed']:.3g} m/yr, in {event['support']:.0%} of the replicates"
    )


def _beside(name: str, found: dict[str, Any]) -> str:
    return (
        f"{name}: {found['values']} vectors differ by ({found['median_x']:.3g}, {found['median_y']:.3g}) m/yr, NMAD "
        f"({found['nmad_x']:.3g}, {found['nmad_y']:.3g}); within their errors {found['within_x']:.0%}, {found['within_y']:.0%}"
    )
