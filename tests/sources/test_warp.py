"""Reprojection: exact copies where lattices agree, closed forms where they do not, and no data that stays no data."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast.sources import warp

CRS = "EPSG:32643"


def box(rows: int, columns: int, x: float = 600000, y: float = 4000000, size: float = 30, crs: str = CRS) -> GeoBox:
    return GeoBox((rows, columns), Affine(size, 0, x, 0, -size, y), crs)


def centres(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[: grid.shape.y, : grid.shape.x] + 0.5
    return grid.affine.c + columns * grid.affine.a, grid.affine.f + rows * grid.affine.e


def test_the_same_grid_hands_the_values_on():
    values = np.arange(12.0).reshape(3, 4)
    assert warp.onto(values, box(3, 4), box(3, 4), "continuous", np.nan) is values


@pytest.mark.parametrize("how", ["continuous", "class"])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "int32", "bool"])
@pytest.mark.parametrize(("down", "right"), [(2, 3), (-2, -3), (-1, 2), (50, 0)])
def test_a_shifted_window_of_one_lattice_is_copied(how, dtype, down, right):
    values = np.random.default_rng(1).integers(0, 2, (9, 11)).astype(dtype)
    target = box(6, 7, 600000 + 30 * right, 4000000 - 30 * down)
    expected = np.zeros((6, 7), dtype)
    for row in range(6):
        for column in range(7):
            if 0 <= row + down < 9 and 0 <= column + right < 11:
                expected[row, column] = values[row + down, column + right]
    found = warp.onto(values, box(9, 11), target, how, 0)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_half_a_pixel_is_no_shift():
    assert warp.shift(box(5, 5), box(3, 3, 600030, 3999970)) == (1, 1)
    assert warp.shift(box(5, 5), box(3, 3, 600015, 3999970)) is None
    assert warp.shift(box(5, 5), box(3, 3, crs="EPSG:32644")) is None
    assert warp.shift(box(5, 5), box(3, 3, size=10)) is None
    assert warp.shift(box(500, 500), box(500, 500, size=30.001)) is None  # half a metre at the far end


def test_half_a_pixel_is_interpolated_by_value():
    values = np.arange(25, dtype="float32").reshape(5, 5)
    found = warp.onto(values, box(5, 5), box(3, 3, 600015, 3999985), "continuous", np.nan)
    np.testing.assert_allclose(found, (values[:3, :3] + values[1:4, :3] + values[:3, 1:4] + values[1:4, 1:4]) / 4, rtol=1e-6)


def test_ten_metres_under_thirty_are_averaged_by_value():
    values = np.random.default_rng(2).random((30, 30)).astype("float32")
    found = warp.onto(values, box(30, 30, size=10), box(10, 10), "continuous", np.nan)
    np.testing.assert_allclose(found, values.reshape(10, 3, 10, 3).mean((1, 3)), rtol=1e-5)


def test_twenty_metres_under_thirty_are_interpolated_in_any_zone():
    """A field that is linear in space comes back exactly from bilinear; the choice does not hang on a zone's scale."""
    source = box(120, 120, 166000, 4000000, 20, "EPSG:32644")
    x, y = centres(source)
    target = box(60, 60, *np.subtract(_to(CRS, "EPSG:32644", 166000 + 1200, 4000000 - 1200), (900, -900)))
    for grid in (target, box(60, 60, 166030, 3999970, 30, "EPSG:32644")):
        assert warp._per_target_pixel(source, grid) < warp.FINER
    assert warp._per_target_pixel(box(9, 9, size=10), target) > warp.FINER
    found = warp.onto((x - 166000) / 10 + (y - 4000000) / 20, source, target, "continuous", np.nan)
    to_source = Transformer.from_crs(CRS, "EPSG:32644", always_xy=True)
    tx, ty = to_source.transform(*centres(target))
    inside = np.isfinite(found)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(found[inside], ((tx - 166000) / 10 + (ty - 4000000) / 20)[inside], atol=0.03)  # 0.01 pixel of 20 m


def _to(crs: str, source: str, x: float, y: float) -> tuple[float, float]:
    return Transformer.from_crs(source, crs, always_xy=True).transform(x, y)


def test_no_data_takes_no_part_in_means():
    values = np.full((30, 30), 7.0, "float32")
    values[::3, ::3] = np.nan
    values[12:15, 12:15] = np.nan
    found = warp.onto(values, box(30, 30, size=10), box(10, 10), "continuous", np.nan)
    expected = np.full((10, 10), 7.0)
    expected[4, 4] = np.nan
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("dtype", "fill"), [("uint16", 0), ("uint16", 65535), ("float32", np.nan), ("float32", -9999)])
def test_no_data_neither_bleeds_nor_shrinks(dtype, fill):
    """Interpolated pixels have a value exactly where the pixel in which their centre lies has one, and it comes from values alone."""
    values = np.full((40, 40), 1000, dtype)
    values[10:20, 10:20] = fill
    found = warp.onto(values, box(40, 40), box(30, 30, 600040, 3999960), "continuous", fill)
    np.testing.assert_array_equal(found, values[1:31, 1:31])


