"""What a run is configured by: models, windows, training, and the whole chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from glaciercast import config
from glaciercast.align.settings import AlignConfig
from glaciercast.config import Config
from glaciercast.cube.audit import AuditConfig
from glaciercast.cube.settings import SiteBuild
from glaciercast.models.heads import AnyHead, Value
from glaciercast.patches.splits import WindowConfig
from glaciercast.sources import recipe as recipes
from glaciercast.sources.recipe import Recipe
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import acquisition

Residual = Literal["none", "last", "same_season", "climatology"]


class ModelSpec(Config):
    """One model of a benchmark and its options; `residual` is for networks only."""

    name: str
    preset: str = Field(default="small", description="size of the network: small, paper or another of the model's")
    residual: Residual = "none"
    head: AnyHead = Field(default=Value(), description="what the network states: a value, quantiles, …")
    options: dict[str, Any] = Field(default={}, description="options of the architecture")
    title: str = Field(default="", pattern=r"^[A-Za-z0-9_+-]*$", description="name in the results; needed where two would share one")

    @property
    def label(self) -> str:
        """The name under which results keep the model."""
        size = "" if self.preset == "small" else f"-{self.preset}"
        head = "" if self.head.kind == "value" else f"-{self.head.kind}"
        return self.title or f"{self.name}{size}{head}" + ("" if self.residual == "none" else f"+{self.residual}")


class BenchmarkConfig(Config):
    """Which models are compared, on which windows, and how they are trained."""

    windows: WindowConfig = WindowConfig()
    models: tuple[ModelSpec, ...] = Field(
        default=(ModelSpec(name="lstm"), ModelSpec(name="unet_time", residual="climatology")),
        description="networks; all baselines are always there",
    )
    training: TrainingConfig = TrainingConfig()


class RunConfig(BenchmarkConfig):
    """The whole chain from scenes to the report page."""

    recipe: Recipe | None = Field(default=None, description="your own scenes; or:")
    build: SiteBuild | None = Field(default=None, description="a site's cube from satellite archives")
    audit: AuditConfig = Field(default=AuditConfig(), description="what a site's products must cover before anything is trained")
    align: AlignConfig = AlignConfig()
    mask_choices: dict[str, tuple[int, ...]] = Field(
        default={}, description="label → clear classes, to compare the snow season of a recipe under each"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> RunConfig:
        if (self.recipe is None) == (self.build is None):
            raise ValueError("expected exactly one of 'recipe' (your own scenes) and 'build' (a site)")
        if self.mask_choices and self.recipe is None:
            raise ValueError("mask_choices: needs a 'recipe'")
        return self


def read_run_config(path: str | Path, overrides: dict[str, Any] | None = None, folder: Path | None = None) -> RunConfig:
    """Read the config of `run`; ``recipe`` may be the path of a recipe file beside it, ``build.site`` a site's name.

    Relative `files` are seen from `folder` (default: that of the config).
    """
    data = config.read_yaml(path)
    if isinstance(data.get("recipe"), str):
        data["recipe"] = config.plain(recipes.read(Path(path).parent / data["recipe"]))
    if isinstance(data.get("build"), dict):
        data["build"] = acquisition.with_site(data["build"], Path(path).parent)
    parsed = config.parse(RunConfig, config.merge(data, overrides or {}), str(path))
    if parsed.recipe is None:
        return parsed
    return parsed.model_copy(update={"recipe": recipes.anchored(parsed.recipe, folder or Path(path).parent)})


def read_benchmark_config(path: str | Path | None, overrides: dict[str, Any] | None = None) -> BenchmarkConfig:
    """Read the config of `train` and `benchmark`; without a file, the defaults."""
    data = config.read_yaml(path) if path is not None else {}
    return config.parse(BenchmarkConfig, config.merge(data, overrides or {}), str(path or "options"))


def parse_model(text: str) -> ModelSpec:
    """Return the model that ``NAME[/PRESET][+RESIDUAL]`` stands for, such as ``unet_time+climatology`` or ``lstm/paper``."""
    sized, _, residual = text.strip().partition("+")
    name, _, preset = sized.partition("/")
    chosen = {"preset": preset, "residual": residual}
    return config.parse(ModelSpec, {"name": name, **{key: value for key, value in chosen.items() if value}}, f"model '{text}'")
