"""The circle of the year, leap years right."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.align import seasons


def test_new_year_is_zero_and_the_middle_of_a_leap_year_is_half():
    times = pd.DatetimeIndex(["2020-01-01", "2020-07-02", "2021-07-02 12:00", "2020-12-31 12:00"])
    np.testing.assert_allclose(seasons.phase(times), [0, 183 / 366, 182.5 / 365, 365.5 / 366])


def test_the_circle_closes_between_years():
    sine, cosine = seasons.encode(pd.DatetimeIndex(["2020-12-31 23:59:59", "2021-01-01"]))
    assert sine[0] == pytest.approx(sine[1], abs=1e-5) and cosine[0] == pytest.approx(cosine[1], abs=1e-5)


@pytest.mark.parametrize(("cadence", "period"), [("MS", 12), ("QS", 4), ("16D", 23), ("7D", 52), ("YS", 1), ("D", 365)])
def test_steps_per_year(cadence, period):
    assert seasons.steps_per_year(cadence) == period


def test_months_have_their_own_number():
    starts = pd.date_range("2019-01-01", "2022-01-01", freq="MS")
    middles = starts[:-1] + (starts[1:] - starts[:-1]) / 2
    np.testing.assert_array_equal(seasons.season_index(middles, 12), np.tile(np.arange(12), 3))
