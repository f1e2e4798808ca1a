"""Spectra of the surfaces against thousands of labelled real pixels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.simulate import spectra

LANDSAT = ("coastal", "blue", "green", "red", "nir", "swir16", "swir22")
SENTINEL = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "nir_narrow": "B8A", "swir16": "B11", "swir22": "B12"}
SNOW, ICE, ROCK, WATER = 1, 3, 4, 5


@pytest.fixture(scope="module")
def landsat(real_data):
    """Return reflectance by class: the table holds DN·2.75e-5 and lacks the offset of −0.2."""
    table = pd.read_csv(real_data("snow_ice_pixels/Landsat_training_data.csv.gz"))
    return table["class"], table[[f"SR_B{number}" for number in range(1, 8)]].set_axis(list(LANDSAT), axis=1) - 0.2


@pytest.fixture(scope="module")
def sentinel2(real_data):
    table = pd.read_csv(real_data("snow_ice_pixels/Sentinel-2_SR_training_data.csv.gz"))
    return table["class"], table[list(SENTINEL.values())].set_axis(list(SENTINEL), axis=1)


def of(reflectance: np.ndarray, bands) -> np.ndarray:
    return reflectance[[spectra.BANDS.index(band) for band in bands]]


@pytest.mark.parametrize(("label", "surface"), [(ICE, spectra.ICE), (ROCK, spectra.ROCK), (WATER, spectra.WATER)])
def test_surfaces_are_near_the_median_of_labelled_landsat_pixels(landsat, label, surface):
    labels, values = landsat
    np.testing.assert_allclose(of(surface, LANDSAT), values[labels == label].median(), atol=0.02)


@pytest.mark.parametrize("sensor", ["landsat", "sentinel2"])
def test_snow_lies_between_old_and_fresh(request, sensor):
    labels, values = request.getfixturevalue(sensor)
    snow = values[labels == SNOW]
    low, middle, high = (snow.quantile(share) for share in (0.05, 0.5, 0.98))
    visible = [band for band in snow.columns if band in ("blue", "green", "red", "nir")]
    assert (of(spectra.OLD_SNOW, visible) > low[visible]).all()
    assert (of(spectra.FRESH_SNOW, visible) > middle[visible]).all()
    assert (of(spectra.FRESH_SNOW, visible) < high[visible] + 0.05).all()
    assert abs(of(spectra.OLD_SNOW, ["swir16"])[0] - middle["swir16"]) < 0.01


def test_ndsi_of_the_surfaces():
    """Snow and ice are far above the thresholds 0.3 and 0.4 of the snow masks; debris-covered ice is as dark as rock."""
    assert spectra.ndsi(spectra.FRESH_SNOW) == pytest.approx((0.91 - 0.075) / (0.91 + 0.075))
    assert spectra.ndsi(spectra.ICE) > 0.9 and spectra.ndsi(spectra.OLD_SNOW) > 0.9
    assert spectra.ndsi(spectra.DEBRIS) < -0.2 and spectra.ndsi(spectra.ROCK) < -0.2
    assert 0.1 < spectra.ndsi(spectra.CLOUD) < 0.4
    assert all(spectra.ndsi(row) < 0 for row in (spectra.GRASS, spectra.DRY_GRASS))
