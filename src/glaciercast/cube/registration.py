"""Co-registration as a stage of a build: its settings, which scenes make the reference, and what is done with a match.

Where scenes lie is found by `references`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.cube.coregister import CoregistrationConfig
from glaciercast.cube.coregister_move import Match, move
from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import Sun

FIRST_YEARS = 2
"""Years of the record that make the reference where no end is given."""
YEAR = pd.Timedelta(days=365.2425)


class Registration(CoregistrationConfig):
    """Whether scenes are co-registered, and what with."""

    enabled: bool = Field(default=False, description="lay scenes onto frames of the first years")
    band: BandName = Field(default="nir", description="band that is matched")
    until: date | None = Field(default=None, description="first day that is no part of the reference; default: two years after its first")
    least: int = Field(default=8, ge=2, le=1000, description="fewest frames of a reference")
    nearest: int = Field(default=4, ge=1, le=100, description="frames nearest in season that a scene is matched with")
    relief: bool = Field(default=True, description="match scenes with the light on the terrain too, where that is known")
    jitter: float = Field(default=0.2, gt=0, description="standard deviation of the producer's geolocation along each axis, pixels")
    max_error: float = Field(default=0.06, gt=0, description="largest expected error of a place along each axis that is believed, pixels")
    agreement: float = Field(default=0.5, gt=0, description="largest standard deviation of their shifts that is believed, pixels")


class Frame(NamedTuple):
    """One scene as read: time, values of the band (y, x; NaN is no data), clear, bool (y, x), and where the sun stood, if known."""

    time: np.datetime64
    values: np.ndarray
    clear: np.ndarray
    sun: Sun | None = None


def chosen(times: np.ndarray, settings: Registration) -> np.ndarray:
    """Return which of the scenes at `times` (datetime64, any order) make the reference, bool (time,).

    Those before ``until``; by default those of the first two years, and later ones, in order, until there are ``least``.
    """
    when = pd.DatetimeIndex(times)
    if settings.until is not None:
        return np.asarray(when < pd.Timestamp(settings.until))
    ordered = when.sort_values()
    end = ordered[0] + pd.DateOffset(years=FIRST_YEARS)
    return np.asarray((when < end) | (when <= ordered[min(settings.least, len(ordered)) - 1]))


def season_apart(times: np.ndarray, time: np.datetime64) -> np.ndarray:
    """Return how many days of the year lie between `times` and `time`, whatever the years, float64."""
    days = (np.asarray(times, "datetime64[ns]") - nanoseconds(time)) / YEAR.to_timedelta64()
    away: np.ndarray = np.abs(days - np.round(days)) * (YEAR / pd.Timedelta(days=1))
    return away


def apply(arrays: Mapping[str, np.ndarray], found: Match) -> dict[str, np.ndarray]:
    """Return the arrays (y, x) of a scene moved by an accepted match, else as they are.

    Floats by cubic convolution, each from the values as read, so that every value is interpolated once; masks and classes by the nearest.
    """
    return {name: move(values, found, "cubic" if values.dtype.kind == "f" else "nearest") for name, values in arrays.items()}


def facts(found: Match, transform: tuple[float, ...]) -> dict[str, Any]:
    """Return what a cube keeps of a match.

    Returns
    -------
    dict
        ``registered``, ``shift_x`` and ``shift_y`` (m eastward and northward, None unless registered), ``correlation`` (None if there is
        none), ``valid`` (share of the scene that was compared), ``error`` (expected
        along each axis, pixels, None if nothing was found) and ``reason`` (empty if registered), as JSON has them.
    """
    east, north = found.metres(transform) if found.accepted else (None, None)
    correlation = float(found.correlation) if np.isfinite(found.correlation) else None
    error = float(found.error) if np.isfinite(found.error) else None
    told = {"correlation": correlation, "valid": float(found.valid), "error": error, "reason": found.reason}
    return {"registered": found.accepted, "shift_x": east, "shift_y": north, **told}


def shifted(columns: float, rows: float) -> Match:
    """Return a match that moves the content of a scene by so many pixels to the right and down."""
    return Match(columns, rows, 1.0, 1.0, back((columns, rows))[:2], True)


def back(shift: Iterable[float]) -> np.ndarray:
    """Return the map (3, 3) from a pixel of the moved frame to its place in the frame as read."""
    columns, rows = shift
    return np.array([[1.0, 0, -columns], [0, 1, -rows], [0, 0, 1]])


def nanoseconds(time: np.datetime64) -> np.datetime64:
    """Return `time` in ns."""
    return np.datetime64(time, "ns")  # type: ignore[call-overload,no-any-return,unused-ignore]
