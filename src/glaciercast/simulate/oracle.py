"""How much of a simulated glacier's snow can be foreseen at all: forecasts by an oracle who knows the generator and its state.

At each issue date the oracle continues the weather's latent states with new innovations, many times over, melts the actual snow on with
each, and takes the mean. Of this noise-free NDSI, averaged over all days, no forecast from the past can have a smaller expected squared
error, so the oracle's share of the variance about climatology is a ceiling; its distance from 0 says whether there is anything to learn.
Scores against images differ: those average clear scenes, have noise and shadows, and know a climatology of past years only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.simulate import snow as snow_
from glaciercast.simulate import spectra
from glaciercast.simulate import weather as weather_
from glaciercast.simulate.scenario import Scenario, SnowSpec
from glaciercast.simulate.snow import Lookup, Snowpack
from glaciercast.simulate.weather import FloatArray, Weather

GREEN, SWIR = spectra.BANDS.index("green"), spectra.BANDS.index("swir16")
LEADS = 4
MEMBERS = 24
TEST_SHARE = 1 / 3
"""Share of the months, at the end, that are forecast."""
EXPOSURES = np.linspace(-0.9, 0.9, 7)
BANDS = 60
BASELINES = ("climatology", "same_season", "persistence")


@dataclass(frozen=True)
class Pixels:
    """A sample of pixels.

    Attributes
    ----------
    elevation, exposure, roughness, debris
        m; −1 … +1; median 1; 0–1, float (pixel,).
    ice
        Whether there is glacier below the snow, bool (pixel,).
    """

    elevation: np.ndarray
    exposure: np.ndarray
    roughness: np.ndarray
    debris: np.ndarray
    ice: np.ndarray

    def ground(self, band: int) -> FloatArray:
        """Return the reflectance of each pixel without snow: ice under its debris, or rock (grass and lake are left out)."""
        glacier = (1 - self.debris) * spectra.ICE[band] + self.debris * spectra.DEBRIS[band]
        return np.asarray(np.where(self.ice, glacier, spectra.ROCK[band]), "float64")


@dataclass(frozen=True)
class Optics:
    """What turns a snow table into NDSI at the sampled pixels."""

    spec: SnowSpec
    lookup: Lookup
    roughness: np.ndarray
    ground: tuple[FloatArray, FloatArray]
    """Green and SWIR reflectance without snow, each (pixel,)."""

    @classmethod
    def of(cls, spec: SnowSpec, lookup: Lookup, pixels: Pixels) -> Optics:
        """Return the optics of sampled pixels."""
        return cls(spec, lookup, pixels.roughness.astype("float32"), (pixels.ground(GREEN), pixels.ground(SWIR)))

    def monthly(self, snowpack: Snowpack, months: pd.PeriodIndex) -> FloatArray:
        """Return the mean NDSI of `months` (month, pixel); the snowpack must hold all of their days."""
        first = snowpack.dates[0]
        means = []
        for month in months:
            days = slice((month.start_time - first).days, (month.start_time - first).days + month.days_in_month)
            means.append(self._daily(snowpack.swe[days], snowpack.age[days]).mean(axis=0, dtype="float64"))
        return np.stack(means)

    def _daily(self, swe: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Return NDSI (day, pixel): the ratio of reflectances that mix by area, as the renderer mixes them."""
        cover = snow_.cover(self.lookup(swe), self.roughness, self.spec.full_cover)
        young = self.lookup(np.exp(-age / np.float32(spectra.SNOW_AGE)))
        green, swir = (
            ground.astype("float32") * (1 - cover)
            + cover * (spectra.OLD_SNOW[band] + young * (spectra.FRESH_SNOW[band] - spectra.OLD_SNOW[band]))
            for ground, band in zip(self.ground, (GREEN, SWIR), strict=True)
        )
        return np.asarray((green - swir) / (green + swir))


def assess(
    scenario: Scenario,
    seed: int,
    pixels: Pixels,
    *,
    leads: int = LEADS,
    members: int = MEMBERS,
    weather: Weather | None = None,
) -> dict[str, Any]:
    """Return how well the oracle forecasts monthly NDSI of `scenario`, as `score` reports it.

    Parameters
    ----------
    seed
        Of the weather, drawn with the scenario's name as its stream.
    weather
        The actual weather, in place of one drawn from `seed`; what lies before the scenario's start only brings the snow into balance.
    leads
        Months ahead: lead 1 is the month that begins on the day of issue.
    members
        Draws at each issue date.
    """
    if weather is None:
        weather = weather_.make(scenario.weather, scenario.start, scenario.end, seed, scenario.name)
    bands = np.linspace(float(np.min(pixels.elevation)) - 1, float(np.max(pixels.elevation)) + 1, BANDS)
    actual = snow_.make(scenario.snow, scenario.weather, weather, bands, EXPOSURES)
    lookup = Lookup.of(bands, EXPOSURES, pixels.elevation, pixels.exposure)
    optics = Optics.of(scenario.snow, lookup, pixels)
    months = whole_months(weather.dates[weather.dates >= pd.Timestamp(scenario.start)])
    truth = optics.monthly(actual, months)
    forecasts = {issue: _draws(optics, weather, actual, months[issue : issue + leads], members) for issue in issues(len(months), leads)}
    return score(truth, months, forecasts)


