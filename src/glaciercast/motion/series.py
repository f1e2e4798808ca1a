"""Image pairs in a cube → ``/velocity/<source>_series``: the regular series of each pixel, tile by tile, resumable."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import config, grid, store
from glaciercast.cube.velocity import tile_edge, tiles
from glaciercast.errors import InputError, unknown
from glaciercast.motion.annual import invert_with_season, long_steps
from glaciercast.motion.inversion import InversionConfig, Series, invert
from glaciercast.motion.network import edges_of
from glaciercast.progress import note, track

VARIABLES = dict.fromkeys(("vx", "vy", "vx_error", "vy_error", "vx_observed", "vy_observed"), "float32")
FIT = {
    **dict.fromkeys(("closure", "residual_scale", "change_along", "change_across"), "float32"),
    "pair_count": "uint32",
    "rejected_count": "uint32",
}
SEASONLESS = (
    "a season of each pixel, alike in all years, was fitted to the pairs and taken out of them, as the steps are too long to show it"
)
HINDSIGHT = "every step was inverted with the pairs before and after it: a forecast from this series is a hindcast"


def write_series(path: Path, source: str, settings: InversionConfig | None = None, until: date | None = None) -> dict[str, Any]:
    """Invert the pairs under ``/velocity/<source>`` of a cube; write ``/velocity/<source>_series`` and ``…_series_fit`` beside them.

    Every step rests on pairs before and after it, so that all of them are available only when the last pair is: ``available_at`` is one
    time. The series as it was known on a day is that of the pairs `until` then. ``vx_observed`` and ``vy_observed`` are the share of a
    step that pairs span: 0 where the smoothing alone fills it. ``…_series_fit`` says of each pixel what its series rests on. Steps that are
    too long to show the season, such as years, are inverted from the pairs without it (`annual`).

    Parameters
    ----------
    path
        The cube. A series that an interrupted run began is gone on with.
    source
        Name of the pairs under ``/velocity``, such as ``itslive`` or ``own``.
    settings
        How they are inverted.
    until
        Leave out pairs that could not be had by the end of this day (default: none).

    Returns
    -------
    dict
        ``group``, ``steps``, ``pairs``, ``left_out``, ``pixels`` (that have a series), ``closure_m`` and ``residual_scale`` (medians over
        them, None where there is none), ``resumed_at`` (tiles).

    Raises
    ------
    InputError
        If the cube has no such pairs, none counts, or the series was begun from other input or settings.
    """
    settings = settings or InversionConfig()
    pairs = _counted(_pairs(path, source), source, settings, until)
    first, second = (pairs[name].values.astype("datetime64[ns]") for name in ("acquired_first", "acquired_second"))
    edges, native = edges_of(first, second, settings.cadence), grid.of(pairs, f"/velocity/{source}")
    edge = tile_edge(len(first))
    inputs = config.digest([config.plain(settings), store.fingerprint(path, f"/velocity/{source}"), str(until), edge])
    series, fit = (store.RegionWriter(path, f"/velocity/{source}_{part}", inputs) for part in ("series", "series_fit"))
    side = tuple(min(edge, size) for size in native.shape)
    series.begin(_coordinates(pairs, edges, settings, until), VARIABLES, (len(edges) - 1, *side))
    fit.begin(xr.Dataset(coords=grid.coordinates(native)), FIT, side)
    resumed_at = len(fit.done)
    if resumed_at and not fit.complete:
        note(f"{path}: {resumed_at} tiles of {series.group} are there; going on")
    for step, (rows, columns) in enumerate(track(list(tiles(native.shape, edge)), "Inverting")):
        if step not in fit.done:
            tile = pairs.isel(y=rows, x=columns)
            observed = (tile["vx"].values, tile["vy"].values, tile["v_error"].values, first, second)
            found = invert_with_season(*observed, edges, settings).series if long_steps(edges) else invert(*observed, edges, settings)
            series.write(step, _steps(found), at=(slice(0, len(edges) - 1), rows, columns))
            fit.write(step, _fit(found), at=(rows, columns))
    series.end()
    fit.end()
    facts = xr.open_zarr(path, group=fit.group, consolidated=False).load()
    inverted = np.isfinite(facts["closure"].values)
    return {
        "group": series.group,
        "steps": len(edges) - 1,
        "pairs": len(first),
        "pixels": int(inverted.sum()),
        **{
            name: float(np.median(facts[of].values[inverted])) if inverted.any() else None
            for name, of in (("closure_m", "closure"), ("residual_scale", "residual_scale"))
        },
        "resumed_at": resumed_at,
    }


def _pairs(path: Path, source: str) -> xr.Dataset:
    """Return the pairs of a source; the series that an interrupted run began may be unfinished."""
    cube = store.open_cube(path, unfinished_ok=store.series_groups(path))
    known = (
        [name for name, node in cube.children["velocity"].children.items() if "pair" in node.dims] if "velocity" in cube.children else []
    )
    if source not in known:
        raise InputError(
            f"{path}: " + (unknown("source of pairs under /velocity", source, known) if known else "has no pairs under /velocity")
        )
    return cube["velocity"][source].to_dataset()


def _counted(pairs: xr.Dataset, source: str, settings: InversionConfig, until: date | None) -> xr.Dataset:
    first, second, known = (pairs[name].values.astype("datetime64[ns]") for name in ("acquired_first", "acquired_second", "available_at"))
    counts = settings.counts(first, second)
    if until is not None:
        counts &= known < np.datetime64(until) + np.timedelta64(1, "D")
    if not counts.any():
        days = f"{settings.min_span_days:g} to {settings.max_span_days:g} days"
        known_by = "" if until is None else f" and were available by {until}"
        raise InputError(f"/velocity/{source}: expected pairs that span {days}{known_by}, found none among {len(first)}")
    return pairs.isel(pair=np.flatnonzero(counts))


def _coordinates(pairs: xr.Dataset, edges: pd.DatetimeIndex, settings: InversionConfig, until: date | None) -> xr.Dataset:
    times = edges.to_numpy("datetime64[ns]")
    known = pairs["available_at"].values.astype("datetime64[ns]").max()
    return xr.Dataset(
        {
            "time_bounds": (("time", "bounds"), np.stack([times[:-1], times[1:]], axis=1)),
            "available_at": ("time", np.full(len(times) - 1, known)),
        },
        coords={
            **grid.coordinates(grid.of(pairs, "pairs")),
            "time": ("time", times[:-1], {"standard_name": "time", "axis": "T", "bounds": "time_bounds"}),
        },
        attrs={
            "title": "Regular series of velocity, inverted from image pairs",
            "settings": json.dumps(config.plain(settings)),
            "until": "" if until is None else str(until),
            "looks_ahead": 1,
            "comment": f"{HINDSIGHT}; {SEASONLESS}" if long_steps(edges) else HINDSIGHT,
            **{key: pairs.attrs[key] for key in ("source", "attribution", "licence") if key in pairs.attrs},
        },
    )


def _steps(found: Series) -> dict[str, np.ndarray]:
    return {
        "vx": found.vx,
        "vy": found.vy,
        "vx_error": found.error_x,
        "vy_error": found.error_y,
        "vx_observed": found.observed,
        "vy_observed": found.observed,
    }


def _fit(found: Series) -> dict[str, np.ndarray]:
    return {
        "closure": found.closure.astype(np.float32),
        "residual_scale": found.scale.astype(np.float32),
        "change_along": found.change_along.astype(np.float32),
        "change_across": found.change_across.astype(np.float32),
        "pair_count": found.pairs.astype(np.uint32),
        "rejected_count": found.rejected.astype(np.uint32),
    }
