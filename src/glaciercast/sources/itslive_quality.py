"""The producers' quality rules for ITS_LIVE image pairs, and the mean of a pixel's pairs.

The rules are those with which the producers make their annual composites from the same cubes (ITS_LIVE version 2, product guide and
Gardner et al., doi 10.5067/IMR9D3PEI28U). None of them limits the speed: a surge may move kilometres a year.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from glaciercast.config import Config

YEAR = 365.25
"""Days, as in the producers' metres a year."""
FAMILIES = {
    "4": "landsat4-5", "5": "landsat4-5", "7": "landsat7", "8": "landsat8-9", "9": "landsat8-9",
    "1A": "sentinel1", "1B": "sentinel1", "1C": "sentinel1", "1": "sentinel1",
    "2A": "sentinel2", "2B": "sentinel2", "2C": "sentinel2", "2": "sentinel2",
}  # fmt: skip
"""Satellite as the cubes name it → the sensors whose errors are alike; ``1`` and ``2`` are names that a cube's text width cut short."""
STABLE_LIMITS = {"landsat8-9": 61.6, "sentinel2": 28.5, "sentinel1": 1.1}
"""Largest displacement of stable ground, m."""
REGISTRATION_ERROR = {0: 100.0, 1: 5.0, 2: 20.0}
"""``stable_shift_flag`` → error of the common shift, m/yr: uncorrected, from stable ground, from the slowest quarter of the scene."""
BASELINES = (0.0, 16.0, 32.0, 64.0, 128.0, 256.0, np.inf)
"""Edges of the bins of baseline, days."""
ENOUGH = 50
"""Observations in a bin that it takes to judge the others by it, and to tell the direction of flow."""
SLOW = 50.0
"""m/yr: slower ice is not compared between baselines, because noise exceeds what saturation would change."""
OVERLAP = 0.67 * 1.4826
"""Half-width of a bin's range in MADs."""
ROUNDING = 0.5
"""m/yr, of the product's whole numbers: no MAD counts as less."""


class QualityRules(Config):
    """Which observations to keep; every rule can be switched off."""

    stable_ground: bool = Field(default=True, description="drop or restore pairs whose stable ground had to be shifted too far")
    stable_limits: dict[str, float] = Field(default=STABLE_LIMITS, description="family of satellites → m; families without one pass")
    registration_error: bool = Field(default=True, description="add the error of the common shift to v_error, in quadrature")
    saturation: bool = Field(default=True, description="drop long baselines that lag behind shorter ones")
    outliers: bool = Field(default=True, description="drop what lies too far from the running median")
    outlier_mads: float = Field(default=6.0, gt=0)
    outlier_window: int = Field(default=15, ge=3, description="observations in the running median")
    min_observations: int = Field(default=30, ge=3, description="pixels with fewer are not searched for outliers and have no mean")

    @field_validator("stable_limits")
    @classmethod
    def _known_families(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(FAMILIES.values()))
        if unknown:
            raise ValueError(f"expected families among {', '.join(sorted(set(FAMILIES.values())))}; '{unknown[0]}' is none")
        return value


def family(satellite: str) -> str:
    """Return the family of a satellite as the cubes name it (``8``, ``8.0``, ``2A``); an unknown name is a family of its own."""
    name = satellite.strip().upper().removesuffix(".0").removesuffix(".")
    return FAMILIES.get(name, name.lower() or "unknown")


def stable_ground(pairs: pd.DataFrame, rules: QualityRules) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs are dropped and which get their shift back, bool (pair,) each.

    A shift is too large where the larger of its two components times Δt/365.25 exceeds the limit of the pair's sensors. Taken over stable
    ground (flag 1) it condemns the pair; taken over the slowest quarter of the scene (flag 2) it is not believed and is added back; a
    pair that was not shifted (flag 0) passes.

    Parameters
    ----------
    pairs
        With ``family``, ``days``, ``stable_x``, ``stable_y`` (m/yr, NaN where none) and ``flag`` (0, 1 or 2).
    """
    shift = pairs[["stable_x", "stable_y"]].abs().max(axis=1).fillna(0.0).to_numpy() * pairs["days"].to_numpy() / YEAR
    too_far = shift > pairs["family"].map(rules.stable_limits).fillna(np.inf).to_numpy()
    if not rules.stable_ground:
        too_far[:] = False
    flag = pairs["flag"].to_numpy()
    return too_far & (flag == 1), too_far & (flag == 2)


def registration_error(pairs: pd.DataFrame, restored: np.ndarray) -> np.ndarray:
    """Return the error of each pair's common shift, float32 (pair,), m/yr; pairs that got their shift back count as uncorrected.

    The producers add it to the error; as the two are independent it belongs added in quadrature.
    """
    flag = pairs["flag"].where(~restored, 0)
    return flag.map(REGISTRATION_ERROR).fillna(0.0).to_numpy(np.float32)


def saturated(vx: np.ndarray, vy: np.ndarray, pairs: pd.DataFrame) -> np.ndarray:
    """Return the observations whose long baseline loses the fast ice, bool (pair, y, x).

    Over a long baseline the surface of fast ice changes so much that only what moved little still matches. Per pixel and family of
    sensors, velocities along the median flow are compared between bins of baseline: median ± 0.67·1.4826·MAD each. The first bin
    with 50 observations is the reference; where a longer bin lies wholly below it, everything longer than that bin's lower edge
    goes. (The producers drop bins that lie above the reference too, and any bin where none holds 50; saturation explains neither.)

    Parameters
    ----------
    vx, vy
        float32 (pair, y, x), m/yr; NaN where there is none.
    pairs
        With ``days`` and ``family``.
    """
    days, families = pairs["days"].to_numpy(), pairs["family"].to_numpy()
    shape = vx.shape
    along = _along_flow(vx.reshape(len(days), -1), vy.reshape(len(days), -1), days)
    longest = np.full((len(days), along.shape[1]), np.inf, np.float32)
    for name in np.unique(families):
        members = families == name
        longest[members] = _longest(along[members], days[members])
    drop: np.ndarray = (days[:, None] > longest) & np.isfinite(along)
    return drop.reshape(shape)


def _along_flow(vx: np.ndarray, vy: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the velocity along the median flow of the shortest baselines that are enough, (pair, pixel); NaN where ice is slow."""
    east, north = (np.full(vx.shape[1], np.nan, np.float32) for _ in range(2))
    open_ = np.ones(vx.shape[1], bool)
    for limit in BASELINES[1:]:
        short = days <= limit
        ready = open_ & (np.isfinite(vx[short]).sum(axis=0) >= ENOUGH)
        if ready.any():
            east[ready], north[ready] = _median(vx[short][:, ready]), _median(vy[short][:, ready])
            open_ &= ~ready
    speed = np.hypot(east, north)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit_x, unit_y = np.where(speed > SLOW, east / speed, np.nan), np.where(speed > SLOW, north / speed, np.nan)
    along: np.ndarray = vx * unit_x + vy * unit_y
    return along.astype(np.float32)


