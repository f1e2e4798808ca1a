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
from glaciercast.align import composite, daylight, seasons
from glaciercast.config import Config
from glaciercast.cube import gapfill, indices
from glaciercast.errors import InputError, unknown
from glaciercast.progress import track

GROUP = "/aligned"


class AlignConfig(Config):
    """How scenes become a regular series."""

    cadence: str = Field(default="MS", description="pandas frequency of the steps; MS is calendar months")
    fill_radius: int | None = Field(default=6, ge=0, description="how far to fill within a scene, pixels; null: no limit")
    product: str | None = Field(default=None, description="which product under /optical; needed where there are several")


def align(path: Path, settings: AlignConfig, replace: bool = False) -> dict[str, Any]:
    """Write ``/aligned`` of the cube at `path`: composites of NDSI, filled from neighbours, then from the past.

    A step's value at a pixel is the mean over the scenes of the step that saw it; where none did, the mean of what
    the 5×5 kernel fills in those scenes; else the step before, carried forward. Nothing is taken from later scenes. Where the sun is too
    low for optical data on every day of a step (polar winter), nothing is carried into it or over it: it stays missing.
    ``available_at`` is the end of the step, or the time at which its last scene could be had, if later, and never before the
    step before. `replace` removes an alignment with other settings first.

    Returns
    -------
    dict
        ``product``, ``steps``, ``steps_with_data``, ``dark_steps`` (polar winter), ``observed_fraction``.

    Raises
    ------
    InputError
        If the cube has several products and `settings` names none of them, or it was aligned otherwise.
    """
    cube = store.open_cube(path, unfinished_ok=(GROUP,))
    name, scenes = _product(path, cube, settings.product)
    edges = composite.windows(pd.Timestamp(scenes.time.values[0]), pd.Timestamp(scenes.time.values[-1]), settings.cadence)
    step_of_scene = edges.searchsorted(scenes.time.to_index(), side="right") - 1
    if replace:
        store.drop_group(path, GROUP)
    digest = config.digest([config.plain(settings), store.fingerprint(path, f"/optical/{name}")])
    writer = store.RegionWriter(path, GROUP, digest)
    credits = "; ".join(store.attributions(cube))
    writer.begin(_coordinates(scenes, edges, step_of_scene, settings, credits), {"ndsi": "float32", "ndsi_observed": "float32"})
    previous = _read_step(path, max(writer.done)) if writer.done else None
    dark = daylight.dark_steps(edges, grid.of(scenes, f"/optical/{name}"))
    for step in track(range(len(edges) - 1), "Aligning"):
        if step in writer.done:
            continue
        members = np.flatnonzero(step_of_scene == step)
        mean, observed = composite.mean_of(_ndsi(path, name, scenes, members, settings), scenes.clear.shape[1:])
        previous = mean if dark[step] else gapfill.carry_forward(mean, previous)
        writer.write(step, {"ndsi": previous, "ndsi_observed": observed}, scenes=len(members), observed=float(observed.mean()))
    writer.end()
    shares = [entry["observed"] for entry in writer.done.values()]
    return {
        "product": name,
        "steps": len(shares),
        "steps_with_data": int(np.count_nonzero(shares)),
        "dark_steps": int(np.count_nonzero(dark)),
        "observed_fraction": float(np.mean(shares)),
    }


def _product(path: Path, cube: xr.DataTree, wanted: str | None) -> tuple[str, xr.Dataset]:
    products = dict(store.optical_products(cube))
    if wanted is None and len(products) == 1:
        return next(iter(products.items()))
    if wanted is None:
        raise InputError(f"{path}: has several products under /optical; name one with --product: {', '.join(sorted(products))}")
    if wanted not in products:
        raise InputError(f"{path}: {unknown('product', wanted, products)}")
    return wanted, products[wanted]


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


def _coordinates(scenes: xr.Dataset, edges: pd.DatetimeIndex, step_of_scene: np.ndarray, settings: AlignConfig, credits: str) -> xr.Dataset:
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
        attrs={key: scenes.attrs[key] for key in ("title", "comment", "is_glacier") if key in scenes.attrs}
        | {
            "attribution": credits,
            "cadence": settings.cadence,
            "steps_per_year": seasons.steps_per_year(starts),
            "composite_length": 1,
            "schema": schema.VERSION,
        },
    )
