"""Files of velocities → places: zones and points of a grid along the mean flow of each pixel, or single series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.explore import looks, speedups, velocity
from glaciercast.explore.looks import Place, fewest_of
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.velocities import Read
from glaciercast.explore.velocity import Motion
from glaciercast.explore.velocity_files import Field
from glaciercast.explore.zones import SURFACES, WHOLE, Zone, Zones
from glaciercast.motion import season
from glaciercast.sources import itslive_quality
from glaciercast.sources.itslive_quality import QualityRules

AROUND = 1
"""Pixels to each side of a point that are averaged with it."""
CLEANED = (
    "Of the pairs {saturated:.1f} % of the vectors were left out as of baselines over which fast ice is lost, {outliers:.1f} % as outliers "
    "(the producers' rules)."
)


def of(field: Field, settings: ExploreConfig) -> Read:
    """Return the places of a file.

    Raises
    ------
    InputError
        If a point lies outside the grid.
    """
    if len(field.axes) < 2:
        return Read(field.title, field.paired, field.paired, _series(field, settings), (field.note,) if field.note else ())
    shape = next(iter(field.parts.values())).shape[1:]
    where = _zones(field.ice, shape)
    parts, cleaned = _cleaned(field, settings)
    notes = [note for note in (field.note, *cleaned) if note]
    main = parts["vx"] + parts["vy"] if "vx" in parts else parts["speed"]
    error, left_out, words = looks.errors_of(parts.get("error"), np.isfinite(main))
    told = [words] if words else []
    motion = None
    along = parts.get("speed")
    if along is None:
        enough = settings.model_copy(update={"fewest_pairs": fewest_of(settings, field.paired)})
        motion = velocity.fitted(parts["vx"], parts["vy"], error, field.first, field.second, where, enough)
        along = _along(parts, motion, settings)
    else:
        told.append(looks.only_speeds(along, None if words else error))
    masks = {zone.name: (zone.surface, where.index == number) for number, zone in enumerate(where.zones)}
    masks |= {name: ("point", _around(name, at, field)) for name, at in settings.velocities.points.items()}
    places = [
        _place(name, kind, inside, field, parts, along, error, motion, tuple(told), left_out, settings)
        for name, (kind, inside) in masks.items()
    ]
    if motion is not None:
        motion = _outside_surges(motion, along, error, places, fewest_of(settings, field.paired), settings)
    x, y = field.axes[1], field.axes[0]
    return Read(field.title, field.paired, False, tuple(places), tuple(notes), motion, where, (x, y))


def _outside_surges(
    motion: Motion, along: np.ndarray, error: np.ndarray, places: list[Place], fewest: int, settings: ExploreConfig
) -> Motion:
    """Return the fits with the season of each pixel from looks outside the surges of all zones: a surge is no season."""
    quiet = np.ones(len(along), bool)
    for place in places:
        if place.kind != "point":
            events, _ = speedups.surges(place.speed, settings.velocities.surge, settings.level)
            quiet &= speedups.outside(events, place.first, place.second)
    if quiet.all():
        return motion
    fit = season.fit(along[quiet], error[quiet], motion.first[quiet], motion.second[quiet], fewest)
    return replace(motion, along=fit)


def _series(field: Field, settings: ExploreConfig) -> tuple[Place, ...]:
    if not field.axes:
        return (looks.place_of(field.title, "point", field.first, field.second, field.parts, settings, field.paired),)
    return tuple(
        looks.place_of(
            str(name), "point", field.first, field.second, {key: array[:, k] for key, array in field.parts.items()}, settings, field.paired
        )
        for k, name in enumerate(field.axes[0])
    )


def _zones(ice: np.ndarray | None, shape: tuple[int, ...]) -> Zones:
    if ice is None:
        return Zones((Zone(WHOLE),), np.zeros(shape, np.int16), None, None)
    surfaces = [Zone(name) for name in SURFACES][: 1 if ice.all() else 2]
    return Zones(tuple(surfaces), np.where(ice, 0, 1).astype(np.int16), None, ice.astype(np.float32))


def _cleaned(field: Field, settings: ExploreConfig) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the parts without what the producers' rules leave out of image pairs, and what is to be said of it."""
    parts = dict(field.parts)
    if not (field.paired and settings.velocities.clean and "vx" in parts):
        return parts, []
    days = (field.second - field.first) / np.timedelta64(1, "D")
    pairs = pd.DataFrame({"days": days, "family": field.families or ["unknown"] * len(days)})
    vx, vy = (parts[key].astype(np.float32) for key in ("vx", "vy"))
    seen = np.isfinite(vx) & np.isfinite(vy)
    lost = itslive_quality.saturated(vx, vy, pairs) & seen
    vx[lost | ~seen], vy[lost | ~seen] = np.nan, np.nan
    off = itslive_quality.outliers(vx, vy, (field.first + (field.second - field.first) / 2), QualityRules())
    keep = np.isfinite(vx) & np.isfinite(vy) & ~off
    parts |= {key: np.where(keep, parts[key], np.nan) for key in ("vx", "vy")}
    share = {"saturated": 100 * lost.sum() / max(seen.sum(), 1), "outliers": 100 * off.sum() / max(seen.sum(), 1)}
    return parts, [CLEANED.format(**share)]


