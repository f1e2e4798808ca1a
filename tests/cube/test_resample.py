"""Values of one grid on another: those of GDAL's reprojection but for its approximation; vectors keep their length."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast.cube import resample
from glaciercast.sources import warp

FINE = GeoBox((24, 32), Affine(30, 0, 455040, 0, -30, 4035120), "EPSG:32643")


@pytest.mark.parametrize("crs", ["EPSG:32643", "EPSG:32644"])
def test_interpolation_is_that_of_the_reprojection_of_scenes_but_for_its_approximation(crs):
    rng = np.random.default_rng(2)
    corner = Transformer.from_crs("EPSG:32643", crs, always_xy=True).transform(455040, 4035120)
    native = GeoBox((30, 34), Affine(120, 0, corner[0] - 1000, 0, -120, corner[1] + 1000), crs)
    values = rng.normal(0, 1, native.shape).astype("float32")
    values[rng.random(values.shape) < 0.2] = np.nan
    found, gdal = resample.bilinear(values, *resample.positions(native, FINE)), warp.onto(values, native, FINE, "continuous", np.nan)
    both = np.isfinite(found) & np.isfinite(gdal)
    assert (np.isfinite(found) == np.isfinite(gdal)).mean() > 0.995  # centres within a hundredth of a pixel of a cell's edge
    assert np.median(np.abs(found - gdal)[both]) < 0.003 and np.abs(found - gdal)[both].max() < 0.1
    np.testing.assert_array_equal(resample.bilinear(values, *resample.positions(native, native)), values)


def test_a_turn_keeps_lengths_and_within_one_zone_there_is_none():
    other = GeoBox((4, 5), Affine(120, 0, 140000, 0, -120, 4040000), "EPSG:32644")
    vx, vy = np.random.default_rng(0).normal(0, 50, (2, 4, 5)).astype("float32")
    angle = resample.turn(other, FINE)
    x, y = resample.turned(vx, vy, angle)
    np.testing.assert_allclose(np.hypot(x, y), np.hypot(vx, vy), rtol=1e-6)
    np.testing.assert_allclose(
        np.arctan2(y, x) - np.arctan2(vy, vx) - angle, np.round((np.arctan2(y, x) - np.arctan2(vy, vx)) / 6) * 2 * np.pi, atol=1e-5
    )
    assert resample.turn(FINE, FINE) is None and resample.turned(vx, vy, None)[0] is vx
