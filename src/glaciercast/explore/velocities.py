"""Files and tables of velocities, explored place by place: what is left out, season, trend, surges and when anything was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glaciercast.errors import InputError
from glaciercast.explore import cycles, looks, speedups
from glaciercast.explore.coverage import coverage
from glaciercast.explore.looks import Place
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.velocity import Motion
from glaciercast.explore.zones import Zones
from glaciercast.motion.surge import Surge

FEWEST = 3
"""Looks without which there is nothing to explore."""


@dataclass(frozen=True, eq=False)
class Read:
    """What a file of velocities holds.

    Attributes
    ----------
    title
        Of the file.
    paired
        Whether its looks are image pairs, and not the values of a series.
    clean
        Whether outliers are to be looked for: what was inverted from pairs has none, and its jumps are the ice's.
    places
        Glaciers, points or zones.
    notes
        What is to be said of all of them.
    motion, zones, axes
        Fits of each pixel, zones and x and y of the grid; None for a table.
    """

    title: str
    paired: bool
    clean: bool
    places: tuple[Place, ...]
    notes: tuple[str, ...] = ()
    motion: Motion | None = None
    zones: Zones | None = None
    axes: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Told:
    """A place, what is told of it, and which of its looks the season rests on (bool, look)."""

    place: Place
    row: dict[str, Any]
    kept: np.ndarray
    events: tuple[Surge, ...]


def tell(place: Place, paired: bool, clean: bool, settings: ExploreConfig) -> Told:
    """Return what a place tells: surges first, then season and trend of what is neither in a surge nor an outlier."""
    values, error, first, second = place.values, place.error, place.first, place.second
    known = np.isfinite(values) & np.isfinite(error)
    events, why = speedups.surges(place.speed, settings.velocities.surge, settings.level)
    quiet = known & speedups.outside(events, first, second)
    fewest = looks.fewest_of(settings, paired)
    off = cycles.outlying(np.where(quiet, values, np.nan), error, first, second, fewest) if clean else ~known
    kept = quiet & ~off
    part = (values[kept], error[kept], first[kept], second[kept])
    reason = "; ".join(place.told[-1:]) or "no look" if not known.any() else cycles.unseen(first[kept], second[kept])
    used = np.flatnonzero(kept & (not reason))
    row = cycles.cycle(values[used], error[used], first[used], second[used], fewest, settings.level)
    if not reason and row["amplitude"] is None:
        reason = f"{int(kept.sum())} looks{' outside surges' if events else ''}: a season takes {fewest}"
    pixels, mean = {"low": None, "high": None, "pixels": place.pixels}, place.mean or (None, None)
    left_out = {
        "looks": len(values), "outliers": int((quiet & ~kept).sum()), "in_surges": int((known & ~quiet).sum()),
        "without_error": place.without_error, "median_span_days": _median_span(first[known], second[known]),
    }  # fmt: skip
    told = {
        "zone": place.name, "surface": place.kind, **pixels, **row, "observations": int(kept.sum()), "vx": _number(mean[0]),
        "vy": _number(mean[1]), "reason": reason or None, **left_out, "error_season": cycles.error_season(*part, row),
        "long_term": cycles.long_term(*part, fewest, settings.level) if row["amplitude"] is not None else {"reason": reason},
        "by_month": cycles.by_month(*part, row), "coverage": coverage(first + (second - first) / 2, place.looked.astype(float)),
        "yearly_peaks": [] if paired else speedups.yearly_peaks(place.speed),
        "surges": [event.plain() for event in events], "no_surges": why or None, "told": list(place.told),
    }  # fmt: skip
    return Told(place, told, kept, tuple(events))


def describe(found: Read, settings: ExploreConfig, where: str = "velocities") -> tuple[dict[str, Any], list[Told]]:
    """Return what is told of a file, in the form of `velocity.describe`, and its places with their rows.

    Raises
    ------
    InputError
        If no place has 3 looks with a value; the message begins with `where`.
    """
    most = max((int(place.looked.sum()) for place in found.places), default=0)
    if most < FEWEST:
        raise InputError(f"{where}: expected {FEWEST} velocities or more at a place, found {most}")
    told = [tell(place, found.paired, found.clean and settings.velocities.clean, settings) for place in found.places]
    middle = np.concatenate([place.first + (place.second - place.first) / 2 for place in found.places])
    known = np.concatenate([place.looked for place in found.places])
    times, at = np.unique(middle, return_inverse=True)
    share = np.bincount(at, known) / np.bincount(at)
    seen = coverage(times, share)
    spanned = _months_spanned(found)
    seen["months_without"] = [month for month in seen["months_without"] if month not in spanned]
    pixels = {}
    if found.motion is not None:
        moving = np.isfinite(found.motion.along.amplitude)
        pixels = {"pixels": int(moving.sum()), "pixels_with_a_season": int((moving & found.motion.sure).sum())}
    looked = len(times) if not found.paired else len(found.places[0].values)
    return {
        "coverage": seen, "paired": found.paired, "pairs": looked, **pixels, "note": " ".join((NOTE, *found.notes)),
        "zones": [one.row for one in told],
    }, told  # fmt: skip


NOTE = (
    "A look is a value over a span of time: an image pair, or a step of a series. The fit takes it as the mean over its span of mean, "
    "trend and one harmonic of the year, so that long spans do not flatten the season. Errors let the looks of a year, or of a quarter "
    "of a year, err together. The trend is Theil–Sen's of what the season leaves, with an interval that knows of autocorrelation. Looks "
    "in a surge are not in the season."
)


def _months_spanned(found: Read) -> set[str]:
    """Return the months that the span of any look reaches into, ``YYYY-MM``."""
    months: set[str] = set()
    for place in found.places:
        begin, end = (part[place.looked].astype("datetime64[M]") for part in (place.first, place.second - np.timedelta64(1, "s")))
        for step in range(int((end - begin).astype(int).max(initial=-1)) + 1):
            months |= set(np.unique(np.minimum(begin + step, end)).astype(str))
    return months


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value


def _median_span(first: np.ndarray, second: np.ndarray) -> float | None:
    return float(np.median((second - first) / np.timedelta64(1, "D"))) if len(first) else None
