"""``glaciercast align``: one regular series out of irregular scenes."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it.")],
    cadence: Annotated[str, typer.Option(help="Pandas frequency of the steps: MS is calendar months, 16D sixteen days.")] = "MS",
    fill_radius: Annotated[int, typer.Option(help="How far to fill gaps within a scene, pixels.", min=0)] = 6,
    product: Annotated[str | None, typer.Option(help="Which product under /optical, where there are several.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Remove an alignment with other settings first.")] = False,
    as_json: common.Json = False,
) -> None:
    """Add /aligned to a cube: composites of NDSI, gaps filled from neighbours and from the past, never from the future."""
    from glaciercast import workflow
    from glaciercast.align.series import AlignConfig

    settings = AlignConfig(cadence=cadence, fill_radius=fill_radius, product=product)
    common.run_command(lambda: workflow.align(cube, settings, replace), as_json, _text)


def _text(result: dict) -> str:  # type: ignore[type-arg]
    dark = f", {result['dark_steps']} without sun" if result["dark_steps"] else ""
    steps = f"{result['steps']} steps, {result['steps_with_data']} with data{dark}"
    return f"{result['cube']}/aligned: {steps}, {result['observed_fraction']:.0%} of all values observed"
