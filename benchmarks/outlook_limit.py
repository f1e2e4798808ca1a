"""How much of the oracle's gain the features of an outlook hold: models that are taught the true chances, not the floods.

Usage: python benchmarks/outlook_limit.py [--seeds 1 2 3] [--lakes 24 48] [--horizons 7 30 90]

A model that learns from floods sees of each chance only whether one came. Trees and a logistic regression with the columns of
`logistic` are taught the chances themselves. Lakes are left out in six groups, as in benchmarks/outlook.py; the share is that of the
oracle's gain in expected Brier score on the seasonal base rate.
"""

from __future__ import annotations

import argparse

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from glaciercast.hazard import features, models_season, records, scores
from glaciercast.hazard.models_base import OutlookConfig, expit
from glaciercast.hazard.models_logistic import Standard
from glaciercast.hazard.samples import Samples
from glaciercast.simulate import outbursts

GROUPS, ROUNDS = 6, 150
TREES = {"objective": "cross_entropy", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 60, "feature_fraction": 0.6}


RIDGE = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lakes", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--horizons", type=int, nargs="+", default=[7, 30, 90])
    options = parser.parse_args()
    for lakes in options.lakes:
        found = np.array([shares(lakes, seed, options.horizons) for seed in options.seeds])
        for horizon, by_seed in zip(options.horizons, np.moveaxis(found, 1, 0), strict=True):
            for name, column in zip(TAUGHT, by_seed.T, strict=True):
                told = ", ".join(f"{share:.2f}" for share in column)
                print(f"{lakes} lakes, {horizon} days, {name}: {column.mean():.2f} of the oracle's gain ({told})", flush=True)


def shares(lakes: int, seed: int, horizons: list[int]) -> list[list[float]]:
    """Return the shares of trees and of the regression at each horizon on one simulation."""
    seen = outbursts.SeenSpec(images=0)
    made = outbursts.simulate(outbursts.OutburstSpec(mode="lake", lakes=lakes, seen=seen), seed)
    samples = features.make(records.make(made.tables), horizons=horizons)
    names, number = np.unique(samples.lake.astype(str), return_inverse=True)
    places = pd.MultiIndex.from_arrays([names[number], samples.issue])
    truth = made.truth.set_index(["lake", "issue"]).reindex(places)
    return [of_horizon(samples, truth[f"chance_{horizon}"].to_numpy(), number % GROUPS, horizon) for horizon in horizons]


def of_horizon(samples: Samples, truth: np.ndarray, group: np.ndarray, horizon: int) -> list[float]:
    """Return (season − taught) / (season − oracle) in expected Brier score, of groups of lakes that were left out."""
    known = np.isfinite(truth)
    season, taught = np.full(len(samples), np.nan), {name: np.full(len(samples), np.nan) for name in TAUGHT}
    for left_out in range(GROUPS):
        own, others = group == left_out, group != left_out
        curve = models_season.curve(samples.take(others).known(horizon), horizon, OutlookConfig(), robust=False)
        season[own] = expit(curve.at(samples.take(own)))
        logits = curve.at(samples)
        for name, teach in TAUGHT.items():
            taught[name][own] = teach(samples.values, logits, truth, known & others, own)
    season_, oracle = (scores.expected_brier(chance[known], truth[known]) for chance in (season, truth))
    return [(season_ - scores.expected_brier(chance[known], truth[known])) / (season_ - oracle) for chance in taught.values()]


def trees(values: np.ndarray, season: np.ndarray, truth: np.ndarray, learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the chances of trees."""
    del season
    grown = lightgbm.train({**TREES, "verbosity": -1, "num_threads": 1, "seed": 0}, lightgbm.Dataset(values[learnt], truth[learnt]), ROUNDS)
    return np.asarray(grown.predict(values[asked]))


def regression(values: np.ndarray, season: np.ndarray, truth: np.ndarray, learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the chances of a logistic regression: each sample counts as a flood by its chance, and as none by the rest."""
    standard, chance = Standard.of(values[learnt]), truth[learnt]
    design = standard.columns(values[learnt], season[learnt])
    both, label = np.concatenate([design, design]), np.repeat([1, 0], chance.size)
    model = LogisticRegression(solver="newton-cholesky", C=1 / RIDGE, max_iter=200)
    model.fit(both, label, sample_weight=np.concatenate([chance, 1 - chance]))
    return np.asarray(model.predict_proba(standard.columns(values[asked], season[asked]))[:, 1])


TAUGHT = {"trees": trees, "logistic": regression}


if __name__ == "__main__":
    main()