def test_classes_are_never_mixed():
    classes = np.random.default_rng(3).choice([1, 4, 11], (40, 40)).astype("int32")
    half = warp.onto(classes, box(40, 40), box(30, 30, 600040, 3999960), "class", -1)
    assert set(np.unique(half)) == {1, 4, 11}
    np.testing.assert_array_equal(half, classes[1:31, 1:31])  # a third of a pixel away: the nearest


def test_the_most_frequent_of_finer_classes():
    classes = np.tile(np.array([[4, 4, 4], [11, 11, 11], [11, 11, -1]], "int32"), (10, 10))
    found = warp.onto(classes, box(30, 30, size=10), box(10, 10), "class", -1)
    np.testing.assert_array_equal(found, np.full((10, 10), 11))


def test_booleans_stay_booleans():
    values = np.zeros((40, 40), bool)
    values[10:30, 10:30] = True
    found = warp.onto(values, box(40, 40), box(20, 20, 600040, 3999960), "class", 0)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, values[1:21, 1:21])


@pytest.mark.parametrize("crs", [CRS, "EPSG:32644", "EPSG:3413"])
def test_grids_that_do_not_meet_give_no_data(crs):
    far = box(4, 4, 900000 + 7, 3000000 + 7, crs=crs)
    assert warp.window(box(50, 50), far, 2) is None
    assert np.isnan(warp.onto(np.ones((50, 50)), box(50, 50), far, "continuous", np.nan)).all()


def test_a_window_holds_all_that_the_reprojection_takes():
    """Cutting the source to the window changes no pixel: what lies outside was never used."""
    source = box(300, 300, 166000, 4000000, 30, "EPSG:32644")
    values = np.random.default_rng(4).random((300, 300)).astype("float32")
    x, y = _to(CRS, "EPSG:32644", 170500, 3995500)
    for size in (30, 100, 15):
        target = box(40, 40, x, y, size)
        top, bottom, left, right = warp.window(source, target, 2)
        assert (bottom - top) * (right - left) < 200**2
        whole = warp.onto(values, source, target, "continuous", np.nan)
        part = warp.onto(values[top:bottom, left:right], source[top:bottom, left:right], target, "continuous", np.nan)
        np.testing.assert_allclose(part, whole, atol=5e-2 if size < 100 else 1e-3)
        assert np.isfinite(part).all()


def test_a_window_is_just_what_the_target_covers():
    assert warp.window(box(100, 100), box(10, 20, 600300, 3999400), 2) == (20, 30, 10, 30)  # one lattice: no padding
    assert warp.window(box(100, 100), box(10, 20, 600315, 3999400), 2) == (18, 32, 8, 33)
    assert warp.window(box(100, 100), box(10, 20, 599700, 4000150), 2) == (0, 5, 0, 10)
    assert warp.window(box(100, 100), box(10, 20, 599400, 4000150), 2) is None


def test_values_of_another_shape_are_a_mistake():
    with pytest.raises(ValueError, match=r"values of shape \(2, 2\) on a grid of shape \(3, 3\)"):
        warp.onto(np.zeros((2, 2)), box(3, 3), box(1, 1), "class", 0)


def test_a_wide_grid_is_placed_to_a_hundredth_of_a_pixel():
    """A ramp of latitude comes back as the latitude of each target pixel: no drift with the width of the window."""
    native = GeoBox.from_bbox((77.3, 31.8, 77.9, 32.3), "EPSG:4326", resolution=1 / 3600)
    target = GeoBox.from_bbox((735000, 3545000, 735000 + 30 * 1000, 3545000 + 30 * 300), "EPSG:32643", resolution=30)
    ramp = np.repeat((native.affine.f + native.affine.e * (np.arange(native.shape.y) + 0.5))[:, None], native.shape.x, axis=1)
    columns, rows = np.meshgrid(np.arange(target.shape.x) + 0.5, np.arange(target.shape.y) + 0.5)
    _, latitude = Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True).transform(*(target.affine * (columns, rows)))
    found = warp.onto(ramp, native, target, "continuous", np.nan)
    assert np.abs(found - latitude).max() * 3600 < 0.01  # in native pixels


