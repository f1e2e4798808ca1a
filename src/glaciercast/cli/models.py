"""``glaciercast models``: what can be compared, and what it costs."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Which models; none named: all.")] = None,
    preset: Annotated[str, typer.Option(help="Size of the networks that are measured: small or paper.")] = "small",
    measure: Annotated[bool, typer.Option("--measure", help="Time a training step on this machine, and count its arithmetic.")] = False,
    as_json: common.Json = False,
) -> None:
    """List the baselines and networks with their weights, presets and options.

    How `train` and `benchmark` are told which network, preset and more: `glaciercast train --help`.
    """

    def work() -> dict[str, Any]:
        from glaciercast import workflow

        return {"models": workflow.listed(names, preset if measure else None)}

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    lines = []
    for model in result["models"]:
        lines.append(f"{model['name']:<16} {model['kind']:<9} {model['summary']}")
        lines += [f"{'':<26} {key} = {value}" for key, value in model["options"].items()]
        for preset in model["presets"]:
            cost = preset.get("cost")
            spent = f", {cost['gflop']:.3g} GFLOP and {cost['seconds']:.3g} s a step of {cost['batch']} patches" if cost else ""
            lines.append(f"{'':<26} {preset['name']}: {preset['parameters']:,} weights{spent}")
    return "\n".join(lines)
