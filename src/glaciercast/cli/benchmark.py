"""``glaciercast benchmark``: models beside the baselines that they must beat."""

from typing import Annotated, Any

import typer

from glaciercast.cli import common
from glaciercast.errors import InputError


def command(
    cubes: Annotated[
        list[str], typer.Argument(metavar="SITE...", help="Aligned cubes, their run folders, or names of sites built in runs/<name>.")
    ],
    out: common.Out,
    models: Annotated[
        str | None, typer.Option(help=f"Comma-separated networks; the baselines are always there. Each is {common.MODEL_FORM}.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Comma-separated seeds, from each of which every network is fitted.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="time (the default), space, both, glacier (each site is left out once), or published, which leaks."),
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Score the sealed test part, and log it; else the validation part.")] = False,
    config: common.ConfigFile = None,
    set_: common.Set = None,
    device: common.Device = None,
    as_json: common.Json = False,
) -> None:
    """Fit and score models on one site or several; prints MSE, MAE and skill per lead time. Resumes by site, model and seed.

    Of models that state quantiles it also tells the CRPS and how often intervals hold the truth.
    """
    from glaciercast import workflow

    def work() -> dict[str, Any]:
        chosen = None if seeds is None else _seeds(seeds)
        seed = chosen[0] if chosen and len(chosen) == 1 else None
        by_glacier = split == "glacier"
        given = {"training.seed": seed, "windows.split": None if by_glacier else split}
        options = {key: value for key, value in given.items() if value is not None}
        settings = workflow.read_benchmark_config(config, {**common.training_overrides(set_, device), **options})
        if models is not None:
            settings = settings.model_copy(update={"models": tuple(workflow.parse_model(name) for name in models.split(","))})
        if by_glacier or len(cubes) > 1 or (chosen and len(chosen) > 1):
            return workflow.compare(cubes, out, settings, chosen or (settings.training.seed,), final, by_glacier)
        return workflow.benchmark(cubes[0], out, settings, final)

    common.run_command(work, as_json, common.benchmark_text)


def _seeds(text: str) -> tuple[int, ...]:
    """Parse comma-separated seeds."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--seeds {text}: expected whole numbers, such as 0,1,2") from error
    if min(seeds) < 0:
        raise InputError(f"--seeds {text}: expected 0 or more")
    return seeds
