"""A pair of scenes: where its vectors lie, how far is searched, and what its search is about."""

import numpy as np
import pandas as pd
import pytest
from tests.motion.cubes_made import PIXEL, PLACE, texture

from glaciercast.errors import InputError
from glaciercast.motion import pairs
from glaciercast.motion.pairs import PairConfig
from glaciercast.motion.tracking import TrackingConfig, track

DATES = pd.Timestamp("2020-06-01"), pd.Timestamp("2020-07-01")
QUICK = TrackingConfig(step=16, chips=(32,), search=4)


def test_cells_of_the_vectors_have_their_pixels_in_the_middle():
    tracks = track(texture(0, 0), texture(1, 0), settings=QUICK)
    at = pairs.vector_grid(PLACE, 16)
    assert tuple(at.shape) == tracks.dx.shape
    x, y = at.affine * (np.arange(at.shape.x) + 0.5, np.arange(at.shape.x) + 0.5)
    np.testing.assert_array_equal(x, PLACE.affine.c + (tracks.x[0] + 0.5) * PIXEL)
    np.testing.assert_array_equal(y, PLACE.affine.f - (tracks.y[:, 0] + 0.5) * PIXEL)
    rows, columns = np.indices(PLACE.shape)
    np.testing.assert_array_equal(pairs.at_nodes(columns, 16), tracks.x)
    np.testing.assert_array_equal(pairs.at_nodes(rows, 16), tracks.y)


def test_the_search_grows_with_baseline_and_highest_speed():
    settings = PairConfig(tracking=QUICK, max_speed=365.25)
    assert settings.searching(PLACE, DATES).search == 3  # a metre a day for 30 days
    assert settings.searching(PLACE, (DATES[0], DATES[0] + pd.Timedelta("4D"))).search == pairs.LEAST
    assert PairConfig(tracking=QUICK).searching(PLACE, DATES).search == 4
    with pytest.raises(InputError, match=r"max_speed 365.25 m/yr: expected at most 500 pixels between the scenes, found 501"):
        settings.searching(PLACE, (DATES[0], DATES[0] + pd.Timedelta("5001D")))
    with pytest.raises(InputError, match=r"dates: expected a second acquisition after the first"):
        settings.searching(PLACE, DATES[::-1])


def test_a_prior_takes_the_search_to_fast_ice():
    years = 30 / 365.25
    second = texture(14.0, -9.0)
    prior = np.full(PLACE.shape, 14.2 * PIXEL / years), np.full(PLACE.shape, 9.3 * PIXEL / years)
    found = pairs.measure(texture(0, 0), second, PLACE, DATES, PairConfig(tracking=QUICK), prior=prior)
    assert found.tracks.valid_share > 0.8
    assert np.nanmedian(found.tracks.dx) == pytest.approx(14.0, abs=0.02) and np.nanmedian(found.tracks.dy) == pytest.approx(-9.0, abs=0.02)
    assert found.ground is None and found.factor == 1 and found.facts()["stable_ground"] is None
