"""Which pixel-dates the parts of a split hold, by enumeration of the very windows that are trained on and scored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glaciercast.training import networks

if TYPE_CHECKING:
    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import PatchDataset
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import Part, TimeSplit

Cover = NDArray[np.bool_]
"""Pixel-dates, bool (step, y, x)."""


@dataclass(frozen=True)
class Overlap:
    """How many of the target pixel-dates of a part share a scene with something else.

    Attributes
    ----------
    pixel_dates
        Target pixels of the part, each step counted once.
    shared
        Those of them that another set holds as well, at a step whose composite shares a scene with theirs.
    """

    pixel_dates: int
    shared: int

    @classmethod
    def of(cls, targets: Cover, others: Cover, composite_length: int) -> Overlap:
        """Count the `targets` that share scenes with `others`: composites of L steps do if they are fewer than L steps apart."""
        return cls(int(targets.sum()), int((targets & _within(others, composite_length)).sum()))

    @property
    def share(self) -> float:
        """Share of the pixel-dates, 0 … 1."""
        return self.shared / self.pixel_dates if self.pixel_dates else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        return {**asdict(self), "share": self.share}


def covered(windows: PatchDataset, offsets: range, n_steps: int) -> Cover:
    """Return the pixel-dates of windows, at the steps ``issue + offset``: 1 … n_target are the targets, those up to 0 the past."""
    issues, origins = windows.places(np.arange(len(windows)))
    rows, columns = origins.T
    height, width = windows.size
    shape = windows.cache.shape
    cover = np.zeros((n_steps, *shape), bool)
    for step in range(n_steps):
        at = (issues + offsets.start <= step) & (step < issues + offsets.stop)
        corners = np.zeros((shape[0] + 1, shape[1] + 1), "int32")
        for sign, down, right in ((1, 0, 0), (-1, height, 0), (-1, 0, width), (1, height, width)):
            np.add.at(corners, (rows[at] + down, columns[at] + right), sign)
        cover[step] = corners.cumsum(0).cumsum(1)[:-1, :-1] > 0
    return cover


def scored(series: Series, task: Task, split: TimeSplit, part: Part, stride: int) -> Cover:
    """Return the target pixel-dates by which a part scores: those of its patches where it is a choice of them, else its whole scenes."""
    if not split.honest:
        return covered(networks.windows(series, task, split, part, stride), range(1, task.n_target + 1), series.n_steps)
    cover = np.zeros((series.n_steps, *series.shape), bool)
    mask = split.mask(part)
    for issue in split.issues(part):
        cover[issue + 1 : issue + 1 + task.n_target] = True if mask is None else mask
    return cover


def shown(series: Series, task: Task, split: TimeSplit, stride: int) -> Cover:
    """Return all pixel-dates of the windows that networks train on: targets, and the whole past that references read."""
    return covered(networks.windows(series, task, split, "train", stride), range(1 - task.history, task.n_target + 1), series.n_steps)


def fitted(series: Series, split: TimeSplit) -> Cover:
    """Return the pixel-dates of the frames from which statistics are fitted (`training.networks.training_data`)."""
    cover = np.zeros((series.n_steps, *series.shape), bool)
    mask = split.mask("train")
    cover[split.training_steps.start : split.training_steps.stop] = True if mask is None else mask
    return cover


def _within(cover: Cover, composite_length: int) -> Cover:
    """Return the pixel-dates fewer than `composite_length` steps away from those of `cover`."""
    near = cover.copy()
    for away in range(1, composite_length):
        near[away:] |= cover[:-away]
        near[:-away] |= cover[away:]
    return near
