"""``/optical`` → ``/aligned``: one regular series that never looks ahead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from glaciercast import config, grid, schema, store
from glaciercast.align import composite, seasons
from glaciercast.config import Config
from glaciercast.cube import gapfill, indices
from glaciercast.errors import InputError
from glaciercast.progress import track

GROUP = "/aligned"


class AlignConfig(Config):
    """How scenes become a regular series."""

    cadence: str = Field(default="MS", description="pandas frequency of the steps; MS is calendar months")
    fill_radius: int | None = Field(default=6, ge=0, description="how far to fill within a scene, pixels; null: no limit")


def align(path: Path, settings: AlignConfig, replace: bool = False) -> dict[str, Any]:
    """Write ``/aligned`` of the cube at `path`: composites of NDSI, filled from neighbours, then from the past.

    A step's value at a pixel is the mean over the scenes of the step that saw it; where none did, the mean of what
    the 5×5 kernel fills in those scenes; else the step before, carried forward. Nothing is taken from later scenes.
    ``available_at`` is the end of the step, or the time at which its last scene could be had, if later, and never before the
    step before. `replace` removes an alignment with other settings first.

    Returns
    -------
    dict
        ``steps``, ``steps_with_data``, ``observed_fraction``.

    Raises
    ------
    InputError
        If the cube has several products (harmonising them is not this function's business) or was aligned otherwise.
    """
    cube = store.open_cube(path, unfinished_ok=(GROUP,))
    products = list(store.optical_products(cube))
    if len(products) != 1:
        raise InputError(f"{path}: expected one product under /optical, found {', '.join(name for name, _ in products)}")
    name, scenes = products[0]
    edges = composite.windows(pd.Timestamp(scenes.time.values[0]), pd.Timestamp(scenes.time.values[-1]), settings.cadence)
    step_of_scene = edges.searchsorted(scenes.time.to_index(), side="right") - 1
    if replace:
        store.drop_group(path, GROUP)
    digest = config.digest([config.plain(settings), store.fingerprint(path, f"/optical/{name}")])
    writer = store.RegionWriter(path, GROUP, digest)
    writer.begin(_coordinates(scenes, edges, step_of_scene, settings), {"ndsi": "float32", "ndsi_observed": "float32"})
    previous = _read_step(path, max(writer.done)) if writer.done else None
    for step in track(range(len(edges) - 1), "Aligning"):
        if step in writer.done:
            continue
        members = np.flatnonzero(step_of_scene == step)
        mean, observed = composite.mean_of(_ndsi(path, name, scenes, members, settings), scenes.clear.shape[1:])
        previous = gapfill.carry_forward(mean, previous)
        writer.write(step, {"ndsi": previous, "ndsi_observed": observed}, scenes=len(members), observed=float(observed.mean()))
    writer.end()
    shares = [entry["observed"] for entry in writer.done.values()]
    return {"steps": len(shares), "steps_with_data": int(np.count_nonzero(shares)), "observed_fraction": float(np.mean(shares))}


def _ndsi(
    path: Path, product: str, scenes: xr.Dataset, members: np.ndarray, settings: AlignConfig
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for member in members:
        scene = scenes[["green", "swir16", "clear"]].isel(time=int(member)).load()
        store.check_date(path, f"/optical/{product}", int(member), {str(key): scene[key].values for key in scene.data_vars})
        values = np.where(scene.clear.values, indices.ndsi(scene.green.values, scene.swir16.values), np.float32(np.nan))
        yield values, gapfill.fill_spatially(values, settings.fill_radius)


def _read_step(path: Path, step: int) -> np.ndarray:
    import zarr

    array = zarr.open_group(path, path=GROUP.strip("/"), mode="r")["ndsi"]
    assert isinstance(array, zarr.Array)
    return np.asarray(array[step])


def _coordinates(scenes: xr.Dataset, edges: pd.DatetimeIndex, step_of_scene: np.ndarray, settings: AlignConfig) -> xr.Dataset:
    starts, ends = edges[:-1], edges[1:]
    sine, cosine = seasons.encode(starts + (ends - starts) / 2)
    available = ends.to_numpy("datetime64[ns]").copy()
    np.maximum.at(available, step_of_scene, scenes.available_at.values.astype("datetime64[ns]"))
    available = np.maximum.accumulate(available)  # a step carries values forward from the steps before it
    bounds = np.stack([starts.to_numpy("datetime64[ns]"), ends.to_numpy("datetime64[ns]")], axis=1)
    return xr.Dataset(
        {
            "season_sin": ("time", sine),
            "season_cos": ("time", cosine),
            "available_at": ("time", available),
            "time_bounds": (("time", "bounds"), bounds),
        },
        coords={
            **grid.coordinates(grid.of(scenes, "/optical")),
            "time": ("time", bounds[:, 0], {"standard_name": "time", "axis": "T", "bounds": "time_bounds"}),
        },
        attrs={key: scenes.attrs[key] for key in ("title", "attribution", "comment", "is_glacier") if key in scenes.attrs}
        | {"cadence": settings.cadence, "steps_per_year": seasons.steps_per_year(starts), "composite_length": 1, "schema": schema.VERSION},
    )
