"""ITS_LIVE image pairs → ``/velocity/itslive``: tile by tile with all pairs of a pixel, resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import config, grid, runs, schema, store
from glaciercast.errors import InputError
from glaciercast.progress import note, track
from glaciercast.sources import hrefs, itslive
from glaciercast.sources import itslive_quality as quality
from glaciercast.sources.itslive import ItsliveConfig
from glaciercast.sources.itslive_cube import Cube
from glaciercast.sources.itslive_window import Velocities

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

GROUP = "/velocity/itslive"
TILE_BYTES = 64 * 2**20
"""Of one float32 variable of a tile; some ten such arrays are in memory at a time."""
EDGES = (40, 20, 10)
"""Pixels along the side of a tile: multiples of the product's own chunks."""
PAIR_CHUNK = 1024
AXES = "vx and vy are along the axes of this group's own grid"
TWO_SIDED = "outliers and saturated baselines were judged by the whole series: for a forecast in hindsight, build up to its issue time"
VARIABLES = {"vx": "float32", "vy": "float32", "v_error": "float32"}


def build_velocity(
    items: Sequence[pystac.Item],
    settings: ItsliveConfig,
    target: GeoBox,
    reader: Reader,
    path: Path,
    *,
    title: str = "",
    period: tuple[date, date] | None = None,
    cache: Path | None = None,
    root: str | None = None,
) -> dict[str, Any]:
    """Write the image pairs of a site into the cube at `path`, taking up where an interrupted build stopped.

    The group keeps the product's own grid and CRS: 120 m pixels that the box touches, vx and vy along its axes. Pairs are in the order
    of their second acquisition; a pair is known only from then on, so ``available_at`` is that time and the latency. What the quality
    rules drop is NaN; there is no ceiling on the speed.

    Parameters
    ----------
    items, target, period, cache, root
        As for `itslive.find`. Without a cache, chunks at the edges of tiles are read more than once.
    title
        Of the cube, where it is new.

    Returns
    -------
    dict
        ``pairs``, ``found``, ``left_out`` (reason → pairs), ``observations``, ``dropped`` (rule → observations), ``left_out_cubes``,
        ``first``, ``last``, ``grid``, ``resumed_at`` (tiles) and ``facts`` of each cube.

    Raises
    ------
    InputError
        If no pair counts or has a valid pixel in the box, or `path` was begun from other input.
    SourceError
        If a server fails after every try; the same call goes on from there.
    """
    found = itslive.find(items, target, reader, settings, period, cache, root)
    try:
        return _write(found, settings, path, title)
    finally:
        found.close()


def _write(found: Velocities, settings: ItsliveConfig, path: Path, title: str) -> dict[str, Any]:
    edge = tile_edge(len(found.pairs))
    found, left_out = _seen_in_box(found, settings, edge)
    condemned, restored = quality.stable_ground(found.pairs, settings.quality)
    if condemned.any():
        left_out["stable ground"] = int(condemned.sum())
        found, restored = found.keep(~condemned), restored[~condemned]
    if not len(found.pairs):
        words = ", ".join(f"{number} for their {reason}" for reason, number in left_out.items())
        raise InputError(f"{_names(found)}: none of its image pairs counts in the box ({words}); allow more in 'itslive'")
    facts = [_fact(part.cube, settings) for part in found.parts]
    writer = _begin(found, settings, path, title, edge)
    resumed_at = len(writer.done)
    if resumed_at and not writer.complete:
        note(f"{path}: {resumed_at} tiles of {GROUP} are there; going on")
    places = list(tiles(found.grid.shape, edge))
    for step, (rows, columns) in enumerate(track(places, "Velocity")):
        if step not in writer.done:
            arrays, counts = clean(found, restored, settings, rows, columns)
            writer.write(step, arrays, at=(slice(0, len(found.pairs)), rows, columns), counts=counts, items=facts if step == 0 else [])
    writer.end()
    entries = [entry["counts"] for entry in writer.done.values()]
    counts = {rule: sum(entry[rule] for entry in entries) for rule in entries[0]}
    return {
        "pairs": len(found.pairs),
        "found": len(found.pairs) + sum(left_out.values()),
        "left_out": left_out,
        "restored": int(restored.sum()),
        "observations": counts.pop("observations"),
        "dropped": counts,
        "left_out_cubes": list(found.left_out),
        "first": str(found.pairs["first"].min())[:10],
        "last": str(found.pairs["second"].max())[:10],
        "grid": grid.describe(found.grid),
        "resumed_at": resumed_at,
        "facts": facts,
    }


