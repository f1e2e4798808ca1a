"""How much of the oracle's gain trees reach that are taught the true chances, not the floods.

Usage: python benchmarks/outlook_limit.py [--seeds 1 2 3] [--lakes 24 48] [--horizons 7 30 90]

A model that learns from floods sees of each chance only whether one came; these trees see the chance itself. What they miss on lakes
that were left out, in six groups as in benchmarks/outlook.py, is what the features do not hold or so few lakes do not teach trees. The
share is that of the oracle's gain in expected Brier score on the seasonal base rate. It bounds no smoother model.
"""

from __future__ import annotations

import argparse

import lightgbm
import numpy as np
import pandas as pd

from glaciercast.hazard import features, models_season, records, scores
from glaciercast.hazard.models_base import OutlookConfig, expit
from glaciercast.hazard.samples import Samples
from glaciercast.simulate import outbursts

GROUPS, ROUNDS = 6, 150
TREES = {"objective": "cross_entropy", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 60, "feature_fraction": 0.6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lakes", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--horizons", type=int, nargs="+", default=[7, 30, 90])
    options = parser.parse_args()
    for lakes in options.lakes:
        found = np.array([shares(lakes, seed, options.horizons) for seed in options.seeds])
        for horizon, column in zip(options.horizons, found.T, strict=True):
            told = ", ".join(f"{share:.2f}" for share in column)
            print(f"{lakes} lakes, {horizon} days: {column.mean():.2f} of the oracle's gain ({told})", flush=True)


def shares(lakes: int, seed: int, horizons: list[int]) -> list[float]:
    """Return the share at each horizon on one simulation."""
    seen = outbursts.SeenSpec(images=0)
    made = outbursts.simulate(outbursts.OutburstSpec(mode="lake", lakes=lakes, seen=seen), seed)
    samples = features.make(records.make(made.tables), horizons=horizons)
    names, number = np.unique(samples.lake.astype(str), return_inverse=True)
    places = pd.MultiIndex.from_arrays([names[number], samples.issue])
    truth = made.truth.set_index(["lake", "issue"]).reindex(places)
    return [share(samples, truth[f"chance_{horizon}"].to_numpy(), number % GROUPS, horizon) for horizon in horizons]


def share(samples: Samples, truth: np.ndarray, group: np.ndarray, horizon: int) -> float:
    """Return (season − trees) / (season − oracle) in expected Brier score, of groups of lakes that were left out."""
    known = np.isfinite(truth)
    taught, season = np.full((2, len(samples)), np.nan)
    for left_out in range(GROUPS):
        own, others = group == left_out, group != left_out
        data = lightgbm.Dataset(samples.values[known & others], truth[known & others])
        trees = lightgbm.train({**TREES, "verbosity": -1, "num_threads": 1, "seed": 0}, data, ROUNDS)
        taught[own] = trees.predict(samples.values[own])
        curve = models_season.curve(samples.take(others).known(horizon), horizon, OutlookConfig(), robust=False)
        season[own] = expit(curve.at(samples.take(own)))
    trees_, season_, oracle = (scores.expected_brier(chance[known], truth[known]) for chance in (taught, season, truth))
    return (season_ - trees_) / (season_ - oracle)


if __name__ == "__main__":
    main()
