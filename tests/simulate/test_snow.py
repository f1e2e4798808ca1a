from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.simulate import scenario, snow, weather
from glaciercast.simulate.scenario import SnowSpec, WeatherSpec

CLIMATE = WeatherSpec(
    reference_elevation=4000,
    mean_temperature=0.0,
    seasonal_amplitude=10,
    annual_precipitation=1000,
    lapse_rate=6.0,
    precipitation_gradient=0.0,
)
SPEC = SnowSpec(melt_factor=5.0, exposure_effect=0.5, snow_below=1.0, full_cover=40.0)
BANDS = np.array([3000.0, 4000.0, 5000.0])
CLASSES = np.array([-0.8, 0.0, 0.8])
NOTHING = (np.zeros((3, 3)), np.zeros((3, 3)))


def made(temperature, precipitation, initial=NOTHING):
    """Return the snow of a few days of given weather at 4,000 m."""
    days = len(temperature)
    drawn = weather.part(weather.make(CLIMATE, "2020-01-01", "2020-12-31", 0), "2020-01-01", days)
    given = dataclasses.replace(drawn, temperature=np.array(temperature, dtype=float), precipitation=np.array(precipitation, dtype=float))
    return snow.make(SPEC, CLIMATE, given, BANDS, CLASSES, initial)


def test_snow_falls_below_the_limit_and_melts_by_degree_days():
    pack = made([-3.0, -3.0, 4.0, 4.0], [20, 10, 0, 0])
    np.testing.assert_allclose(pack.swe[1], [[0, 0, 0], [30, 30, 30], [30, 30, 30]])  # +3 °C at 3,000 m: rain
    np.testing.assert_allclose(pack.swe[2, 1], 30 - 5 * 4 * np.array([0.6, 1.0, 1.4]), atol=1e-4)
    np.testing.assert_allclose(pack.swe[3, 1], [6, 0, 0], atol=1e-4)
    np.testing.assert_allclose(pack.swe[3, 2], 30)  # −2 °C at 5,000 m


def test_mixed_precipitation():
    np.testing.assert_allclose(snow.snow_share(SPEC, [-5, -0.5, 1.0, 1.75, 2.5, 9]), [1, 1, 0.5, 0.25, 0, 0])


def test_mass_is_conserved_without_melt():
    amounts = np.arange(10.0)
    assert made(np.full(10, -10.0), amounts).swe[-1, 1, 1] == pytest.approx(amounts.sum())


def test_snow_becomes_firn_beyond_the_limit():
    deep = (np.full((3, 3), snow.FIRN - 5), np.zeros((3, 3)))
    assert made([-10.0], [50.0], deep).swe.max() == snow.FIRN


def test_age_counts_from_the_last_substantial_snowfall():
    pack = made([-10.0] * 6, [0, 3, 8, 0, 4.9, 6], (np.zeros((3, 3)), np.full((3, 3), 7.0)))
    np.testing.assert_array_equal(pack.age[:, 1, 0], [8, 9, 0, 1, 2, 0])
    assert made([-10.0], [0], (np.zeros((3, 3)), np.full((3, 3), 365.0))).age.max() == snow.OLDEST


def test_cover_is_monotone_and_known_at_its_ends():
    swe = np.linspace(0, 200, 101)
    fraction = snow.cover(swe, 1.0, 40.0)
    assert fraction[0] == 0
    assert (np.diff(fraction) >= 0).all()
    assert fraction.max() <= 1
    assert snow.cover(40.0, 1.0, 40.0) == pytest.approx(0.99, abs=0.001)
    assert snow.cover(20.0, 2.0, 40.0) < snow.cover(20.0, 1.0, 40.0) < snow.cover(20.0, 0.5, 40.0)


def test_snow_line_is_where_half_of_a_pixel_is_covered():
    half = 40 * np.arctanh(0.5) / snow.WHOLE
    pack = made([-10.0], [0.0], (np.array([[0.0] * 3, [half] * 3, [500.0] * 3]), np.zeros((3, 3))))
    assert pack.snow_line("2020-01-01") == pytest.approx(4000, abs=0.1)
    assert made([-10.0], [0.0]).snow_line("2020-01-01") == np.inf
    assert made([-10.0], [200.0]).snow_line("2020-01-01") == -np.inf


