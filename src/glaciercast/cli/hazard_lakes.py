"""``glaciercast hazard lakes``: a lake's areas, outlines and drainage from the scenes of a cube."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it.")],
    out: common.Out,
    at: Annotated[str | None, typer.Option(help="The lake as lon,lat (degrees).")] = None,
    outline: Annotated[str | None, typer.Option(help="File of the lake's outline; wins over --at.")] = None,
    site: Annotated[str | None, typer.Option(help="Site whose lake is meant, where neither is given.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the lake.")] = None,
    product: Annotated[list[str] | None, typer.Option("--product", help="Under /optical; can be repeated (default: all).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Such as min_seen=0.7 or water.threshold=0.2; can be repeated.")] = None,
    as_json: common.Json = False,
) -> None:
    """Follow a lake through the scenes of a cube: areas with errors, outlines, filling rate, and when it drained."""

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        place = None if at is None else common.point(at, "--at")
        settings = workflow.read_lake_config(common.overrides(set_))
        return workflow.follow_lake(
            cube, out, at=place, outline=outline, site=site, name=name, products=tuple(product or ()), settings=settings
        )

    found: dict[str, Any] = {}
    common.run_command(lambda: found.setdefault("made", work()), as_json, _text)
    if found["made"]["warning"]:
        typer.echo(f"glaciercast: warning: {found['made']['warning']}", err=True)


def _text(result: dict[str, Any]) -> str:
    lines = [f"{result['lake']}: {result['areas']} areas from {result['scenes']} scenes"]
    if (area := result["area"]) is not None:
        lines[0] += f", {result['first']} … {result['last']}; longest gap {result['longest_gap_days'] or 0:.0f} days"
        lines.append(f"last area ({area['time']}): {_km2(area['m2'])} ± {_km2(area['error_m2'])} km², {area['seen']:.0%} of it seen")
        lines.append(f"largest area: {_km2(result['largest_m2'])} km²")
    lines += [_drop(drop) for drop in result["drops"]] or ["no drainage found"]
    return "\n".join([*lines, *result["files"]])


def _drop(drop: dict[str, Any]) -> str:
    confirmed = "confirmed by a later look" if drop["confirmed"] else "unconfirmed"
    return (
        f"drained between {drop['earliest'][:10]} and {drop['latest'][:10]}: {_km2(drop['area_before'])} to {_km2(drop['area_after'])} km² "
        f"({drop['sigmas']:.0f} σ), {confirmed}, confidence {drop['confidence']}"
    )


def _km2(square_metres: float) -> str:
    return f"{square_metres / 1e6:.4f}"
