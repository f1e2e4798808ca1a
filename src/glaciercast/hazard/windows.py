"""What a network reads: the last weeks of a lake as a regular series with gaps told, and its newest image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

CHANNELS = ("area_share", "area_share_observed", "vx", "vx_observed", "vy", "vy_observed", "ground", "ground_observed", "ice_melting",
            "ice_melting_observed", "season_sin", "season_cos", "image_age")  # fmt: skip
"""Of the series: each mean over a step is followed by whether it was observed."""
STEPS, DAYS = 26, 7
LARGEST_RANK = 3
"""The third largest area counts as the largest: one wrong outline does not."""
MELTING = 273.15
SHORT_OF_MELTING = 0.5
YEAR = 365.25
AT_ONCE = 200
LONGEST_PAIR = 64.0
"""Days; pairs of images that lie farther apart are not read."""
SCALE_SPEED, SCALE_GROUND = 100.0, 10.0
"""m/yr and K of one unit of the series."""


@dataclass(frozen=True)
class Windows:
    """What a network reads of each sample.

    Attributes
    ----------
    series
        float32 (sample, step, channel), channels of `CHANNELS`, the last step ends at the issue; 0 where nothing was observed.
    images
        Number in `Records.images` of the newest image of each sample that was available, int64 (sample,), −1 where there is none.
    image_age
        Days from its acquisition to the issue, float32 (sample,), NaN where there is none.
    """

    series: np.ndarray
    images: np.ndarray
    image_age: np.ndarray


def reach(steps: int = STEPS, days: int = DAYS) -> int:
    """Return how many days before its issue a window begins."""
    return steps * days


def of(records: Records, samples: Samples, steps: int = STEPS, days: int = DAYS) -> Windows:
    """Return what a network reads of each sample, from records that were available at its issue.

    A step holds the mean of what was acquired in its days and was available at the issue: area over the largest area that was
    available, components of the ice's motion (weighted by their errors, by the later image, over 100 m/yr), excess of the ground's
    temperature over melting (over 10 K), share of the ice's temperatures that are censored at melting. Season is that of the step's
    last day. ``image_age`` is the age of the newest image in units of the window's length, at most 1, the same in all steps.

    Raises
    ------
    InputError
        If there is not at least one step of one day.
    """
    if steps < 1 or days < 1:
        raise InputError(f"windows: expected one step of one day or more, found {steps} of {days}")
    series = np.zeros((len(samples), steps, len(CHANNELS)), dtype="float32")
    images, ages = np.full(len(samples), -1, dtype="int64"), np.full(len(samples), np.nan, dtype="float32")
    lakes = samples.lake.astype(str)
    for name in np.unique(lakes):
        own, places = _Own(records, str(name)), np.flatnonzero(lakes == name)
        for part in np.array_split(places, -(-len(places) // AT_ONCE)):
            issue = stats.days(samples.issue[part])
            images[part], ages[part] = own.newest_image(issue)
            series[part] = own.series(issue, steps, days)
            series[part, :, -1] = np.fmin(1.0, ages[part] / reach(steps, days))[:, None]
    return Windows(series, images, ages)


class _Own:
    """The records of one lake, as days and numbers."""

    def __init__(self, records: Records, name: str) -> None:
        areas, motion, temperature = (
            getattr(records, table)[getattr(records, table)["lake"] == name] for table in ("areas", "motion", "temperature")
        )
        self.areas, self.motion = areas, motion[motion["second"] - motion["first"] <= pd.Timedelta(days=LONGEST_PAIR)]
        self.ground, self.ice = (temperature[temperature["surface"] == surface] for surface in ("ground", "ice"))

    def newest_image(self, issue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = self.areas["image"].to_numpy("float64")
        known = stats.known(self.areas["available_at"], issue) & np.isfinite(number)
        place = stats.newest(known)
        image = stats.at(number, place)
        return np.where(np.isnan(image), -1, np.nan_to_num(image)).astype("int64"), issue - stats.at(stats.days(self.areas["time"]), place)

    def series(self, issue: np.ndarray, steps: int, days: int) -> np.ndarray:
        area = self.areas["area"].to_numpy("float64")
        largest = stats.largest(area, stats.known(self.areas["available_at"], issue), LARGEST_RANK)
        largest = np.where(largest > 0, largest, np.nan)[:, None]
        precision = 1 / np.maximum(self.motion["v_error"].to_numpy("float64"), 0.1) ** 2
        ground = (self.ground["lst_day"].to_numpy("float64") - MELTING) / SCALE_GROUND
        melting = (self.ice["lst_day"].to_numpy("float64") > MELTING - SHORT_OF_MELTING).astype("float64")
        of_steps = [
            _by_step(self.areas, "time", area, None, issue, steps, days) / largest,
            _by_step(self.motion, "second", self.motion["vx"].to_numpy("float64") / SCALE_SPEED, precision, issue, steps, days),
            _by_step(self.motion, "second", self.motion["vy"].to_numpy("float64") / SCALE_SPEED, precision, issue, steps, days),
            _by_step(self.ground, "time", ground, None, issue, steps, days),
            _by_step(self.ice, "time", melting, None, issue, steps, days),
        ]
        found = np.zeros((len(issue), steps, len(CHANNELS)))
        for channel, values in enumerate(of_steps):
            found[..., 2 * channel] = np.nan_to_num(values)
            found[..., 2 * channel + 1] = ~np.isnan(values)
        phase = 2 * np.pi * ((issue[:, None] - days * np.arange(steps)[::-1] - 1) % YEAR) / YEAR
        found[..., -3], found[..., -2] = np.sin(phase), np.cos(phase)
        return found


def _by_step(
    table: pd.DataFrame, taken: str, values: np.ndarray, weights: np.ndarray | None, issue: np.ndarray, steps: int, days: int
) -> np.ndarray:
    """Return means over the records of each step, float64 (issue, step), NaN where there are none.

    Summed one by one in the order of the records: what is not chosen changes no bit.
    """
    time = stats.days(table[taken])
    begin = issue[:, None] - days * steps
    rows, columns = np.nonzero(stats.known(table["available_at"], issue) & (time >= begin) & (time < issue[:, None]))
    cells = rows * steps + ((time[columns] - begin[rows, 0]) // days).astype(int)
    by = np.ones(len(columns)) if weights is None else weights[columns]
    size = len(issue) * steps
    whole = np.bincount(cells, by, size)
    found = np.full(size, np.nan)
    np.divide(np.bincount(cells, by * values[columns], size), whole, out=found, where=whole > 0)
    return found.reshape(len(issue), steps)
