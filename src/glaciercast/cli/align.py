"""``glaciercast align``: one regular series out of irregular scenes, image pairs and periods."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="A cube, or the run folder that holds it.")],
    cadence: Annotated[str | None, typer.Option(help="Pandas frequency of the steps: MS is calendar months, 16D sixteen days.")] = None,
    length: Annotated[int | None, typer.Option(help="Steps a composite spans, its own and those before; 3 and 6 as in the study.")] = None,
    composite: Annotated[str | None, typer.Option(help="mean (default), median or medoid (an observed spectrum).")] = None,
    product: Annotated[list[str] | None, typer.Option(help="Product under /optical; can be repeated (default: all).")] = None,
    two_sided: Annotated[bool, typer.Option("--two-sided", help="Take from later steps too: to explore; no model reads it.")] = False,
    fill: Annotated[bool, typer.Option("--fill/--no-fill", help="Fill gaps, or leave them.")] = True,
    set_: common.Set = None,
    replace: Annotated[bool, typer.Option("--replace", help="Remove an alignment with other settings first.")] = False,
    as_json: common.Json = False,
) -> None:
    """Add /aligned to a cube: snow and water indices, velocity and temperature, step by step on one grid; gaps filled from the past."""

    def work() -> dict[str, Any]:
        from glaciercast import config, workflow
        from glaciercast.align.settings import AlignConfig

        options = {
            "cadence": cadence,
            "length": length,
            "composite": composite,
            "products": product or None,
            "sides": "two_sided" if two_sided else None,
            "fill": None if fill else False,
        }
        given = {key: value for key, value in options.items() if value is not None}
        settings = config.parse(AlignConfig, config.merge({}, {**common.overrides(set_), **given}), "align options")
        return workflow.align(cube, settings, replace)

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    dark = f", {result['dark_steps']} without sun" if result["dark_steps"] else ""
    steps = f"{result['steps']} steps, {result['steps_with_data']} with scenes{dark}"
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["variables"].items())
    return f"{result['cube']}/aligned: {steps}; observed: {shares}"