def score(truth: FloatArray, months: pd.PeriodIndex, forecasts: Mapping[int, FloatArray]) -> dict[str, Any]:
    """Return the share of the variance about climatology that an ensemble's mean explains, and what the baselines leave.

    Climatology is the mean of the same calendar month in all other years. A mean of N years (M members) adds its own sampling error,
    1/N (1/M) of the variance; the shares are corrected for it, the squared errors are as measured.

    Parameters
    ----------
    truth
        Float (month, pixel).
    months
        Of `truth`, consecutive.
    forecasts
        Position of the first forecast month → ensemble, float (member, lead, pixel).

    Returns
    -------
    dict
        ``members``, ``issues``, and per lead in ``leads``: ``lead``, ``cases``, ``mse`` of oracle, climatology, same_season and
        persistence, ``mse_corrected`` of the first two, and ``predictable_share``; ``total_variance`` of the forecast months over pixels
        and months, ``season_and_place``, the share of it that climatology explains, and ``sd_about_climatology``. Ready for JSON.

    Raises
    ------
    InputError
        If there is no forecast, or a calendar month of one occurs in no other year.
    """
    if not forecasts:
        raise InputError("the series is too short to issue a forecast")
    members, leads, _ = next(iter(forecasts.values())).shape
    raw = {name: np.zeros(leads) for name in ("oracle", *BASELINES)}
    corrected = {name: np.zeros(leads) for name in ("oracle", "climatology")}
    targets = []
    for issue, ensemble in forecasts.items():
        for lead in range(leads):
            target = issue + lead
            others = np.flatnonzero((months.month == months[target].month) & (np.arange(len(months)) != target))
            if target < 12 or issue < 1 or not others.size:
                raise InputError(f"{months[target]} cannot be scored: it needs a year and an issue month before it")
            guesses = {"oracle": ensemble[:, lead].mean(axis=0), "climatology": truth[others].mean(axis=0)}
            guesses |= {"same_season": truth[target - 12], "persistence": truth[issue - 1]}
            for name, guess in guesses.items():
                raw[name][lead] += np.mean((guess - truth[target]) ** 2) / len(forecasts)
            for name, drawn in (("oracle", members), ("climatology", others.size)):
                corrected[name][lead] += np.mean((guesses[name] - truth[target]) ** 2) / len(forecasts) * drawn / (drawn + 1)
            targets.append(truth[target])
    rows = [
        {
            "lead": lead + 1,
            "cases": len(forecasts),
            "mse": {name: float(errors[lead]) for name, errors in raw.items()},
            "mse_corrected": {name: float(errors[lead]) for name, errors in corrected.items()},
        }
        for lead in range(leads)
    ]
    total = float(np.var(np.stack(targets)))
    return _shares({"members": int(members), "issues": len(forecasts), "total_variance": total, "leads": rows})


def pooled(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one result over several seeds of one scenario: squared errors averaged, shares computed from the averages.

    One scenario holds about three test years, which share their regimes; a share from one seed is therefore noisy.
    """
    rows = []
    for parts in zip(*(result["leads"] for result in results), strict=True):
        row: dict[str, Any] = {"lead": parts[0]["lead"], "cases": sum(part["cases"] for part in parts)}
        for kind in ("mse", "mse_corrected"):
            row[kind] = {name: float(np.mean([part[kind][name] for part in parts])) for name in parts[0][kind]}
        rows.append(row)
    total = float(np.mean([result["total_variance"] for result in results]))
    issued = sum(result["issues"] for result in results)
    return _shares({"members": results[0]["members"], "issues": issued, "total_variance": total, "leads": rows})


def whole_months(dates: pd.DatetimeIndex) -> pd.PeriodIndex:
    """Return the calendar months all of whose days are in `dates`."""
    months = pd.period_range(dates[0], dates[-1], freq="M")
    complete = (months.start_time >= dates[0]) & (months.end_time.normalize() <= dates[-1])
    return months[complete]


def issues(months: int, leads: int = LEADS) -> range:
    """Return the positions of the first forecast months: one issue a month, all targets in the last `TEST_SHARE` of the series."""
    return range(max(12, round(months * (1 - TEST_SHARE))), months - leads + 1)


def _draws(optics: Optics, weather: Weather, actual: Snowpack, months: pd.PeriodIndex, members: int) -> FloatArray:
    """Return monthly NDSI (member, month, pixel) as the oracle draws it on the first day of `months`."""
    at = months[0].start_time
    days = int(np.sum(months.days_in_month))
    known = actual.at(at - pd.Timedelta(days=1))
    drawn = []
    for member in range(members):
        future = weather_.forecast(weather, at, member, days)
        snowpack = snow_.make(optics.spec, weather.spec, future, actual.elevations, actual.exposures, known)
        drawn.append(optics.monthly(snowpack, months))
    return np.stack(drawn)


def _shares(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result with the shares that follow from its squared errors."""
    for row in result["leads"]:
        oracle, reference = (row["mse_corrected"][name] for name in ("oracle", "climatology"))
        row["predictable_share"] = 1 - oracle / reference if reference > 0 else None
    about = float(np.mean([row["mse_corrected"]["climatology"] for row in result["leads"]]))
    result["sd_about_climatology"] = float(np.sqrt(about))
    result["season_and_place"] = 1 - about / result["total_variance"] if result["total_variance"] > 0 else None
    return result
