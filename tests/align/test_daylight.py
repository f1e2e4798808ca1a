"""Polar night is no gap to fill: the sun's elevation by value, and which months are dark where."""

import numpy as np
import pandas as pd
import pytest
from odc.geo.geobox import GeoBox

from glaciercast.align import daylight


@pytest.mark.parametrize(
    ("day", "latitude", "elevation"),
    [
        ("2021-12-21", 0.0, 66.56),  # obliquity 23.44°
        ("2021-12-21", 69.13, -2.57),  # Jakobshavn: polar night
        ("2021-06-21", 69.13, 44.31),
        ("2021-04-20", 46.5, 55.1),  # declination 11.6°
        ("2021-12-21", -50.0, 63.44),
    ],
)
def test_the_noon_sun_by_value(day, latitude, elevation):
    found = daylight.noon_elevation(pd.DatetimeIndex([day]), latitude)
    assert found[0] == pytest.approx(elevation, abs=0.45)  # at the equinox the declination moves by 0.4° a day


@pytest.mark.parametrize(
    ("x", "y", "crs", "months"),
    [
        (500000, 7670000, "EPSG:32622", {11, 12, 1, 2}),  # Jakobshavn, 69.1 N
        (500000, 7355000, "EPSG:32624", {11, 12, 1}),  # Helheim, 66.3 N
        (500000, 5150000, "EPSG:32632", set()),  # Aletsch, 46.5 N
        (600000, 4030000, "EPSG:32643", set()),  # Shisper, 36.4 N
    ],
)
def test_dark_months(x, y, crs, months):
    geobox = GeoBox.from_bbox((x, y, x + 3000, y + 3000), crs, resolution=30)
    edges = pd.date_range("2020-01-01", "2022-01-01", freq="MS")
    dark = daylight.dark_steps(edges, geobox)
    assert {int(month) for month in edges[:-1][dark].month} == months
    assert np.count_nonzero(dark) == 2 * len(months)
