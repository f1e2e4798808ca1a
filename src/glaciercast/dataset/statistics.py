"""Statistics of the training frames, which alone are looked at: mean, standard deviation, range and observed share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from glaciercast.dataset.plan import Place, Plan
from glaciercast.errors import InputError
from glaciercast.patches import normalise


@dataclass(frozen=True)
class Frames:
    """The training frames of some cubes one after the other, (variable, y, x) each, as `patches.normalise` reads them.

    Attributes
    ----------
    observed
        Yield the observed fractions in place of the values.
    """

    places: Sequence[Place]
    observed: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and variables."""
        return sum(len(place.split.training_steps) for place in self.places), len(self.places[0].series.variables)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames; what the training part leaves out of a scene is unobserved and NaN."""
        for place in self.places:
            mask = place.split.mask("train")
            for step in place.split.training_steps:
                frame = place.series.frames(range(step, step + 1))[self.observed][0]
                if mask is not None:
                    frame[:, ~mask] = 0 if self.observed else np.nan
                yield frame


def fit(plan: Plan) -> dict[str, list[float]]:
    """Return per variable, in the order of a window: ``mean``, ``std``, ``minimum``, ``maximum``, ``observed_share``.

    Mean and standard deviation are weighted by the observed fraction (`patches.normalise.fit`); the share is that of the training frames
    which was observed, minimum and maximum are of observed values.

    Raises
    ------
    InputError
        Naming a variable of which the training part holds no observed value, or only one value.
    """
    values, observed = Frames(plan.places, False), Frames(plan.places, True)
    low, high, seen, pixels = _ranges(plan, values, observed)
    for name, least, most in zip(plan.shape.variables, low, high, strict=True):
        if not least < most:
            found = "no observed value" if least > most else f"only the value {least:g}"
            others = ",".join(other for other in plan.shape.variables if other != name)
            raise InputError(f"{name}: the training part holds {found} of it; leave it out: --set variables=[{others}]")
    stats = normalise.fit(cast("Any", values), cast("Any", observed))
    told = {"mean": stats.mean, "std": stats.std, "minimum": low, "maximum": high, "observed_share": seen / pixels}
    return {key: [float(np.float32(value)) for value in array] for key, array in told.items()}


def _ranges(plan: Plan, values: Frames, observed: Frames) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return minimum, maximum and sum of observed fractions per variable, float64 (V,), and the pixels of all frames."""
    count = len(plan.shape.variables)
    low, high, seen, pixels = np.full(count, np.inf), np.full(count, -np.inf), np.zeros(count), 0
    for frame, fraction in zip(values, observed, strict=True):
        there = ~np.isnan(frame) & (fraction > 0)
        low = np.minimum(low, np.where(there, frame, np.inf).min((1, 2)))
        high = np.maximum(high, np.where(there, frame, -np.inf).max((1, 2)))
        seen += np.where(there, fraction, 0).sum((1, 2), dtype="float64")
        pixels += frame[0].size
    return low, high, seen, pixels
