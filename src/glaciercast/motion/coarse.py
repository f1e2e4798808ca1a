"""The first field: whole displacements by correlation over a pyramid, so that least-squares matching starts within a pixel."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from glaciercast.motion import filters, matching, peaks
from glaciercast.motion.matching import Lattice, Pair
from glaciercast.motion.outliers import blurred, normalised_residual, stood_in
from glaciercast.motion.textures import Transformed

Both = tuple[np.ndarray, np.ndarray]
"""The same of the first and of the second image."""
NEAR = 5
"""Pixels of a level within which the largest displacement has to lie for the search to begin there."""
HALF, STEP, LATER = 10, 8, 16
"""Half the side of a chip, and pixels between chips, of the coarsest level and of those that follow."""
AGAIN = 2
"""Pixels of a level that are searched around what the level above found."""
SMALLEST = 48
"""Pixels that the shorter side of a level must have."""
FAINT, DOUBTFUL = 0.1, 3.0
"""Correlation below which, and normalised residual above which, a vector is replaced by its neighbours."""


def levels(images: Both, usable: Both, search: float) -> list[tuple[Both, Both]]:
    """Return the pyramid from whole to coarse: images and where they are usable, each half as large as the one before.

    Parameters
    ----------
    images
        Without gaps (`filters.filled`), float32 (y, x) each.
    usable
        Where each may be used, bool (y, x).
    search
        Largest displacement along each axis that is looked for, pixels.
    """
    found = [(images, usable)]
    while search / 2 ** (len(found) - 1) >= NEAR and min(found[-1][0][0].shape) // 2 >= SMALLEST:
        found.append(_halved(*found[-1]))
    return found


def descend(pyramid: list[tuple[Both, Both]], search: float, prior: np.ndarray | None, nodes: Lattice) -> tuple[np.ndarray, Lattice]:
    """Return displacement by the coarser levels (all but the first), and the nodes that it is known at, both in whole pixels.

    Parameters
    ----------
    pyramid
        From `levels`.
    search
        As there; from the prior, where there is one.
    prior
        Expected displacement (2: columns, rows; node y, node x) at `nodes`, pixels, or None.
    """
    field = np.zeros((2, *nodes.shape), "float32") if prior is None else prior.astype("float32")
    at = nodes
    for level in range(len(pyramid) - 1, 0, -1):
        scale = 2**level
        apart = STEP if level == len(pyramid) - 1 else LATER
        grid = matching.lattice(pyramid[level][0][0].shape, apart, apart // 2)
        there = Lattice(grid.rows * scale, grid.columns * scale, grid.step * scale)  # a level keeps every second pixel of the one below
        reach = int(np.ceil(search / scale)) + 1 if level == len(pyramid) - 1 else AGAIN
        field = _searched(textured(*pyramid[level]), moved(field, at, there) / scale, grid, reach) * scale
        at = there
    return field, at


def left(pyramid: list[tuple[Both, Both]], search: float) -> int:
    """Return how far around what `descend` found the whole scenes have to be searched, pixels."""
    return AGAIN if len(pyramid) > 1 else int(np.ceil(search)) + 1


def onto(pair: Pair, field: np.ndarray, at: Lattice, nodes: Lattice, reach: int) -> np.ndarray:
    """Return displacement at `nodes` to about a quarter of a pixel, from a search of ±`reach` pixels about `field`."""
    grid = matching.lattice(pair.first.shape, LATER, LATER // 2)
    return moved(_searched(pair, moved(field, at, grid), grid, reach), grid, nodes)


def textured(images: Both, usable: Both) -> Pair:
    """Return the half-whitened texture of two images without gaps."""
    planes = Transformed(images[0], usable[0]), Transformed(images[1], usable[1])
    one, two = filters.of_both(Transformed.power, *planes)
    weight = filters.half_whitening(np.sqrt(one * two))
    first, second = filters.of_both(lambda plane: plane.texture(weight), *planes)
    return Pair(first, second, usable[0].view("uint8"), usable[1].view("uint8"))


def _searched(pair: Pair, field: np.ndarray, nodes: Lattice, reach: int) -> np.ndarray:
    """Return `field` plus where correlation peaks within ±`reach` of it, in pixels of the level, without outliers."""
    whole = np.rint(field).astype("int64")
    surface = matching.surfaces(pair, nodes, HALF, np.arange(-reach, reach + 1), whole)
    _, _, height = peaks.whole(surface)
    columns, rows = peaks.refined(surface, "gaussian")
    found = whole + np.stack([columns, rows]) - reach
    sound = height > FAINT
    sound &= ~(normalised_residual(found[0], found[1], sound) > DOUBTFUL)
    return np.stack([blurred(component, 0.7) for component in stood_in(found, sound)])


def _halved(images: Both, usable: Both) -> tuple[Both, Both]:
    """Return the next level: Gaussian means at every second pixel, usable where three quarters of what they average are."""
    first, second = filters.of_both(cv2.pyrDown, *images)
    ok1, ok2 = filters.of_both(_halved_mask, *usable)
    return (first, second), (ok1, ok2)


def _halved_mask(usable: np.ndarray) -> np.ndarray:
    if usable.all():
        return np.ones([-(-size // 2) for size in usable.shape], bool)
    return np.asarray(cv2.pyrDown(usable.astype("float32")) > 0.75)


def moved(field: np.ndarray, at: Lattice, to: Lattice) -> np.ndarray:
    """Return a field on other nodes, linear between its own and constant beyond them."""
    rows, columns = (to.rows - at.rows[0]) / at.step, (to.columns - at.columns[0]) / at.step
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([map_coordinates(component, grid, order=1, mode="nearest") for component in field]).astype("float32")
