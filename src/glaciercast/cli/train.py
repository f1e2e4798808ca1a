"""``glaciercast train``: one network, or an ensemble, on one cube."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="An aligned cube, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help=f"Network: {common.MODEL_FORM}.")],
    out: common.Out,
    config: common.ConfigFile = None,
    set_: common.Set = None,
    device: common.Device = None,
    as_json: common.Json = False,
) -> None:
    """Train a network on the training part; weights that are best on the validation part are kept. Resumes by epoch.

    Of an ensemble the members are trained one after the other, from the seeds training.seed, + 1, + 2, …
    """
    from glaciercast import workflow

    def work() -> dict:  # type: ignore[type-arg]
        settings = workflow.read_benchmark_config(config, common.training_overrides(set_, device))
        return workflow.train(cube, workflow.parse_model(model), out, settings)

    common.run_command(work, as_json, _text)


def _text(result: dict) -> str:  # type: ignore[type-arg]
    epochs = [member["best_epoch"] for member in result.get("members", [result])]
    cost = f"{result['parameters']:,} parameters, {result['train_seconds']:.1f} s, best epoch {', '.join(map(str, epochs))}"
    return f"{result['model']}: {cost}\n{result['split']['text']}"
