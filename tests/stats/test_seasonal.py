"""Season and trend are told apart."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.stats import seasonal

TIMES = np.arange("2001-01-01", "2011-01-01", 8, "datetime64[D]")


def test_a_season_of_three_harmonics_leaves_the_trend_alone():
    moment = seasonal.years(TIMES)
    season = 10 * np.cos(2 * np.pi * moment) - 3 * np.sin(4 * np.pi * moment) + np.cos(6 * np.pi * moment)
    found = seasonal.anomalies(TIMES, 260 + 0.3 * (moment - 5) + season, centre=5.0)
    assert found == pytest.approx(0.3 * (moment - 5), abs=1e-9)


def test_gaps_in_one_season_do_not_pass_for_a_trend():
    moment = seasonal.years(TIMES)
    keep = (moment < 6) | (moment % 1 < 0.4)  # later summers were never seen
    found = seasonal.anomalies(TIMES[keep], 10 * np.cos(2 * np.pi * moment[keep]), centre=5.0)
    assert np.abs(found).max() < 1e-8


def test_whole_years_are_new_years():
    assert seasonal.years(np.array(["2000-01-01", "2004-01-01"], "datetime64[D]")) == pytest.approx([0, 4])


def test_too_few_values_are_refused():
    with pytest.raises(InputError, match="expected 16 values or more, found 10"):
        seasonal.anomalies(TIMES[:10], np.zeros(10), 1.0)
    with pytest.raises(InputError, match="too close together in time"):
        seasonal.anomalies(np.repeat(TIMES[:2], 20), np.zeros(40), 1.0)
