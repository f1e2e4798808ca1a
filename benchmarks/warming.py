"""Whether the intervals of warming hold the trend that was set: seeds of the simulated weather, seen by MODIS through its clouds.

Usage: python benchmarks/warming.py [--seeds 100] [--ideal 20] [--report]

A pixel of bare ground and one of clean ice, 20 years of daily views of Terra and Aqua by day: weather, clouds, orbits, drift and retrieval
are the simulator's own functions. The ideal estimator knows the covariance of the weather and of the retrievals (generalised least
squares), and sees the ice as it would be if it could not melt: nothing of it is lost to saturation. With ``--report`` also writes
benchmarks/results/warming.json and docs/results/warming.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pandas as pd

from glaciercast.explore import warming
from glaciercast.simulate import heat, scenario, weather
from glaciercast.simulate.products import modis, modis_view
from glaciercast.simulate.products.modis_grid import Samples
from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.seeds import generator
from glaciercast.sources import modis_values
from glaciercast.stats import seasonal

ROOT = Path(__file__).resolve().parents[1]
SCENARIO, TREND = "shisper-like", 0.8
START, END = "2002-07-04", "2022-12-31"
ELEVATION = {"ground": 3600.0, "ice": 4500.0}
"""m"""
MAX_ERROR = 2.0
"""K, of the loader's default."""
PLATFORMS = ("terra", "aqua")


@dataclass(frozen=True)
class Views:
    """Daily views of one pixel by one satellite: arrays (day,)."""

    days: pd.DatetimeIndex
    kelvin: np.ndarray
    """As retrieved; NaN where nothing was."""
    error: np.ndarray
    """Bound by the quality bits, K."""
    noise: np.ndarray
    """True standard deviation of the retrieval, K."""
    hour: np.ndarray
    """Local solar time of the view."""


def setting() -> Scenario:
    """Return the scenario with the trend and the period of the benchmark."""
    spec = scenario.load(SCENARIO)
    return spec.model_copy(update={"weather": spec.weather.model_copy(update={"trend": TREND})})


def simulated(seed: int, spec: Scenario) -> dict[tuple[str, str], Views]:
    """Return (platform, surface) → views of one seed."""
    sky = weather.make(spec.weather, START, END, seed, "warming")
    days, doy = sky.dates, sky.dates.day_of_year.to_numpy().astype(float)
    where = Samples(np.array([0, 0]), np.array([0, 40]), *(np.zeros(0, np.int64) for _ in range(3)))  # too far apart to share clouds
    years = {number: np.flatnonzero(days.year == number) for number in range(days[0].year, days[-1].year + 1)}
    views = {}
    for platform in PLATFORMS:
        look = modis_view.view(platform, False, days, spec.area.lat, spec.temperature, seed)
        true = np.stack([surface(kind, sky.temperature, look.hour, doy, spec) for kind in ELEVATION], axis=1)
        parts = [retrieved(look, true, sky.cloudiness, where, place, number, spec, seed) for number, place in years.items()]
        number, quality, spread = (np.concatenate([part[k] for part in parts]) for k in range(3))
        judged = modis_values.largest_error(quality)
        kelvin = np.where((number > 0) & (judged <= MAX_ERROR), number * 0.02, np.nan)
        for column, kind in enumerate(ELEVATION):
            views[platform, kind] = Views(days, kelvin[:, column], judged[:, column], spread, look.hour)
    return views


def surface(kind: str, air: np.ndarray, hour: np.ndarray, doy: np.ndarray, spec: Scenario) -> np.ndarray:
    """Return the true temperature of a level pixel under a clear sky, K."""
    frozen = 1.0 if kind == "ice" else 0.0
    here = weather.air_temperature(spec.weather, air, ELEVATION[kind])
    return heat.surface_temperature(here, 0.0, frozen, hour, doy, spec.area.lat, spec.temperature)


def retrieved(look, true, cloudiness, where, place, number: int, spec: Scenario, seed: int):
    """Return numbers, quality (day, pixel) and the true spread (day,) of the views of one year."""
    whole = pd.date_range(f"{number}-01-01", f"{number}-12-31")
    first = int(spec_day(number, place, whole))
    part = slice(first, first + len(place))
    own = modis_view.View(look.platform, look.night, look.hour[place], look.angle[place])
    shared = modis_view.sky(generator(seed, "modis", "sky", number), len(whole), where)
    rng = generator(seed, "modis", look.key, number)
    seen = modis_view.retrieve(own, true[place], cloudiness[place], shared, where, spec.temperature, rng, part)
    spread = spec.temperature.noise * (1 + (own.angle / modis_view.STEEPEST) ** 2)
    return seen.number, seen.quality, spread


def spec_day(number: int, place: np.ndarray, whole: pd.DatetimeIndex) -> int:
    """Return the day of the year (0-based) of the first of `place`."""
    return int((pd.Timestamp(START) - whole[0]).days) if number == pd.Timestamp(START).year else 0


def composites(views: Views) -> Views:
    """Return means over the clear days of 8 days, which begin anew each year, with the bound on the mean error."""
    period = views.days.year.to_numpy() * 46 + (views.days.day_of_year.to_numpy() - 1) // modis.PERIOD
    table = pd.DataFrame({"kelvin": views.kelvin, "error": np.where(np.isfinite(views.kelvin), views.noise, np.nan), "period": period})
    means, first = table.groupby("period").mean(), np.flatnonzero(np.diff(period, prepend=-1))
    kelvin, spread = means["kelvin"].to_numpy(), means["error"].to_numpy()
    bound = np.where(np.isfinite(kelvin), np.where(spread > 1, 2.0, 1.0), np.nan)
    return Views(views.days[first], kelvin, bound, spread, views.hour[first])