def _along(parts: dict[str, np.ndarray], motion: Motion, settings: ExploreConfig) -> np.ndarray:
    east, north = velocity.direction(motion.east, motion.north, settings)
    along: np.ndarray = east * parts["vx"] + north * parts["vy"]
    return along


def _around(name: str, at: tuple[float, float], field: Field) -> np.ndarray:
    """Return the pixels about a point, bool (y, x)."""
    y, x = (np.asarray(axis, np.float64) for axis in field.axes)
    column, row = (int(np.abs(axis - value).argmin()) for axis, value in ((x, at[0]), (y, at[1])))
    for axis, place, value in ((x, column, at[0]), (y, row, at[1])):
        if len(axis) > 1 and abs(axis[place] - value) > abs(axis[1] - axis[0]):
            raise InputError(
                f"velocities.points.{name}: expected x from {x.min():g} to {x.max():g} and y from {y.min():g} to {y.max():g}, found {at}"
            )
    inside = np.zeros((len(y), len(x)), bool)
    inside[max(row - AROUND, 0) : row + AROUND + 1, max(column - AROUND, 0) : column + AROUND + 1] = True
    return inside


def _place(
    name: str, kind: str, inside: np.ndarray, field: Field, parts: dict[str, np.ndarray], along: np.ndarray, error: np.ndarray,
    motion: Motion | None, told: tuple[str, ...], left_out: int, settings: ExploreConfig,
) -> Place:  # fmt: skip
    values, spread = velocity.zone_series(along, error, inside)
    looked, fewest = np.isfinite(error[:, inside]).any(axis=1), fewest_of(settings, field.paired)
    if not np.isfinite(values).any() and motion is not None:
        few = f"{looked.sum()} looks: a direction of flow takes {fewest}"
        told = (*told, few if looked.sum() < fewest else "no direction of flow in enough of its pixels")
    mean = None
    if motion is not None:
        east, north = (
            float(np.nanmean(fit.mean[inside])) if np.isfinite(fit.mean[inside]).any() else np.nan for fit in (motion.east, motion.north)
        )
        mean = (east, north)
    speed = speedups.speeds(field.first, field.second, values, spread, field.paired)
    if not field.paired and motion is not None and speed is not None:
        speed = _median_speed(field, parts, inside)
    return Place(name, kind, field.first, field.second, values, spread, looked, mean, speed, int(inside.sum()), told, left_out)


def _median_speed(field: Field, parts: dict[str, np.ndarray], inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median over the pixels of the speed at each step, as `glaciercast motion` looks for surges in."""
    speed = np.hypot(parts["vx"][:, inside], parts["vy"][:, inside])
    seen = np.isfinite(speed).any(axis=1)
    middle = field.first + (field.second - field.first) / 2
    return middle[seen], np.nanmedian(speed[seen], axis=1)