def clean(
    found: Velocities, restored: np.ndarray, settings: ItsliveConfig, rows: slice, columns: slice
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Read a tile and apply the quality rules.

    Parameters
    ----------
    restored
        Pairs whose stable-ground shift is added back, bool (pair,).

    Returns
    -------
    tuple
        vx, vy, v_error, float32 (pair, y, x), m/yr, NaN where there is none or a rule dropped it; and how many ``observations`` are left
        and how many each rule dropped.
    """
    rules = settings.quality
    vx, vy, error = (found.read(name, rows, columns) for name in VARIABLES)
    for values, shift in ((vx, "stable_x"), (vy, "stable_y")):
        values[restored] += found.pairs[shift].to_numpy(np.float32)[restored, None, None]
    if rules.registration_error:
        error = np.hypot(error, quality.registration_error(found.pairs, restored)[:, None, None])
    half = np.isfinite(vx) != np.isfinite(vy)
    drops = {"half a vector": half}
    _drop(half, vx, vy)
    if rules.saturation:
        drops["saturation"] = quality.saturated(vx, vy, found.pairs)
        _drop(drops["saturation"], vx, vy)
    if rules.outliers:
        middle = found.pairs["first"] + (found.pairs["second"] - found.pairs["first"]) / 2
        drops["outlier"] = quality.outliers(vx, vy, middle.to_numpy(), rules)
        _drop(drops["outlier"], vx, vy)
    error[~np.isfinite(vx)] = np.nan
    counts = {"observations": int(np.isfinite(vx).sum()), **{rule: int(drop.sum()) for rule, drop in drops.items()}}
    return {"vx": vx, "vy": vy, "v_error": error}, counts


def tile_edge(pairs: int) -> int:
    """Return the pixels along the side of a tile, so that memory is bounded whatever the number of pairs."""
    return next((edge for edge in EDGES if pairs * edge**2 * 4 <= TILE_BYTES), EDGES[-1])


def tiles(shape: Sequence[int], edge: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of the tiles of a grid, row by row."""
    for top in range(0, shape[0], edge):
        for left in range(0, shape[1], edge):
            yield slice(top, min(top + edge, shape[0])), slice(left, min(left + edge, shape[1]))


def _drop(where: np.ndarray, *arrays: np.ndarray) -> None:
    for values in arrays:
        values[where] = np.nan


def _seen_in_box(found: Velocities, settings: ItsliveConfig, edge: int) -> tuple[Velocities, dict[str, int]]:
    """Leave out the pairs that show too little of the box; a cube of 100 km holds many that show none."""
    seen = np.zeros(len(found.pairs), int)
    for rows, columns in track(list(tiles(found.grid.shape, edge)), "Counting pairs"):
        seen += np.isfinite(found.read("vx", rows, columns)).sum(axis=(1, 2))
    share = seen / (found.grid.shape[0] * found.grid.shape[1])
    enough = (seen > 0) & (share >= settings.min_valid_in_box)
    left_out = dict(found.dropped)
    if not enough.all():
        left_out["coverage"] = int((~enough).sum())
    return found.keep(enough), left_out


def _begin(found: Velocities, settings: ItsliveConfig, path: Path, title: str, edge: int) -> store.RegionWriter:
    corner = [found.grid.affine.c, found.grid.affine.f, *found.grid.shape]
    pairs = found.pairs.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S")
    inputs = [config.plain(settings), [part.cube.item_id for part in found.parts], grid.crs_name(found.grid), corner, edge, pairs]
    store.create(path, schema.root_attributes(title or "ITS_LIVE velocities"))
    writer = store.RegionWriter(path, GROUP, config.digest(inputs))
    chunks = (min(PAIR_CHUNK, len(found.pairs)), *(min(edge, size) for size in found.grid.shape))
    writer.begin(_coordinates(found, settings), VARIABLES, chunks)
    return writer


def _coordinates(found: Velocities, settings: ItsliveConfig) -> xr.Dataset:
    import xarray as xr

    pairs = found.pairs
    second = pairs["second"].to_numpy("datetime64[ns]")
    columns: dict[str, np.ndarray] = {
        "acquired_first": pairs["first"].to_numpy("datetime64[ns]"),
        "acquired_second": second,
        "available_at": second + pd.Timedelta(settings.latency).to_timedelta64(),
        "satellite_first": pairs["satellite_first"].to_numpy(object),
        "satellite_second": pairs["satellite_second"].to_numpy(object),
        "stable_shift_x": pairs["stable_x"].to_numpy(np.float32),
        "stable_shift_y": pairs["stable_y"].to_numpy(np.float32),
    }
    return xr.Dataset(
        {name: ("pair", values) for name, values in columns.items()},
        coords=grid.coordinates(found.grid),
        attrs={
            "title": "ITS_LIVE image-pair velocities",
            "source": ", ".join(part.cube.item_id for part in found.parts),
            "settings": json.dumps(config.plain(settings)),
            "attribution": itslive.ATTRIBUTION,
            "licence": itslive.LICENCE,
            "comment": "; ".join([AXES, TWO_SIDED, *found.left_out]),
        },
    )


def _fact(cube: Cube, settings: ItsliveConfig) -> dict[str, Any]:
    href = hrefs.redact(cube.location) if hrefs.is_remote(cube.location) else cube.location
    return {"item": cube.item_id, "asset": settings.asset, "href": href, "accessed": runs.now()}


def _names(found: Velocities) -> str:
    return ", ".join(part.cube.item_id for part in found.parts)
