"""All figures of one cell as plain JSON, each with its interval or the sentence why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.hazard import claims, scores, scores_intervals
from glaciercast.hazard.folds import Split
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.scores_intervals import Drawn, Figure
from glaciercast.hazard.verify_cells import SEASON, Cell
from glaciercast.hazard.warned import Warned, threshold_for, warned

RATIOS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""Cost ratios at which the economic value is worked out."""
CURVE_POINTS = 200


def scored(
    cell: Cell, pairs: Pairs, split: Split, events: pd.DataFrame, cost_ratio: float | None, hit_rate: float, seed: int = 0
) -> dict[str, Any]:
    """Return the figures of a cell.

    Parameters
    ----------
    split
        Its folds, which are counted.
    events
        All floods, for their starts.
    cost_ratio
        Alerts are issued where chance ≥ cost ratio; None: no alerts are scored.
    hit_rate
        Share of floods at which false alarms are compared.
    """
    facts = {
        "model": cell.model, "protocol": cell.protocol, "horizon": cell.horizon, "folds": len(split.folds),
        "folds_left_out": list(split.left_out), "samples": len(pairs), "floods": len(pairs.floods),
        "lakes": len(np.unique(pairs.lake)), "lake_years": pairs.lake_years,
    }  # fmt: skip
    if not len(pairs):
        return {**facts, "claim": "Nothing is scored: no fold has a flood to learn from."}
    drawn = Drawn(pairs, seed=seed)
    return {
        **facts,
        "prevalence": float(pairs.label.mean()),
        **_figures(pairs, drawn),
        "alerts": None if cost_ratio is None else _alerts(pairs, drawn, warned(pairs, events, cost_ratio)),
        "fixed_hit_rate": _fixed(pairs, drawn, events, hit_rate),
        "value": _value(pairs),
        "known": _known(pairs, seed),
        "interval_note": scores_intervals.note(pairs, drawn),
        "claim": claim(cell.model, len(pairs.floods), scores_intervals.skill(pairs, drawn)),
    }


def claim(model: str, floods: int, skill: Figure) -> str:
    """Return what these floods allow to say about a model's skill."""
    if model == SEASON:
        return f"The seasonal base rate is what skill is measured against; it rests on {claims.counted(floods)}."
    return claims.of_skill(skill.value, skill.interval, floods)


def _figures(pairs: Pairs, drawn: Drawn) -> dict[str, Any]:
    found = scores.bins(pairs.chance, pairs.label)
    full = scores.recalibration(pairs.chance, pairs.label)
    return {
        "brier": scores_intervals.brier(pairs, drawn).to_json(),
        "brier_season": scores_intervals.brier(pairs, drawn, pairs.season).to_json(),
        "skill": scores_intervals.skill(pairs, drawn).to_json(),
        "slope": scores_intervals.slope(pairs, drawn).to_json(),
        "intercept": None if full is None else full[0],
        "parts": asdict(scores.murphy(pairs.chance, pairs.label)),
        "pr_auc": scores_intervals.pr_auc(pairs, drawn).to_json(),
        "reliability": {key: values.tolist() for key, values in asdict(found).items()},
        "curve": _curve(pairs),
    }


def _curve(pairs: Pairs) -> dict[str, list[float]]:
    curve = scores.precision_recall(pairs.chance, pairs.label)
    some = np.unique(np.linspace(0, curve.recall.size - 1, CURVE_POINTS).round().astype("int64")) if curve.recall.size else slice(0)
    return {"recall": curve.recall[some].tolist(), "precision": curve.precision[some].tolist()}


def _alerts(pairs: Pairs, drawn: Drawn, found: Warned) -> dict[str, Any]:
    samples = scores.table(pairs.chance, pairs.label, found.threshold)
    return {
        **asdict(found),
        "false_per_lake_year": found.false_per_lake_year,
        "hit_rate": scores_intervals.hit_rate(pairs, drawn, found).to_json(),
        "lead_mean_days": scores_intervals.lead(pairs, drawn, found).to_json(),
        "samples": asdict(samples),
        "peirce": scores_intervals.peirce(pairs, drawn, found.threshold).to_json(),
    }


def _fixed(pairs: Pairs, drawn: Drawn, events: pd.DataFrame, hit_rate: float) -> dict[str, Any] | None:
    threshold = threshold_for(pairs, events, hit_rate)
    return None if threshold is None else {"wanted": hit_rate, **_alerts(pairs, drawn, warned(pairs, events, threshold))}


def _value(pairs: Pairs) -> dict[str, list[float | None]]:
    ratios = np.array(RATIOS)
    found = (scores.economic_value(chance, pairs.label, ratios) for chance in (pairs.chance, pairs.season))
    ours, season = ([None if np.isnan(each) else float(each) for each in values] for values in found)
    return {"ratios": list(RATIOS), "value": ours, "season": season}


def _known(pairs: Pairs, seed: int) -> dict[str, Any] | None:
    """Return the figures against true chances, over the samples that have one."""
    if pairs.truth is None or not (have := np.isfinite(pairs.truth)).any():
        return None
    part = replace(pairs, **{key: getattr(pairs, key)[have] for key in ("lake", "issue", "chance", "label", "season", "flood", "truth")})
    assert part.truth is not None
    found = scores.bins(part.chance, part.truth)
    figures = {name: figure.to_json() for name, figure in scores_intervals.expected(part, Drawn(part, seed=seed)).items()}
    return {"samples": len(part), **figures, "reliability": {key: values.tolist() for key, values in asdict(found).items()}}


def table(cells: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the main figures of cells, one row each."""
    rows = [
        {
            "protocol": cell["protocol"], "horizon": cell["horizon"], "model": cell["model"], "floods": cell["floods"],
            "brier": _get(cell, "brier"), "skill": _get(cell, "skill"), "slope": _get(cell, "slope"), "pr_auc": _get(cell, "pr_auc"),
            "prevalence": cell.get("prevalence"),
        }
        for cell in cells
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _get(cell: dict[str, Any], name: str) -> float | None:
    found = cell.get(name)
    return None if found is None else found["value"]
