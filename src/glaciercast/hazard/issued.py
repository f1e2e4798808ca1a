"""An outlook issued on a day, as an operator would have had it: all is learnt from what was over and available by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.hazard import alerts, claims, features, issued_told, models
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.models_base import OutlookConfig, floods_of
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import HORIZONS, Chances, Samples

_DAY = pd.Timedelta(days=1)


class IssueConfig(Config):
    """What an outlook is made with.

    Attributes
    ----------
    model
        Name in `hazard.models`.
    horizons
        Days ahead.
    cost_ratio
        Cost of acting over the loss that acting avoids; None: no alerts.
    require
        What the outlook must rest on (areas, motion, temperature, images); it is refused where the model never saw it.
    seed
        Of the model.
    features, outlook
        Settings of samples and models.
    """

    model: str = "logistic"
    horizons: tuple[int, ...] = Field(default=HORIZONS, min_length=1)
    cost_ratio: float | None = None
    require: tuple[str, ...] = ()
    seed: int = Field(default=0, ge=0)
    features: FeatureConfig = FeatureConfig()
    outlook: OutlookConfig = OutlookConfig()


@dataclass(frozen=True)
class Foretold:
    """The outlook of one horizon.

    Attributes
    ----------
    chances, season
        Of each lake that was asked for, by the model and by the seasonal base rate.
    base_rate
        Share of days of issue in training.
    floods, days
        Numbers of floods and of days of issue that it was learnt from.
    weight
        How far the model is followed beside the season; None where it is not blended.
    """

    chances: Chances
    season: Chances
    base_rate: float
    floods: int
    days: int
    weight: float | None


def issue(records: Records, at: str | pd.Timestamp, lakes: Sequence[str] = (), settings: IssueConfig | None = None) -> dict[str, Any]:
    """Return the outlook of a day of issue (0:00 UTC) as plain JSON types.

    Parameters
    ----------
    records
        Everything; only what was available at the issue is read, and only floods that were over by then.
    at
        Day of issue; it must lie in the watch of each lake that is asked for, or be the day after its end.
    lakes
        Which; none: all that are watched on the day.
    settings
        See `IssueConfig`.

    Raises
    ------
    InputError
        If the day, a lake, the model or the cost ratio makes no sense, no flood or nothing but floods is there to learn from, or the
        outlook does not rest on what it is required to.
    """
    settings = settings or IssueConfig()
    models.reads(settings.model)  # refuses a name that is not known before anything is worked out
    if settings.cost_ratio is not None:
        alerts.checked_ratio(settings.cost_ratio)
    for name in settings.require:
        if name not in models.SOURCES:
            raise InputError(unknown("source", name, models.SOURCES))
    day = _day(at)
    asked = _asked(records, day, lakes)
    known = _by(records, day)
    past = features.make(known, None, settings.features, settings.horizons)
    now = features.make(known, pd.DataFrame({"lake": asked, "issue": day}), settings.features, settings.horizons)
    told = {horizon: foretell(known, past, now, horizon, settings, day) for horizon in settings.horizons}
    result = issued_told.result(day, known, past, now, told, settings)
    claims.require(settings.require, result["rests_on"], settings.model)
    return result


def foretell(known: Records, past: Samples, now: Samples, horizon: int, settings: IssueConfig, day: pd.Timestamp) -> Foretold:
    """Return chances within one horizon, learnt from past samples whose outcome was known by the day of issue.

    Raises
    ------
    InputError
        If there is no flood, or no day without one, to learn from.
    """
    learnt = past.known(horizon)
    floods, negatives = floods_of(learnt, horizon), int((learnt.labels[horizon] == 0).sum())
    if not floods:
        over = f"{claims.counted(len(known.events))} of which no day of issue tells" if len(known.events) else "none"
        raise InputError(f"outlook of {horizon} days: expected floods that were over before {day:%Y-%m-%d} to learn from, found {over}")
    if not negatives:
        raise InputError(f"outlook of {horizon} days: expected days without a flood before {day:%Y-%m-%d} to learn from, found none")
    model, season = (models.create(name, _outlook(settings)) for name in (settings.model, "season"))
    for each in (model, season):
        each.fit(known, learnt, horizon, settings.seed)
    blend = getattr(model, "blend", None)
    return Foretold(
        chances=model.predict(known, now),
        season=season.predict(known, now),
        base_rate=float(learnt.labels[horizon].mean()),
        floods=floods,
        days=len(learnt),
        weight=None if blend is None else float(blend.weight),
    )


def _outlook(settings: IssueConfig) -> OutlookConfig:
    """Return the models' settings; a stated cost ratio is also that of the rule on areas."""
    if settings.cost_ratio is None or settings.outlook.cost_ratio is not None:
        return settings.outlook
    return settings.outlook.model_copy(update={"cost_ratio": settings.cost_ratio})


def _day(at: str | pd.Timestamp) -> pd.Timestamp:
    try:
        found = pd.Timestamp(at)
    except ValueError as error:
        raise InputError(f"day of issue '{at}': expected a date such as 2022-05-01") from error
    if pd.isna(found) or found.tzinfo is not None or found != found.normalize():
        raise InputError(f"day of issue '{at}': expected a date such as 2022-05-01 (the outlook is issued at 0:00 UTC)")
    return found


def _asked(records: Records, day: pd.Timestamp, lakes: Sequence[str]) -> list[str]:
    table = records.lakes
    for name in lakes:
        if name not in set(table["lake"]):
            raise InputError(unknown("lake", name, table["lake"]))
    chosen = table[table["lake"].isin(list(lakes))] if lakes else table
    if chosen.empty:
        raise InputError("outlook: expected at least one lake in the records, found none")
    inside = (chosen["watched_from"] <= day) & (day <= chosen["watched_to"].dt.normalize() + _DAY)
    outside = chosen[~inside]
    if (lakes and len(outside)) or outside.shape[0] == chosen.shape[0]:
        first, last, name = chosen["watched_from"].min(), chosen["watched_to"].max(), "records" if not lakes else ", ".join(outside["lake"])
        raise InputError(f"day of issue {day:%Y-%m-%d} lies outside of the watch of the {name}: {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    return [str(name) for name in chosen["lake"][inside]]


def _by(records: Records, day: pd.Timestamp) -> Records:
    """Return the records as they were at the issue; the watch of each lake ends with the day before."""
    known, over = records.until(day.to_datetime64()), day - _DAY
    lakes = records.lakes[records.lakes["watched_from"] <= day]
    ends = lakes["watched_to"].where(lakes["watched_to"] <= over, over)
    lakes = lakes.assign(watched_to=ends.where(ends >= lakes["watched_from"], lakes["watched_from"])).reset_index(drop=True)
    rest = {name: getattr(known, name) for name in ("areas", "motion", "temperature", "events")}
    chosen = {name: table[table["lake"].isin(lakes["lake"])].reset_index(drop=True) for name, table in rest.items()}
    return replace(known, lakes=lakes, **chosen)
