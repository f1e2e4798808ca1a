"""Files for other software open there with the right place, values and time, and are whole or not there."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from glaciercast import export, grid

GEOBOX = GeoBox.from_bbox((499980, 3999990, 500100, 4000080), "EPSG:32643", resolution=30)
VALUES = np.arange(12, dtype="float32").reshape(3, 4)
VALUES[0, 1] = np.nan


@given(st.text())
def test_safe_names_hold_no_path(text):
    name = export.safe(text)
    assert not name.startswith(".") and not set(name) & set("/\\ :\0") and export.safe(name) == name


def test_a_raster_has_its_place_values_units_and_tags(tmp_path):
    tags = {"TIFFTAG_DATETIME": "2020:01:03 05:30:00", "TIFFTAG_COPYRIGHT": "© made", "valid_time": "2020-01-03T05:30:00Z"}
    path = export.write_cog(VALUES, GEOBOX, tmp_path / "deep" / "a.tif", "ndsi", "1", tags)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), VALUES)
        assert file.crs.to_epsg() == 32643 and np.isnan(file.nodata) and file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.xy(0, 0) == (499995.0, 4000065.0) and file.xy(2, 3) == (500085.0, 4000005.0)
        assert file.units == ("1",) and file.descriptions == ("ndsi",)
        assert tags.items() <= file.tags().items()


def test_flags_are_bytes_without_nodata(tmp_path):
    with rasterio.open(export.write_cog(np.isnan(VALUES), GEOBOX, tmp_path / "a.tif", "clear")) as file:
        assert file.dtypes == ("uint8",) and file.nodata is None
        np.testing.assert_array_equal(file.read(1), np.isnan(VALUES))


def test_overviews_are_means_of_what_is_there(tmp_path):
    box = GeoBox((1024, 1024), rasterio.Affine(30, 0, 0, 0, -30, 0), "EPSG:32643")
    values = np.tile(np.array([[1, np.nan], [3, 5]], "float32"), (512, 512))
    path = export.write_cog(values, box, tmp_path / "a.tif", "v")
    with rasterio.open(path) as file:
        assert file.overviews(1) == [2]
    with rasterio.open(path, overview_level=0) as small:
        np.testing.assert_array_equal(small.read(1), np.float32(3))


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match=r"midway"), export.atomic(path) as partial:
        partial.write_text("half")
        raise RuntimeError("midway")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "old"


def test_netcdf_filled_by_parts_equals_what_was_written(tmp_path):
    time = np.array(["2020-01-03T05:30", "2020-01-19T05:30"], "M8[ns]")
    small = xr.Dataset({"scene_id": ("time", ["a", "b"])}, coords={**grid.coordinates(GEOBOX), "time": time}, attrs={export.CONTENT: "x"})
    green = xr.DataArray(np.stack([VALUES, VALUES + 1]), dims=("time", "y", "x"), attrs={"units": "1"})
    path = tmp_path / "a.nc"
    with export.streamed_netcdf(small, {"green": green, "clear": green > 2}, path) as file:
        assert not path.exists()
        for step in range(2):
            file.variables["green"][step] = green.values[step]
            file.variables["clear"][step] = green.values[step] > 2
    with xr.open_dataset(path, decode_coords="all") as back:
        np.testing.assert_array_equal(back.green.values, green.values)
        np.testing.assert_array_equal(back.clear.values, green.values > 2)
        assert list(back.time.values) == list(time) and list(back.scene_id.values) == ["a", "b"]
        assert grid.of(back, "file") == GEOBOX and back.green.attrs["units"] == "1" and back.clear.attrs["flag_meanings"] == "no yes"
    assert export.content_of(path) == "x"
