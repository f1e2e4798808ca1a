"""What a lake's own past tells of its present: how it fills with melt, and how long it has stood as high without a flood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import features_area, features_melt
from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_melt import Melt
from glaciercast.hazard.features_stats import FloatArray

NAMES = ("gain", "filled_now", "filled_30", "filled_90", "ripe", "ripe_30", "held", "held_since", "floods_below", "rate_here")
AHEAD = (0.0, 30.0, 90.0)
"""Days for which the filling is carried on."""
AS_HIGH = 0.97
"""Share of the present area from which a lake stood as high as now."""
BRIM = 0.95
"""Share of the largest area above which a lake may spill: what flows in then does not show."""
SHORTEST = 0.3
"""Years of melt, at least, over which a gain is told."""
MOST = 1.5
MONTH = 30.0
PRIOR_FLOODS = 0.3
"""In a month as high as now, of a lake of which nothing else is known."""


def make(
    areas: pd.DataFrame, temperature: pd.DataFrame, floods: pd.DataFrame, issue: FloatArray, settings: FeatureConfig
) -> tuple[FloatArray, FloatArray]:
    """Return features and ages, float64 (issue, name) each, of one lake.

    - ``gain``: what the lake gains in a year of mean melt, in its largest volume so far: the rise between looks that no flood lies
      between, below the brim, over the melt that its season lets expect (`features_melt`)
    - ``filled_now``, ``filled_30``, ``filled_90``: volume over the largest so far, carried on from the newest looks to the issue, and to
      so many days after it, by gain and expected melt; from empty where nothing was seen since a flood; at most 1.5
    - ``ripe``, ``ripe_30``: the same over the mean volume before earlier floods
    - ``held``: months for which the lake has stood as high as now, or higher, in the whole watch, as log(1 + months)
    - ``held_since``: the same since its newest flood
    - ``floods_below``: how many earlier floods began from no higher than now
    - ``rate_here``: log of their number over those months, with 0.3 floods and one month more (so that a short stay says little)
    """
    looks = _Looks.of(areas, floods, issue, settings)
    melt = features_melt.of(temperature, issue)
    gain = _gain(looks, melt)
    filled = [_filled(looks, melt, gain, issue + ahead) for ahead in AHEAD]
    levels = features_area.levels(looks.time, looks.area, looks.known, floods, issue, settings.flood_days)
    scale = (looks.largest / features_area.before_floods(levels)) ** features_area.VOLUME_POWER
    present = np.where(np.isnan(filled[0]), looks.newest_area, looks.largest * filled[0] ** (1 / features_area.VOLUME_POWER))
    held, held_since = (looks.held(AS_HIGH * present, since) / MONTH for since in (np.full(len(issue), -np.inf), looks.flood))
    below = np.asarray((levels * AS_HIGH <= present).sum(0), dtype="float64")
    unknown = np.isnan(present)
    values = {
        "gain": gain * melt.yearly,
        "filled_now": filled[0],
        "filled_30": filled[1],
        "filled_90": filled[2],
        "ripe": np.minimum(filled[0] * scale, MOST),
        "ripe_30": np.minimum(filled[1] * scale, MOST),
        "held": np.where(unknown, np.nan, np.log1p(held)),
        "held_since": np.where(unknown, np.nan, np.log1p(held_since)),
        "floods_below": np.where(unknown, np.nan, below),
        "rate_here": np.where(unknown, np.nan, np.log((below + PRIOR_FLOODS) / (held + 1))),
    }
    made = np.stack([values[name] for name in NAMES], axis=1)
    newest = stats.at(looks.time, stats.newest(looks.known))
    return made, np.where(np.isnan(made), np.nan, (issue - newest)[:, None])


@dataclass(frozen=True)
class _Looks:
    """The areas of a lake, and what lay between each and the one known before it; (issue, look) but for time and area (look,).

    `between` is whether there was one before and no flood lay between; `gap` is in days. `largest`, `flood`, `newest_area` and
    `newest_time` (of the mean of the last looks; empty at the end of a flood after which nothing was seen) are (issue,).
    """

    time: FloatArray
    area: FloatArray
    known: np.ndarray
    before: np.ndarray
    between: np.ndarray
    largest: FloatArray
    flood: FloatArray
    newest_area: FloatArray
    newest_time: FloatArray

    @classmethod
    def of(cls, areas: pd.DataFrame, floods: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> _Looks:
        time, area, error = stats.days(areas["time"]), areas["area"].to_numpy("float64"), areas["area_error"].to_numpy("float64")
        known, flood = stats.known(areas["available_at"], issue), features_area.last_flood(floods, issue)
        before = _before(known)
        after = known & (time > flood[:, None])
        recent = after & (time >= stats.at(time, stats.newest(known))[:, None] - settings.area_days)
        precision = 1 / np.maximum(error, 1.0) ** 2
        unseen = np.isfinite(flood) & ~after.any(1)
        return cls(
            time=time,
            area=area,
            known=known,
            before=np.maximum(before, 0),
            between=known & (before >= 0) & ~_flooded(time, before, floods, issue),
            largest=features_area.largest_of(area, error, known, settings.largest_rank),
            flood=flood,
            newest_area=np.where(unseen, 0.0, stats.mean(area, recent, precision)),
            newest_time=np.where(unseen, flood, stats.mean(time, recent, precision)),
        )

    def held(self, level: FloatArray, since: FloatArray) -> FloatArray:
        """Return the days between looks that both showed at least `level` m², without a flood, after `since`, float64 (issue,)."""
        if not self.time.size:
            return np.zeros(len(level))
        high = (self.area >= level[:, None]) & (self.area[self.before] >= level[:, None]) & (self.time[self.before] > since[:, None])
        return stats.total(np.asarray(self.time - self.time[self.before]), self.between & high)


def _before(known: np.ndarray) -> np.ndarray:
    """Return the place of the known look before each look, int64 (issue, look), −1 where there is none."""
    last = np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), -1), axis=1)
    return np.concatenate([np.full((len(known), 1), -1), last], axis=1)[:, : known.shape[1]]


def _flooded(time: FloatArray, before: np.ndarray, floods: pd.DataFrame, issue: FloatArray) -> np.ndarray:
    """Return between which looks a flood lies that is known at the issue, bool (issue, look)."""
    found = np.zeros(before.shape, dtype=bool)
    told = stats.known(floods["known"], issue)
    for number, (first, over) in enumerate(zip(stats.days(floods["earliest"]), stats.days(floods["over"]), strict=True)):
        if time.size:
            found |= told[:, [number]] & (time >= first) & (time[before] <= over + 1)
    return found


def _gain(looks: _Looks, melt: Melt) -> FloatArray:
    """Return the volume that a degree day brings, over the largest, float64 (issue,); NaN where too little melt was seen."""
    if not looks.time.size:
        return np.full(len(looks.largest), np.nan)
    until = melt.until(looks.time[None])
    share = np.maximum(looks.area / looks.largest[:, None], 0)
    earlier = np.take_along_axis(share, looks.before, axis=1)
    free = looks.between & ~((share >= BRIM) & (earlier >= BRIM))
    rise = share**features_area.VOLUME_POWER - earlier**features_area.VOLUME_POWER
    degree_days = stats.total(until - np.take_along_axis(until, looks.before, axis=1), free)
    enough = degree_days > SHORTEST * melt.yearly
    return np.where(enough, np.maximum(stats.total(rise, free), 0) / np.where(enough, degree_days, 1), np.nan)


def _filled(looks: _Looks, melt: Melt, gain: FloatArray, at: FloatArray) -> FloatArray:
    """Return the volume expected at a time (issue,), days since 1970, over the largest so far, float64 (issue,)."""
    share = np.maximum(looks.newest_area / looks.largest, 0) ** features_area.VOLUME_POWER
    seen = np.isfinite(looks.newest_time)
    begin = melt.until(np.where(seen, looks.newest_time, 0)[:, None])[:, 0]
    melted = np.maximum(melt.until(at[:, None])[:, 0] - begin, 0)  # not below 0 by rounding
    return np.where(seen, np.minimum(share + gain * melted, MOST), np.nan)
