"""Scenes too large to be tracked at once: tiles that overlap, on one grid of vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import matching
from glaciercast.motion.coarse import Both
from glaciercast.motion.tracks import TrackingConfig, Tracks, no_tracks

LARGEST, MARGIN = 4096, 64
"""Side of the largest scene that is tracked in one, pixels, and what tiles of a larger one overlap by beyond search and chip."""
FEWEST = 3
"""Steps along a side of the smallest tile that can be tracked: the last one may have but one vector."""
Masks = Both | None
Track = Callable[[np.ndarray, np.ndarray, Masks, Both | None, TrackingConfig], Tracks]


def in_tiles(first: np.ndarray, second: np.ndarray, masks: Masks, prior: Both | None, settings: TrackingConfig, track: Track) -> Tracks:
    """Return vectors of scenes too large to be held at once: tiles of `LARGEST` pixels overlap by what chips and search reach.

    `track` tracks one tile. The arrays may be lazy (memory maps, dask): only a tile of them is loaded at a time. A tile without usable
    texture, or without pixels that both scenes show, has no valid vectors.

    Raises
    ------
    InputError
        If tiles would overlap altogether, or none can be tracked; the reason is that of the first.
    """
    every = matching.lattice(first.shape, settings.step, settings.step)
    margin, core = spacing(settings)
    whole = no_tracks(every)
    refused: list[InputError] = []
    tiles = [(i, j) for i in range(0, every.rows.size, core) for j in range(0, every.columns.size, core)]
    for i, j in tiles:
        kept = slice(i, i + core), slice(j, j + core)
        spans = [
            slice(max(int(places[one][0]) - margin, 0), min(int(places[one][-1]) + margin, size))
            for places, one, size in zip((every.rows, every.columns), kept, first.shape, strict=True)
        ]
        part = spans[0], spans[1]
        try:
            found = track(
                np.asarray(first[part]),
                np.asarray(second[part]),
                None if masks is None else (np.asarray(masks[0][part]), np.asarray(masks[1][part])),
                None if prior is None else (np.asarray(prior[0][part]), np.asarray(prior[1][part])),
                settings,
            )
        except InputError as error:
            refused.append(error)
            continue
        put(found, part, whole, settings.step, kept)
    if len(refused) == len(tiles):
        raise refused[0]
    return whole


def spacing(settings: TrackingConfig) -> tuple[int, int]:
    """Return by how many pixels a tile reaches beyond its own vectors, and how many of them it has along a side.

    Raises
    ------
    InputError
        If search and chips reach so far that a tile has none.
    """
    step, chip = settings.step, settings.chips[-1]
    steps = int(np.ceil((settings.search + chip + MARGIN) / step))
    margin = max(steps, FEWEST) * step
    core = (LARGEST - 2 * margin) // step
    if core < 1:
        raise InputError(
            f"tracking: expected tiles of {LARGEST} pixels to overlap by at most {(LARGEST - step) // 2} on each side, found {margin} "
            f"(step {step}, search {settings.search:g}, chips {chip}); take smaller ones"
        )
    return margin, core


def put(found: Tracks, part: tuple[slice, slice], whole: Tracks, step: int, kept: tuple[slice, slice]) -> None:
    """Write the vectors of a tile that covers the pixels `part` to the nodes `kept` of `whole`."""
    shift = part[0].start // step, part[1].start // step
    inner = tuple(slice(one.start - by, one.start - by + size) for one, by, size in zip(kept, shift, whole.x[kept].shape, strict=True))
    for field in fields(Tracks):
        if field.name not in ("x", "y"):
            getattr(whole, field.name)[kept] = getattr(found, field.name)[inner]
