"""What a file or a table of velocities holds, place by place: which span of time each value stands for, and along which flow it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.explore import cycles, speedups, velocity
from glaciercast.explore.settings import ExploreConfig, VelocitiesConfig
from glaciercast.motion import season

ALIASES: dict[str, tuple[str, ...]] = {
    "vx": ("vx", "v_x", "v_east"),
    "vy": ("vy", "v_y", "v_north"),
    "speed": ("v", "speed", "velocity", "magnitude"),
    "error": ("v_error", "error", "sigma"),
    "place": ("RGIId", "rgi_id", "glacier", "place", "point", "station", "name"),
    "time": ("mid_date", "date", "time"),
    "first": ("acquired_first", "acquisition_date_img1", "date1", "first"),
    "second": ("acquired_second", "acquisition_date_img2", "date2", "second"),
}
"""What the parts of a file are usually called, the likeliest first."""
DAY = np.timedelta64(1, "D")
PERIODS = {1: "M", 3: "Q", 12: "Y"}
"""Months of a calendar period → its name."""
ALIKE = 1.2
"""Times as long as the shortest the longest span of a series may be; a quarter has 90 to 92 days, a month 28 to 31."""
UNEVEN = 0.01
"""Share of a step by which the times of a regular series may be off."""


@dataclass(frozen=True, eq=False)
class Place:
    """The looks at one place, in order of time.

    Attributes
    ----------
    name, kind
        Of the place; ``glacier``, ``point`` or the surface of a zone.
    first, second
        Span of each look, datetime64 (look,).
    values
        Velocity along the mean flow, m/yr, float64 (look,), NaN where there is none; magnitudes where there are no components.
    error
        1 sigma, m/yr (look,); all alike where nothing is known of them.
    mean
        Mean vx and vy, m/yr; None without components.
    speed
        For surges: times in order and speed at them, m/yr.
    pixels
        That a look was averaged over.
    told
        What is to be said of it, in sentences.
    without_error
        Looks that were left out because others have an error and they have none.
    looked
        Whether a look has a velocity, of any direction, bool (look,).
    """

    name: str
    kind: str
    first: np.ndarray
    second: np.ndarray
    values: np.ndarray
    error: np.ndarray
    looked: np.ndarray
    mean: tuple[float, float] | None
    speed: tuple[np.ndarray, np.ndarray] | None = None
    pixels: int = 1
    told: tuple[str, ...] = field(default=())
    without_error: int = 0


def names_of(known: list[str], settings: VelocitiesConfig, where: str) -> dict[str, str]:
    """Return part → name in the file, of the parts that are there.

    Raises
    ------
    InputError
        If a name that was set is not there, or neither both components nor a magnitude.
    """
    found: dict[str, str] = {}
    for part, usual in ALIASES.items():
        own = getattr(settings, part)
        if own is not None and own not in known:
            raise InputError(f"{where}: {unknown('variable', own, known)}")
        if names := [name for name in ([own] if own is not None else usual) if name in known]:
            found[part] = names[0]
    if not {"vx", "vy"} <= set(found) and "speed" not in found:
        raise InputError(f"{where}: expected velocities ('vx' and 'vy', or 'v'; 'velocities.vx' names them), found {', '.join(known)}")
    return found


def spans(times: np.ndarray, span_days: float | None, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return begin and end of what values at `times` stand for.

    Where all times are first or last days of months, quarters or years, it is that period; else `span_days` about them; else, of times
    that are equally far apart, a step about them.

    Raises
    ------
    InputError
        If nothing tells.
    """
    when = pd.DatetimeIndex(times)
    if span_days is not None:
        half = np.timedelta64(round(span_days * 43200), "s")
        return when.to_numpy() - half, when.to_numpy() + half
    distinct = when.unique().sort_values()
    if period := _period(distinct):
        whole = when.to_period(period)
        return whole.start_time.to_numpy("datetime64[ns]"), (whole + 1).start_time.to_numpy("datetime64[ns]")
    if not is_regular(distinct.to_numpy()):
        raise InputError(
            f"{where}: expected two dates of each value, or times that are equally far apart, found neither; 'velocities.first' and "
            "'velocities.second' name the dates, 'velocities.span_days' sets the days that a value spans"
        )
    return spans(times, float(np.diff(distinct.to_numpy()).min() / DAY), where)


def _period(times: pd.DatetimeIndex) -> str | None:
    """Return the calendar period that times are first or last days of, or None."""
    if len(times) < 3 or not (times.is_month_start.all() or times.is_month_end.all()):
        return None
    months = np.diff(np.asarray(times.year * 12 + times.month))
    return PERIODS.get(int(np.gcd.reduce(months)))


