"""Means per season, and the seasons that were never seen, against slow loops."""

import numpy as np
import pytest
from tests.models.batches import training_data

from glaciercast.models.seasonal import fill_seasons, seasonal_mean


def test_the_mean_equals_a_loop_over_what_was_seen():
    data = training_data(variables=2, scene=4)
    mean, weight = seasonal_mean(data)
    for season, v, y, x in np.ndindex(mean.shape):
        total = seen = 0.0
        for t in range(len(data.values)):
            value, observed = float(data.values[t, v, y, x]), float(data.observed[t, v, y, x])
            if t % 4 == season and observed > 0 and not np.isnan(value):
                total, seen = total + observed * value, seen + observed
        assert weight[season, v, y, x] == pytest.approx(seen)
        assert mean[season, v, y, x] == pytest.approx(total / seen if seen else 0.0)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({0: 1.0, 4: 5.0}, [1, 2, 3, 4, 5, 4, 3, 2]),  # both ways round the year
        ({6: 2.0, 1: 8.0}, [6, 8, 34 / 5, 28 / 5, 22 / 5, 16 / 5, 2, 4]),  # across the turn of the year
        ({3: 7.0}, [7] * 8),
        ({season: float(season) for season in range(8)}, list(range(8))),
    ],
)
def test_seasons_between_seen_ones_are_interpolated_around_the_circle(seen, expected):
    mean = np.full((8, 1, 1, 1), 99.0)
    flags = np.zeros(mean.shape, bool)
    for season, value in seen.items():
        mean[season], flags[season] = value, True
    np.testing.assert_allclose(fill_seasons(mean, flags)[:, 0, 0, 0], expected, rtol=1e-12)


def test_a_pixel_never_seen_takes_the_spatial_mean_of_the_season():
    mean = np.zeros((2, 2, 1, 3))
    mean[:, 0, 0, :2] = [[1, 3], [5, 9]]
    mean[:, 1, 0, 2] = [4, 6]
    flags = np.zeros(mean.shape, bool)
    flags[:, 0, 0, :2] = flags[:, 1, 0, 2] = True
    filled = fill_seasons(mean, flags)
    assert filled[:, 0, 0, 2].tolist() == [2, 7]
    assert filled[0, 1, 0].tolist() == [4, 4, 4] and filled[1, 1, 0].tolist() == [6, 6, 6]
