"""``glaciercast export``: groups of a cube as GeoTIFF or NetCDF."""

from typing import Annotated, Any, cast

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder of the files; those that are there already are kept.")],
    group: Annotated[
        str, typer.Option(help="Which group: /aligned, /terrain, /optical/NAME, /temperature/NAME, /velocity/NAME.")
    ] = "/aligned",
    variable: Annotated[list[str] | None, typer.Option(help="Which variable (default: all); can be repeated.")] = None,
    form: Annotated[str, typer.Option("--format", help="cog: one GeoTIFF a variable and time; netcdf: one file.")] = "cog",
    start: Annotated[str | None, typer.Option("--from", help="First day, such as 2018-01-01.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    observed: Annotated[
        bool, typer.Option("--observed/--no-observed", help="Write what fraction was observed beside each variable.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that hold something else.")] = False,
    as_json: common.Json = False,
) -> None:
    """Write a group of a cube as Cloud-Optimized GeoTIFFs or NetCDF, with place, time, units and attribution."""
    from glaciercast.workflow import exports

    def work() -> dict[str, Any]:
        chosen = cast(exports.Format, form)  # one that is unknown is refused there
        return exports.export_group(
            cube, out, group=group, variables=variable or (), form=chosen, start=start, end=end, observed=observed, replace=replace
        )

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    steps = "" if result["steps"] is None else f", {result['steps']} steps"
    files = f"{result['written']} files written" + (f", {result['kept']} were there" if result["kept"] else "")
    return f"{result['cube']}{result['group']}: {', '.join(result['variables'])}{steps}; {files}\n{result['files'][0]}"
