"""Splits by space: blocks of whole patches with a margin of one patch between parts, at all times or together with a split by time.

Neighbouring pixels share their snow line, their slope and their weather. Within one scene, only blocks that a patch's width keeps apart
tell whether a network knows glaciers or has learnt this one by heart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from glaciercast import config
from glaciercast.errors import InputError, LeakError
from glaciercast.patches.splits import PARTS, Part, TimeSplit

DRAWS = 200
"""Drawings of blocks, of which the one that leaves the parts their shares best is taken."""
NOBODY = -1
NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class SpaceSplit(TimeSplit):
    """A split whose parts lie in other blocks of the scene; their targets may be of the same steps (see `everywhen`) or of later ones.

    Training reads nothing outside its own blocks. A forecast that is scored reads any pixel that was available at its issue time, but only
    the pixels of the part's blocks count. Parts of the same steps share their weather: such a split tells how far a model knows other
    places at known times, and only together with time does it say anything of the future.

    Attributes
    ----------
    pixels
        Part → its pixels, bool (y, x).
    patch
        Side of a patch, pixels: the least margin between two parts.
    """

    pixels: dict[Part, NDArray[np.bool_]]
    patch: int

    @property
    def name(self) -> str:  # type: ignore[override]
        """``space`` where all parts are of the same steps, ``both`` where they are kept apart in time as well."""
        return "space" if self.targets["train"] == self.targets["test"] else "both"

    def mask(self, part: Part) -> NDArray[np.bool_]:
        """Return the pixels of a part, bool (y, x)."""
        return self.pixels[part]

    def facts(self) -> dict[str, Any]:
        """Return the kind, and a digest of the pixels of each part."""
        packed = {part: np.packbits(self.pixels[part]).tobytes().hex() for part in PARTS}
        return {"kind": self.name, "pixels": config.digest(packed)}

    @property
    def sentence(self) -> str:
        """What keeps the parts apart, in one sentence."""
        shares = ", ".join(f"{self.pixels[part].mean():.0%} {part}" for part in PARTS)
        apart = "at the same times" if self.name == "space" else f"and {self.gap} steps that belong to none"
        return f"Split by space: blocks of the scene ({shares}), {self.patch} pixels between parts that belong to none, {apart}."


def everywhen(n_steps: int, *, n_input: int, n_target: int, history: int, composite_length: int = 1) -> TimeSplit:
    """Return the steps of a split by space alone: all parts have all of them, so by itself this split leaks.

    Raises
    ------
    InputError
        If the series is too short for one window.
    """
    if n_steps < history + n_target:
        raise InputError(f"the series has {n_steps} steps, fewer than the {history + n_target} that a window needs")
    steps = range(history, n_steps)
    return TimeSplit(dict.fromkeys(PARTS, steps), history, n_input, n_target, composite_length)


def by_space(
    times: TimeSplit, shape: tuple[int, int], patch: int, *, blocks: int = 4, fractions: tuple[float, float, float] = (0.6, 0.15, 0.25),
    seed: int = 0,
) -> SpaceSplit:  # fmt: skip
    """Share out a scene of `shape` pixels in blocks, and its steps as `times` does.

    The scene is cut into cells of one patch (the last of a row or column takes what is left over), these into blocks, and whole blocks are
    drawn for each part. Cells of training that touch another part, and cells of validation that touch the test part, belong to none.

    Parameters
    ----------
    times
        Steps of each part: `everywhen`, or `splits.by_time` for a split by both.
    blocks
        Blocks along the shorter side of the scene.
    fractions
        Shares of the blocks; margins are taken from training first.
    seed
        Of the drawing.

    Raises
    ------
    InputError
        If the scene is too small to leave each part a patch.
    """
    cells = shape[0] // patch, shape[1] // patch
    side = max(1, min(cells) // blocks)
    owners = max(_drawn(cells, side, fractions, seed), key=lambda drawn: _fairness(drawn, fractions))
    if _fairness(owners, fractions) == 0:
        raise InputError(
            f"split by space: a scene of {shape[0]}×{shape[1]} pixels holds {cells[0]}×{cells[1]} patches of {patch}, too few for three "
            "parts with a patch of margin between them; use smaller patches"
        )
    rows, columns = (np.minimum(np.arange(size) // patch, count - 1) for size, count in zip(shape, cells, strict=True))
    of_pixels = owners[np.ix_(rows, columns)]
    pixels = {part: of_pixels == number for number, part in enumerate(PARTS)}
    split = SpaceSplit(times.targets, times.history, times.n_input, times.n_target, times.composite_length, pixels, patch)
    check(split)
    return split


def check(split: SpaceSplit) -> None:
    """Check pixel by pixel that a whole patch fits between any two parts.

    Raises
    ------
    LeakError
        Naming the parts and their distance.
    """
    for number, part in enumerate(PARTS):
        away = ndimage.distance_transform_cdt(~split.pixels[part], metric="chessboard")
        for other in PARTS[number + 1 :]:
            between = int(away[split.pixels[other]].min()) - 1
            if between < split.patch:
                raise LeakError(f"{max(between, 0)} pixels lie between {part} and {other}, expected at least a patch of {split.patch}")


def _drawn(cells: tuple[int, int], side: int, fractions: tuple[float, float, float], seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield who owns each cell, int64 (row, column): number of the part, or `NOBODY` in the margins."""
    grid = tuple(max(1, count // side) for count in cells)
    rows, columns = (np.minimum(np.arange(count) // side, most - 1) for count, most in zip(cells, grid, strict=True))
    total = grid[0] * grid[1]
    few = [max(1, round(total * share / sum(fractions))) for share in fractions[1:]]
    parts = np.repeat([1, 2, 0], [*few, max(0, total - sum(few))])[:total]
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        owners = rng.permutation(parts).reshape(grid)[np.ix_(rows, columns)]
        touched = [ndimage.binary_dilation(owners >= number, NEIGHBOURS) & (owners < number) for number in (1, 2)]
        yield np.where(touched[0] | touched[1], NOBODY, owners)


def _fairness(owners: NDArray[np.int64], fractions: tuple[float, float, float]) -> float:
    """Return the least of what the parts hold, as a share of the cells that they should hold; 0 where one holds none."""
    return min(float((owners == number).sum()) / share for number, share in enumerate(fractions))
