"""How a network is fitted: every key beside its default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from glaciercast.config import Config

Loss = Literal["patch", "scene"]


class AugmentConfig(Config):
    """How training windows are varied; validation and test never are. All is off by default.

    Mirroring and turning swap slopes in the sun with slopes in the shade: what depends on where south is cannot be learnt from them.
    """

    flips: bool = Field(default=False, description="swap west and east, north and south, each in half of the windows")
    rotations: bool = Field(default=False, description="turn windows by 0 to 3 quarters; vx and vy turn with the ground")
    brightness: float = Field(
        default=0.0, ge=0, le=0.5, description="spread (sd of the log) of a factor on green light, which ndsi and ndwi of a window follow"
    )
    cloud_gaps: float = Field(default=0.0, ge=0, le=1, description="share of past frames of which a simulated cloud hides a part")

    @property
    def active(self) -> bool:
        """Whether anything is varied."""
        return self.flips or self.rotations or self.brightness > 0 or self.cloud_gaps > 0


class TrainingConfig(Config):
    """Options of `training.fit`; all of them count towards a fit's identity, so a folder fitted with others is refused."""

    loss: Loss = Field(
        default="patch", description="what is compared with the truth: single patches, or scenes blended from tiles, one scene a batch"
    )
    augment: AugmentConfig = Field(default=AugmentConfig(), description="how training windows are varied")
    epochs: int = Field(default=40, ge=1, description="most epochs; early stopping usually ends before")
    batch_size: int = Field(default=64, ge=1, description="patches in a batch, over all processes")
    learning_rate: float = Field(default=1e-3, gt=0, description="of AdamW, at its highest")
    schedule: Literal["constant", "cosine"] = Field(default="constant", description="how the learning rate falls: not at all, or to 0")
    warmup_epochs: float = Field(default=0.0, ge=0, description="epochs over which the learning rate first rises from 0")
    weight_decay: float = Field(default=1e-4, ge=0, description="of AdamW, on matrices and kernels; biases and norms are spared")
    gradient_clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 = not clipped")
    patience: int = Field(default=8, ge=1, description="epochs without a lower validation loss before stopping")
    keep_start: bool = Field(default=True, description="keep the weights that the fit begins with if no epoch has a lower validation loss")
    teacher_start: float = Field(default=0.0, ge=0, le=1, description="share of decoder steps that read the truth in the first epoch")
    teacher_epochs: int = Field(default=10, ge=1, description="epochs over which that share falls to 0")
    seed: int = Field(default=0, ge=0, lt=2**32, description="of fresh weights, the order of patches, how they are varied, and dropout")
    threads: int | None = Field(default=None, ge=1, description="CPU threads of torch in each process; none = as they are")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where to fit; only the CPU repeats bit for bit")
    devices: int = Field(default=1, ge=1, description="processes that share each batch, on one GPU each or on the CPU")
    tensorboard: bool = Field(default=False, description="write events for TensorBoard too; needs the package tensorboard")
    energy: bool = Field(default=False, description="estimate energy and CO2 with codecarbon, offline; needs the package codecarbon")
    country: str = Field(default="", pattern=r"^([A-Z]{3})?$", description="three letters of whose grid the CO2 is; none = world average")

    @model_validator(mode="after")
    def _warm_in_time(self) -> TrainingConfig:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs: expected fewer than the {self.epochs} epochs, found {self.warmup_epochs:g}")
        return self

    @model_validator(mode="after")
    def _scenes_in_one_process(self) -> TrainingConfig:
        if self.loss == "scene" and self.devices > 1:
            raise ValueError(f"devices: expected 1 with the loss 'scene', as processes do not share a scene, found {self.devices}")
        return self
