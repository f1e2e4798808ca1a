from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import embargo, records
from glaciercast.hazard.features_config import FeatureConfig


def made(**tables):
    lakes = pd.DataFrame({"lake": ["a"], "lon": [74.0], "lat": [36.0], "watched_from": ["2019-01-01"], "watched_to": ["2021-12-31"]})
    return records.make({"lakes": lakes, **tables})


def test_sum_of_window_horizon_baseline_latency_and_reach():
    settings = FeatureConfig(degree_days=(30, 90), speed_days=60, growth_days=45)
    assert settings.window == 90
    assert embargo.of(30, settings, 40) == 90 + 30 + 64 + 40
    assert embargo.of(30, settings, 39.2, 12) == 90 + 30 + 64 + 40 + 12
    assert embargo.of(7, FeatureConfig(speed_days=120.5, longest_pair=24), 0) == 121 + 7 + 24


def test_longest_latency_of_records():
    pairs = pd.DataFrame(
        {
            "lake": "a", "first": pd.to_datetime(["2020-01-01", "2020-02-01"]), "second": pd.to_datetime(["2020-01-25", "2020-04-01"]),
            "vx": 1.0, "vy": 1.0, "v_error": 1.0, "available_at": pd.to_datetime(["2020-03-05T12:00", "2020-04-20T00:00"]),
        }
    )  # fmt: skip
    areas = pd.DataFrame({"lake": "a", "time": ["2020-01-01"], "area": 1.0, "area_error": 1.0, "seen": 1.0, "available_at": ["2020-01-03"]})
    found = made(motion=pairs, areas=areas)
    assert embargo.longest_latency(found) == 40.5
    assert embargo.longest_latency(made()) == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [({"horizon": 0}, "horizon"), ({"latency_days": -1}, "latency"), ({"reach": -1}, "reach"), ({"latency_days": np.nan}, "latency")],
)
def test_wrong_spans_are_named(change, named):
    with pytest.raises(InputError, match=named):
        embargo.of(**{"horizon": 7, "settings": FeatureConfig(), "latency_days": 1.0, "reach": 0, **change})
