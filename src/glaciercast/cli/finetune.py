"""``glaciercast finetune``: a trained network on another glacier."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="The aligned cube to go to, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help="Folder of a trained network, or a run folder that holds one.")],
    out: common.Out,
    mix: Annotated[str | None, typer.Option(help="Another aligned cube: train a network on this and CUBE together as well.")] = None,
    freeze: Annotated[str | None, typer.Option(help="What fine-tuning leaves as it is: none or backbone (all but the read-out).")] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="YAML file with stride, fractions, freeze and training.")] = None,
    set_: common.Set = None,
    device: common.Device = None,
    as_json: common.Json = False,
) -> None:
    """Score a network of another glacier as it is and fine-tuned, beside the baselines. Takes up what was interrupted."""
    from glaciercast import workflow

    def work() -> dict[str, Any]:
        settings = workflow.read_finetune_config(config, {**common.training_overrides(set_, device), "freeze": freeze})
        return workflow.finetune(cube, model, out, settings, mix)

    common.run_command(work, as_json, _text)


def _text(result: dict[str, Any]) -> str:
    parts = [common.benchmark_text(result["benchmark"]), *([f"Caution: {result['caution']}."] if result["caution"] else [])]
    return "\n".join([*parts, *(f"{title}: {folder}" for title, folder in result["models"].items())])
