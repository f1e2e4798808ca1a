"""A series on another grid: piece by piece the same as whole, nothing outside, turned errors by draws."""

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast.cube import resample
from glaciercast.motion.placed import NAMES, Placed

NATIVE = GeoBox((12, 14), Affine(240, 0, 455040, 0, -240, 4035120), "EPSG:32643")
CORNER = Transformer.from_crs("EPSG:32643", "EPSG:32644", always_xy=True).transform(455600, 4034800)
TARGET = GeoBox((30, 40), Affine(100, 0, CORNER[0], 0, -100, CORNER[1]), "EPSG:32644")
WHOLE = (slice(0, 30), slice(0, 40))


def series(*fields):
    arrays = {
        name: (("time", "y", "x"), np.broadcast_to(field, (3, 12, 14)).astype("float32")) for name, field in zip(NAMES, fields, strict=True)
    }
    return xr.Dataset(arrays)


def test_tiles_are_parts_of_the_whole_and_where_the_series_ends_there_is_nothing():
    rng = np.random.default_rng(0)
    vx, vy = rng.normal(0, 50, (2, 3, 12, 14))
    vx[:, 5, 6] = np.nan
    placed = Placed.on(TARGET, series(vx, vy, *rng.uniform(1, 9, (2, 3, 12, 14)), *rng.random((2, 3, 12, 14))), NATIVE, np.arange(3))
    whole = placed.tile(*WHOLE)
    for rows, columns in ((slice(0, 7), slice(0, 40)), (slice(7, 30), slice(11, 13)), (slice(29, 30), slice(39, 40))):
        np.testing.assert_array_equal(placed.tile(rows, columns), whole[..., rows, columns])
    down, across = resample.positions(NATIVE, TARGET)
    inside = (down >= 0) & (down < 12) & (across >= 0) & (across < 14) & ~((down.astype(int) == 5) & (across.astype(int) == 6))
    assert (np.isfinite(whole) == inside).all() and 0.3 < inside.mean() < 1  # all six fields are missing where one component is


def test_errors_along_turned_axes_are_those_of_turned_vectors():
    rng = np.random.default_rng(1)
    angle = resample.turn(NATIVE, TARGET)[6, 7] * 10  # tenfold, so that it tells
    draws = rng.normal(0, 1, (2, 200_000)) * np.array([[2.0], [9.0]])
    cosine, sine = np.cos(angle), np.sin(angle)
    expected = (cosine * draws[0] - sine * draws[1]).std(), (sine * draws[0] + cosine * draws[1]).std()
    placed = Placed(series(0, 0, 2, 9, 1, 1), np.arange(3), np.full((12, 14), angle), *resample.positions(NATIVE, NATIVE))
    found = placed.tile(slice(0, 12), slice(0, 14))[1, :, 0, 6, 7]
    np.testing.assert_allclose(found, expected, rtol=0.01)
    assert abs(expected[0] - 2) > 0.5