def test_lookup_is_exact_on_a_bilinear_table_and_holds_at_the_edges():
    table = BANDS[:, None] / 1000 + 3 * CLASSES + BANDS[:, None] * CLASSES / 500
    elevation, exposure = np.array([[3100.0, 4600.0, 5000.0, 9000.0]]), np.array([[-0.3, 0.5, 0.8, 2.0]])
    inside_e, inside_x = np.minimum(elevation, 5000), np.minimum(exposure, 0.8)
    expected = inside_e / 1000 + 3 * inside_x + inside_e * inside_x / 500
    lookup = snow.Lookup.of(BANDS, CLASSES, elevation, exposure)
    np.testing.assert_allclose(lookup(table), expected, rtol=1e-5)
    np.testing.assert_allclose(lookup(np.stack([table, 2 * table]))[1], 2 * expected, rtol=1e-5)


def test_the_first_day_is_in_balance_with_the_climate():
    bands = np.linspace(3000, 6000, 31)
    first, later = [], []
    for seed in range(8):
        drawn = weather.make(CLIMATE, "2015-10-01", "2019-12-31", seed)
        pack = snow.make(SPEC, CLIMATE, drawn, bands, CLASSES)
        first.append(pack.at("2015-10-01")[0][:, 1])
        later.append(np.mean([pack.at(f"{year}-10-01")[0][:, 1] for year in (2016, 2017, 2018, 2019)], axis=0))
    difference = np.mean(first, axis=0) - np.mean(later, axis=0)
    spread = np.std(first, axis=0) / np.sqrt(8) + 20
    assert (np.abs(difference) < 4 * spread).all()


def test_the_table_is_checked():
    drawn = weather.make(CLIMATE, "2020-01-01", "2020-01-05", 0)
    with pytest.raises(InputError, match="ascending"):
        snow.make(SPEC, CLIMATE, drawn, [4000.0, 3000.0], CLASSES)
    with pytest.raises(InputError, match="no snow on 2021-01-01"):
        made([1.0], [0.0]).at("2021-01-01")


# What is documented of each scenario in docs/science/simulation-climate.md: the range of the median over years of the highest snow line
# from August to October (about the equilibrium line), and of the median snow line from January to March.
CLIMATOLOGY = {
    "parvati-like": ((5000, 5200), (2500, 3200)),
    "aletsch-like": ((2900, 3100), (-np.inf, 1400)),
    "shisper-like": ((4700, 5200), (1800, 3000)),
    "tiny": ((4700, 5000), (2000, 3300)),
}


@pytest.mark.parametrize("name", CLIMATOLOGY)
def test_snow_lines_of_the_scenarios(name):
    chosen = scenario.load(name)
    bands = np.arange(800.0, chosen.terrain.peak + 400, 50)
    summer, winter, aspect = [], [], []
    for seed in range(3):
        drawn = weather.make(chosen.weather, chosen.start, chosen.end, seed, chosen.name)
        pack = snow.make(chosen.snow, chosen.weather, drawn, bands, [-0.5, 0.0, 0.5])
        for year in range(chosen.start.year + 1, chosen.end.year):
            days = [f"{year}-{month:02d}-{day:02d}" for month in (8, 9, 10) for day in (1, 11, 21)]
            lines = np.array([[pack.snow_line(day, exposure) for exposure in (-0.5, 0.0, 0.5)] for day in days]).max(axis=0)
            summer.append(lines[1])
            aspect.append(lines[2] - lines[0])
            winter.append(np.median([pack.snow_line(f"{year}-{month:02d}-15") for month in (1, 2, 3)]))
    (low, high), (winter_low, winter_high) = CLIMATOLOGY[name]
    assert low <= np.median(summer) <= high
    assert winter_low <= np.median(winter) <= winter_high
    assert 150 <= np.median(aspect) <= 400
