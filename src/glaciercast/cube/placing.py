"""Where the staged scenes of a build lie, found once and kept, and the scenes moved there.

The reference is made of one product's first years and kept beside the cube (``cube.reference.zarr``); the products that follow are laid
onto the same. ``places-<product>.jsonl`` holds a line a scene, so that a build that was interrupted does not match again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import config
from glaciercast.cube import registration
from glaciercast.cube.coregister_move import Match
from glaciercast.cube.references import References
from glaciercast.cube.registration import Frame, Registration
from glaciercast.cube.shading import Relief
from glaciercast.cube.staging import Staging
from glaciercast.cube.survey import Job
from glaciercast.progress import note, track

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

REFERENCE = "cube.reference.zarr"
NUMBERS = ("columns", "rows", "correlation", "valid", "error")
"""What of a match is a number, or NaN."""


@dataclass(frozen=True)
class Ground:
    """What scenes are laid onto: where the ground does not move, bool (y, x), None where unknown; and the relief, where it is known."""

    stable: np.ndarray | None
    relief: Relief | None

    @classmethod
    def of(cls, terrain: Mapping[str, np.ndarray], ice: np.ndarray | None, resolution: float) -> Ground:
        """Return the ground of a site from ``/terrain`` and the glacier's outline, bool (y, x)."""
        known = {"elevation", "slope", "aspect"} <= set(terrain)
        relief = Relief(terrain["elevation"], terrain["slope"], terrain["aspect"], resolution) if known else None
        return cls(None if ice is None else ~ice, relief)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        layers = [] if self.relief is None else [self.relief.elevation, self.relief.slope, self.relief.aspect]
        told = hashlib.sha256(str([self.stable is None, len(layers)]).encode())
        for array in (*([] if self.stable is None else [self.stable]), *layers):
            told.update(np.ascontiguousarray(array).tobytes())
        return told.hexdigest()


def places(
    settings: Registration, jobs: Sequence[Job], staging: Staging, ground: Ground, folder: Path, product: str, rules: str
) -> list[Match]:
    """Return where each scene lies; those without a line in ``places-<product>.jsonl`` are matched, and have to wait in the staging.

    Parameters
    ----------
    jobs
        Number and overpass of each scene that counts.
    folder
        That of the cube.
    rules
        A hash of what the scenes were made by: lines and references of others are not taken.
    """
    file = folder / f"places-{product}.jsonl"
    key = config.digest([rules, config.plain(settings), ground.digest, [overpass.scene_id for _, overpass in jobs]])
    found = _read(file, key)
    missing = [job for job in jobs if job[1].scene_id not in found]
    if missing:
        reference = _reference(settings, jobs, staging, ground, folder)
        for job in track(missing, f"Placing {product}"):
            scene_id = job[1].scene_id
            found[scene_id] = reference.place(_frame(job, staging, settings))
            _append(file, key, scene_id, found[scene_id])
    made = [found[overpass.scene_id] for _, overpass in jobs]
    refused = [(overpass.scene_id, match.reason) for (_, overpass), match in zip(jobs, made, strict=True) if not match.accepted]
    for scene_id, reason in refused:
        note(f"{scene_id}: not co-registered, left where it was: {reason}")
    return made


def shifts(matches: Sequence[Match], target: GeoBox) -> dict[str, tuple[str, np.ndarray]]:
    """Return ``registered``, and ``shift_x`` and ``shift_y`` in m eastward and northward, NaN where a scene was left where it was."""
    metres = np.array([match.metres(tuple(target.affine)) if match.accepted else (np.nan, np.nan) for match in matches], "float32")
    accepted = np.array([match.accepted for match in matches])
    return {"shift_x": ("time", metres[:, 0]), "shift_y": ("time", metres[:, 1]), "registered": ("time", accepted)}


def known(available: np.ndarray, folder: Path, latency: pd.Timedelta | str) -> np.ndarray:
    """Return when placed scenes could be had, datetime64[ns] (time,): not before the last frame of the reference that placed them."""
    import zarr

    frames = np.asarray(zarr.open_group(folder / REFERENCE, mode="r")["times"]).astype("datetime64[ns]")
    if not frames.size:
        return available
    last = (pd.Timestamp(frames.max()) + pd.Timedelta(latency)).ceil("s").to_datetime64()  # cubes keep seconds
    later: np.ndarray = np.maximum(available, last)
    return later


def moved(staging: Staging, number: int, match: Match, target: GeoBox) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays (y, x) of a staged scene at its place, and its facts with those of the match."""
    arrays, facts = staging.arrays(number), {**staging.facts(number), "registration": registration.facts(match, tuple(target.affine))}
    if not match.accepted:
        return arrays, facts
    arrays = registration.apply(arrays, match)
    arrays["clear"] &= np.isfinite(arrays["green"]) & np.isfinite(arrays["swir16"])  # what came from beyond the edge shows nothing
    return arrays, {**facts, "clear_fraction": float(arrays["clear"].mean())}


def _reference(settings: Registration, jobs: Sequence[Job], staging: Staging, ground: Ground, folder: Path) -> References:
    """Return the reference of the site, made from these scenes unless an earlier product, or run, has made it."""
    path = folder / REFERENCE
    key = config.digest([config.plain(settings), staging.shape[1:], ground.digest])
    relief = ground.relief if settings.relief else None
    kept = References.load(path, key, settings, relief)
    if kept is not None:
        return kept
    first = registration.chosen(np.array([overpass.time for _, overpass in jobs]), settings)
    frames = (_frame(job, staging, settings) for job, use in zip(jobs, first, strict=True) if use)
    made = References.build(frames, ground.stable, settings, relief)
    made.save(path, key)
    return made


def _frame(job: Job, staging: Staging, settings: Registration) -> Frame:
    number, overpass = job
    arrays = staging.arrays(number, (settings.band, "clear"))
    return Frame(overpass.time, arrays[settings.band], arrays["clear"], overpass.sun)


def _append(file: Path, key: str, scene_id: str, match: Match) -> None:
    numbers = {name: _plain(getattr(match, name)) for name in NUMBERS}
    entry = {
        "key": key,
        "scene_id": scene_id,
        **numbers,
        "matrix": match.matrix.tolist(),
        "accepted": match.accepted,
        "reason": match.reason,
    }
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")


def _read(file: Path, key: str) -> dict[str, Match]:
    """Return the matches that are kept, by scene; a last line that was cut short is dropped, and from the file too."""
    found = {}
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, encoding="utf-8")
    for line in whole.splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["key"] == key:
            numbers = {name: np.nan if entry[name] is None else entry[name] for name in NUMBERS}
            match = Match(**numbers, matrix=np.array(entry["matrix"]), accepted=entry["accepted"], reason=entry["reason"])
            found[entry["scene_id"]] = match
    return found


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
