"""Verification of outlooks: models fitted in folds that keep an embargo, scored against the season, with the floods beside every figure."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import config, progress
from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.hazard import embargo as embargoes
from glaciercast.hazard import features, folds, verify_cells, verify_scores, windows
from glaciercast.hazard import models as registry
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.folds import PROTOCOLS, Split
from glaciercast.hazard.models_base import OutlookConfig
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import HORIZONS, Samples
from glaciercast.hazard.verify_cells import SEASON, Cell, Create, Kept

NETWORKS = "network"
"""How names of models begin that read windows of series."""
MEANINGS = {
    "event": "leave one event out: a season of one lake is tested; all but the embargo around it is learnt from, later years too",
    "lake": "leave one lake out: trained on the other lakes at all times",
    "lakes": "leave lakes out in six groups: trained on the lakes of the other groups at all times",
    "forward": "forward chaining: each year is tested with what was known an embargo before it; the figure that an operator would see",
}


class VerifyConfig(Config):
    """Settings of a verification.

    Attributes
    ----------
    cost_ratio
        Cost of acting over the loss avoided; alerts are issued where the chance reaches it. None: no alerts are scored.
    hit_rate
        Share of floods warned of at which models' false alarms are compared.
    seed
        Of the models and of the bootstrap.
    features, outlook
        Settings of the samples and of the models.
    """

    cost_ratio: float | None = Field(default=None, gt=0, lt=1)
    hit_rate: float = Field(default=0.8, gt=0, le=1)
    seed: int = Field(default=0, ge=0)
    features: FeatureConfig = FeatureConfig()
    outlook: OutlookConfig = OutlookConfig()


@dataclass(frozen=True)
class Verified:
    """Figures as plain JSON, and the pairs that they were made from."""

    result: dict[str, Any]
    pairs: dict[Cell, Pairs]


def verify(
    records: Records,
    models: Sequence[str],
    horizons: Sequence[int] = HORIZONS,
    protocol: str | Sequence[str] = "lake",
    settings: VerifyConfig | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return all figures of some models as plain JSON; see `run`, which gives the pairs too and tells the other parameters."""
    return run(records, models, horizons, protocol, settings, **others).result


def run(
    records: Records,
    models: Sequence[str],
    horizons: Sequence[int] = HORIZONS,
    protocol: str | Sequence[str] = "lake",
    settings: VerifyConfig | None = None,
    *,
    truth: pd.DataFrame | None = None,
    samples: Samples | None = None,
    embargo: Mapping[int, int] | None = None,
    create: Create | None = None,
    keep: Path | None = None,
) -> Verified:
    """Fit models in the folds of each protocol and horizon and score what they foretell.

    Parameters
    ----------
    records
        Everything; each model looks up only what was available at an issue, and learns only from its fold's samples and events.
    models
        Names of `hazard.models`; the seasonal base rate is always there.
    protocol
        One or several of event, lake, lakes, forward.
    truth
        Known chances of a simulation: columns lake, issue, chance_7 …
    samples
        Ready ones, with labels of all horizons; made from the records if none are given.
    embargo
        Days by horizon; worked out from the settings and the records' latencies if not given.
    create
        Makes a model of a name; `hazard.models.create` by default.
    keep
        Folder in which each cell's chances are kept, so that a run that was stopped goes on. Chances of other records, samples, settings or
        of another source of glaciercast are not used, which a note tells (see `verify_cells.key_of`).

    Raises
    ------
    InputError
        If nothing is named, a model or protocol is not known, or no flood is in the samples.
    """
    settings = settings or VerifyConfig()
    protocols = checked(models, horizons, (protocol,) if isinstance(protocol, str) else tuple(protocol))
    samples = features.make(records, None, settings.features) if samples is None else samples
    apart = dict(embargo) if embargo is not None else embargo_days(records, horizons, settings, models)
    make = create or _maker(settings)
    splits = {(each, horizon): folds.split(each, samples, horizon, apart[horizon]) for each in protocols for horizon in horizons}
    _learnable(splits, samples)
    cells = verify_cells.cells(models, horizons, protocols)
    kept = _kept(keep, records, samples, apart, settings)
    if refused := kept.refused(cells):
        progress.note(refused)
    pairs, scored, season = {}, [], {}
    for cell in progress.track(cells, "verifying"):
        split = splits[cell.protocol, cell.horizon]
        told = kept.of(cell, functools.partial(verify_cells.foretell, cell, records, samples, split, make, settings.seed))
        if cell.model == SEASON:
            season[cell.protocol, cell.horizon] = told
        known = verify_cells.known_chances(truth, samples, cell.horizon)
        pairs[cell] = verify_cells.pair(cell, samples, told, season[cell.protocol, cell.horizon], known)
        scored.append(verify_scores.scored(cell, pairs[cell], split, records.events, settings.cost_ratio, settings.hit_rate, settings.seed))
    return Verified({**_facts(records, samples, horizons, protocols, apart, settings), "cells": scored}, pairs)


