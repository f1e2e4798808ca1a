"""Parts of the training samples that are left out in turn: groups of lakes, and runs of years."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glaciercast.hazard.models_base import floods_of
from glaciercast.hazard.samples import Samples

MANY_LAKES = 10
"""From so many lakes on, samples of one lake go together in errors; with fewer, samples of one year of a lake do."""


@dataclass(frozen=True)
class LeftOut:
    """One part left out.

    Attributes
    ----------
    kind
        What the part is a group of.
    train, test
        bool (sample,); samples near the edge of left-out years are in neither, for their horizons overlap.
    """

    kind: Literal["lakes", "years"]
    train: np.ndarray
    test: np.ndarray


def clusters(samples: Samples) -> np.ndarray:
    """Return numbers of what goes together, int64 (sample,): the lake, or with few lakes the lake's year."""
    lakes, lake = np.unique(samples.lake.astype(str), return_inverse=True)
    if lakes.size >= MANY_LAKES:
        return lake.astype("int64")
    years, year = np.unique(samples.years, return_inverse=True)
    numbers: np.ndarray = lake.astype("int64") * years.size + year
    return numbers


def left_out(samples: Samples, horizon: int, groups: int) -> list[LeftOut]:
    """Return groups of lakes and runs of years to leave out in turn: each sample is left out once with its lake and once with its year.

    Floods are dealt over the groups of lakes. A part is dropped if no flood, or nothing but floods, is left to learn from.

    Parameters
    ----------
    horizon
        Days; samples so near to left-out years are not learnt from.
    groups
        Of lakes and of years each; fewer where there are fewer.
    """
    parts = [*_of_lakes(samples, horizon, groups), *_of_years(samples, horizon, groups)]
    return [part for part in parts if part.test.any() and _both(samples.labels[horizon][part.train])]


def _of_lakes(samples: Samples, horizon: int, groups: int) -> list[LeftOut]:
    names = np.unique(samples.lake.astype(str))
    if names.size < groups:
        return []
    floods = [floods_of(samples.take(samples.lake == name), horizon) for name in names]
    order = names[np.argsort(np.negative(floods), kind="stable")]
    dealt = {name: number % groups for number, name in enumerate(order)}
    group = np.array([dealt[str(name)] for name in samples.lake])
    return [LeftOut("lakes", group != number, group == number) for number in range(groups)]


def _of_years(samples: Samples, horizon: int, groups: int) -> list[LeftOut]:
    years = np.unique(samples.years)
    if years.size < 2:
        return []
    reach, found = np.timedelta64(horizon, "D"), []
    for run in np.array_split(years, min(groups, years.size)):
        first, after = np.datetime64(f"{run[0]}-01-01", "ns"), np.datetime64(f"{run[-1] + 1}-01-01", "ns")
        test = (samples.issue >= first) & (samples.issue < after)
        near = (samples.issue > first - reach) & (samples.issue < after + reach)
        found.append(LeftOut("years", ~near, test))
    return found


def _both(label: np.ndarray) -> bool:
    return bool((label == 1).any() and (label == 0).any())
