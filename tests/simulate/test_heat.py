from __future__ import annotations

import numpy as np
import pytest

from glaciercast.simulate import heat
from glaciercast.simulate.scenario import TemperatureSpec

SPEC = TemperatureSpec()
SUMMER, WINTER = 172, 355


def surface(air, exposure=0.0, frozen=0.0, hour=13.0, day=SUMMER, latitude=36.0, spec=SPEC):
    return heat.surface_temperature(air, exposure, frozen, hour, day, latitude, spec)


def test_melting_ice_has_exactly_the_melting_temperature():
    assert surface(np.array([4.5, 10.0, 25.0]), frozen=1.0, hour=11.0).tolist() == [273.15] * 3
    for hour in range(24):
        assert surface(np.linspace(-40, 30, 71), frozen=1.0, hour=hour).max() <= 273.15


def test_cold_snow_follows_the_air():
    assert surface(-12.0, frozen=1.0, hour=13.0) == pytest.approx(273.15 - 12)
    assert surface(-12.0, frozen=1.0, hour=2.0) == pytest.approx(273.15 - 12 - SPEC.night_cooling)


def test_level_ground_at_the_warmest_hour_of_midsummer_exceeds_the_air_by_the_amplitude():
    assert surface(8.0) - (273.15 + 8) == pytest.approx(SPEC.diurnal_amplitude, rel=1e-3)
    assert surface(8.0, hour=1.0) - (273.15 + 8) == pytest.approx(-SPEC.night_cooling)


def test_warmest_at_thirteen_hours_and_cold_all_night():
    hours = np.arange(0, 24, 0.25)
    day = surface(5.0, hour=hours)
    assert hours[day.argmax()] == 13
    sunset = 12 + np.degrees(np.arccos(-np.tan(np.radians(36)) * np.tan(np.radians(23.44)))) / 15
    night = (hours > sunset + 2) | (hours < 24 - sunset)
    np.testing.assert_allclose(day[night], 273.15 + 5 - SPEC.night_cooling)
    assert (day[~night] > 273.15 + 5 - SPEC.night_cooling).all()


def test_slopes_towards_the_noon_sun_are_warmer_most_of_all_in_winter():
    exposure = np.linspace(-0.8, 0.8, 161)
    assert (np.diff(surface(0.0, exposure, day=WINTER)) >= 0).all()
    best = exposure[surface(0.0, exposure, day=SUMMER).argmax()]  # the sun stands 12.6° from the zenith: so does the best slope
    assert best == pytest.approx(np.sin(np.radians(36 - 23.44)), abs=0.01)
    spread = [surface(0.0, 0.5, day=day) - surface(0.0, -0.5, day=day) for day in (SUMMER, WINTER)]
    assert spread[1] > spread[0] > 0
    # incidence by hand, in winter at 36° N: noon zenith angle 59.44°, on a 30° slope towards and away from the sun 29.44° and 89.44°
    factor = np.cos(np.radians([29.44, 89.44])) / np.cos(np.radians(36 - 23.44))
    np.testing.assert_allclose(heat.noon_sun.py_func(np.array([0.5, -0.5]), 355.25, 36.0), factor, atol=2e-3)


def test_the_south_has_its_summer_in_december():
    assert surface(0.0, day=355, latitude=-36.0) == pytest.approx(surface(0.0, day=172.6, latitude=36.0), abs=0.02)


def test_polar_night_heats_nothing():
    assert surface(-20.0, day=355, latitude=78.0) == pytest.approx(273.15 - 20 - SPEC.night_cooling)


def test_mixed_pixels_are_the_mean_by_area():
    rock, ice = surface(6.0, frozen=0.0), surface(6.0, frozen=1.0)
    assert surface(6.0, frozen=0.3) == pytest.approx(0.7 * rock + 0.3 * ice)
    radiance = ((0.5 * rock**4) + 0.5 * ice**4) ** 0.25  # what is ignored
    assert abs(radiance - surface(6.0, frozen=0.5)) < 0.6


def test_dtype_and_shape():
    small = np.zeros((4, 5), dtype="float32")
    assert surface(small, small, small).dtype == np.float32
    assert surface(small, small, small).shape == (4, 5)
    assert surface(np.zeros((3, 1)), np.zeros(2)).shape == (3, 2)


def test_compiled_functions_agree_with_the_arrays():
    rng = np.random.default_rng(0)
    air, exposure, frozen = rng.normal(0, 10, 50), rng.uniform(-0.9, 0.9, 50), rng.random(50)
    hour, day, latitude = rng.uniform(0, 24, 50), rng.uniform(1, 366, 50), rng.uniform(-60, 80, 50)
    expected = surface(air, exposure, frozen, hour, day, latitude)
    for k in range(50):
        shape, sun = heat.day_shape(hour[k], day[k], latitude[k]), heat.noon_sun(exposure[k], day[k], latitude[k])
        assert heat.kelvin(air[k], frozen[k], shape, sun, SPEC.diurnal_amplitude, SPEC.night_cooling) == pytest.approx(expected[k])


def test_ranges_in_the_karakoram():
    # Bare ground near 4,500 m at Terra's day pass in July stands well above the air (about 5 °C), in January near or below freezing.
    july, january = surface(5.0, hour=10.5, day=196), surface(-16.0, hour=10.5, day=15)
    assert 285 < july < 300
    assert 255 < january < 273
    assert 10 < july - surface(5.0, hour=22.5, day=196) < 25
