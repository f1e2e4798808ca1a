"""Snow as a line and as an area: closed forms on slopes."""

import numpy as np
import pytest

from glaciercast.stats.snowline import Bands, SnowSums, snow_line
from glaciercast.stats.tally import tally


@pytest.mark.parametrize("line", [3250.0, 4010.0, 4760.0])
def test_a_smooth_transition_crosses_where_it_is_half(line):
    middles = np.arange(3000, 5000, 100) + 50.0
    share = np.clip(0.5 + (middles - line) / 800, 0, 1)
    assert snow_line(np.full(20, 1e6), 1e6 * share, 3000) == (pytest.approx(line), True)


def test_of_several_crossings_the_one_with_the_fewest_wrong_pixels_counts():
    seen = np.full(6, 100)
    snow = np.array(
        [0, 60, 0, 10, 90, 100]
    )  # crossings into bands 1 and 4; 60 + 10 pixels are wrong under the upper one, 130 over the lower
    altitude, crosses = snow_line(seen, snow)
    assert crosses and altitude == pytest.approx(350 + 100 * (0.5 - 0.1) / 0.8)


def test_bands_with_few_pixels_say_nothing():
    altitude, crosses = snow_line(np.array([100, 19, 100]), np.array([0, 19, 100]))
    assert crosses and altitude == pytest.approx(150)  # half-way between the middles of the outer bands
    assert np.isnan(snow_line(np.array([19, 0]), np.array([19, 0]))[0])


@pytest.mark.parametrize(("snow", "end"), [([100, 100, 100], 2000), ([0, 0, 0], 2300), ([100, 60, 10], 2000), ([80, 0, 0], 2300)])
def test_without_a_crossing_it_is_the_end_that_is_least_wrong(snow, end):
    assert snow_line(np.full(3, 100), np.array(snow), 2000) == (end, False)


def scene(line: float) -> np.ndarray:
    """Return NDSI of 0.6 above a line and 0 below, on a slope that rises by 5 m a row from 3,000 m, (1, 1, 400, 60)."""
    return np.where(elevation() >= line, 0.6, 0.0)[None, None]


def elevation() -> np.ndarray:
    return np.broadcast_to(3000 + 5.0 * np.arange(400)[:, None], (400, 60))


def errors(forecast, truth, weight=None):
    weight = np.ones(truth.shape) if weight is None else weight
    strata = tally(forecast, truth, weight, np.zeros(truth.shape[2:], "int16"), (("anywhere", None),), np.ones(truth.shape[:2], int))
    return SnowSums.of(forecast, truth, weight, strata, 0.0009, Bands.of(elevation()))


def test_a_line_that_is_too_high_by_a_band_has_that_error_and_the_area_of_it():
    found = errors(scene(4150), scene(4050))
    assert found.line_error()[0] == pytest.approx(100) and found.line_bias()[0] == pytest.approx(100)
    assert found.area_error()[0] == pytest.approx(20 * 60 * 0.0009) and found.area_bias()[0] == pytest.approx(-20 * 60 * 0.0009)


def test_errors_of_both_signs_do_not_cancel():
    found = errors(np.concatenate([scene(4150), scene(3950)]), np.concatenate([scene(4050)] * 2)).total()
    assert found.line_error()[0] == pytest.approx(100) and found.line_bias()[0] == pytest.approx(0)
    assert found.area_error()[0] == pytest.approx(1.08) and found.area_bias()[0] == pytest.approx(0)


def test_a_scene_without_a_line_is_left_out_and_a_forecast_without_one_is_not():
    assert np.isnan(errors(scene(4050), scene(9000)).line_error()[0])
    assert errors(scene(9000), scene(4050)).line_error()[0] == pytest.approx(5000 - 4050)
    assert errors(scene(0), scene(4050)).line_bias()[0] == pytest.approx(3000 - 4050)


def test_only_observed_pixels_count():
    weight = np.ones((1, 1, 400, 60))
    weight[:, :, :, 30:] = 0
    wrong = scene(4150)
    wrong[:, :, :, 30:] = 0.9
    found = errors(wrong, scene(4050), weight)
    assert found.line_error()[0] == pytest.approx(100) and found.area_error()[0] == pytest.approx(20 * 30 * 0.0009)
    assert errors(wrong, scene(4050), 0 * weight).scenes.item() == 0


def test_bands_leave_unknown_elevation_out():
    bands = Bands.of(np.array([[3049.0, np.nan], [3100.0, 3299.0]]))
    assert bands.number.tolist() == [[0, -1], [1, 2]] and bands.lowest == 3000
