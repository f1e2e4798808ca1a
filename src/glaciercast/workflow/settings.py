"""What a run is configured by: models, windows, training, and the whole chain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from glaciercast import config
from glaciercast.align.settings import AlignConfig
from glaciercast.config import Config
from glaciercast.cube.audit import AuditConfig
from glaciercast.cube.settings import SiteBuild
from glaciercast.errors import InputError, unknown
from glaciercast.models.heads import HEADS, AnyHead, Value
from glaciercast.patches.splits import WindowConfig
from glaciercast.sources import recipe as recipes
from glaciercast.sources.recipe import Recipe
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import acquisition

Residual = Literal["none", "last", "same_season", "climatology", "harmonic", "season_shift"]


class ModelSpec(Config):
    """One model of a benchmark and its options; `residual` is for networks only."""

    name: str
    preset: str = Field(default="small", description="size of the network: small, paper or another of the model's")
    residual: Residual = "none"
    head: AnyHead = Field(default=Value(), description="what the network states: a value, quantiles, …")
    options: dict[str, Any] = Field(default={}, description="options of the architecture")
    members: int = Field(default=1, ge=1, description="networks of an ensemble, fitted from the seeds training.seed, + 1, + 2, …")
    calibrate: bool = Field(default=False, description="move the stated intervals until they hold what they say on the validation part")
    title: str = Field(default="", pattern=r"^[A-Za-z0-9_+-]*$", description="name in the results; needed where two would share one")

    @property
    def label(self) -> str:
        """The name under which results keep the model."""
        size = "" if self.preset == "small" else f"-{self.preset}"
        head = "" if self.head.kind == "value" else f"-{self.head.kind}"
        residual = "" if self.residual == "none" else f"+{self.residual}"
        together = ("" if self.members == 1 else f"+x{self.members}") + ("+calibrated" if self.calibrate else "")
        return self.title or f"{self.name}{size}{head}{residual}{together}"

    @model_validator(mode="after")
    def _states_what_is_calibrated(self) -> ModelSpec:
        if self.calibrate and self.members == 1 and self.head.kind == "value":
            raise ValueError("calibrate: expected a head that states quantiles (quantiles, gaussian) or several members, found one value")
        return self


class BenchmarkConfig(Config):
    """Which models are compared, on which windows, and how they are trained."""

    windows: WindowConfig = WindowConfig()
    models: tuple[ModelSpec, ...] = Field(
        default=(ModelSpec(name="lstm"), ModelSpec(name="unet_time", residual="harmonic")),
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
    """Return the model that ``NAME[/PRESET][+PART]…`` stands for, such as ``lstm/paper`` or ``unet_time+climatology+x5+calibrated``.

    A part is the residual (``climatology``), the head (``gaussian``), a number of members (``x5``) or ``calibrated``, in any order.

    Raises
    ------
    InputError
        If a part is unknown or there twice, or the parts do not go together.
    """
    sized, *parts = text.strip().split("+")
    name, _, preset = sized.partition("/")
    chosen: dict[str, Any] = {"name": name, **({"preset": preset} if preset else {})}
    for part in parts:
        key, value = _part(part, f"model '{text}'")
        if key in chosen:
            raise InputError(f"model '{text}': expected one part for its {key}, found two")
        chosen[key] = value
    return config.parse(ModelSpec, chosen, f"model '{text}'")


def _part(part: str, where: str) -> tuple[str, Any]:
    """Return the key of a model that a part of its text form stands for, and the value."""
    if part == "calibrated":
        return "calibrate", True
    if re.fullmatch(r"x\d{1,4}", part):
        return "members", int(part[1:])
    for key, known in (("head", tuple(HEADS)), ("residual", get_args(Residual))):
        if part in known:
            return key, part
    raise InputError(f"{where}: {unknown('part', part, [*HEADS, *get_args(Residual), 'x5', 'calibrated'])}")
