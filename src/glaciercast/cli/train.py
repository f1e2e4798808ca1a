"""``glaciercast train``: one network on one cube."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="An aligned cube, or the run folder that holds it.")],
    model: Annotated[str, typer.Argument(help="Network, with the baseline whose residual it predicts: unet_time+climatology.")],
    out: common.Out,
    config: common.ConfigFile = None,
    set_: common.Set = None,
    as_json: common.Json = False,
) -> None:
    """Train one network on the training part; weights that are best on the validation part are kept. Resumes by epoch."""
    from glaciercast import workflow

    common.run_command(
        lambda: workflow.train(cube, workflow.parse_model(model), out, workflow.read_benchmark_config(config, common.overrides(set_))),
        as_json,
        _text,
    )


def _text(result: dict) -> str:  # type: ignore[type-arg]
    cost = f"{result['parameters']:,} parameters, {result['train_seconds']:.1f} s, best epoch {result['best_epoch']}"
    return f"{result['model']}: {cost}\n{result['split']['text']}"