def _longest(along: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the longest baseline of each pixel that does not saturate, (pixel,), days; infinite where none does."""
    pixels = along.shape[1]
    longest = np.full(pixels, np.inf, np.float32)
    lowest = np.full(pixels, np.nan, np.float32)  # lower end of the reference bin's range
    for low, high in itertools.pairwise(BASELINES):
        inside = along[(days >= low) & (days < high)]
        count = np.isfinite(inside).sum(axis=0)
        if not count.any():
            continue
        middle = _median(inside)
        spread = OVERLAP * _median(np.abs(inside - middle))
        with np.errstate(invalid="ignore"):
            longest = np.where((middle + spread < lowest) & np.isinf(longest), low, longest)
        lowest = np.where(np.isnan(lowest) & (count >= ENOUGH), middle - spread, lowest)
    return longest.astype(np.float32)


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median along the first axis of what is no NaN; NaN where all is."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = np.isfinite(values).sum(axis=0)
    if not len(ordered):
        return np.full(values.shape[1:], np.nan, values.dtype)
    low, high = (np.take_along_axis(ordered, np.clip(at, 0, None)[None], axis=0)[0] for at in ((count - 1) // 2, count // 2))
    middle: np.ndarray = (low + high) / 2
    return np.where(count > 0, middle, np.nan)


def outliers(vx: np.ndarray, vy: np.ndarray, middle: np.ndarray, rules: QualityRules) -> np.ndarray:
    """Return the observations that lie off the running median of their pixel, bool (pair, y, x).

    In order of the middle of their baselines, an observation goes where its distance from the running median (of 15, mirrored at the
    ends) exceeds 6 MADs in one component. The MAD is the median of those distances over the pixel's whole series or, where it is larger,
    over the same window: in a surge, distances grow with the speed, and decades of quiet ice must not condemn it.

    Parameters
    ----------
    vx, vy
        float32 (pair, y, x), m/yr; NaN where there is none.
    middle
        (pair,), sortable: the middle of the acquisitions, not ``mid_date``.
    """
    shape = vx.shape
    drop = np.zeros(shape, bool).reshape(len(middle), -1)
    order = np.argsort(middle, kind="stable")
    components = [values.reshape(len(middle), -1)[order] for values in (vx, vy)]
    for pixel in np.flatnonzero(np.isfinite(components[0]).sum(axis=0) >= rules.min_observations):
        seen = np.isfinite(components[0][:, pixel])
        off = [_far(values[seen, pixel], rules) for values in components]
        drop[order[seen], pixel] = off[0] | off[1]
    return drop.reshape(shape)


def _far(series: np.ndarray, rules: QualityRules) -> np.ndarray:
    from scipy.ndimage import median_filter

    distance = np.abs(series - median_filter(series, rules.outlier_window))
    scale = np.maximum(np.median(distance), median_filter(distance, rules.outlier_window))
    far: np.ndarray = distance > rules.outlier_mads * np.maximum(scale, ROUNDING)
    return far


def mean_velocity(
    vx: np.ndarray, vy: np.ndarray, error: np.ndarray, min_observations: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean velocity of each pixel and how many pairs are in it.

    Components are averaged with weights 1/σ². Speeds never are: noise makes every speed larger, so their mean is too high.

    Parameters
    ----------
    vx, vy
        (pair, y, x), m/yr; NaN where there is none.
    error
        1 sigma, m/yr, of the same shape or broadcast to it; less than half a metre (the product's rounding) counts as that, and
        an observation without an error is left out.
    min_observations
        Pixels with fewer get NaN.

    Returns
    -------
    tuple of numpy.ndarray
        Mean vx and vy, float32 (y, x), m/yr; count, int (y, x).
    """
    seen = np.isfinite(vx) & np.isfinite(vy) & np.isfinite(error)
    weight = np.where(seen, 1 / np.maximum(np.nan_to_num(np.broadcast_to(error, vx.shape), nan=1.0), ROUNDING) ** 2, 0.0)
    count = seen.sum(axis=0)
    total = np.where(count >= min_observations, weight.sum(axis=0), np.nan)
    mean_x, mean_y = ((weight * np.where(seen, values, 0.0)).sum(axis=0) / total for values in (vx, vy))
    return mean_x.astype(np.float32), mean_y.astype(np.float32), count