@numba.njit(cache=True)
def whiten(columns, when, phi, variance, noise):  # pragma: no cover (compiled)
    """Return the columns as the innovations of two AR(1) states and noise, over their standard deviation: a Kalman filter."""
    n, k = columns.shape
    out = np.empty((n, k))
    state, spread = np.zeros((2, k)), np.diag(variance)
    for i in range(n):
        if i:
            f = phi ** (when[i] - when[i - 1])
            for a in range(2):
                state[a] *= f[a]
            for a in range(2):
                for b in range(2):
                    spread[a, b] *= f[a] * f[b]
                spread[a, a] += variance[a] * (1 - f[a] ** 2)
        both = spread.sum(axis=0)
        whole = both.sum() + noise[i] ** 2
        left = columns[i] - state[0] - state[1]
        out[i] = left / np.sqrt(whole)
        gain = both / whole
        for a in range(2):
            state[a] += gain[a] * left
        spread = spread - np.outer(gain, both)
    return out


def ideal_width(views: Views, spec: Scenario, keep: np.ndarray) -> float:
    """Return the width of the 95 % interval, K per decade, of generalised least squares with the true covariance."""
    seen = np.isfinite(views.kelvin) & keep
    moment = seasonal.years(views.days.to_numpy()[seen])
    air = spec.weather
    phi = np.exp(-1 / np.array([air.regime_memory, air.synoptic_memory]))
    variance = np.array([air.regime_sd, air.synoptic_sd]) ** 2
    columns = whiten(seasonal.design(moment, float(moment.mean())), np.flatnonzero(seen).astype(float), phi, variance, views.noise[seen])
    covariance = np.linalg.inv(columns.T @ columns)
    return float(2 * 1.959964 * np.sqrt(covariance[1, 1]) * warming.DECADE)


CASES = {
    "Terra, ground, without the years of drift": ("terra", "ground", True, "of_ground"),
    "Terra, ice, without the years of drift": ("terra", "ice", True, "of_ice"),
    "Aqua, ground": ("aqua", "ground", False, "of_ground"),
    "Aqua, ice": ("aqua", "ice", False, "of_ice"),
    "Terra, ground, all years": ("terra", "ground", False, "of_ground"),
    "Terra, ice, all years": ("terra", "ice", False, "of_ice"),
    "Aqua, ice, saturation ignored": ("aqua", "ice", False, "of_ground"),
    "Aqua, ground, 8-day composites": ("aqua-8", "ground", False, "of_ground"),
    "Aqua, ice, 8-day composites": ("aqua-8", "ice", False, "of_ice"),
}
"""Name → platform, surface, whether the years of drift are left out, estimator."""


def estimate(views: Views, early: bool, method: str) -> warming.Warming:
    """Return the warming of a pixel."""
    days = views.days.to_numpy()
    keep = warming.before_drift(days) if early else np.ones(len(days), bool)
    if method == "of_ice":
        return warming.of_ice(days[keep], views.kelvin[keep], views.error[keep])
    daily = days[1] - days[0] == np.timedelta64(1, "D")
    return warming.of_ground(days[keep], views.kelvin[keep], least_clear=warming.LEAST_CLEAR if daily else 1)


def measure(seeds: int, ideal: int) -> dict:
    """Return what the seeds say of each case; the ideal of composites is that of the daily views in them."""
    spec = setting()
    found: dict[str, list] = {name: [] for name in CASES}
    widths: dict[str, list] = {name: [] for name in CASES}
    for seed in range(seeds):
        views = simulated(seed, spec)
        for name, (platform, kind, early, method) in CASES.items():
            daily = views[platform.removesuffix("-8"), kind]
            found[name].append(estimate(composites(daily) if platform.endswith("-8") else daily, early, method))
            if seed < ideal:
                seen = daily
                keep = warming.before_drift(seen.days.to_numpy()) if early else np.ones(len(seen.days), bool)
                widths[name].append(ideal_width(seen, spec, keep))
    return {"trend": TREND, "seeds": seeds, "cases": {name: summary(found[name], widths[name]) for name in CASES}}


def summary(found: list, widths: list) -> dict:
    low, high, trend = (np.array([getattr(each, part) for each in found]) for part in ("low", "high", "trend"))
    ideal = float(np.mean(widths))
    return {
        "inside": int(((low <= TREND) & (high >= TREND)).sum()),
        "mean": float(trend.mean()), "spread": float(trend.std(ddof=1)), "width": float((high - low).mean()), "ideal_width": ideal,
        "ratio": float((high - low).mean() / ideal), "clear": float(np.mean([each.clear for each in found])),
        "saturated": float(np.mean([each.saturated for each in found])), "inflation": float(np.mean([each.inflation for each in found])),
    }  # fmt: skip


def document(result: dict) -> str:
    """Return the page of the results."""
    lines = [
        f"Set trend: {result['trend']:g} K per decade; {result['seeds']} seeds of daily views by day, July 2002 to 2022.",
        "",
        "| case | set trend in the 95 % interval | mean trend | spread | mean width | over the ideal's | clear views | saturated |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in result["cases"].items():
        lines.append(
            f"| {name} | {row['inside']} of {result['seeds']} | {row['mean']:.2f} | {row['spread']:.2f} | {row['width']:.2f} "
            f"| {row['ratio']:.2f} | {row['clear']:.0f} | {row['saturated'] / row['clear']:.0%} |"
        )
    return "\n".join([*lines, "", "Trends, spreads and widths in K per decade."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--ideal", type=int, default=20, help="seeds over which the ideal's width, which hardly varies, is averaged")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    result = measure(options.seeds, options.ideal)
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results" / "warming.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "warming.md").write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
