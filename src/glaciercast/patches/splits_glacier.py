"""Splits by glacier: several cubes, of which one is left out, and what is tested there comes after all that was trained on."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import InputError, LeakError, unknown
from glaciercast.patches import splits
from glaciercast.patches.splits import PARTS, Part, TimeSplit

if TYPE_CHECKING:
    import pandas as pd
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class GlacierSplit(TimeSplit):
    """What one glacier contributes when one is left out: training and validation windows, or the test windows.

    Neighbouring glaciers share their weather, so the parts are kept apart in time as well, by the dates of the glacier that is left out.
    Nothing is fitted on that one: of the baselines, those that read the past of a pixel alone are scored there.

    Attributes
    ----------
    held_out
        Whether it is the glacier that is left out.
    """

    held_out: bool = False
    name: ClassVar[str] = "glacier"

    @property
    def training_steps(self) -> range:
        """The steps from which anything may be fitted; none of the glacier that is left out."""
        return range(0) if self.held_out else range(self.targets["train"].stop)

    def issues(self, part: Part) -> np.ndarray:
        """Return the issue steps of a part's windows, int64: test windows of the glacier that is left out, the others of the rest."""
        return super().issues(part) if (part == "test") == self.held_out else np.zeros(0, "int64")

    def facts(self) -> dict[str, Any]:
        """Return the kind, and whether this glacier is left out."""
        return {"kind": self.name, "held_out": self.held_out}

    @property
    def sentence(self) -> str:
        """What keeps the parts apart, in one sentence."""
        return f"Split by glacier: the one that is tested was left out of training, which ended {self.gap} steps or more before."


def by_glacier(
    starts: Mapping[str, pd.DatetimeIndex], held_out: str, *, n_input: int, n_target: int, history: int, composite_length: int = 1,
    fractions: tuple[float, float, float] = (0.6, 0.15, 0.25),
) -> dict[str, GlacierSplit]:  # fmt: skip
    """Leave one of several glaciers out: the others train and validate before it is tested.

    Parameters
    ----------
    starts
        Glacier → first day of each of its steps; all of one cadence.
    held_out
        The glacier that is left out; the split by time is that of its series.
    composite_length
        The longest of all cubes.

    Raises
    ------
    InputError
        If the glacier is unknown, its series is too short, the cadences differ, or no other glacier has windows to train and validate on.
    """
    if held_out not in starts:
        raise InputError(unknown("glacier", held_out, starts))
    home = starts[held_out]
    for name, own in starts.items():
        if not own[(own >= home[0]) & (own <= home[-1])].isin(home).all():
            raise InputError(f"{name}: expected steps that begin on the days of those of {held_out}, found another cadence")
    times = splits.by_time(
        len(home), n_input=n_input, n_target=n_target, history=history, composite_length=composite_length, fractions=fractions
    )
    lengths = (history, n_input, n_target, composite_length)
    made = {
        name: GlacierSplit({part: _same_dates(home, times, part, own) for part in PARTS}, *lengths, name == held_out)
        for name, own in starts.items()
    }
    if not any(len(split.issues("train")) and len(split.issues("validation")) for split in made.values()):
        raise InputError(
            f"leave out '{held_out}': no other glacier has windows to train and validate on before "
            f"{home[times.targets['test'].start]:%Y-%m-%d}"
        )
    return made


def check_apart(boxes: Mapping[str, GeoBox]) -> None:
    """Check that no two cubes show the same ground: a pixel of one could be remembered in the other.

    Raises
    ------
    InputError
        Naming two cubes whose grids overlap.
    """
    extents = {name: box.extent.to_crs("EPSG:6933") for name, box in boxes.items()}
    names = list(extents)
    for number, name in enumerate(names):
        for other in names[number + 1 :]:
            if extents[name].intersection(extents[other]).area > 0:
                raise InputError(f"the cubes of {name} and {other} show the same ground; leave neither out of the other's training")


def check_dates(starts: Mapping[str, pd.DatetimeIndex], made: Mapping[str, GlacierSplit]) -> int:
    """Check by enumeration that all that is read of the others ends a gap before the first test target of the glacier that is left out.

    Parameters
    ----------
    starts, made
        As of `by_glacier`: first days of the steps, and the split of each glacier.

    Returns
    -------
    int
        Steps between the last target, or frame that statistics are fitted on, of any other glacier and the first test target. The gap that
        they must fill holds the length of a composite.

    Raises
    ------
    LeakError
        Naming the glacier and the day that comes too near.
    """
    home = next(name for name, split in made.items() if split.held_out)
    days = functools.reduce(lambda one, two: one.union(two), starts.values())
    first = int(days.get_indexer(starts[home][_target_steps(made[home], "test")]).min())
    apart = []
    for name, split in made.items():
        steps = np.concatenate([_target_steps(split, "train"), _target_steps(split, "validation"), np.array(split.training_steps, "int64")])
        between = first - days.get_indexer(starts[name][steps]) - 1
        if (between < split.gap).any():
            day = f"{starts[name][steps[between.argmin()]]:%Y-%m-%d}"
            raise LeakError(f"{name}: {day} is trained on, {between.min()} steps before the test part of {home}, expected {split.gap}")
        apart += between.tolist()
    return min(apart)


def _target_steps(split: GlacierSplit, part: Part) -> NDArray[np.int64]:
    """Return the step of every target of every window of a part, int64."""
    return (split.issues(part)[:, None] + np.arange(1, split.n_target + 1)).ravel()


def _same_dates(home: pd.DatetimeIndex, times: TimeSplit, part: Part, own: pd.DatetimeIndex) -> range:
    """Return the steps of a series within the dates of a part of another, of training those before it too; the first serve as history."""
    steps = times.targets[part]
    first = 0 if part == "train" else int(own.searchsorted(home[steps.start]))
    stop = len(own) if steps.stop == len(home) else int(own.searchsorted(home[steps.stop]))
    return range(min(max(first, times.history), stop), stop)