def _overlaps(values: np.ndarray, source: GeoBox, target: GeoBox) -> np.ndarray:
    """Return, slowly, the area (source pixels) that each source pixel shares with each target pixel: (y, x, row, column)."""

    def along(first, size, number, wanted):
        edges = first + size * np.arange(number + 1)
        return np.maximum(0, np.minimum(edges[1:, None], np.arange(1, wanted + 1)) - np.maximum(edges[:-1, None], np.arange(wanted)))

    place = ~source.affine * target.affine
    down, right = (
        along(place.f, place.e, target.shape.y, values.shape[0]),
        along(place.c, place.a, target.shape.x, values.shape[1]),
    )
    return down[:, None, :, None] * right[None, :, None, :]


@pytest.mark.parametrize(("size", "x"), [(10, 600015), (10, 600003.3), (7, 600021), (12, 599970)])
def test_means_are_weighted_by_area_by_value(size, x):
    """Sentinel-2's pixels begin at tens of metres, Landsat's half a 10 m pixel beside: outer pixels count half."""
    values = np.random.default_rng(5).random((60, 60)).astype("float32")
    values[20:30, 17:33] = np.nan
    target = box(8, 9, x, 4000000 - (x - 600000))
    areas = _overlaps(values, box(60, 60, size=size), target)
    known = np.isfinite(values)
    weight = (areas * known).sum((2, 3))
    with np.errstate(invalid="ignore"):
        expected = (areas * np.where(known, values, 0)).sum((2, 3)) / weight
    expected[weight < 1e-6] = np.nan
    found = warp.onto(values, box(60, 60, size=size), target, "continuous", np.nan)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    classes = np.random.default_rng(6).integers(0, 4, (60, 60)).astype("uint8")
    kinds = np.stack([(areas * (classes == kind)).sum((2, 3)) for kind in (1, 2, 3)])
    largest = np.take_along_axis(kinds, (warp.onto(classes, box(60, 60, size=size), target, "class", 0).clip(1) - 1)[None], 0)[0]
    np.testing.assert_allclose(largest, kinds.max(0), atol=1e-5)  # of several with one area, any


def test_the_neighbouring_zone_is_interpolated_at_exact_positions():
    """Each centre is transformed itself in the reference; without data, only what has data counts."""
    source = box(260, 260, 166000, 4000000, 30, "EPSG:32644")
    values = np.random.default_rng(7).random((260, 260))
    values[100:120, 60:90] = np.nan
    target = box(200, 200, *_to(CRS, "EPSG:32644", 166700, 3999000))
    to_source = Transformer.from_crs(CRS, "EPSG:32644", always_xy=True)
    across, down = ~source.affine * np.array(to_source.transform(*centres(target)))
    top, left = np.floor(down - 0.5).astype(int), np.floor(across - 0.5).astype(int)
    total, weight = np.zeros(target.shape), np.zeros(target.shape)
    for r in (0, 1):
        for c in (0, 1):
            share = (1 - np.abs(down - 0.5 - top - r)) * (1 - np.abs(across - 0.5 - left - c))
            near = values[(top + r).clip(0, 259), (left + c).clip(0, 259)]
            total += share * np.nan_to_num(near)
            weight += share * np.isfinite(near)
    inside = np.isfinite(values[np.floor(down).astype(int).clip(0, 259), np.floor(across).astype(int).clip(0, 259)])
    inside &= (top >= 0) & (left >= 0) & (top < 259) & (left < 259)
    found = warp.onto(values, source, target, "continuous", np.nan)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(found[inside], total[inside] / weight[inside], atol=2 * warp.EXACT)


@pytest.mark.parametrize("crs", ["EPSG:32644", "EPSG:4326", "EPSG:3413", "EPSG:32645"])
def test_positions_between_nodes_are_right_to_a_thousandth_of_a_pixel(crs):
    target = box(700, 900)
    size = 30 if crs != "EPSG:4326" else 1 / 3600
    nodes, step = warp._nodes(target, GeoBox.from_bbox((0, 0, 1, 1), crs, shape=(1, 1)).crs, size)
    columns, rows = np.meshgrid(np.arange(0, 900, 7.5), np.arange(0, 700, 7.5))
    (i, y), (j, x) = (np.divmod(each / step, 1) for each in (rows, columns))
    i, j, y, x = i.astype(int), j.astype(int), y[..., None], x[..., None]
    upper, lower = (nodes[i + down, j] * (1 - x) + nodes[i + down, j + 1] * x for down in (0, 1))
    exact = np.stack(Transformer.from_crs(CRS, crs, always_xy=True).transform(*(target.affine * (columns, rows))), axis=-1)
    assert np.abs(upper * (1 - y) + lower * y - exact).max() <= warp.EXACT * size