def embargo_days(records: Records, horizons: Sequence[int], settings: VerifyConfig, models: Sequence[str] = ()) -> dict[int, int]:
    """Return the embargo of each horizon in days: feature window, horizon, longest pair, latency, and how far networks look back beyond.

    All models of a verification share it, so that they are scored on the same folds.
    """
    beyond = windows.reach() - settings.features.window if any(name.startswith(NETWORKS) for name in models) else 0
    latency = embargoes.longest_latency(records)
    return {horizon: embargoes.of(horizon, settings.features, latency, max(0, beyond)) for horizon in horizons}


def _kept(keep: Path | None, records: Records, samples: Samples, apart: Mapping[int, int], settings: VerifyConfig) -> Kept:
    """Return where cells are kept; what only their scores hang on is not in their key."""
    if keep is None:
        return Kept(None, "")
    rest = {"embargo": {str(horizon): int(days) for horizon, days in apart.items()}, "settings": config.plain(settings)}
    rest["settings"] = {name: rest["settings"][name] for name in ("seed", "features", "outlook")}
    return Kept(keep, verify_cells.key_of(records, samples, rest))


def _maker(settings: VerifyConfig) -> Create:
    def make(name: str) -> registry.Model:
        return registry.create(name, settings.outlook)

    return make


def checked(names: Sequence[str], horizons: Sequence[int], protocols: tuple[str, ...]) -> tuple[str, ...]:
    """Return the protocols, if each is known and something is named.

    Raises
    ------
    InputError
        If nothing is named or a protocol is not known.
    """
    for what, given in (("model", names), ("horizon", horizons), ("protocol", protocols)):
        if not given:
            raise InputError(f"verification: expected at least one {what}, found none")
    for each in protocols:
        if each not in PROTOCOLS:
            raise InputError(unknown("protocol", each, PROTOCOLS))
    return protocols


def _learnable(splits: Mapping[tuple[str, int], Split], samples: Samples) -> None:
    """Refuse what could not be scored anywhere: better an error than figures of nothing."""
    if not any(split.folds for split in splits.values()):
        floods = len(samples.events)
        raise InputError(
            f"verification: no fold has a flood both to learn from and an embargo away from what it tests; found {floods} "
            f"event{'s' if floods != 1 else ''} in the records"
        )


def _facts(
    records: Records, samples: Samples, horizons: Sequence[int], protocols: Sequence[str], apart: Mapping[int, int], settings: VerifyConfig
) -> dict[str, Any]:
    """Return what all cells rest on."""
    issue = pd.DatetimeIndex(samples.issue)
    return {
        "lakes": len(records.lakes),
        "events": len(records.events),
        "samples": len(samples),
        "floods": {str(horizon): len({str(name) for name in samples.floods[horizon] if name}) for horizon in horizons},
        "first_issue": issue.min().date().isoformat(),
        "last_issue": issue.max().date().isoformat(),
        "horizons": list(horizons),
        "protocols": {name: MEANINGS[name] for name in protocols},
        "embargo_days": {str(horizon): int(apart[horizon]) for horizon in horizons},
        "longest_latency_days": float(np.round(embargoes.longest_latency(records), 2)),
        "cost_ratio": settings.cost_ratio,
        "alerts_note": None if settings.cost_ratio is not None else "No alerts are scored: they need a stated cost ratio (--cost-ratio).",
        "hit_rate": settings.hit_rate,
        "seed": settings.seed,
    }
