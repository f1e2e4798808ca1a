"""An issued outlook in words and plain JSON types: chances beside the season's, what they rest on, how old it is, what may be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.hazard import alerts, claims, features_area, features_motion, features_past, features_temperature, models
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

if TYPE_CHECKING:
    from glaciercast.hazard.issued import Foretold, IssueConfig

FEATURES = MappingProxyType(
    {"areas": (*features_area.NAMES, *features_past.NAMES), "motion": features_motion.NAMES, "temperature": features_temperature.NAMES}
)
"""Features of each source."""
NO_FEATURE = "The model reads no record of the lakes themselves: its chances are the same for every lake whose past floods are alike."
NO_WEIGHT = "Lakes and years that were left out gave the model no weight at {horizons}: there the chance is the season's."


def result(
    day: pd.Timestamp, known: Records, past: Samples, now: Samples, told: Mapping[int, Foretold], settings: IssueConfig
) -> dict[str, Any]:  # fmt: skip
    """Return the outlook as plain JSON types.

    Parameters
    ----------
    day
        Of issue.
    known
        What was available at the issue.
    past, now
        Samples that were learnt from, and those of the issue, one a lake.
    told
        By horizon.
    """
    ages = {lake: _ages(known, now, number, settings.model) for number, lake in enumerate(now.lake)}
    learnt = sources(past, known, settings.model)
    at_issue = {source for own in ages.values() for source in own}
    rests_on = [source for source in learnt if source in at_issue]
    lakes = [_lake(number, known, now, told, ages[lake], settings) for number, lake in enumerate(now.lake)]
    floods = len(known.events)
    return {
        "issue": f"{day:%Y-%m-%d}",
        "model": settings.model,
        "summary": models.summary(settings.model),
        "horizons": list(settings.horizons),
        "floods": floods,
        "lakes_with_floods": int(known.events["lake"].nunique()),
        "lakes_learnt_from": int(known.lakes["lake"].nunique()),
        "learnt": [_learnt(horizon, one) for horizon, one in told.items()],
        "level": settings.outlook.level,
        "cost_ratio": settings.cost_ratio,
        "rests_on": rests_on,
        "not_seen": [source for source in models.reads(settings.model) if source not in rests_on],
        "claims": _claims(floods, int(known.events["lake"].nunique()), told, settings, rests_on),
        "lakes": lakes,
    }


def sources(samples: Samples, known: Records, model: str) -> list[str]:
    """Return which of the sources that a model reads have any value in samples: what it can have learnt from."""
    found = []
    for source in models.reads(model):
        if source == "images":
            seen = bool(known.areas["image"].notna().any())
        else:
            seen = bool(np.isfinite(samples.values[:, _columns(samples, source)]).any())
        found += [source] if seen else []
    return found


def _columns(samples: Samples, source: str) -> list[int]:
    return [samples.names.index(name) for name in FEATURES[source] if name in samples.names]


def _ages(known: Records, now: Samples, number: int, model: str) -> dict[str, float]:
    """Return how old the newest record of each source is, days; without sources that the model does not read or nothing is known of."""
    found = {}
    for source in models.reads(model):
        if source == "images":
            areas = known.areas[(known.areas["lake"] == now.lake[number]) & known.areas["image"].notna()]
            ages = (pd.Timestamp(now.issue[number]) - areas["time"]).dt.total_seconds().to_numpy("float64") / 86400
        else:
            columns = _columns(now, source)
            own = now.ages[number, columns]
            ages = own[np.isfinite(now.values[number, columns]) & np.isfinite(own)]
        if ages.size:
            found[source] = round(float(ages.min()), 2)
    return found


def _lake(
    number: int, known: Records, now: Samples, told: Mapping[int, Foretold], ages: dict[str, float], settings: IssueConfig
) -> dict[str, Any]:  # fmt: skip
    lake = str(now.lake[number])
    missing = [source for source in models.reads(settings.model) if source not in ages]
    return {
        "lake": lake,
        "past_floods": int((known.events["lake"] == lake).sum()),
        "ages": ages,
        "missing": missing,
        "words": ", ".join([*(f"{source} {age:.0f} days old" for source, age in ages.items()), *(f"no {source}" for source in missing)]),
        "features": {
            name: {"value": _plain(now.values[number, place]), "age_days": _plain(now.ages[number, place])}
            for place, name in enumerate(now.names)
        },
        "outlook": [_row(number, horizon, one, settings.cost_ratio) for horizon, one in told.items()],
    }


def _row(number: int, horizon: int, one: Foretold, cost_ratio: float | None) -> dict[str, Any]:
    act = alerts.decide(one.chances.chance, cost_ratio)
    return {
        "horizon": horizon,
        "chance": float(one.chances.chance[number]),
        "low": float(one.chances.low[number]),
        "high": float(one.chances.high[number]),
        "season": float(one.season.chance[number]),
        "base_rate": one.base_rate,
        "alert": None if act is None else bool(act[number]),
    }


def _learnt(horizon: int, one: Foretold) -> dict[str, Any]:
    return {"horizon": horizon, "floods": one.floods, "days": one.days, "base_rate": one.base_rate, "weight": one.weight}


def _claims(floods: int, lakes: int, told: Mapping[int, Foretold], settings: IssueConfig, rests_on: list[str]) -> list[str]:
    said = [claims.rests_on(floods, lakes)]
    if not models.reads(settings.model):
        said.append(NO_FEATURE)
    elif not rests_on:
        said.append("Nothing that the model reads of lakes was available: the chances are those of the season and of past floods.")
    alone = [f"{horizon}" for horizon, one in told.items() if one.weight == 0]
    if alone:
        said.append(NO_WEIGHT.format(horizons=f"{' and '.join(alone)} days"))
    if settings.cost_ratio is None:
        said.append(alerts.NO_RATIO)
    return said


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
