"""What a model depends on, by test: everything that it must not know is replaced by noise, and not one bit may change."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from glaciercast.forecast.scenes import forecast_scene
from glaciercast.patches.cache import Cache
from glaciercast.patches.series import Series

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task
    from glaciercast.patches.splits import Part, TimeSplit

FITTED_ON: dict[str, tuple[Part, ...]] = {
    "baselines, references and normaliser": ("train",),
    "weights, which the validation part chooses": ("train", "validation"),
    "calibration of intervals": ("train", "validation"),
}
"""What is fitted → the parts that it may know."""
PRIME = 65_521
"""Length of the table of noise: a prime, so that neighbouring rows and frames do not fall on the same entries."""
SPREAD = 3.0
"""Standard deviation of the noise that stands for values, far outside what NDSI or a normalised variable takes."""


@dataclass(frozen=True)
class Known:
    """A set of pixel-dates that stay as they are: some steps, at some pixels.

    Attributes
    ----------
    steps
        bool (step,).
    mask
        bool (y, x); None: all pixels.
    """

    steps: NDArray[np.bool_]
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class NoisedCache(Cache):
    """A cache that shows noise wherever none of `known` holds: other values, and other observed fractions."""

    known: Sequence[Known] = ()

    def gather(
        self, steps: np.ndarray, rows: np.ndarray, cols: np.ndarray, n_steps: int, height: int, width: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return windows as `Cache.gather` does, with noise in them."""
        block = super().gather(steps, rows, cols, n_steps, height, width, out)
        row, column = (np.asarray(first)[:, None] + np.arange(extent) for first, extent in ((rows, height), (cols, width)))
        for number in range(n_steps):  # frame by frame, so that memory stays small
            step = np.asarray(steps)[:, None, None] + number
            keep = np.zeros((len(block), height, width), bool)
            for each in self.known:
                at = each.steps[step]
                keep |= at if each.mask is None else at & each.mask[row[:, :, None], column[:, None, :]]
            np.copyto(block[:, number], self._noise(step, row, column), where=~keep[:, None])
        return block

    def _noise(self, step: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what a step always shows at some pixels, float32 (window, channel, y, x): values first, then fractions of 0 … 1."""
        values, fractions = _tables()
        place = (step * 7919 + row[:, :, None] * 613 + column[:, None, :])[:, None]
        where = (place + np.arange(len(self.channels))[:, None, None] * 31) % PRIME
        n_values = len(self.channels) // 2
        return np.concatenate([values[where[:, :n_values]], fractions[where[:, n_values:]]], axis=1)


def noised(series: Series, known: Sequence[Known]) -> Series:
    """Return a series of which only the pixel-dates of `known` are what they were; its fingerprint is that of no other."""
    old, content = series.cache, hashlib.sha256(series.fingerprint.encode())
    for each in known:
        content.update(each.steps.tobytes() + (b"" if each.mask is None else each.mask.tobytes()))
    cache = NoisedCache(old.path, old.tiles, old.channels, old.shape, tuple(known))
    return dataclasses.replace(series, cache=cache, fingerprint=f"noised-{content.hexdigest()}")


def available(series: Series, issue: int) -> Known:
    """Return what could be had at the time at which step `issue` could: no later step, and no earlier one that was still to come."""
    steps = np.arange(series.n_steps)
    return Known((steps <= issue) & (series.available_at <= series.available_at[issue]))


def part_of(series: Series, split: TimeSplit, *parts: Part) -> list[Known]:
    """Return what a fit on `parts` may know: all steps up to the last target of each, at its pixels."""
    steps = np.arange(series.n_steps)
    return [Known(steps < split.targets[part].stop, split.mask(part)) for part in parts]


def provenance(series: Series, split: TimeSplit) -> dict[str, Any]:
    """Return what each kind of fitted thing may have seen, as plain JSON types.

    Returns
    -------
    dict
        Thing → part → ``until``, the last day whose step may have entered, and ``pixels``, how many of the scene. `changed_state` tells by
        test whether it holds.
    """

    def told(part: Part) -> dict[str, Any]:
        mask, last = split.mask(part), series.ends[split.targets[part].stop - 1] - pd.Timedelta(days=1)
        return {"until": f"{last:%Y-%m-%d}", "pixels": int(np.prod(series.shape) if mask is None else mask.sum())}

    return {thing: {part: told(part) for part in parts} for thing, parts in FITTED_ON.items()}


def unchanged_forecast(forecaster: nn.Module, series: Series, task: Task, issue: int) -> bool:
    """Tell whether a forecast issued at a step stays the same, bit for bit, when all that was not available then becomes noise."""
    forecasts = [forecast_scene(forecaster, each, task, issue) for each in (series, noised(series, [available(series, issue)]))]
    return forecasts[0].tobytes() == forecasts[1].tobytes()


def changed_state(fit: Callable[[Series], nn.Module], series: Series, known: Sequence[Known]) -> list[str]:
    """Return the names of the fitted values and weights that change when `fit` sees noise everywhere but at `known`."""
    one, two = ({name: value.cpu().numpy() for name, value in fit(each).state_dict().items()} for each in (series, noised(series, known)))
    return [name for name in one.keys() | two.keys() if name not in one or name not in two or one[name].tobytes() != two[name].tobytes()]


@functools.cache
def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the noise that stands for values, and that for observed fractions, float32 (PRIME,) each."""
    rng = np.random.default_rng(0)
    return rng.normal(0, SPREAD, PRIME).astype("float32"), rng.random(PRIME).astype("float32")
