"""Errors of forecast velocities by component and speed, and the skill against the best baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.errors import GlaciercastError
from glaciercast.evaluate.table import describe_split
from glaciercast.stats import bootstrap
from glaciercast.stats.scores import skill

if TYPE_CHECKING:
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import TimeSplit


def squared_errors(forecast: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the squared errors of vx, vy, both and the speed.

    Speed is the hypotenuse of the components, of the forecast's and of the truth's; ``both`` is the mean of the components' squares.

    Parameters
    ----------
    forecast, truth
        vx and vy in m/yr, (issue, lead, 2, y, x); NaN in the truth where it was not observed.

    Returns
    -------
    dict
        ``vx``, ``vy``, ``both``, ``speed`` float64 (issue, lead, y, x), (m/yr)², NaN where the truth is.

    Raises
    ------
    GlaciercastError
        If a forecast is not finite where it has to be scored: a model may not choose its pixels.
    """
    seen = np.isfinite(truth)
    if not np.isfinite(forecast[seen]).all():
        raise GlaciercastError(f"{np.count_nonzero(~np.isfinite(forecast[seen]))} forecast values are not finite where they are scored")
    forecast, truth = forecast.astype("float64"), truth.astype("float64")
    components = (forecast - truth) ** 2
    speed = (np.hypot(*np.moveaxis(forecast, 2, 0)) - np.hypot(*np.moveaxis(truth, 2, 0))) ** 2
    return {"vx": components[:, :, 0], "vy": components[:, :, 1], "both": components.mean(axis=2), "speed": speed}


def compare(forecasts: Mapping[str, np.ndarray], truth: np.ndarray, clusters: np.ndarray, baselines: Sequence[str]) -> dict[str, Any]:
    """Return the scores of models on the same test windows.

    Parameters
    ----------
    forecasts
        Model → vx and vy in m/yr, (issue, lead, 2, y, x).
    truth
        Of that shape, NaN where it was not observed.
    clusters
        What is drawn together in the bootstrap, int (issue, y, x).
    baselines
        The models of which the best is the reference: over all leads, and at each lead.

    Returns
    -------
    dict
        ``best_baseline``, ``best_baseline_by_lead``, ``clusters``, ``windows`` and ``models``: name → ``kind``; over all leads ``mse`` (of
        both components), ``skill`` and ``interval``, and ``against``: each baseline → ``skill`` and ``interval``; mean squares
        ``mse_by_lead``, ``vx_by_lead``, ``vy_by_lead`` and ``speed_by_lead``; ``skill_by_lead`` and ``interval_by_lead``. Mean squares are
        in (m/yr)²; an interval is None below 8 clusters, and of the reference itself.
    """
    squares = {name: squared_errors(forecast, truth) for name, forecast in forecasts.items()}
    leads = range(truth.shape[1])
    overall = {name: float(np.nanmean(found["both"])) for name, found in squares.items()}
    by_lead = {name: _means(found["both"]) for name, found in squares.items()}
    best = min(baselines, key=lambda name: overall[name])
    best_by_lead = [min(baselines, key=lambda name, lead=lead: by_lead[name][lead]) for lead in leads]  # type: ignore[misc]
    models = {}
    for name, found in squares.items():
        models[name] = {
            "kind": "baseline" if name in baselines else "network",
            "mse": overall[name],
            "skill": skill(overall[name], overall[best]),
            "interval": _interval(name, best, squares, clusters, leads),
            "against": {
                other: {"skill": skill(overall[name], overall[other]), "interval": _interval(name, other, squares, clusters, leads)}
                for other in baselines
            },
            "mse_by_lead": by_lead[name],
            **{f"{quantity}_by_lead": _means(found[quantity]) for quantity in ("vx", "vy", "speed")},
            "skill_by_lead": [skill(by_lead[name][lead], by_lead[best_by_lead[lead]][lead]) for lead in leads],
            "interval_by_lead": [_interval(name, best_by_lead[lead], squares, clusters, [lead]) for lead in leads],
        }
    return {
        "best_baseline": best,
        "best_baseline_by_lead": best_by_lead,
        "clusters": len(np.unique(clusters)),
        "windows": len(truth),
        "models": models,
    }


def describe(series: Series, split: TimeSplit) -> dict[str, Any]:
    """Return what a table is of: ``title``, ``comment``, ``cadence``, ``leads``, ``lead_days`` (of the first step) and ``split``."""
    days = (series.ends[0] - series.starts[0]).days
    return {
        "title": series.attributes.get("title", ""),
        "comment": series.attributes.get("comment", ""),
        "cadence": series.attributes["cadence"],
        "leads": list(range(1, split.n_target + 1)),
        "lead_days": [days * lead for lead in range(1, split.n_target + 1)],
        "split": describe_split(series, split),
    }


def _means(squared: np.ndarray) -> list[float]:
    """Return the mean of (issue, lead, y, x) at each lead, over what was observed."""
    return [float(np.nanmean(squared[:, lead])) for lead in range(squared.shape[1])]


def _interval(
    name: str, reference: str, squares: Mapping[str, Mapping[str, np.ndarray]], clusters: np.ndarray, leads: Sequence[int]
) -> tuple[float, float] | None:
    if name == reference:
        return None
    model, base = (np.nan_to_num(squares[each]["both"][:, leads]).sum(axis=1).ravel() for each in (name, reference))
    return bootstrap.skill(model, base, bootstrap.Clusters.of(clusters.ravel())).interval
