"""A network of one glacier on another: as it is, fine-tuned, and beside one that was trained on both (the study's second experiment)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat

from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import model_cells
from glaciercast.workflow import workbench as benches
from glaciercast.workflow.settings import BenchmarkConfig
from glaciercast.workflow.transfer import FINE_TUNED, MIXED, ZERO_SHOT, Source, Transfer
from glaciercast.workflow.workbench import Workbench


class FinetuneConfig(Config):
    """How a trained network is brought to another cube; its windows are those that it was trained on."""

    stride: int = Field(default=10, ge=1, description="distance between training patches, pixels")
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(0.6, 0.15, 0.25), description="shares of training, validation and test"
    )
    freeze: Literal["none", "backbone"] = Field(
        default="none", description="what fine-tuning leaves as it is: nothing, or all but the read-out"
    )
    training: TrainingConfig = TrainingConfig()


def finetune(
    cube: str | Path, model: str | Path, out: str | Path, settings: FinetuneConfig | None = None, mix: str | Path | None = None
) -> dict[str, Any]:
    """Score a trained network on another cube as it is and fine-tuned; with `mix`, also one trained on that cube and this.

    All forecast with normaliser and climatology of `cube`, fitted on its training part, and stand in one table with its baselines.

    Raises
    ------
    InputError
        If the folder `model` holds no trained network, or a cube gives another task than it was trained for.
    """
    settings, source = settings or FinetuneConfig(), Source.load(model)
    titles = (ZERO_SHOT, FINE_TUNED, *([MIXED] if mix is not None else []))
    benchmark = BenchmarkConfig(
        windows=source.windows(settings.stride, settings.fractions),
        models=tuple(source.spec(title) for title in titles),
        training=settings.training,
    )
    told = {"model": source.weights, "mix": None if mix is None else config.plain(benches.identity(mix, Config()))}
    with runs.run_folder(out, "finetune", benches.identity(cube, settings, told)) as folder:
        transfer = Transfer.open(cube, folder, benchmark)
        source.check(transfer, cube)
        guest = None
        if mix is not None:
            guest = Workbench.open(mix, folder / "mix", benchmark)
            source.check(guest, mix)
        assert isinstance(transfer, Transfer)
        results = model_cells.score(replace(transfer, source=source, guest=guest, freeze=settings.freeze), final=True)
        summary = {
            "source": str(source.path),
            "models": {title: str(folder / "models" / title) for title in titles},
            "caution": _caution(transfer, [source.meta] + ([] if guest is None else [_described(guest)])),
            "benchmark": results,
        }
        runs.write_json(folder / "results" / "finetune.json", summary)
    return summary


def read_finetune_config(path: str | Path | None, overrides: dict[str, Any] | None = None) -> FinetuneConfig:
    """Read the config of `finetune`; without a file, the defaults."""
    data = config.read_yaml(path) if path is not None else {}
    return config.parse(FinetuneConfig, config.merge(data, overrides or {}), str(path or "options"))


def _described(workbench: Workbench) -> dict[str, Any]:
    from glaciercast.training import networks

    return networks.describe(workbench.series, workbench.split)


def _caution(transfer: Workbench, origins: list[dict[str, Any]]) -> str:
    """Return the sentence that says where another cube's frames reach into the test years, or an empty string."""
    until = max(str(origin["fitted_until"]) for origin in origins)
    first = str(transfer.series.available_at[transfer.split.issues("test")[0]])
    if until <= first:
        return ""
    seen = f"the weights have seen frames of another cube up to {until[:10]}"
    return f"{seen}, after the first test forecast of {first[:10]}: they may know its weather"
