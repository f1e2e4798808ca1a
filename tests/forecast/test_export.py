"""Forecast files open in xarray and rasterio with the right values, place, times and units, and are whole or not there."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from tests.forecast.made import series, task

from glaciercast import grid
from glaciercast.forecast import export, scenes

ISSUE = 7
LEVELS = (0.05, 0.95)


@pytest.fixture
def made(tmp_path):
    return series(tmp_path, variables=("ndsi", "speed"))


@pytest.fixture
def dataset(made):
    values = np.random.default_rng(0).random((2, 2, 20, 30), "float32")
    values[0, 0, 3, 4] = np.nan
    asked = task(variables=("ndsi", "speed"))
    return scenes.to_dataset(values, made, ISSUE, asked, "unet_time", np.stack([values - 1, values + 1]), LEVELS)


def same_forecast(found: xr.Dataset, dataset: xr.Dataset, made) -> None:
    """Check values, units, times and place of a forecast that was read back."""
    for name in ("ndsi", "speed", "ndsi_quantile", "speed_quantile"):
        np.testing.assert_array_equal(found[name], dataset[name])
        assert found[name].dims == dataset[name].dims and found[name].dtype == np.float32
        for key in ("units", "long_name"):
            assert found[name].attrs[key] == dataset[name].attrs[key]
        assert found[name].encoding["grid_mapping"] == "spatial_ref"
    assert found.speed.attrs["units"] == "m year-1" and found.ndsi.attrs["ancillary_variables"] == "ndsi_quantile"
    for name in ("time", "time_bounds", "issue_time"):
        np.testing.assert_array_equal(found[name].values.astype("datetime64[s]"), dataset[name].values.astype("datetime64[s]"))
    assert found.time.attrs["standard_name"] == "time" and found.issue_time.attrs["standard_name"] == "forecast_reference_time"
    assert found.lead.values.tolist() == [1, 2] and found["quantile"].values.tolist() == list(LEVELS)
    assert grid.same(grid.of(found, "found"), made.geobox) and grid.of(found, "found").crs.epsg == 32643
    assert (
        found.attrs["Conventions"] == "CF-1.11" and found.attrs["model"] == "unet_time" and found.attrs["attribution"] == "© made by hand"
    )


def test_a_zarr_store_opens_as_it_was(dataset, made, tmp_path):
    path = export.write_zarr(dataset, tmp_path / "deep" / "forecast.zarr")
    assert '"zarr_format": 3' in (path / "zarr.json").read_text(encoding="utf-8")
    with xr.open_zarr(path, consolidated=False, decode_coords="all") as found:
        same_forecast(found, dataset, made)
        assert found.ndsi_quantile.encoding["chunks"] == (1, 1, 20, 30)


def test_a_netcdf_file_opens_as_it_was(dataset, made, tmp_path):
    path = export.write_netcdf(dataset, tmp_path / "forecast.nc")
    with xr.open_dataset(path, decode_coords="all") as found:
        same_forecast(found, dataset, made)


def test_a_new_store_takes_the_place_of_the_old_one(dataset, tmp_path):
    path = tmp_path / "forecast.zarr"
    export.write_zarr(dataset, path)
    export.write_zarr(dataset.drop_vars("speed"), path)
    with xr.open_zarr(path, consolidated=False) as found:
        assert "speed" not in found and "ndsi" in found
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("forecast")] == ["forecast.zarr"]


def test_a_store_that_cannot_be_written_leaves_the_old_one(dataset, tmp_path):
    path = tmp_path / "forecast.zarr"
    export.write_zarr(dataset, path)
    broken = dataset.assign(wrong=("time", np.array([object(), object()], dtype=object)))
    with pytest.raises(Exception, match=r"serialize|object|string"):
        export.write_zarr(broken, path)
    with xr.open_zarr(path, consolidated=False) as found:
        np.testing.assert_array_equal(found.ndsi, dataset.ndsi)
    assert not (tmp_path / "forecast.zarr.partial").exists()


def test_geotiffs_have_their_place_values_units_and_times(dataset, made, tmp_path):
    paths = {path.name: path for path in export.write_cogs(dataset, tmp_path / "forecast")}
    assert len(paths) == 12 and set(paths) >= {"ndsi_2017-01-01.tif", "speed_q0.05_2017-04-01.tif"}
    with rasterio.open(paths["speed_2017-04-01.tif"]) as file:
        np.testing.assert_array_equal(file.read(1), dataset.speed[1])
        assert file.crs.to_epsg() == 32643 and tuple(file.bounds) == tuple(made.geobox.boundingbox)
        assert file.units == ("m year-1",) and file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and np.isnan(file.nodata)
        expected = {
            "valid_time": "2017-04-01", "valid_until": "2017-07-01", "issue_time": "2017-01-01T00:00:00", "lead": "2", "units": "m year-1",
            "long_name": "speed from the components", "model": "unet_time", "TIFFTAG_DATETIME": "2017:04:01 00:00:00",
            "TIFFTAG_COPYRIGHT": "© made by hand", "TIFFTAG_IMAGEDESCRIPTION": "A made glacier",
        }  # fmt: skip
        assert expected.items() <= file.tags().items() and "quantile" not in file.tags()
    with rasterio.open(paths["ndsi_q0.95_2017-01-01.tif"]) as file:
        np.testing.assert_array_equal(file.read(1), dataset.ndsi_quantile[1, 0])
        assert file.tags()["quantile"] == "0.95" and np.isnan(file.read(1)[3, 4])