def place_of(
    name: str, kind: str, first: np.ndarray, second: np.ndarray, parts: dict[str, np.ndarray], settings: ExploreConfig, paired: bool
) -> Place:
    """Return a place from its own columns: ``vx``, ``vy``, ``error`` or ``speed``, float64 (look,) each.

    The mean velocity gives the direction of flow, as on a map; without one there are no values along it, and `told` says so.
    """
    order = np.argsort(first + (second - first) / 2, kind="stable")
    first, second = first[order], second[order]
    parts = {key: values[order] for key, values in parts.items()}
    main = parts["vx"] + parts["vy"] if "vx" in parts else parts["speed"]
    error, left_out, words = errors_of(parts.get("error"), np.isfinite(main))
    said, looked = [words] if words else [], np.isfinite(main)
    if "vx" not in parts:
        said.append(only_speeds(parts["speed"], error if "error" in parts and not words else None))
        values = np.where(np.isfinite(error), parts["speed"], np.nan)
        fast = speedups.speeds(first, second, values, error, paired)
        return Place(name, kind, first, second, values, error, looked, None, fast, told=tuple(said), without_error=left_out)
    fewest = fewest_of(settings, paired)
    mean, unit, spread = _direction(first, second, parts, error, settings, fewest)
    values = np.where(np.isfinite(error), unit[0] * parts["vx"] + unit[1] * parts["vy"], np.nan)
    if looked.sum() < fewest:
        said.append(f"{looked.sum()} looks: a direction of flow takes {fewest}")
    elif not np.isfinite(unit).all() and np.isfinite(mean).all():
        said.append(f"no direction of flow: the mean velocity is {np.hypot(*mean):.1f} ± {spread:.1f} m/yr")
    fast = speedups.speeds(first, second, values, error, paired)
    return Place(name, kind, first, second, values, error, looked, mean, fast, told=tuple(said), without_error=left_out)


def _direction(
    first: np.ndarray, second: np.ndarray, parts: dict[str, np.ndarray], error: np.ndarray, settings: ExploreConfig, fewest: int
) -> tuple[tuple[float, float], np.ndarray, float]:
    """Return the mean velocity, its unit vector (NaN where it is not known) and its error, of what is no outlier in either component."""
    both = [np.where(np.isfinite(error), parts[key], np.nan) for key in ("vx", "vy")]
    if settings.velocities.clean:
        off = np.logical_or(*(cycles.outlying(values, error, first, second, fewest) for values in both))
        both = [np.where(off, np.nan, values) for values in both]
    east, north = (season.fit(values, error, first, second, fewest) for values in both)
    spread = float(np.hypot(east.mean_error, north.mean_error))
    return (float(east.mean), float(north.mean)), velocity.direction(east, north, settings), spread


def fewest_of(settings: ExploreConfig, paired: bool) -> int:
    """Return how many looks a season takes: image pairs are noisier than the values of a series."""
    return settings.fewest_pairs if paired else settings.velocities.fewest


def short(first: np.ndarray, second: np.ndarray, paired: bool, settings: VelocitiesConfig, where: str) -> tuple[np.ndarray, str]:
    """Return which looks span no more than a pair may, bool (look,), and what is to be said of the others.

    Raises
    ------
    InputError
        If none is left.
    """
    if not paired or settings.max_span_days is None:
        return np.ones(len(first), bool), ""
    kept = (second - first) / DAY <= settings.max_span_days
    if not kept.any():
        raise InputError(
            f"{where}: expected image pairs of {settings.max_span_days:g} days or less, found none among {len(kept)}; "
            "'velocities.max_span_days' sets more"
        )
    left = int((~kept).sum())
    return kept, f"{left} image pairs of more than {settings.max_span_days:g} days are left out." if left else ""


def are_pairs(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether spans are those of image pairs: of different lengths, or at times that no calendar or step gives."""
    days, middle = (second - first) / DAY, np.unique(first + (second - first) / 2)
    steps = np.diff(middle) / np.median(np.diff(middle)) if len(middle) > 1 else np.ones(1)
    return bool(days.max() > ALIKE * days.min() or np.abs(steps - np.rint(steps)).max() > ALIKE - 1 or steps.min() < 0.5)


def is_regular(middle: np.ndarray) -> bool:
    """Return whether times are in order and equally far apart, but for steps that are left out."""
    steps = np.diff(middle) / DAY
    return bool(len(steps) and steps.min() > 0 and np.abs(steps / steps.min() - np.rint(steps / steps.min())).max() <= UNEVEN)


def errors_of(error: np.ndarray | None, seen: np.ndarray) -> tuple[np.ndarray, int, str]:
    """Return errors in which those of 0 or none are NaN, how many looks that leaves out, and what is to be said.

    Where fewer than half of what was seen has an error, all count alike, with an error of 1 m/yr that the fit scales.
    """
    if error is None:
        return np.where(seen, 1.0, np.nan), 0, "no errors are given: all looks count alike"
    known = np.isfinite(error) & (error > 0)
    share = float((known & seen).sum() / max(seen.sum(), 1))
    if share < 0.5:
        return np.where(seen, 1.0, np.nan), 0, f"{100 * share:.0f} % of the looks have an error: all count alike"
    left_out = int((seen & ~known).sum())
    return np.where(known & seen, error, np.nan), left_out, ""


def only_speeds(speed: np.ndarray, error: np.ndarray | None) -> str:
    """Return what is to be said of magnitudes without components: noise, which has no sign, makes every one of them larger."""
    words = "only speeds are given: noise makes each of them larger, and a season or a change of the noise passes for one of the ice"
    if error is None:
        return words
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = np.where(speed > 0, np.minimum(error**2 / (2 * speed), error), np.nan)
    return f"{words}; by their errors their mean is about {np.nanmean(bias):.1f} m/yr too high" if np.isfinite(bias).any() else words
