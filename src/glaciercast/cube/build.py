"""Raw scenes → ``/optical/<product>``: one date at a time, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import config, grid, schema, store
from glaciercast.cube import masks
from glaciercast.errors import InputError
from glaciercast.progress import note, track
from glaciercast.sources import rasters
from glaciercast.sources.recipe import Mask, Recipe
from glaciercast.sources.scene import Scene


def build_optical(recipe: Recipe, path: Path) -> dict[str, Any]:
    """Write the scenes of a recipe into the cube at `path`, taking up where an interrupted build stopped.

    Reflectance is kept wherever the product has data; ``clear`` says what the mask makes of it, so that another
    mask can be tried without reading the scenes again.

    Returns
    -------
    dict
        ``scenes``, ``clear_fraction`` (over all pixels and dates), ``first``, ``last``, ``resumed_at``.

    Raises
    ------
    InputError
        If the scenes cannot be read, no pixel of any scene is clear, or `path` was begun from other input.
    """
    source = rasters.RasterSource(recipe)
    group = f"/optical/{recipe.product}"
    store.create(path, schema.root_attributes(recipe.title or recipe.name))
    writer = store.RegionWriter(path, group, config.digest([config.plain(recipe), rasters.fingerprint(source)]))
    resumed_at = len(writer.done)
    if resumed_at and not writer.complete:
        note(f"{path}: {resumed_at} of {len(source.scenes)} scenes are there; going on")
    variables: dict[str, Any] = dict.fromkeys(recipe.bands, "float32")
    writer.begin(_coordinates(source), {**variables, "clear": "bool"})
    for step, ref in enumerate(track(source.scenes, "Building")):
        if step in writer.done:
            continue
        scene = source.read(ref)
        clear = clear_pixels(scene, recipe.mask)
        writer.write(step, {**scene.bands, "clear": clear}, scene_id=ref.scene_id, clear_fraction=float(clear.mean()))
    fractions = [entry["clear_fraction"] for entry in writer.done.values()]
    if not any(fractions):
        raise InputError(f"{recipe.files}: none of the {len(fractions)} scenes has a clear pixel under the recipe's mask")
    writer.end()
    return {
        "scenes": len(source.scenes),
        "clear_fraction": float(np.mean(fractions)),
        "first": str(source.scenes[0].time)[:10],
        "last": str(source.scenes[-1].time)[:10],
        "grid": grid.describe(source.geobox),
        "resumed_at": resumed_at,
    }


def clear_pixels(scene: Scene, rule: Mask) -> np.ndarray:
    """Return where the rule calls the scene clear and green and swir16 have data, bool (y, x)."""
    if rule.clear is not None:
        clear = masks.clear_by_class(scene.mask, rule.clear)
    else:
        assert rule.reject_bits is not None
        clear = masks.clear_by_bits(scene.mask, rule.reject_bits)
    has_data = np.isfinite(scene.bands["green"]) & np.isfinite(scene.bands["swir16"])
    usable: np.ndarray = clear & scene.mask_valid & has_data
    return usable


def _coordinates(source: rasters.RasterSource) -> xr.Dataset:
    recipe = source.recipe
    times = np.array([ref.time for ref in source.scenes], dtype="datetime64[ns]")
    unknown_shift = np.full(times.size, np.nan, "float32")
    return xr.Dataset(
        {
            "scene_id": ("time", np.array([ref.scene_id for ref in source.scenes], dtype=object)),
            "sensor": ("time", np.array([recipe.sensor] * times.size, dtype=object)),
            "shift_x": ("time", unknown_shift),
            "shift_y": ("time", unknown_shift),
            "available_at": ("time", times + pd.Timedelta(recipe.latency).to_timedelta64()),
        },
        coords={**grid.coordinates(source.geobox), "time": ("time", times, {"standard_name": "time", "axis": "T"})},
        attrs={
            "title": recipe.title or recipe.name,
            "recipe": json.dumps(config.plain(recipe) | {"files": Path(recipe.files).name}),
            "attribution": recipe.attribution,
            "comment": recipe.note,
            "is_glacier": int(recipe.is_glacier),
        },
    )
