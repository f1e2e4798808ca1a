"""How a network is fitted: every key beside its default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glaciercast.config import Config


class TrainingConfig(Config):
    """Options of `training.fit`; all of them count towards a fit's identity, so a folder fitted with others is refused."""

    epochs: int = Field(default=40, ge=1, description="most epochs; early stopping usually ends before")
    batch_size: int = Field(default=64, ge=1, description="patches in a batch")
    learning_rate: float = Field(default=1e-3, gt=0, description="of AdamW")
    weight_decay: float = Field(default=1e-4, ge=0, description="of AdamW")
    patience: int = Field(default=8, ge=1, description="epochs without a lower validation loss before stopping")
    seed: int = Field(default=0, ge=0, description="of fresh weights, the order of patches and dropout")
    gradient_clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 = not clipped")
    threads: int | None = Field(default=None, ge=1, description="CPU threads of torch while fitting; none = as they are")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where to fit; only the CPU repeats bit for bit")
