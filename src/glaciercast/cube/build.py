"""Raw scenes → ``/optical/<product>``: one date at a time, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import config, grid, schema, store
from glaciercast.cube import masks, optical
from glaciercast.progress import note
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
    _tell_simultaneous(source.scenes)
    group = f"/optical/{recipe.product}"
    store.create(path, schema.root_attributes(recipe.title or recipe.name))
    variables: dict[str, Any] = {**dict.fromkeys(recipe.bands, "float32"), "clear": "bool"}
    attributes = {
        "title": recipe.title or recipe.name,
        "recipe": json.dumps(config.plain(recipe) | {"files": Path(recipe.files).name}),
        "attribution": recipe.attribution,
        "comment": recipe.note,
        "is_glacier": int(recipe.is_glacier),
    }
    coords = optical.coordinates(source.scenes, [recipe.sensor] * len(source.scenes), source.geobox, recipe.latency, attributes)

    writer = store.RegionWriter(path, group, config.digest([config.plain(recipe), rasters.fingerprint(source)]))

    def put(step: int, ref: rasters.FileRef) -> None:
        scene = source.read(ref)
        clear = clear_pixels(scene, recipe.mask)
        writer.write(step, {**scene.bands, "clear": clear}, scene_id=ref.scene_id, clear_fraction=float(clear.mean()))

    entries, resumed_at = optical.write(writer, coords, variables, source.scenes, put)
    fractions = [entry["clear_fraction"] for entry in entries]
    return {
        "scenes": len(source.scenes),
        "clear_fraction": float(np.mean(fractions)),
        "first": str(source.scenes[0].time)[:10],
        "last": str(source.scenes[-1].time)[:10],
        "grid": grid.describe(source.geobox),
        "resumed_at": resumed_at,
    }


def _tell_simultaneous(scenes: list[rasters.FileRef]) -> None:
    """Say how many scenes share their second with another: two tiles of one overpass do, and so does a scene that is there twice."""
    seconds = np.array([ref.time for ref in scenes], "datetime64[s]")
    found, count = np.unique(seconds, return_counts=True)
    if twice := int((count - 1).sum()):
        when = str(found[count > 1][0]).replace("T", " ")
        note(f"{twice} of {len(scenes)} scenes {'has' if twice == 1 else 'have'} the time of another ({when}); each counts")


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
