"""The registry of the outlook's models: baselines that any model must beat, models of tables, and networks."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import cast

from glaciercast.errors import InputError, unknown
from glaciercast.hazard.models_base import Model, OutlookConfig

__all__ = ["SOURCES", "Model", "OutlookConfig", "create", "names", "reads", "summary"]

SOURCES = ("areas", "motion", "temperature", "images")
"""Tables, and images, that a model can read of a lake."""
_PLACES = MappingProxyType(
    {
        "base_rate": ("models_rates", (), "share of days of issue with a flood within the horizon, the same for every lake and day"),
        "season": ("models_season", (), "seasonal base rate: harmonics of the day of the year, the same for every lake"),
        "dates": ("models_dates", (), "date climatology: the days of the year of the lake's own past floods, shrunk to the season"),
        "area_rule": ("models_rules", ("areas",), "one threshold on how full the lake is, chosen by the cost ratio"),
        "logistic": ("models_logistic", SOURCES[:3], "logistic regression on all features, blended with the season"),
        "boosted": ("models_boosted", SOURCES[:3], "gradient-boosted trees on all features, blended with the season"),
        "network": ("network", SOURCES, "logistic regression and small networks on images, series and features, blended with the season"),
        "network_images": ("network", ("images",), "the same on images and past floods alone"),
        "network_series": ("network", SOURCES[:3], "the same on series and features alone"),
    }
)


def names() -> tuple[str, ...]:
    """Return the names of all models, baselines first."""
    return tuple(_PLACES)


def summary(name: str) -> str:
    """Return what a model is, in a line.

    Raises
    ------
    InputError
        If there is no model of that name.
    """
    return _PLACES[_known(name)][2]


def reads(name: str) -> tuple[str, ...]:
    """Return which of `SOURCES` a model reads; none: its chances do not depend on what satellites saw of a lake.

    Raises
    ------
    InputError
        If there is no model of that name.
    """
    return _PLACES[_known(name)][1]


def create(name: str, settings: OutlookConfig | None = None) -> Model:
    """Return a model that has learnt nothing yet.

    Raises
    ------
    InputError
        If there is no model of that name.
    """
    module = importlib.import_module(f"glaciercast.hazard.{_PLACES[_known(name)][0]}")
    return cast(Model, module.create(name, settings or OutlookConfig()))


def _known(name: str) -> str:
    if name not in _PLACES:
        raise InputError(unknown("model of the outlook", name, names()))
    return name
