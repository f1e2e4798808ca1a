"""Which scenes of a product are paired: by baseline, by what they show, and by the satellite's ground track."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from glaciercast.errors import InputError, unknown
from glaciercast.motion.network import pairs_of
from glaciercast.motion.pairs import PairConfig
from glaciercast.motion.tracks import TrackingConfig
from glaciercast.progress import note

if TYPE_CHECKING:
    import xarray as xr

TRACKS = (re.compile(r"^landsat-\d+_(\d{3})_\d{8}$"), re.compile(r"^sentinel-2[a-d]_(R\d{3})_\d{8}$"))
"""Scene identifiers, and in them the WRS path or the relative orbit."""


class OwnConfig(PairConfig):
    """How the scenes of a cube become velocity; vectors are closer together than between large rasters."""

    tracking: TrackingConfig = TrackingConfig(step=8, chips=(16, 24, 32, 48))
    max_speed: float | None = Field(
        default=1000.0, gt=0, description="m/yr, about the prior; sets the search of each pair by its baseline; null: tracking.search"
    )
    min_stable: int = Field(default=50, ge=3, description="vectors on stable ground that a correction takes; pairs with fewer are flagged")
    product: str | None = Field(default=None, description="which product under /optical; null: the only one")
    band: str = Field(default="nir", description="which band; near infrared keeps the contrast of snow and ice, and sees through thin haze")
    min_days: float = Field(default=10.0, ge=0, description="shortest baseline")
    max_days: float = Field(default=128.0, gt=0, description="longest baseline; a range about a year pairs scenes of one season only")
    max_pairs: int | None = Field(default=None, ge=1, description="most pairs, spread evenly over time; null: all")
    min_clear: float = Field(default=0.3, ge=0, le=1, description="least share of a scene that is clear")
    one_track: bool = Field(default=True, description="pair scenes of one WRS path or relative orbit only: others look from elsewhere")
    itslive_prior: bool = Field(default=True, description="search about the median of the ITS_LIVE pairs that were known before the year")
    keep_flagged: bool = Field(default=False, description="keep the vectors of pairs of which fewer than half are valid")

    @model_validator(mode="after")
    def _ordered(self) -> OwnConfig:
        if self.min_days > self.max_days:
            raise ValueError("expected min_days ≤ max_days")
        return self


class Chosen(NamedTuple):
    """Scenes to pair: earlier and later of each pair, int64 (pair,), in order of the later; and what was left out (reason → number)."""

    earlier: np.ndarray
    later: np.ndarray
    left_out: dict[str, int]


def product(cube: xr.DataTree, settings: OwnConfig) -> tuple[str, xr.Dataset]:
    """Return name and scenes of the optical product to track.

    Raises
    ------
    InputError
        If there is none, several and none is named, none of the name, or it lacks the band.
    """
    found = dict(cube.children["optical"].children) if "optical" in cube.children else {}
    if not found:
        raise InputError("cube: expected a product under /optical, found none")
    if settings.product is None and len(found) > 1:
        raise InputError(f"/optical: has several products; name one with --product: {', '.join(sorted(found))}")
    name = settings.product or next(iter(found))
    if name not in found:
        raise InputError(f"/optical: {unknown('product', name, found)}")
    scenes = found[name].to_dataset()
    bands = [str(key) for key, values in scenes.data_vars.items() if values.dims == ("time", "y", "x") and values.dtype.kind == "f"]
    if settings.band not in bands:
        raise InputError(f"/optical/{name}: {unknown('band', settings.band, bands)}")
    return name, scenes


def choose(scenes: xr.Dataset, clear: np.ndarray, settings: OwnConfig, until: date | None = None) -> Chosen:
    """Return the pairs of a product.

    Parameters
    ----------
    scenes
        ``scene_id`` and ``available_at`` (time,).
    clear
        Share of each scene that is clear, (time,).
    until
        Leave out scenes that could not be had by the end of this day.

    Raises
    ------
    InputError
        If no pair is left; the line says what the scenes were left out for.
    """
    counts = clear >= settings.min_clear
    left_out: dict[str, Any] = {"scenes too little clear": int((~counts).sum())}
    if until is not None:
        known = scenes["available_at"].values < np.datetime64(until) + np.timedelta64(1, "D")
        left_out["scenes available later"] = int((counts & ~known).sum())
        counts &= known
    kept = np.flatnonzero(counts)
    try:
        earlier, later = pairs_of(scenes["time"].values[kept], settings.min_days, settings.max_days)
    except InputError as error:
        raise InputError(f"{error} ({', '.join(f'{number} {reason}' for reason, number in left_out.items())})") from error
    earlier, later = kept[earlier], kept[later]
    if settings.one_track:
        tracks = track_of(scenes["scene_id"].values)
        same = tracks[earlier] == tracks[later]
        left_out["pairs of two tracks"] = int((~same).sum())
        earlier, later = earlier[same], later[same]
        if not len(later):
            raise InputError(f"pairs: none of {same.size} is of one ground track; own.one_track=false takes them all the same")
    if settings.max_pairs is not None and len(later) > settings.max_pairs:
        spread = np.unique(np.linspace(0, len(later) - 1, settings.max_pairs).round().astype(int))
        left_out["pairs beyond the most"] = len(later) - spread.size
        earlier, later = earlier[spread], later[spread]
    return Chosen(earlier, later, left_out)


def track_of(scene_ids: np.ndarray) -> np.ndarray:
    """Return the ground track of each scene, str (scene,): WRS path or relative orbit; the same for all if an identifier tells none.

    From another track the same relief leans another way, and the errors of the elevation model that orthorectified the scenes move with it.
    """
    found = [next((match[1] for pattern in TRACKS if (match := pattern.match(str(name)))), None) for name in scene_ids]
    if None in found:
        note(f"scene '{scene_ids[found.index(None)]}' does not tell its ground track: pairs of any two scenes count")
        return np.full(len(found), "")
    return np.array(found)
