"""The arrays of a block of windows, in physical units, as both forms of a data set keep them."""

from __future__ import annotations

from typing import Any

import numpy as np

from glaciercast.dataset.plan import Plan, Rows
from glaciercast.patches.splits import Part

FIELDS = ("inputs", "inputs_observed", "targets", "targets_observed", "statics")
"""Arrays with y and x: float32; `statics` only where there are some."""
SECOND = np.timedelta64(1, "s")


def fields(plan: Plan, part: Part, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fields of the windows at the places `numbers` of a part's order.

    Returns
    -------
    dict
        float32: ``inputs``, ``inputs_observed`` (window, input step, variable, y, x), ``targets``, ``targets_observed`` (window, target
        step, target, y, x), and ``statics`` (window, static, y, x) where there are some. Values are NaN where nothing is known; observed
        fractions are 0 … 1, and 0 there.
    """
    made: dict[str, np.ndarray] = {}
    for rows in plan.rows(part, numbers):
        for name, values in _fields(plan, part, rows).items():
            out = made.setdefault(name, np.empty((len(numbers), *values.shape[1:]), "float32"))
            out[rows.at] = values
    return made


def _fields(plan: Plan, part: Part, rows: Rows) -> dict[str, np.ndarray]:
    from glaciercast.patches import augment

    batch = plan.pieces[part][rows.place][1].__getitems__(rows.indices.tolist())
    if rows.copy:
        if part != "train":
            raise AssertionError("only training windows are varied")
        views = augment.draw(plan.settings.augment, batch, plan.settings.seed, rows.copy)
        batch = views.batch(batch, plan.shape.variables)
    assert batch.target is not None and batch.target_weight is not None
    found = {
        "inputs": batch.past, "inputs_observed": batch.past_observed, "targets": batch.target, "targets_observed": batch.target_weight,
        "statics": batch.statics,
    }  # fmt: skip
    arrays = {name: np.asarray(tensor, "float32") for name, tensor in found.items() if tensor.shape[1]}
    arrays["inputs_observed"] = np.where(np.isnan(arrays["inputs"]), np.float32(0), arrays["inputs_observed"])
    return arrays


def tables(plan: Plan, part: Part) -> dict[str, np.ndarray]:
    """Return what tells when and where each window of a part is, in its order.

    Returns
    -------
    dict
        ``input_time``, ``target_time`` int64 (window, step), start of each step in seconds since 1970-01-01 UTC; ``available_at`` int64
        (window,), from when all inputs could be had; ``inputs_season``, ``targets_season`` float32 (window, step, 2), sine and cosine of
        the phase of the year; ``cube``, ``issue``, ``row``, ``column``, ``copy`` int64 (window,); ``x``, ``y`` (m in the cube's CRS) and
        ``longitude``, ``latitude`` (degree) float64 (window,), of the window's centre.
    """
    numbers = np.arange(plan.count(part))
    made: dict[str, np.ndarray] = {}
    for rows in plan.rows(part, numbers):
        for name, values in _tables(plan, part, rows).items():
            out = made.setdefault(name, np.empty((len(numbers), *values.shape[1:]), values.dtype))
            out[rows.at] = values
    return made


def _tables(plan: Plan, part: Part, rows: Rows) -> dict[str, np.ndarray]:
    number, windows = plan.pieces[part][rows.place]
    series = plan.places[number].series
    issue, origin = windows.places(rows.indices)
    before, after = (issue[:, None] + np.arange(*span) for span in ((1 - plan.shape.history, 1), (1, 1 + plan.shape.n_target)))
    starts = _seconds(series.starts.to_numpy())
    x, y, longitude, latitude = _centres(series.geobox, origin, plan.windows.patch)
    return {
        "input_time": starts[before], "target_time": starts[after],
        "available_at": _seconds(series.available_at)[before].max(1),
        "inputs_season": series.season[before], "targets_season": series.season[after],
        "cube": np.full(len(issue), number), "issue": issue, "row": origin[:, 0], "column": origin[:, 1],
        "copy": np.full(len(issue), rows.copy), "x": x, "y": y, "longitude": longitude, "latitude": latitude,
    }  # fmt: skip


def _seconds(times: np.ndarray) -> np.ndarray:
    return np.asarray(times.astype("M8[s]").astype("int64"))


def _centres(geobox: Any, origin: np.ndarray, patch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x and y (m) and longitude and latitude (degree) of the centres of patches, float64 (window,) each."""
    from pyproj import Transformer

    row, column = (origin + patch / 2).T
    affine = geobox.affine
    x, y = affine.a * column + affine.b * row + affine.c, affine.d * column + affine.e * row + affine.f
    longitude, latitude = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True).transform(x, y)
    return x, y, np.asarray(longitude), np.asarray(latitude)
