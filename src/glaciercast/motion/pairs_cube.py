"""Scenes of a cube → ``/velocity/own``: every pair of one product inside a range of baselines, block by block, resumable."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
import zarr

from glaciercast import config, grid, store
from glaciercast.motion import pairs_choice, pairs_work
from glaciercast.motion.pairs import vector_grid
from glaciercast.motion.pairs_choice import OwnConfig
from glaciercast.motion.pairs_work import VARIABLES, Work
from glaciercast.progress import note, track

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

GROUP = "/velocity/own"
BLOCK = 8
"""Pairs that are written at once, and that a killed run may have to track again."""
AXES = "vx and vy are along the axes of this group's own grid, whose cells have a vector each in their middle"


def write_own(path: Path, settings: OwnConfig | None = None, until: date | None = None, replace: bool = False) -> dict[str, Any]:
    """Track the pairs of one optical product of the cube at `path` and write ``/velocity/own``, going on where a killed run stopped.

    A pair is known when both of its scenes are. What moves on stable ground (``/terrain``'s ice, its buffer and the site's lake left out)
    is subtracted, and errors are rescaled by it. `replace` removes velocities of other settings first, and all series.

    Returns
    -------
    dict
        ``group``, ``product``, ``band``, ``scenes``, ``pairs``, ``left_out``, ``flagged`` (each with its dates and why), ``valid_share``
        and ``stable_nmad`` (m/yr; medians over the pairs that are not flagged, None where there is none), ``corrected`` (whether stable
        ground is known), ``grid`` and ``resumed_at`` (pairs).

    Raises
    ------
    InputError
        If the cube has no such product or band, no pair counts, or the group was begun from other input or settings.
    """
    settings = settings or OwnConfig()
    cube = store.open_cube(path, unfinished_ok=(GROUP, *store.series_groups(path)))
    name, _ = pairs_choice.product(cube, settings)
    work = pairs_work.of(path, cube, name, settings, until)
    if replace:
        for group in (*store.series_groups(path), GROUP):
            store.drop_group(path, group)
    at, number = vector_grid(work.place, settings.tracking.step), len(work.chosen.later)
    writer = store.RegionWriter(path, GROUP, _fingerprint(path, cube, name, settings, until), "restore them, or --replace it")
    block = min(BLOCK, number)
    writer.begin(_coordinates(work, at, name, until), VARIABLES, (block, *at.shape))
    resumed_at = sum(len(entry["pairs"]) for entry in writer.done.values())
    if resumed_at and not writer.complete:
        note(f"{path}: {resumed_at} of {number} pairs of {GROUP} are there; going on")
    for step, start in enumerate(track(range(0, number, block), "Tracking")):
        if step not in writer.done:
            pairs = range(start, min(start + block, number))
            arrays, facts = work.block(pairs, (at.shape.y, at.shape.x))
            writer.write(step, arrays, at=(slice(pairs.start, pairs.stop), *(slice(0, size) for size in at.shape)), pairs=facts)
    facts = [told for step in sorted(writer.done) for told in writer.done[step]["pairs"]]
    _tell_pairs(path, facts)
    writer.end()
    return {
        "group": GROUP,
        "product": name,
        "band": settings.band,
        "scenes": work.scenes.sizes["time"],
        "pairs": number,
        "left_out": work.chosen.left_out,
        **summary(facts),
        "corrected": work.still is not None,
        "grid": grid.describe(at),
        "resumed_at": resumed_at,
    }


def summary(facts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which pairs are flagged, and medians over the others."""
    kept = [told for told in facts if not told["flagged"]]
    ground = [told["stable_ground"] for told in kept if told["stable_ground"] is not None]
    nmad = [float(np.hypot(one["nmad_x"], one["nmad_y"]) / np.sqrt(2)) for one in ground]
    return {
        "flagged": [{key: told[key] for key in ("first", "second", "concern")} for told in facts if told["flagged"]],
        "valid_share": float(np.median([told["valid_share"] for told in kept])) if kept else None,
        "stable_nmad": float(np.median(nmad)) if nmad else None,
    }


def _fingerprint(path: Path, cube: xr.DataTree, name: str, settings: OwnConfig, until: date | None) -> str:
    groups = [f"/optical/{name}", "/terrain", *(["/velocity/itslive"] if settings.itslive_prior else [])]
    return config.digest([config.plain(settings), str(until), *(store.fingerprint(path, group) for group in groups)])


def _coordinates(work: Work, at: GeoBox, name: str, until: date | None) -> xr.Dataset:
    scenes, earlier, later = work.scenes, work.chosen.earlier, work.chosen.later
    times, known, sensors = (scenes[key].values for key in ("time", "available_at", "sensor"))
    unknown = np.full(len(later), np.nan, "float32")  # told by `_tell_pairs` when all are tracked
    columns: dict[str, np.ndarray] = {
        "acquired_first": times[earlier],
        "acquired_second": times[later],
        "available_at": np.maximum(known[earlier], known[later]),
        "satellite_first": sensors[earlier].astype(object),
        "satellite_second": sensors[later].astype(object),
        "stable_shift_x": unknown,
        "stable_shift_y": unknown.copy(),
        "flagged": np.zeros(len(later), bool),
    }
    return xr.Dataset(
        {key: ("pair", values) for key, values in columns.items()},
        coords=grid.coordinates(at),
        attrs={
            "title": f"Velocities tracked between {name} scenes",
            "source": f"/optical/{name}, band {work.settings.band}",
            "settings": json.dumps(config.plain(work.settings)),
            "until": "" if until is None else str(until),
            "comment": AXES,
            **{key: scenes.attrs[key] for key in ("attribution", "licence") if key in scenes.attrs},
        },
    )


def _tell_pairs(path: Path, facts: list[dict[str, Any]]) -> None:
    """Write what is known of each pair only once it is tracked."""
    group = zarr.open_group(path, path=GROUP.strip("/"), mode="r+")
    grounds = [told.get("stable_ground") or {} for told in facts]
    for axis in ("x", "y"):
        _fill(group, f"stable_shift_{axis}", np.array([ground.get(f"shift_{axis}", np.nan) for ground in grounds], "float32"))
    _fill(group, "flagged", np.array([told["flagged"] for told in facts]))


def _fill(group: zarr.Group, name: str, values: np.ndarray) -> None:
    array = group[name]
    assert isinstance(array, zarr.Array)
    array[:] = values
