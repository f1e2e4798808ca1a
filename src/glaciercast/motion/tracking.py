"""Feature tracking: vectors of displacement between two scenes, each with its error, on a regular grid.

Texture is weighted by frequency (`filters`), found coarsely by normalised cross-correlation over a pyramid (`coarse`), then matched in
passes that deform both images by half of what is known (`matching`) with chips of several sizes, of which every vector takes the one of
least expected error (`chips`). A vector that can't be trusted is invalid, never guessed.
"""

from __future__ import annotations

import cv2
import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import chips, coarse, filters, matching, peaks, tracking_tiles, weighting
from glaciercast.motion.chips import Estimate
from glaciercast.motion.coarse import Both
from glaciercast.motion.matching import Deformed, Lattice, Pair
from glaciercast.motion.outliers import normalised_residual
from glaciercast.motion.tracks import TrackingConfig, Tracks

__all__ = ["TrackingConfig", "Tracks", "track"]

SMALLEST = 64
"""Pixels that the shorter side of a scene must have."""
ERODED = 2
"""Pixels around gaps that are not used: their texture is made up in part."""
AROUND = np.arange(-8, 9, 4)
"""Shifts, pixels, at which a matched chip is compared with its surroundings."""
LARGEST_COMPARED = 64
"""Side of the largest chip for that, pixels."""
EVERY = 1, 2
"""Nodes of the field that deforms the scenes, along each side, between two vectors: of one pass, which starts from a field that is coarser
than they are, and of several."""
ROWS = 256
"""Rows of a scene that are checked at once."""
SETTLED = 1.0, 0.15, 0.07
"""Pixels that the last pass may move a vector that converges: of one, two, three or more passes. What other ground, light or snow pulls at
goes on moving."""


def track(
    first: np.ndarray,
    second: np.ndarray,
    *,
    mask: np.ndarray | Both | None = None,
    prior: Both | None = None,
    settings: TrackingConfig | None = None,
) -> Tracks:
    """Return displacement from `first` to `second`.

    Parameters
    ----------
    first, second
        One band each on the same grid, any unit and contrast, (y, x); NaN is no data.
    mask
        True where pixels must not be used (cloud, shadow, water), bool (y, x); or one for each scene.
    prior
        Expected displacement to the right and downwards at each pixel, pixels, (y, x) each; NaN where unknown (0 is taken).
    settings
        Default: `TrackingConfig()`.

    Raises
    ------
    InputError
        If shapes differ, scenes are too small or the search or a chip too large for them, a scene is blank or masked altogether, no
        pixel is usable in both, or both scenes are the same.
    """
    settings = settings or TrackingConfig()
    if first.shape != second.shape or first.ndim != 2:
        raise InputError(f"tracking: expected two scenes of one shape (y, x), found {first.shape} and {second.shape}")
    masks = mask if isinstance(mask, tuple) or mask is None else (mask, mask)
    for one in masks or ():
        if one.shape != first.shape:
            raise InputError(f"tracking: expected a mask of {first.shape} pixels as the scenes, found {one.shape}")
    check_fit(first.shape, settings)
    if max(first.shape) > tracking_tiles.LARGEST:
        return tracking_tiles.in_tiles(first, second, masks, prior, settings, at_once)
    return at_once(first, second, masks, prior, settings)


