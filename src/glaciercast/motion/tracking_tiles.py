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
Masks = Both | None
Track = Callable[..., Tracks]


def in_tiles(first: np.ndarray, second: np.ndarray, masks: Masks, prior: Both | None, settings: TrackingConfig, track: Track) -> Tracks:
    """Return vectors of scenes too large to be held at once: tiles of `LARGEST` pixels overlap by what chips and search reach.

    `track` tracks one tile. The arrays may be lazy (memory maps, dask): only a tile of them is loaded at a time. A tile without usable
    texture has no valid vectors.

    Raises
    ------
    InputError
        If no tile can be tracked; the reason is that of the first.
    """
    every = matching.lattice(first.shape, settings.step, settings.step)
    margin = int(np.ceil((settings.search + settings.chips[-1] + MARGIN) / settings.step)) * settings.step
    core = (LARGEST - 2 * margin) // settings.step
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
                mask=None if masks is None else (np.asarray(masks[0][part]), np.asarray(masks[1][part])),
                prior=None if prior is None else (np.asarray(prior[0][part]), np.asarray(prior[1][part])),
                settings=settings,
            )
        except InputError as error:
            refused.append(error)
            continue
        put(found, part, whole, settings.step, kept)
    if len(refused) == len(tiles):
        raise refused[0]
    return whole


def put(found: Tracks, part: tuple[slice, slice], whole: Tracks, step: int, kept: tuple[slice, slice]) -> None:
    """Write the vectors of a tile that covers the pixels `part` to the nodes `kept` of `whole`."""
    shift = part[0].start // step, part[1].start // step
    inner = tuple(slice(one.start - by, one.start - by + size) for one, by, size in zip(kept, shift, whole.x[kept].shape, strict=True))
    for field in fields(Tracks):
        if field.name not in ("x", "y"):
            getattr(whole, field.name)[kept] = getattr(found, field.name)[inner]
