"""``glaciercast forecast``: full scenes from a trained model."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="An aligned cube, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help="Folder of a trained model, or a run folder that holds one.")],
    out: common.Out,
    issue_time: Annotated[
        str | None, typer.Option(help="Read only what was available by then, such as 2020-05-01; default: the latest.")
    ] = None,
    leads: Annotated[
        int | None, typer.Option(min=1, help="Steps ahead; beyond those that it was trained for, the model goes on from its own forecasts.")
    ] = None,
    device: common.Device = None,
    as_json: common.Json = False,
) -> None:
    """Forecast the scenes after the issue time; writes NetCDF, Zarr and Cloud-Optimized GeoTIFFs.

    Quantiles are written too where the model states them. A network that was trained to do without some inputs does without those that the
    cube lacks or has not observed; standard error says so, and the files do.
    """

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        made = workflow.forecast(cube, model, out, issue_time, leads, device or "auto")
        if made["missing_inputs"]:
            typer.echo(f"glaciercast: missing inputs: {made['missing_inputs']}", err=True)
        return made

    common.run_command(work, as_json, common.forecast_text)
