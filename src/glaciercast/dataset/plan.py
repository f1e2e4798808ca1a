"""Which windows a data set holds: those of each part, in their order."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glaciercast.dataset.config import DatasetConfig
from glaciercast.patches.splits import PARTS, Part, TimeSplit, WindowConfig

if TYPE_CHECKING:
    from glaciercast.patches.sampling import PatchDataset
    from glaciercast.patches.series import Series


class Shape(NamedTuple):
    """What cutting windows asks for (`patches.sampling.WindowShape`)."""

    n_target: int
    history: int
    variables: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """One cube of a data set.

    Attributes
    ----------
    name
        Of the cube's run folder.
    credits
        Attribution and licence → texts, each once, of all products in the cube.
    """

    name: str
    path: Path
    series: Series
    split: TimeSplit
    credits: dict[str, list[str]]


class Rows(NamedTuple):
    """Windows of one block, all of one place and of one copy: their indices in the place's windows of the part, and where they go."""

    place: int
    copy: int
    indices: np.ndarray
    at: np.ndarray


@dataclass(frozen=True, eq=False)
class Plan:
    """All windows of a data set; nothing of them is read before `patches`' datasets are asked."""

    settings: DatasetConfig
    windows: WindowConfig
    places: tuple[Place, ...]

    @property
    def shape(self) -> Shape:
        """Extent and variables of a window, the targets first."""
        return Shape(self.settings.n_target, self.settings.n_input, self.windows.variables, self.windows.targets)

    @functools.cached_property
    def pieces(self) -> dict[Part, list[tuple[int, PatchDataset]]]:
        """Part → the windows of each place that has some, without varied copies."""
        made = {part: [(number, self._cut(place, part)) for number, place in enumerate(self.places)] for part in PARTS}
        return {part: [(number, windows) for number, windows in pieces if len(windows)] for part, pieces in made.items()}

    def _cut(self, place: Place, part: Part) -> PatchDataset:
        """Return a part's windows at one place: training every `stride` pixels, the others side by side."""
        from glaciercast.patches import sampling

        series, split, patch = place.series, place.split, self.windows.patch
        origins = sampling.patch_origins(series.shape, patch, self.windows.stride if part == "train" else patch)
        mask, issues = split.mask(part), split.issues(part)
        if mask is not None:
            origins = sampling.origins_within(origins, mask, patch)
        return sampling.PatchDataset(
            series.cache, issues, origins, self.shape, series.season, series.season_index, (patch, patch), series.statics
        )

    def copies(self, part: Part) -> int:
        """Return how many varied copies of each window a part holds: none but in training."""
        return self.settings.augment.copies if part == "train" else 0

    def count(self, part: Part) -> int:
        """Return how many windows a part holds, varied copies included."""
        return len(self.orders[part])

    @functools.cached_property
    def orders(self) -> dict[Part, np.ndarray]:
        """Part → the numbers copy · windows + window in the order of the part, int64; training windows are shuffled."""
        made = {}
        for part in PARTS:
            total = sum(len(windows) for _, windows in self.pieces[part])
            made[part] = np.arange(total * (1 + self.copies(part)))
        np.random.default_rng(self.settings.seed).shuffle(made["train"])
        return made

    def rows(self, part: Part, numbers: np.ndarray) -> list[Rows]:
        """Return where the windows at the places `numbers` of a part's order come from, grouped by place and copy."""
        lengths = np.array([len(windows) for _, windows in self.pieces[part]])
        copy, window = np.divmod(self.orders[part][numbers], lengths.sum())
        last = np.cumsum(lengths)
        piece = np.asarray(np.searchsorted(last, window, side="right"))
        found = []
        for which, varied in sorted(set(zip(piece.tolist(), copy.tolist(), strict=True))):
            at = np.flatnonzero((piece == which) & (copy == varied))
            found.append(Rows(which, varied, window[at] - (last - lengths)[which], at))
        return found
