"""Alerts at a stated cost ratio, by closed forms."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import alerts


def test_without_a_cost_ratio_there_is_no_alert():
    assert alerts.decide(np.array([0.9, 1.0]), None) is None


def test_acting_pays_from_the_cost_ratio_on():
    np.testing.assert_array_equal(alerts.decide(np.array([0.09, 0.1, 0.5]), 0.1), [False, True, True])


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, 7.0])
def test_a_cost_ratio_outside_of_0_and_1_makes_no_sense(ratio):
    with pytest.raises(InputError, match="cost ratio: expected cost of acting / loss avoided, above 0 and below 1"):
        alerts.decide(np.array([0.5]), ratio)


def test_perfect_alerts_are_worth_1_and_acting_always_or_never_is_worth_nothing():
    assert alerts.value(1.0, 0.0, 0.2, 0.1) == pytest.approx(1)
    assert alerts.value(1.0, 1.0, 0.2, 0.1) == pytest.approx(0)  # acting always is the cheaper of both here
    assert alerts.value(0.0, 0.0, 0.1, 0.2) == pytest.approx(0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.02, 0.98))
def test_at_a_cost_ratio_of_the_base_rate_the_value_is_the_peirce_skill_score(hits, false, base):
    assert alerts.value(hits, false, base, base) == pytest.approx(hits - false)


def test_a_base_rate_of_0_has_no_value():
    with pytest.raises(InputError, match="base rate"):
        alerts.value(0.5, 0.5, 0.0, 0.1)


def test_the_expected_value_is_that_of_alerts_where_chances_are_true():
    chance, ratio = np.repeat([0.02, 0.3], [80, 20]), 0.1
    base = chance.mean()
    hit_rate, false_rate = 20 * 0.3 / chance.sum(), 20 * 0.7 / (1 - chance).sum()
    assert alerts.expected_value(chance, ratio) == pytest.approx(alerts.value(hit_rate, false_rate, base, ratio))
    assert alerts.expected_value(np.full(9, 0.2), ratio) == pytest.approx(0)


def events(*rows: tuple[str, str]) -> pd.DataFrame:
    earliest, start = (pd.to_datetime([row[place] for row in rows]) for place in (0, 1))
    return pd.DataFrame({"event": [f"f{number}" for number in range(len(rows))], "earliest": earliest, "start": start})


def test_an_alert_on_or_after_the_first_day_of_a_flood_is_no_warning_of_it():
    flood = events(("2022-05-05", "2022-05-07"))
    for issue, warned in (("2022-05-04", ["f0"]), ("2022-05-05", []), ("2022-05-07", []), ("2022-05-20", [])):
        assert alerts.warned_of(issue, 7, flood) == warned


def test_an_alert_warns_of_floods_within_its_horizon():
    both = events(("2022-05-07", "2022-05-07"), ("2022-05-30", "2022-05-30"))
    assert alerts.warned_of("2022-05-01", 6, both) == []
    assert alerts.warned_of("2022-05-01", 7, both) == ["f0"]  # the 7th day is the last
    assert alerts.warned_of("2022-05-01", 30, both) == ["f0", "f1"]
