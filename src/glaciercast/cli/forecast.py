"""``glaciercast forecast``: full scenes from a trained model."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="An aligned cube, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help="Folder of a trained model (model.safetensors and model.json).")],
    out: common.Out,
    issue_time: Annotated[
        str | None, typer.Option(help="Read only what was available by then, such as 2020-05-01; default: the latest.")
    ] = None,
    leads: Annotated[
        int | None, typer.Option(min=1, help="Steps ahead; beyond those that it was trained for, the model goes on from its own forecasts.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Forecast the scenes after the issue time; writes NetCDF, Zarr and Cloud-Optimized GeoTIFFs."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.forecast(cube, model, out, issue_time, leads), as_json, common.forecast_text)
