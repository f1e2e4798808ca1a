"""``glaciercast build``: scenes to a cube."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    recipe: Annotated[str, typer.Argument(help="YAML recipe of your own GeoTIFF, NetCDF or Zarr scenes.")],
    out: common.Out,
    as_json: common.Json = False,
) -> None:
    """Build a cube (one Zarr v3 store) from your own scenes; resumes by scene."""
    from glaciercast import workflow

    common.run_command(lambda: workflow.build(recipe, out), as_json, _text)


def _text(result: dict) -> str:  # type: ignore[type-arg]
    scenes = f"{result['scenes']} scenes {result['first']} … {result['last']}"
    return f"{result['cube']}: {scenes}, {result['clear_fraction']:.0%} clear, {result['grid']}"
