"""What feature tracking would measure of a known velocity field: correlated noise, shifts, wrong matches and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.simulate.products.itslive_pairs import YEAR

if TYPE_CHECKING:
    from glaciercast.simulate.scenario import VelocitySpec

OVERLAP = 0.5
"""Share of the noise variance that neighbours share: search chips of 240–480 m overlap on a 120 m grid."""
CHIP_CELLS = 4
"""Pixels of 120 m along the side of a chip of 480 m, over which the shared noise is the same mean."""
GAP_CELLS = 7
"""The same for gaps in the matches, which come in patches of poor texture."""
COARSE = 0.3
"""Share of the range of texture at whose lower end only a larger chip matches."""
DECORRELATION = 400.0
"""Displacement over the baseline, m, at which a share 1 − 1/e of the matches is lost: crevasses open and features deform."""
SLOW_BIAS = 0.3
"""Relative underestimate of the surviving matches where nearly all are lost: what still matches has moved little."""
SEARCH = 150.0
"""Largest wrong displacement, m: the half-width of the search."""
HOLES = 0.02
"""Share of matched pixels that were rejected one by one and filled from their neighbours (interp_mask 1)."""
SNOW_GAPS = 1.5
"""Relative increase of the gaps over the highest accumulation area: featureless snow."""
WINTER_GAPS = 0.8
"""Relative increase of the gaps in midwinter: snow and low sun."""
CLOUD_GAPS = 1.0
"""Relative increase of the gaps from a clear to an overcast pair."""
RADAR_GAPS = 0.35
"""Gaps of radar pairs relative to those of clear optical pairs."""


@dataclass(frozen=True)
class Ground:
    """What makes matching hard, on the 120 m grid."""

    accumulation: np.ndarray
    """float32 (y, x), 0 (bare ice and ground) … 1 (highest snow)."""
    warmest_day: float
    """Day of the year."""


@dataclass(frozen=True)
class Match:
    """One pair as published: float32 (y, x) m/yr, NaN where there is no match."""

    vx: np.ndarray
    vy: np.ndarray
    filled: np.ndarray
    """bool: interpolated from neighbours."""
    chip: np.ndarray
    """uint16 (y, x): size of the search chip, m; 0 where there is no match."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Return float32 Gaussian noise (y, x) of mean 0 and variance 1: the mean over squares of `cells` pixels; it wraps at the edges."""
    from scipy.ndimage import uniform_filter

    noise: np.ndarray = uniform_filter(rng.standard_normal(shape, dtype=np.float32), cells, mode="wrap")
    noise *= cells  # the mean of cells² values has a standard deviation of 1/cells
    return noise


def match_noise(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return float32 noise (y, x) of variance 1 whose neighbours are correlated as overlapping chips are."""
    shared = smooth_noise(rng, shape, CHIP_CELLS)
    own = rng.standard_normal(shape, dtype=np.float32)
    combined: np.ndarray = np.float32(np.sqrt(OVERLAP)) * shared + np.float32(np.sqrt(1 - OVERLAP)) * own
    return combined


def pair_gaps(pairs: pd.DataFrame, warmest_day: float) -> np.ndarray:
    """Return how gappy each pair is relative to the mean pair (which is 1): cloud and winter blind optical pairs, not radar."""
    middle = (pairs["date1"] + (pairs["date2"] - pairs["date1"]) / 2).dt.day_of_year.to_numpy()
    winter = 0.5 * (1 - np.cos(2 * np.pi * (middle - warmest_day) / YEAR))
    optical = (1 + WINTER_GAPS * winter) * (1 + CLOUD_GAPS * pairs["cloud"].to_numpy())
    gaps = np.where(pairs["radar"], RADAR_GAPS, optical)
    share: np.ndarray = gaps / gaps.mean()
    return share


def match(
    vx: np.ndarray, vy: np.ndarray, pair: pd.Series, gaps: float, ground: Ground, spec: VelocitySpec, rng: np.random.Generator
) -> Match:
    """Return what the producers publish for one pair.

    Parameters
    ----------
    vx, vy
        float32 (y, x), mean true velocity over the baseline, m/yr.
    pair
        Its row in the table of `itslive_pairs.draw`.
    gaps
        Its entry in `pair_gaps`.
    """
    shape = (vx.shape[0], vx.shape[1])
    lost = 1 - np.exp(-((np.hypot(vx, vy) * (pair["days"] / YEAR / DECORRELATION)) ** 2))
    slower = 1 - SLOW_BIAS * lost
    measured = [
        true * slower + left_shift(pair, axis) + np.float32(pair[f"sigma_{axis}"]) * match_noise(rng, shape)
        for axis, true in (("x", vx), ("y", vy))
    ]
    _mismatch(measured, pair["days"], spec.outliers, rng)
    texture = _texture(rng, shape)
    missing = (texture < _chance(gaps * spec.missing, ground)) | (rng.random(shape, dtype=np.float32) < lost)
    for values in measured:
        values[missing] = np.nan
    filled = _fill_holes(measured, rng)
    chip = np.where(missing, 0, np.where(texture < COARSE + 0.5 * ground.accumulation, 480, 240)).astype(np.uint16)
    return Match(measured[0], measured[1], filled, chip)


def left_shift(pair: pd.Series, axis: str) -> np.float32:
    """Return the common error (m/yr) that is left in the data: the true shift, less its estimate where that was subtracted."""
    return np.float32(pair[f"shift_{axis}"] - (pair[f"stable_{axis}"] if pair["corrected"] else 0.0))


def _mismatch(measured: list[np.ndarray], days: float, share: float, rng: np.random.Generator) -> None:
    """Replace a share of the matches by wrong ones, in place and in clumps of 2 × 2, as chips overlap."""
    rows, columns = measured[0].shape
    clumps = rng.random((rows // 2 + 1, columns // 2 + 1)) < share
    wrong = clumps.repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    for values in measured:
        values[wrong] = rng.uniform(-SEARCH, SEARCH, int(wrong.sum())) * YEAR / days


def _texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return how well each place can be matched in this pair: smooth in space, uniform on 0–1."""
    from scipy.special import ndtr

    texture: np.ndarray = ndtr(smooth_noise(rng, shape, GAP_CELLS))
    return texture


def _chance(share: float, ground: Ground) -> np.ndarray:
    """Return each pixel's chance to be missing: `share` on the mean, more where snow lies."""
    snow = 1 + SNOW_GAPS * ground.accumulation
    chance: np.ndarray = np.clip(share * snow / snow.mean(), 0, 0.98).astype(np.float32)
    return chance


def _fill_holes(measured: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Replace single pixels by the mean of their valid neighbours, in place; tell which."""
    from scipy.ndimage import uniform_filter

    valid = np.isfinite(measured[0])
    hole = valid & (rng.random(valid.shape) < HOLES)
    source = (valid & ~hole).astype(np.float32)
    count = uniform_filter(source, 3, mode="constant")
    filled: np.ndarray = hole & (count > 0.5)
    for values in measured:
        total = uniform_filter(np.where(source > 0, values, np.float32(0)), 3, mode="constant")
        values[filled] = total[filled] / count[filled]
    return filled
