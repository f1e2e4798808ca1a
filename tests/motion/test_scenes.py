"""Rasters to be tracked: values with their gaps, one grid, masks and outlines on its pixels."""

import geopandas
import numpy as np
import pytest
import shapely
from tests.made import write_tiff

from glaciercast.errors import InputError
from glaciercast.motion import scenes

FLAT = np.arange(64 * 64, dtype="int16").reshape(64, 64)


def test_no_data_is_nan_and_bands_are_numbered_from_one(tmp_path):
    path = write_tiff(tmp_path / "a_20200205.tif", np.stack([FLAT, FLAT + 1]), nodata=5)
    first, second = scenes.read(path), scenes.read(path, 2)
    assert first.values.dtype == "float32" and np.argwhere(np.isnan(first.values)).tolist() == [[0, 5]]
    assert second.values[0, 0] == 1 and np.argwhere(np.isnan(second.values)).tolist() == [[0, 4]]
    assert first.grid is not None and first.grid.affine.c == 500000 and str(first.time)[:10] == "2020-02-05"
    assert str(scenes.read(path, date="2021-03-04").time)[:10] == "2021-03-04"


def test_masks_are_what_is_above_half_of_the_largest_value(tmp_path):
    like = scenes.read(write_tiff(tmp_path / "a_20200205.tif", FLAT))
    drawing = np.zeros((64, 64), "uint8")
    drawing[:, 32:], drawing[:, 31] = 250, 90  # a soft edge, as in a drawing
    for crs in ("EPSG:32643", None):
        found = scenes.read_mask(write_tiff(tmp_path / f"mask-{crs}.tif", drawing, crs=crs), like)
        np.testing.assert_array_equal(found, np.arange(64)[None] >= np.full((64, 1), 32))
    with pytest.raises(InputError, match=r"small.tif: expected the grid of a_20200205.tif, 64×64 pixels .*found 8×8"):
        scenes.read_mask(write_tiff(tmp_path / "small.tif", drawing[:8, :8]), like)


def test_outlines_are_rasterised_and_widened_by_metres(tmp_path):
    like = scenes.read(write_tiff(tmp_path / "a_20200205.tif", FLAT))
    box = shapely.box(500000 + 20 * 30, 4000000 - 40 * 30, 500000 + 40 * 30, 4000000 - 20 * 30)
    geopandas.GeoDataFrame(geometry=[box], crs="EPSG:32643").to_file(tmp_path / "ice.gpkg")
    ice, wider = scenes.read_outline(tmp_path / "ice.gpkg", like, 90.0)
    inside = (np.arange(64) >= 20) & (np.arange(64) < 40)
    np.testing.assert_array_equal(ice, inside[:, None] & inside[None])
    assert wider[30, 17] and not wider[30, 16] and wider[18, 18] and not wider[17, 17]  # three pixels, round at the corners
    with pytest.raises(InputError, match=r"beside.gpkg: expected ice on the grid of a_20200205.tif, found none"):
        geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 9, 9)], crs="EPSG:32643").to_file(tmp_path / "beside.gpkg")
        scenes.read_outline(tmp_path / "beside.gpkg", like, 0)
    picture = scenes.read(write_tiff(tmp_path / "b_20200205.tif", FLAT, crs=None))
    with pytest.raises(InputError, match=r"ice.gpkg: polygons need a CRS and b_20200205.tif has none"):
        scenes.read_outline(tmp_path / "ice.gpkg", picture, 0)


def test_what_is_no_raster_is_one_line(tmp_path):
    (tmp_path / "a.tif").write_text("no raster")
    for name in ("a.tif", "none.tif"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read") as refused:
            scenes.read(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_the_no_data_value_of_a_mask_counts_as_it_is_written(tmp_path):
    like = scenes.read(write_tiff(tmp_path / "a_20200205.tif", FLAT))
    drawing = np.zeros((64, 64), "uint8")
    drawing[:, 32:] = 255
    for nodata in (0, 255):
        found = scenes.read_mask(write_tiff(tmp_path / f"mask-{nodata}.tif", drawing, nodata=nodata), like)
        np.testing.assert_array_equal(found, np.arange(64)[None] >= np.full((64, 1), 32))


def test_complex_numbers_are_refused(tmp_path):
    path = write_tiff(tmp_path / "slc_20200205.tif", FLAT.astype("complex64"))
    with pytest.raises(InputError, match=r"slc_20200205.tif: expected a band of real numbers, found complex64; take its amplitude"):
        scenes.read(path)
