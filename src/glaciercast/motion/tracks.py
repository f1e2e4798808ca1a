"""Vectors of displacement between two scenes, each with its error, and how they are tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, field_validator

from glaciercast.config import Config
from glaciercast.motion.matching import Lattice

ENOUGH = 0.5
"""Share of valid vectors below which a pair is of concern as a whole."""


class TrackingConfig(Config):
    """How displacement between two scenes is tracked, and which vectors are believed."""

    step: int = Field(default=16, ge=4, le=512, multiple_of=2, description="pixels between vectors")
    chips: tuple[int, ...] = Field(
        default=(32, 48, 64, 96), min_length=1, description="sides of the chips that each vector may choose from, pixels, growing"
    )
    search: float = Field(default=16.0, gt=0, le=500, description="largest displacement along each axis, pixels; from a prior if given")
    passes: int = Field(default=3, ge=1, le=20, description="passes of deformation for each size of chip")
    min_valid: float = Field(default=0.4, gt=0, le=1, description="least share of a chip that is usable in both scenes")
    min_snr: float = Field(default=3.0, ge=0, description="least correlation over the root mean square of that around it")
    min_peak_ratio: float = Field(default=1.2, ge=1, description="least correlation over the highest around it")
    max_residual: float = Field(default=2.0, gt=0, description="largest normalised residual against the neighbours (median test)")
    max_error: float = Field(default=0.5, gt=0, description="largest error of a component that is believed, pixels")

    @field_validator("chips")
    @classmethod
    def _growing(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)) or value[0] < 16 or value[-1] > 1024:
            raise ValueError("expected growing sizes from 16 to 1024 pixels")
        return value


@dataclass(frozen=True)
class Tracks:
    """Displacement vectors on a regular grid, all (node y, node x).

    A vector describes the ground that lies at (`x`, `y`) **halfway** between the scenes: it lay at (x − dx/2, y − dy/2) in the first and
    lies at (x + dx/2, y + dy/2) in the second. Pixel centres have whole coordinates.

    Attributes
    ----------
    x, y
        Column and row, pixels, float64.
    dx, dy
        Displacement to the right and downwards, pixels, float64; NaN where not valid.
    error_x, error_y
        Standard error of each, pixels, float64; NaN where not valid.
    snr
        Correlation of the matched chip over the root mean square of those of shifted chips, float32.
    peak_ratio
        Correlation of the matched chip over the highest of those of shifted chips, float32.
    chip
        Side of the chip that was chosen, pixels, float32.
    covered
        Whether enough of the chip is usable in both scenes, bool.
    valid
        Whether the vector is believed, bool.
    """

    x: np.ndarray
    y: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    error_x: np.ndarray
    error_y: np.ndarray
    snr: np.ndarray
    peak_ratio: np.ndarray
    chip: np.ndarray
    covered: np.ndarray
    valid: np.ndarray

    @property
    def valid_share(self) -> float:
        """Share of the vectors that are believed, of those whose chips are usable; 0 where none is."""
        return float(self.valid.sum() / max(self.covered.sum(), 1))

    @property
    def concern(self) -> str:
        """What speaks against the pair as a whole, in one line; empty if nothing does."""
        if self.valid_share >= ENOUGH:
            return ""
        return (
            f"{self.valid_share:.0%} of {int(self.covered.sum())} vectors are valid, expected at least {ENOUGH:.0%}: "
            "haze, cloud, new snow or too small a search may hide the ground"
        )


def no_tracks(nodes: Lattice) -> Tracks:
    """Return vectors at `nodes` of which none is covered or valid."""
    y, x = np.meshgrid(nodes.rows.astype("float64"), nodes.columns.astype("float64"), indexing="ij")
    dx, dy, error_x, error_y = np.full((4, *nodes.shape), np.nan)
    snr, peak_ratio, chip = np.zeros((3, *nodes.shape), "float32")
    covered, valid = np.zeros((2, *nodes.shape), bool)
    return Tracks(x, y, dx, dy, error_x, error_y, snr, peak_ratio, chip, covered, valid)
