"""``glaciercast benchmark``: models beside the baselines that they must beat."""

from typing import Annotated

import typer

from glaciercast.cli import common


def command(
    cube: Annotated[str, typer.Argument(help="An aligned cube, or the run folder that holds it.")],
    out: common.Out,
    models: Annotated[
        str | None, typer.Option(help=f"Comma-separated networks; the baselines are always there. Each is {common.MODEL_FORM}.")
    ] = None,
    config: common.ConfigFile = None,
    set_: common.Set = None,
    device: common.Device = None,
    as_json: common.Json = False,
) -> None:
    """Fit and score models on a split by time; prints MSE, MAE and skill per lead time. Resumes by model.

    Of models that state quantiles it also tells the CRPS and how often intervals hold the truth.
    """
    from glaciercast import workflow

    def work() -> dict:  # type: ignore[type-arg]
        settings = workflow.read_benchmark_config(config, common.training_overrides(set_, device))
        if models is not None:
            settings = settings.model_copy(update={"models": tuple(workflow.parse_model(name) for name in models.split(","))})
        return workflow.benchmark(cube, out, settings)

    common.run_command(work, as_json, common.benchmark_text)
