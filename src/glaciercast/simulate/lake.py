"""An ice-dammed lake that fills with melt and drains by a known hazard, so that the best possible warning is known too."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from glaciercast.errors import InputError
from glaciercast.simulate.scenario import LakeSpec
from glaciercast.simulate.seeds import generator

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Hypsometry:
    """How much water the basin holds up to a level, and the dam that closes it.

    Attributes
    ----------
    level, volume, area
        Ascending levels, m; the volume below, m³ (0 at the lowest level, ascending); the water's area, m², all float64 (node,).
    dam_bed, dam_thickness
        Elevation of the bed below the dam and the ice's thickness there, m.
    """

    level: FloatArray
    volume: FloatArray
    area: FloatArray
    dam_bed: float
    dam_thickness: float

    def __post_init__(self) -> None:
        """Check that the nodes ascend from an empty basin."""
        sizes = {self.level.size, self.volume.size, self.area.size}
        if len(sizes) != 1 or self.level.size < 2 or not (np.diff(self.level) > 0).all() or not (np.diff(self.volume) > 0).all():
            raise InputError("a lake's hypsometry needs two or more ascending levels with ascending volumes, and as many areas")
        if self.volume[0] != 0:
            raise InputError(f"a lake's volume at its lowest level must be 0, found {self.volume[0]:g} m³")

    def full_volume(self, share: float) -> float:
        """Return the volume, m³, at the level at which the dam floats: bed + `share` · thickness.

        Raises
        ------
        InputError
            If that level lies below the basin's floor.
        """
        level = self.dam_bed + share * self.dam_thickness
        if level <= self.level[0]:
            raise InputError(f"the dam floats at {level:.0f} m, below the lake's floor at {self.level[0]:.0f} m: it holds no lake")
        return float(np.interp(level, self.level, self.volume))


@dataclass(frozen=True)
class LakeHistory:
    """The lake on every day; volumes at the end of the day, fluxes during it.

    Attributes
    ----------
    dates
        Daily.
    level, volume, area
        m, m³ and m², float64 (day,).
    filled
        Share of the full volume at the beginning of the day, float64 (day,).
    hazard
        Chance that drainage starts on this day, given all before it, float64 (day,); 0 while it drains and before the dam closes.
    drained
        True on the days on which drainage starts.
    draining
        True on all days of a drainage.
    inflow, spill, outflow
        m³ a day, float64 (day,): volume[t] = volume[t − 1] + inflow − spill − outflow. Spill passes over or beside the dam; all of the
        inflow does before the dam closes.
    full
        m³.
    events
        One row a drainage: start, end (last day; NaT where the series ends first), volume and level before it.
    """

    dates: pd.DatetimeIndex
    level: FloatArray
    volume: FloatArray
    area: FloatArray
    filled: FloatArray
    hazard: FloatArray
    drained: BoolArray
    draining: BoolArray
    inflow: FloatArray
    spill: FloatArray
    outflow: FloatArray
    full: float
    events: pd.DataFrame


def hazard(spec: LakeSpec, filled: ArrayLike) -> FloatArray:
    """Return the chance of drainage on a day that begins with the lake filled to `filled` (share of the full volume)."""
    return spec.base_hazard / (1 + np.exp(-spec.steepness * (np.asarray(filled, dtype="float64") - spec.midpoint)))


def make(
    spec: LakeSpec, hypsometry: Hypsometry, inflow: ArrayLike, dates: pd.DatetimeIndex, seed: int, stream: str = "lake"
) -> LakeHistory:
    """Return the history of the lake: it fills from `spec.start`, spills when full, and drains on days drawn from the hazard.

    A drainage takes the water of its first morning in equal parts over `drain_days`; what flows in meanwhile leaves with it.

    Parameters
    ----------
    inflow
        m³ a day, (day,), before `spec.inflow`, the factor on it.
    stream
        Name of the random stream.

    Raises
    ------
    InputError
        If `inflow` does not match `dates` or is negative, or the dam holds no lake.
    """
    water = spec.inflow * np.asarray(inflow, dtype="float64")
    if water.shape != (dates.size,) or not (water >= 0).all():
        raise InputError(f"a lake needs one inflow, not negative, for each of {dates.size} days")
    full = hypsometry.full_volume(spec.full_share)
    closed = np.asarray(dates >= pd.Timestamp(spec.start))
    draws = generator(seed, stream).random(dates.size)
    volume, chance, started, draining, spill, outflow = _run(spec, full, water, closed, draws)
    before = np.concatenate([[0.0], volume[:-1]])
    level = np.interp(volume, hypsometry.volume, hypsometry.level)
    return LakeHistory(
        dates=dates,
        level=level,
        volume=volume,
        area=np.where(volume > 0, np.interp(level, hypsometry.level, hypsometry.area), 0),
        filled=before / full,
        hazard=chance,
        drained=started,
        draining=draining,
        inflow=water,
        spill=spill,
        outflow=outflow,
        full=full,
        events=_events(spec, dates, started, before, np.interp(before, hypsometry.volume, hypsometry.level)),
    )


def warning(spec: LakeSpec, history: LakeHistory, horizon: int) -> tuple[FloatArray, BoolArray]:
    """Return the best possible warning: the chance that drainage starts within `horizon` days, by one who knows hazard and inflow.

    The lake fills along its known inflow until it drains, so the chance is 1 − Π(1 − hazard) along that filling.

    Returns
    -------
    tuple
        Chance float64 and outcome bool, both (day,), for the days from this one to the `horizon`-th; days too close to the end for
        an outcome are left out, so the arrays are ``horizon − 1`` shorter than the history.

    Raises
    ------
    InputError
        If the horizon is not between 1 and the length of the history.
    """
    days = history.dates.size
    if not 1 <= horizon <= days:
        raise InputError(f"expected a horizon of 1 to {days} days, found {horizon}")
    issued = days - horizon + 1
    closed = np.asarray(history.dates >= pd.Timestamp(spec.start))
    volume = history.filled[:issued] * history.full
    survived = np.ones(issued)
    outcome = np.zeros(issued, dtype=bool)
    for ahead in range(horizon):
        day = slice(ahead, ahead + issued)
        outcome |= history.drained[day]
        ongoing = history.draining[day] & ~outcome  # a drainage that had begun before the day of issue: it ends first
        survived *= 1 - np.where(closed[day] & ~ongoing, hazard(spec, volume / history.full), 0)
        filling = np.where(closed[day], np.minimum(volume + history.inflow[day], history.full), 0)
        volume = np.where(ongoing, history.volume[day], filling)
    return 1 - survived, outcome


def best_scores(spec: LakeSpec, history: LakeHistory, horizons: tuple[int, ...] = (1, 7, 14, 30)) -> list[dict[str, Any]]:
    """Return what the best possible warning scores on this history, against the base rate, per horizon.

    Days before the dam closes do not count.

    Returns
    -------
    list of dict
        ``horizon``, ``days``, ``base_rate`` (share of days followed by a drainage), ``brier`` of the warning, ``brier_expected`` (its mean
        over all outcomes, Σp(1 − p)/n: what a calibrated forecast scores), ``brier_base`` and ``skill`` = 1 − brier/brier_base (None
        where nothing drains or all does).

    References
    ----------
    Brier (1950), Mon. Weather Rev. 78, 1–3.
    """
    rows = []
    for horizon in horizons:
        chance, outcome = warning(spec, history, horizon)
        closed = np.asarray(history.dates[: chance.size] >= pd.Timestamp(spec.start))
        chance, happened = chance[closed], outcome[closed].astype("float64")
        if not chance.size:
            raise InputError(f"the dam closes too late for a warning of {horizon} days to be scored")
        brier, base = float(np.mean((chance - happened) ** 2)), float(happened.mean())
        reference = base * (1 - base)
        rows.append(
            {
                "horizon": horizon,
                "days": int(chance.size),
                "base_rate": base,
                "brier": brier,
                "brier_expected": float(np.mean(chance * (1 - chance))),
                "brier_base": reference,
                "skill": 1 - brier / reference if reference > 0 else None,
            }
        )
    return rows


def _run(
    spec: LakeSpec, full: float, water: FloatArray, closed: BoolArray, draws: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, FloatArray, FloatArray]:
    """Return volume, hazard, start of drainage, draining, spill and outflow of every day."""
    days = water.size
    volume, chance, spill, outflow = (np.zeros(days) for _ in range(4))
    started, draining = np.zeros(days, dtype=bool), np.zeros(days, dtype=bool)
    now, left, portion = 0.0, 0, 0.0
    for day in range(days):
        if left == 0 and closed[day]:
            chance[day] = hazard(spec, now / full)
            started[day] = draws[day] < chance[day]
            if started[day]:
                left, portion = spec.drain_days, now / spec.drain_days
        if left:
            left -= 1
            draining[day] = True
            out = now if left == 0 else portion  # the last day empties it, whatever rounding left
            outflow[day] = out + water[day]
            now -= out
        elif closed[day]:
            spill[day] = max(0.0, now + water[day] - full)
            now = now + water[day] - spill[day]
        else:
            spill[day] = water[day]
        volume[day] = now
    return volume, chance, started, draining, spill, outflow


def _events(spec: LakeSpec, dates: pd.DatetimeIndex, started: BoolArray, volume: FloatArray, level: FloatArray) -> pd.DataFrame:
    """Return one row a drainage."""
    start = dates[started]
    end = start + dt.timedelta(days=spec.drain_days - 1)
    return pd.DataFrame({"start": start, "end": end.where(end <= dates[-1]), "volume": volume[started], "level": level[started]})