def at_once(first: np.ndarray, second: np.ndarray, masks: Both | None, prior: Both | None, settings: TrackingConfig) -> Tracks:
    """Return displacement between scenes, or tiles of larger ones, that are held as a whole; the rest as for `track`."""
    first, second = np.asarray(first, "float32"), np.asarray(second, "float32")
    usable = checked(first, second, masks)
    every = EVERY[settings.passes > 1]
    nodes = matching.lattice(first.shape, settings.step // every, settings.step)
    images = filters.of_both(lambda one: filters.filled(*one), (first, usable[0]), (second, usable[1]))
    texture = weighting.Texture(images, filters.of_both(eroded, *usable))
    levels = coarse.levels(images, texture.usable, settings.search)
    field, at = coarse.descend(levels, settings.search, expected(prior, first.shape, nodes), nodes)
    reach = coarse.left(levels, settings.search)
    pair = texture.pair(filters.most_likely(texture.power, weighting.shared(images, texture, field, at, reach)))
    field = coarse.onto(pair, field, at, nodes, reach)
    estimates = []
    for chip in settings.chips:
        start = field if chip == settings.chips[0] else chips.smoothed(field, matching.sigma_of(chip) / nodes.step)
        estimate, deformed = chips.converge(pair, start, nodes, chip, settings.passes, settings.min_valid)
        estimates.append(estimate)
    return judged(deformed, chips.best(estimates, nodes), nodes, settings, every)


def check_fit(shape: tuple[int, ...], settings: TrackingConfig) -> None:
    """Refuse settings that scenes of a shape (y, x) are too small for; tiles of larger scenes may well be smaller.

    Raises
    ------
    InputError
        As `track` does.
    """
    least = max(SMALLEST, 3 * settings.step)
    if min(shape) < least:
        raise InputError(f"tracking: expected scenes of at least {least}×{least} pixels, found {shape[0]}×{shape[1]}")
    most = min(shape) // 2
    for name, found in (("search", settings.search), ("chips", settings.chips[0])):
        if found > most:
            raise InputError(f"tracking: expected {name} of at most {most} pixels, half the shorter side of the scenes, found {found:g}")


def checked(first: np.ndarray, second: np.ndarray, masks: Both | None) -> Both:
    """Return where each scene may be used, bool (y, x) each.

    Raises
    ------
    InputError
        As `track` does.
    """
    hidden = masks or (None, None)
    usable = filters.of_both(lambda one: filters.usable_of(*one), (first, hidden[0]), (second, hidden[1]))
    bands = [slice(top, top + ROWS) for top in range(0, first.shape[0], ROWS)]  # looked at no further than needed
    for name, values, where in zip(("first", "second"), (first, second), usable, strict=True):
        if not where.any():
            raise InputError(f"tracking: expected usable pixels in the {name} scene, found all {where.size} masked or without data")
        some = values[np.unravel_index(int(where.argmax()), where.shape)]
        if not any((where[band] & (values[band] != some)).any() for band in bands):
            raise InputError(f"tracking: expected texture in the {name} scene, found {some:g} at every usable pixel")
    if not any((usable[0][band] & usable[1][band]).any() for band in bands):
        raise InputError("tracking: expected pixels that both scenes show, found none")
    if not any((usable[0][band] & usable[1][band] & (first[band] != second[band])).any() for band in bands):
        raise InputError("tracking: expected two scenes of different dates, found the same values at every pixel")
    return usable


def eroded(usable: np.ndarray) -> np.ndarray:
    """Return what is usable and farther than `ERODED` pixels from what is not, bool (y, x)."""
    if usable.all():
        return usable
    size = 2 * ERODED + 1
    return cv2.erode(usable.astype("uint8"), np.ones((size, size), "uint8"), borderValue=1).astype(bool)


def expected(prior: Both | None, shape: tuple[int, ...], nodes: Lattice) -> np.ndarray | None:
    """Return the prior at the nodes (2, node y, node x), or None.

    Raises
    ------
    InputError
        If its shape is not that of the scenes.
    """
    if prior is None:
        return None
    for component in prior:
        if component.shape != shape:
            raise InputError(f"tracking: expected a prior of {shape} pixels as the scenes, found {component.shape}")
    at = np.ix_(nodes.rows, nodes.columns)
    return np.stack([np.nan_to_num(component[at]) for component in prior]).astype("float32")


def judged(images: Deformed, found: Estimate, nodes: Lattice, settings: TrackingConfig, every: int) -> Tracks:
    """Return the vectors at each `every`-th node, and which of them are believed; `images`: as the field deforms them."""
    kept = Lattice(nodes.rows[::every], nodes.columns[::every], settings.step)
    found = found.at(every)
    half = (min(int(np.median(found.chip)), LARGEST_COMPARED) - 1) // 2
    surface = matching.surfaces(Pair(images.first, images.second, images.seen, images.seen), kept, half, AROUND)
    snr, peak_ratio = peaks.standing_out(surface, AROUND.size // 2)
    dx, dy = found.field.astype("float64")
    error_x, error_y = np.sqrt(found.variance)
    valid = found.sound & (snr >= settings.min_snr) & (peak_ratio >= settings.min_peak_ratio)
    valid &= (found.last < SETTLED[min(settings.passes, len(SETTLED)) - 1]) & (np.maximum(error_x, error_y) <= settings.max_error)
    valid &= normalised_residual(dx, dy, valid) <= settings.max_residual  # NaN: too few neighbours vouch for it
    y, x = np.meshgrid(kept.rows.astype("float64"), kept.columns.astype("float64"), indexing="ij")
    numbers = [np.where(valid, layer, np.nan) for layer in (dx, dy, error_x, error_y)]
    return Tracks(x, y, numbers[0], numbers[1], numbers[2], numbers[3], snr, peak_ratio, found.chip, found.covered, valid)
