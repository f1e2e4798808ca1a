"""``glaciercast export``: groups of a cube as GeoTIFF or NetCDF, or windows of cubes as a data set for machine learning."""

from typing import Annotated, Any, cast

import typer

from glaciercast.cli import common
from glaciercast.errors import InputError


def command(
    cube: Annotated[list[str], typer.Argument(help="A cube, or the run folder that holds it; several for a data set.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder of the files; those that are there already are kept.")],
    group: Annotated[
        str, typer.Option(help="Which group: /aligned, /terrain, /optical/NAME, /temperature/NAME, /velocity/NAME.")
    ] = "/aligned",
    variable: Annotated[list[str] | None, typer.Option(help="Which variable (default: all); can be repeated.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="cog: one GeoTIFF a variable and time; netcdf: one file; dataset: windows for machine learning.")
    ] = "cog",
    start: Annotated[str | None, typer.Option("--from", help="First day, such as 2018-01-01.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    observed: Annotated[
        bool, typer.Option("--observed/--no-observed", help="Write what fraction was observed beside each variable.")
    ] = True,
    config: Annotated[str | None, typer.Option("--config", "-c", help="YAML file with the settings of a data set.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting of a data set: n_target=2; can be repeated.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files, or the data set, that hold something else.")] = False,
    as_json: common.Json = False,
) -> None:
    """Write a group of a cube as GeoTIFFs or NetCDF, or windows of /aligned as an ML-ready data set; with place, time and attribution."""

    def files() -> dict[str, Any]:
        from glaciercast.workflow import exports

        if len(cube) > 1 or config is not None or assignments:
            found = "several cubes" if len(cube) > 1 else "--config or --set"
            raise InputError(f"--format {form}: takes one cube and no settings, found {found}; expected --format dataset with them")
        chosen = cast(exports.Format, form)  # one that is unknown is refused there
        return exports.export_group(
            cube[0], out, group=group, variables=variable or (), form=chosen, start=start, end=end, observed=observed, replace=replace
        )

    def dataset() -> dict[str, Any]:
        from glaciercast.workflow import datasets

        given = {
            "--group": group.strip("/") != "aligned",
            "--from": start is not None,
            "--to": end is not None,
            "--no-observed": not observed,
        }
        if unfit := [option for option, is_given in given.items() if is_given]:
            raise InputError(f"--format dataset: holds windows of /aligned with their observed fractions, found {', '.join(unfit)}")
        changes = common.overrides(assignments) | ({"variables": variable} if variable else {})
        return datasets.export_dataset(cube, out, datasets.read_dataset_config(config, changes), replace=replace)

    if form == "dataset":
        common.run_command(dataset, as_json, _dataset_text)
    else:
        common.run_command(files, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    steps = "" if result["steps"] is None else f", {result['steps']} steps"
    files = f"{result['written']} files written" + (f", {result['kept']} were there" if result["kept"] else "")
    return f"{result['cube']}{result['group']}: {', '.join(result['variables'])}{steps}; {files}\n{result['files'][0]}"


def _dataset_text(result: dict[str, Any]) -> str:
    windows = ", ".join(f"{count} {part}" for part, count in result["windows"].items())
    size = f"{result['files']} files, {result['bytes'] / 1e6:.1f} MB" + (
        " (all there already, checksums compared)" if result["kept"] else ""
    )
    return f"{', '.join(result['variables'])}; windows: {windows}; {size}\n{result['split']['sentence']}\n{result['folder']}/datasheet.md"
