"""Settings of an exported data set."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from glaciercast.config import Config
from glaciercast.patches.splits import Kind, WindowConfig
from glaciercast.patches.statics import Static

Form = Literal["zarr", "tar"]
Split = Literal["time", "space", "both", "glacier"]


class Variation(Config):
    """How training windows are varied after the split (see `patches.augment`); validation and test windows never are."""

    copies: int = Field(default=0, ge=0, le=20, description="varied copies of each training window, beside the window itself")
    flips: bool = Field(default=True, description="swap west and east, north and south, each in half of the copies")
    rotations: bool = Field(default=False, description="turn copies by 0 to 3 quarters; vx and vy turn with the ground")
    brightness: float = Field(default=0.0, ge=0, le=0.5, description="spread (sd of the log) of a factor on green light")
    cloud_gaps: float = Field(default=0.0, ge=0, le=1, description="share of input frames of which a simulated cloud hides a part")


class DatasetConfig(Config):
    """What an exported data set holds, how its windows are cut, and how its parts are kept apart."""

    variables: tuple[str, ...] = Field(default=(), description="what is read; none: all of /aligned that the cubes have")
    targets: tuple[str, ...] = Field(default=(), description="what is to be forecast; none: all variables")
    statics: tuple[Static, ...] | None = Field(default=None, description="fields that do not change; null: all that the cubes have")
    n_input: int = Field(default=4, ge=1, description="steps that a window reads")
    n_target: int = Field(default=4, ge=1, description="steps that are to be forecast")
    history: int | None = Field(
        default=None, ge=1, description="steps before the first target; null: n_input; 12 months give the parts of 'glaciercast benchmark'"
    )
    patch: int = Field(default=50, ge=4, description="side of a window, pixels")
    stride: int | None = Field(default=None, ge=1, description="distance between training windows, pixels; null: side by side")
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(0.6, 0.15, 0.25), description="shares of training, validation and test"
    )
    split: Split = Field(default="time", description="how parts are kept apart: time, space, both, or glacier for several cubes")
    left_out: str | None = Field(default=None, description="the cube that is tested in a split by glacier; null: the last one named")
    blocks: int = Field(default=4, ge=2, description="blocks along the scene's shorter side, of a split by space")
    augment: Variation = Field(default=Variation(), description="varied copies of training windows")
    forms: tuple[Form, ...] = Field(default=("zarr", "tar"), min_length=1, description="zarr: windows.zarr; tar: shards/PART-NNNNNN.tar")
    shard: int = Field(default=64, ge=1, description="windows of a shard, of Zarr and of tar")
    seed: int = Field(default=0, ge=0, description="of the order of training windows and of their variations")
    title: str = Field(default="", description="of the data set; empty: made from the cubes' titles")
    licence: str = Field(default="", description="URL of the data set's licence; empty: the licences of its sources are listed")

    @model_validator(mode="after")
    def _go_together(self) -> DatasetConfig:
        for key, names in (
            ("variables", self.variables),
            ("targets", self.targets),
            ("statics", self.statics or ()),
            ("forms", self.forms),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"{key}: expected each name once, found {', '.join(names)}")
        if self.variables and not set(self.targets) <= set(self.variables):
            raise ValueError(f"targets: expected some of the variables, found {', '.join(sorted(set(self.targets) - set(self.variables)))}")
        if self.history is not None and self.history < self.n_input:
            raise ValueError(f"history: expected at least the {self.n_input} steps of n_input, found {self.history}")
        if self.left_out is not None and self.split != "glacier":
            raise ValueError(f"left_out: goes with split=glacier, found split={self.split}")
        return self

    def windows(self, variables: tuple[str, ...], statics: tuple[Static, ...]) -> WindowConfig:
        """Return how windows of these variables are cut and shared out; the targets come first."""
        targets = tuple(name for name in variables if not self.targets or name in self.targets)
        kind: Kind = "time" if self.split == "glacier" else self.split
        return WindowConfig(
            targets=targets, inputs=tuple(name for name in variables if name not in targets), statics=statics, n_input=self.n_input,
            n_target=self.n_target, patch=self.patch, stride=self.stride or self.patch, fractions=self.fractions, split=kind,
            blocks=self.blocks,
        )  # fmt: skip

    @property
    def before(self) -> int:
        """Steps before the first target of the first window."""
        return self.history or self.n_input
