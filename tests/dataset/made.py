"""Aligned cubes with known values, written straight into a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from glaciercast import grid, schema, store
from glaciercast.align import seasons
from glaciercast.dataset.config import DatasetConfig
from glaciercast.workflow import datasets

SMALL = {"n_input": 3, "n_target": 2, "patch": 8, "shard": 16}
CREDIT, LICENCE = "© the satellites", "https://example.org/licence"


def values(name: str, months: int, shape: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values and observed fractions of a variable, float32 (month, y, x): no two values are alike; some are filled, some unknown."""
    random = np.random.default_rng([seed, list(schema.ALIGNED_VARIABLES).index(name)])
    scale = {"ndsi": 0.3, "ndwi": 0.2, "lst_day": 5.0, "lst_night": 5.0}.get(name, 40.0)
    offset = 270.0 if name.startswith("lst") else 0.0
    field = (offset + scale * random.standard_normal((months, *shape))).clip(-0.95 if scale < 1 else None, 0.95 if scale < 1 else None)
    observed = random.choice([0.0, 0.5, 1.0], (months, *shape)).astype("float32")
    field = np.where((observed == 0) & (random.random(field.shape) < 0.2), np.nan, field)
    return field.astype("float32"), observed


def cube(
    folder: Path, name: str = "home", *, months: int = 28, shape: tuple[int, int] = (20, 24),
    variables: tuple[str, ...] = ("ndsi", "vx", "vy"),
    seed: int = 0, east: float = 499980.0, span_days: int = 32, changed: slice | None = None,
    repeats: bool = False,
) -> Path:  # fmt: skip
    """Write a run folder with a cube that has `/aligned` alone; the values of the months `changed` are other ones; or years `repeats`."""
    path = folder / name / "cube.zarr"
    box = GeoBox.from_bbox((east, 3999990, east + 30 * shape[1], 3999990 + 30 * shape[0]), "EPSG:32643", resolution=30)
    starts = pd.date_range("2015-01-01", periods=months + 1, freq="MS")
    middles = starts[:-1] + (starts[1:] - starts[:-1]) / 2
    sine, cosine = seasons.encode(middles)
    height = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype("float32")
    series = {
        "season_sin": ("time", sine.astype("float32")), "season_cos": ("time", cosine.astype("float32")),
        "time_bounds": (("time", "bounds"), np.stack([starts[:-1], starts[1:]], 1)), "elevation": (("y", "x"), height),
        **{key: ("time", starts[1:].to_numpy()) for key in ("available_at", "velocity_available_at", "temperature_available_at")},
    }  # fmt: skip
    attrs = {"title": f"Made {name}", "attribution": CREDIT, "licence": LICENCE, "cadence": "MS", "steps_per_year": 12,
             "composite_length": 1, "velocity_span_days": span_days, "looks_ahead": 0}  # fmt: skip
    arrays: dict[str, np.ndarray] = {}
    for variable in variables:
        field, observed = values(variable, months, shape, seed)
        if changed is not None:
            other, seen = values(variable, months, shape, seed + 1)
            field[changed], observed[changed] = other[changed], seen[changed]
        if repeats:  # a year like every other, fully seen
            season = 0.6 * np.cos(2 * np.pi * np.arange(months) / 12)[:, None, None] + 0.02 * np.nan_to_num(field)
            field, observed = season.astype("float32"), np.ones_like(observed)
        arrays |= {variable: field, variable + schema.OBSERVED: observed}
    store.create(path, schema.root_attributes(name))
    writer = store.RegionWriter(path, "/aligned", "made")
    coords = xr.Dataset(series, coords={**grid.coordinates(box), "time": starts[:-1]}, attrs=attrs)
    writer.begin(coords, {key: array.dtype for key, array in arrays.items()}, None)
    for month in range(months):
        writer.write(month, {key: array[month] for key, array in arrays.items()})
    writer.end()
    return folder / name


def exported(cubes: Path | list[Path], out: Path, replace: bool = False, **changes) -> dict:
    """Export a data set with small windows."""
    return datasets.export_dataset(cubes, out, DatasetConfig.model_validate({**SMALL, **changes}), replace=replace)


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
