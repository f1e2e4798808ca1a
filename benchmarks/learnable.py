"""How much of what an oracle foresees can be learnt from observed snow at all, and from how many years; writes the table of the docs.

Usage: python benchmarks/learnable.py [--years 9 44 261] [--tests 10] [--report]

Monthly NDSI of 400 pixels of the parvati-like glacier, noise-free and seen on all days, under many draws of its weather. Boosted trees
learn the departures of the next months from those of the last three (of the pixel, of eight bands of elevation, of how late the season
is), from the air temperature's departures where they are given, and from place and season; test draws are others. What they do not reach
with hundreds of noise-free years, no forecaster reaches from eight years of cloudy composites. With --report it
writes benchmarks/results/learnable.json and docs/results/learnable.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

from glaciercast.simulate import oracle, scenario, snow, truth, weather, world

ROOT = Path(__file__).resolve().parents[1]
SCENARIO, BANDS, LEADS, SAMPLE, PIXELS = "parvati-like", 8, (1, 2, 3, 4), 400_000, 400
OPTIONS = {
    "objective": "l2",
    "learning_rate": 0.1,
    "num_leaves": 63,
    "min_data_in_leaf": 500,
    "feature_fraction": 0.6,
    "seed": 0,
    "verbose": -1,
}
ROUNDS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--years", type=int, nargs="+", default=[9, 44, 261], help="years to learn from, of some 8.7 a draw")
    parser.add_argument("--tests", type=int, default=10, help="draws to test on")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    draws = [max(1, round(years / 8.7)) for years in options.years]
    archive = Archive(max(draws) + options.tests)
    test = np.arange(max(draws), max(draws) + options.tests)
    predictable = json.loads((ROOT / "benchmarks/results/predictable.json").read_text())[SCENARIO]["leads"]
    result = {"oracle": [row["predictable_share"] for row in predictable], "learnt": {}}
    for number, years in zip(draws, options.years, strict=True):
        for warmth in (False, True):
            label = f"{years} years" + (", air temperature known" if warmth else "")
            result["learnt"][label] = [archive.skill(np.arange(number), test, lead, warmth) for lead in LEADS]
            print(label, [round(value, 3) for value in result["learnt"][label]], flush=True)
    text = document(result)
    print(text)
    if options.report:
        (ROOT / "benchmarks/results/learnable.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs/results/learnable.md").write_text(text + "\n", encoding="utf-8")


class Archive:
    """Monthly NDSI and air temperature under `draws` draws of the weather, and departures from the mean over all of them."""

    def __init__(self, draws: int) -> None:
        spec = scenario.load(SCENARIO)
        pixels = truth.sample(world.make(spec, 0))
        few = np.linspace(0, pixels.elevation.size - 1, PIXELS).astype(int)
        pixels = oracle.Pixels(*(getattr(pixels, name)[few] for name in ("elevation", "exposure", "roughness", "debris", "ice")))
        bands = np.linspace(pixels.elevation.min() - 1, pixels.elevation.max() + 1, oracle.BANDS)
        optics = oracle.Optics.of(spec.snow, snow.Lookup.of(bands, oracle.EXPOSURES, pixels.elevation, pixels.exposure), pixels)
        values, warmth = [], []
        for seed in range(draws):
            made = weather.make(spec.weather, spec.start, spec.end, seed, spec.name)
            months = oracle.whole_months(made.dates)
            values.append(optics.monthly(snow.make(spec.snow, spec.weather, made, bands, oracle.EXPOSURES), months))
            daily = pd.Series(made.temperature - made.expected, index=made.dates.to_period("M"))
            warmth.append(daily.groupby(level=0).mean().reindex(months).to_numpy())
        self.season = months.month.to_numpy() - 1
        self.warmth = np.stack(warmth)
        ndsi = np.stack(values)
        self.usual = np.stack([ndsi[:, self.season == month].mean(axis=(0, 1)) for month in range(12)])
        self.slope = (np.roll(self.usual, -1, axis=0) - np.roll(self.usual, 1, axis=0)) / 2
        self.departure = ndsi - self.usual[self.season]
        slope = self.slope[self.season]
        self.late = (self.departure * slope).sum(axis=-1) / np.maximum((slope**2).sum(axis=-1), 1e-3)
        band = np.digitize(pixels.elevation, np.quantile(pixels.elevation, np.linspace(0, 1, BANDS + 1)[1:-1]))
        self.by_band = np.stack([self.departure[:, :, band == number].mean(axis=-1) for number in range(BANDS)], axis=-1)
        self.place = np.stack([pixels.elevation, pixels.exposure, pixels.roughness], axis=-1)

    def skill(self, learn: np.ndarray, test: np.ndarray, lead: int, warmth: bool) -> float:
        """Return the share of the variance about climatology that trees foresee in draws `test` after learning from draws `learn`."""
        features, truth_ = self.rows(learn, lead, warmth)
        picked = np.random.default_rng(0).permutation(len(truth_))[:SAMPLE]
        trees = lightgbm.train(OPTIONS, lightgbm.Dataset(features[picked], truth_[picked]), ROUNDS)
        features, truth_ = self.rows(test, lead, warmth)
        return float(1 - np.mean((truth_ - trees.predict(features)) ** 2) / np.mean(truth_**2))

    def rows(self, draws: np.ndarray, lead: int, warmth: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return features (n, F) and departures (n,) `lead` months later."""
        issues = np.arange(12, self.departure.shape[1] - lead)
        target, now = self.season[issues + lead], self.season[issues]
        shape = (len(draws), len(issues), self.departure.shape[2])
        whole = [self.departure[draws][:, issues - lag] for lag in range(3)]
        scene = [self.by_band[draws][:, issues - lag, band] for lag in range(2) for band in range(BANDS)]
        scene += [self.late[draws][:, issues - lag] for lag in range(2)]
        scene += [self.warmth[draws][:, issues - lag] for lag in range(3)] if warmth else []
        fixed = [self.usual[now], self.usual[target], self.slope[target], *(np.broadcast_to(column, shape[1:]) for column in self.place.T)]
        fixed.append(np.broadcast_to(target[:, None], shape[1:]))
        columns = [*whole, *(each[..., None] for each in scene), *(each[None] for each in fixed)]
        features = np.stack([np.broadcast_to(column, shape).ravel() for column in columns], axis=1).astype("float32")
        return features, self.departure[draws][:, issues + lead].ravel()


def document(result: dict) -> str:
    lines = [
        "| share of the variance about climatology that is foreseen | " + " | ".join(f"{lead} mo" for lead in LEADS) + " |",
        "| --- | " + "---: | " * len(LEADS),
    ]
    for label, shares in {**result["learnt"], "oracle: knows generator and snow": result["oracle"]}.items():
        lines.append(f"| {label} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")
    most = max(result["learnt"].values(), key=lambda shares: shares[0])
    parts = [f"{max(0.0, share) / best:.0%} at lead {lead}" for lead, share, best in zip(LEADS, most, result["oracle"], strict=True)]
    return "\n".join(
        [*lines, "", f"The most that was learnt is {', '.join(parts)} of what the oracle foresees: how much snow lies does not show."]
    )


if __name__ == "__main__":
    main()
