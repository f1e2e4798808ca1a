"""Snow area and temperature of the large scenarios through the year, against what is documented of such mountains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.simulate import heat, scenario, snow, spectra, weather
from glaciercast.simulate import world as worlds


@pytest.fixture(scope="module", params=["parvati-like", "aletsch-like"])
def world(request):
    return worlds.make(scenario.load(request.param), 0)


@pytest.mark.slow
def test_snow_area_through_the_year(world):
    """Nearly all in late winter, a minimum in August or September that perennial snow and clean ice keep well above zero."""
    days = pd.date_range("2015-01-15", "2020-12-15", freq="30D")
    inner = world.inner
    area = pd.Series([float(world.snow_cover(day)[inner].mean()) for day in days], index=days)
    by_month = area.groupby(area.index.month).mean()
    assert by_month[[2, 3]].min() > 0.75
    assert by_month.idxmin() in (8, 9)
    assert 0.1 < by_month.min() < 0.5
    assert by_month[6] > by_month[8]


@pytest.mark.slow
def test_ndsi_of_the_area_has_its_season(world):
    """The mean NDSI (noise-free, without shadows) swings by half its range, and the debris-covered tongue stays dark in summer."""
    inner = world.inner

    def ndsi(day: str) -> np.ndarray:
        cover = world.snow_cover(pd.Timestamp(day))
        ground = np.where(world.ice, (1 - world.debris) * spectra.ndsi(spectra.ICE) + world.debris * spectra.ndsi(spectra.DEBRIS), -0.28)
        return ground * (1 - cover) + spectra.ndsi(spectra.OLD_SNOW) * cover

    winter, summer = (np.mean([ndsi(f"{year}-{day}")[inner].mean() for year in range(2015, 2020)]) for day in ("03-01", "08-25"))
    assert winter > 0.7
    assert -0.1 < summer < 0.45
    tongue = world.ice & (world.debris > 0.9)
    assert tongue.sum() > 100
    assert np.median(ndsi("2018-08-25")[tongue]) < 0


@pytest.mark.slow
def test_surface_temperature_through_the_year(world):
    """At 10:30 the area's mean swings by 20–40 K; snow and ice never exceed melting; the lapse is that of the air in winter."""
    spec = world.scenario
    means = {}
    for day in ("2018-01-20", "2018-07-20"):
        stamp = pd.Timestamp(day)
        air = weather.air_temperature(spec.weather, world.weather.temperature[world.day(stamp)], world.elevation)
        white = snow.cover(world.snow_lookup(world.snow.at(stamp)[0]), world.roughness, spec.snow.full_cover)
        frozen = np.maximum(white, world.ice & (world.debris < 0.1))
        kelvin = heat.surface_temperature(air, world.exposure, frozen, 10.5, stamp.day_of_year, spec.area.lat, spec.temperature)
        means[stamp.month] = float(kelvin[world.inner].mean())
        assert kelvin[frozen > 0.9999].max() <= 273.15 + 0.01
    assert 240 < means[1] < 268
    assert 272 < means[7] < 292
    assert 12 < means[7] - means[1] < 40
