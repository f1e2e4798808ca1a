"""The benchmark table: every model beside the baselines that it must beat."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glaciercast import grid
from glaciercast.errors import GlaciercastError
from glaciercast.patches.series import Series
from glaciercast.patches.splits import PARTS, Part, TimeSplit
from glaciercast.schema import ALIGNED
from glaciercast.stats import bootstrap
from glaciercast.stats.bootstrap import Clusters
from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums, skill


def build(
    series: Series, split: TimeSplit, sums: dict[str, ErrorSums], facts: dict[str, dict[str, Any]], site: dict[str, Any],
    part: Part = "test",
) -> dict[str, Any]:  # fmt: skip
    """Return the benchmark's results.

    Parameters
    ----------
    sums
        Model → error sums on `part`.
    facts
        Model → ``kind`` (baseline or network), ``parameters``, ``train_seconds``, ``residual``; ``bands`` where it states quantiles, and
        ``uncalibrated_bands`` where they are calibrated (see `bands`); ``figures``, all others (`figures.report`).
    site
        Name, title, note, attribution and whether it is a glacier.

    Raises
    ------
    GlaciercastError
        If there is no baseline, or nothing was observed in the part.
    """
    baselines = [name for name in sums if facts[name]["kind"] == "baseline"]
    if not baselines:
        raise GlaciercastError("a benchmark without a baseline says nothing; expected at least one")
    if not any(s.weight.sum() > 0 for s in sums.values()):
        raise GlaciercastError(f"no pixel of the {part} part was observed; there is nothing to score")
    best = min(baselines, key=lambda name: sums[name].mse())
    leads = range(split.n_target)
    best_by_lead, lowest = lowest_by_lead({name: [sums[name].mse(lead) for lead in leads] for name in baselines})
    clusters = Clusters.of(bootstrap.time_blocks(split.issues(part), split.gap))
    models = {}
    for name, result in sums.items():
        skills = {base: _against(result, sums[base], clusters if name != base else None) for base in baselines}
        models[name] = {
            **facts[name],
            "mse": known(result.mse()),
            "mse_interval": bootstrap.estimate(result.squared.sum(1), result.weight.sum(1), clusters).interval,
            "mae": known(result.mae()),
            "bias": known(result.bias()),
            "mse_by_lead": [known(result.mse(lead)) for lead in leads],
            "mae_by_lead": [known(result.mae(lead)) for lead in leads],
            "bias_by_lead": [known(result.bias(lead)) for lead in leads],
            "skill": skills[best]["skill"],
            "skill_by_lead": [known(skill(result.mse(lead), lowest[lead])) for lead in leads],
            "skill_interval": skills[best]["interval"],
            "skills": skills,
        }
    variable = series.variables[0]
    return {
        "site": {**site, "crs": grid.crs_name(series.geobox), "resolution": abs(series.geobox.resolution.x)},
        "variable": variable,
        "units": ALIGNED.variables[variable].units,
        "split": describe_split(series, split),
        "leads": [lead + 1 for lead in leads],
        "lead_label": "months" if series.attributes["cadence"] == "MS" else f"steps of {series.attributes['cadence']}",
        "clusters": clusters.independent,
        "interval_note": bootstrap.sentence(clusters, split.gap, part, known=split.name == "space"),
        "best_baseline": best,
        "best_baseline_by_lead": best_by_lead,
        "models": models,
        "differences": differences({name: (each.squared.sum(1), each.weight.sum(1)) for name, each in sums.items()}, clusters),
    }


def lowest_by_lead(by_lead: Mapping[str, Sequence[float] | np.ndarray]) -> tuple[list[str | None], np.ndarray]:
    """Return the model of the lowest MSE at each lead, and that MSE, (lead,); None and NaN where nothing was observed."""
    values, names = np.array(list(by_lead.values()), "float64"), list(by_lead)
    rows = np.where(np.isnan(values), np.inf, values).argmin(axis=0)
    lowest: np.ndarray = values[rows, np.arange(len(rows))]
    return [None if np.isnan(value) else names[row] for row, value in zip(rows, lowest, strict=True)], lowest


def differences(sums: Mapping[str, tuple[np.ndarray, np.ndarray]], clusters: Clusters, alike: bool = False) -> list[dict[str, Any]]:
    """Return by how much the MSE of each model is above that of each one after it, with the paired interval.

    Parameters
    ----------
    sums
        Model → Σw·e² and Σw of each window, (window,) or (seed, window).
    alike
        Whether an MSE is the mean over glaciers, each of which counts alike (`bootstrap.estimate`).
    """
    found = []
    for model, other in itertools.combinations(sums, 2):
        apart = bootstrap.difference(sums[model], sums[other], clusters, alike=alike)
        found.append({"model": model, "other": other, "mse": known(apart.value), "interval": apart.interval})
    return found


def _against(model: ErrorSums, base: ErrorSums, clusters: Clusters | None) -> dict[str, Any]:
    """Return the skill against a baseline, and its interval unless it is the model itself."""
    interval = None if clusters is None else bootstrap.skill(model.squared.sum(1), base.squared.sum(1), clusters).interval
    return {"skill": known(skill(model.mse(), base.mse())), "interval": interval}


def bands(sums: QuantileSums) -> dict[str, Any]:
    """Return what quantiles are worth, as the results keep it.

    ``levels``, ``crps`` (in the unit of the variable), ``interval`` (what the widest one holds nominally), ``coverage`` (the share of
    truths in it) and ``width``, the last three but one over all leads and, as ``…_by_lead``, at each.
    """
    (interval, *_), leads = sums.coverage(), range(sums.weight.shape[1])
    measures: dict[str, Callable[[int | None], float]] = {
        "crps": sums.mean_crps,
        "coverage": lambda lead: sums.coverage(lead)[interval],
        "width": lambda lead: sums.mean_width(lead)[interval],
    }
    found: dict[str, Any] = {"levels": list(sums.levels), "interval": interval}
    for name, measure in measures.items():
        found |= {name: known(measure(None)), f"{name}_by_lead": [known(measure(lead)) for lead in leads]}
    return found


def band_lines(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each model of the results that states quantiles: its CRPS, and how often its widest interval holds the truth."""
    lines = []
    for name, model in results["models"].items():
        if stated := model.get("bands"):
            by_lead = ", ".join(_percent(share) for share in stated["coverage_by_lead"])
            before = model.get("uncalibrated_bands")
            lines.append(
                f"{name}: CRPS {'–' if stated['crps'] is None else format(stated['crps'], '.4g')}; its {stated['interval']:.0%} interval "
                f"holds {_percent(stated['coverage'])} of the truths ({by_lead} by lead)"
                + (f", before calibration {_percent(before['coverage'])}" if before else "")
            )
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def known(value: float) -> float | None:
    """Return the value, or None where nothing was observed to score: JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def describe_split(series: Series, split: TimeSplit) -> dict[str, Any]:
    """Return the dates of the parts and the gap, as the results keep them."""
    parts: dict[str, list[str]] = {
        part: [f"{series.starts[steps.start]:%Y-%m}", f"{series.starts[steps.stop - 1]:%Y-%m}"]
        for part, steps in ((p, split.targets[p]) for p in PARTS)
    }
    windows = {part: len(split.issues(part)) for part in PARTS}
    text = (
        f"split by time: targets of training {parts['train'][0]} to {parts['train'][1]}, validation {parts['validation'][0]} to "
        f"{parts['validation'][1]}, test {parts['test'][0]} to {parts['test'][1]}; {split.gap} steps between parts belong to none"
    )
    return {
        "name": "time",
        "text": text,
        **parts,
        "gap_steps": split.gap,
        "n_input": split.n_input,
        "n_target": split.n_target,
        "windows": windows,
    }
