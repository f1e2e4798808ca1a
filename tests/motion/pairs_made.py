"""Pairs of a known history of velocity, for tests of the inversion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

YEAR = 365.25


class Made(NamedTuple):
    """Pairs of some pixels: vx, vy, error float32 (pair, y, x); the true means of the steps (step, y, x)."""

    vx: np.ndarray
    vy: np.ndarray
    error: np.ndarray
    first: np.ndarray
    second: np.ndarray
    edges: pd.DatetimeIndex
    true_x: np.ndarray
    true_y: np.ndarray


def dates(rng: np.random.Generator, edges: pd.DatetimeIndex, pairs: int, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return images at random days paired over up to `longest` days, days since the first edge."""
    total = (edges[-1] - edges[0]).days
    images = np.unique(np.r_[0, np.sort(rng.integers(1, total, total // 8)), total])
    later, earlier = np.nonzero((images[:, None] - images > 4) & (images[:, None] - images <= longest))
    chosen = rng.choice(len(later), min(pairs, len(later)), replace=False)
    return images[earlier[chosen]].astype(float), images[later[chosen]].astype(float)


def walk(rng: np.random.Generator, knots: pd.DatetimeIndex, shape: tuple[int, int], change: float) -> np.ndarray:
    """Return a random walk at some times, m/yr, whose change over a year has the standard deviation `change`, as the smoothing expects."""
    years = np.diff((knots - knots[0]) / pd.Timedelta("1D")) / YEAR
    steps = rng.normal(size=(len(years), *shape)) * change * np.sqrt(years)[:, None, None]
    return 100 + np.concatenate([np.zeros((1, *shape)), np.cumsum(steps, axis=0)])


def displacement(knots: np.ndarray, nodes: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the displacement (time, y, x) from the first of the knots (days) of a velocity that is linear between them."""
    years = (np.diff(knots) / YEAR)[:, None, None]
    path = np.concatenate([np.zeros((1, *nodes.shape[1:])), np.cumsum((nodes[1:] + nodes[:-1]) / 2 * years, axis=0)])

    def at(days: np.ndarray) -> np.ndarray:
        step = np.clip(np.searchsorted(knots, days, side="right") - 1, 0, len(knots) - 2)
        inside = ((days - knots[step]) / YEAR)[:, None, None]
        slope = (nodes[step + 1] - nodes[step]) / years[step]
        return path[step] + nodes[step] * inside + slope * inside**2 / 2

    return at


def made(
    nodes_x: np.ndarray,
    nodes_y: np.ndarray,
    edges: pd.DatetimeIndex,
    pairs: int,
    *,
    noise: float = 0.0,
    longest: float = 120.0,
    seed: int = 0,
    knots: pd.DatetimeIndex | None = None,
) -> Made:
    """Return pairs of a velocity given at some knots (knot, y, x), whose displacements have Gaussian errors of `noise` metres.

    Knots are the edges unless others are given, of which the edges are some; between them the velocity is linear.
    """
    rng = np.random.default_rng(seed)
    begin, end = dates(rng, edges, pairs, longest)
    years = ((end - begin) / YEAR)[:, None, None]
    shape = (len(begin), *nodes_x.shape[1:])
    at, ends = ((((times if times is not None else edges) - edges[0]) / pd.Timedelta("1D")).to_numpy() for times in (knots, edges))
    paths = [displacement(at, nodes) for nodes in (nodes_x, nodes_y)]
    vx, vy = ((path(end) - path(begin) + noise * rng.normal(size=shape)) / years for path in paths)
    error = np.broadcast_to((noise or 1.0) / years, shape)
    origin = edges[0].to_datetime64().astype("datetime64[ns]")
    first, second = (origin + (column * 86400).astype("timedelta64[s]") for column in (begin, end))
    true_x, true_y = (np.diff(path(ends), axis=0) / (np.diff(ends) / YEAR)[:, None, None] for path in paths)
    return Made(*(np.asarray(a, np.float32) for a in (vx, vy, error)), first, second, edges, true_x, true_y)
