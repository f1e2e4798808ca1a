"""Regular series of velocity as files have them: by value on a real inversion, whatever the names, and one line for what is wrong."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.sources import velocity_series
from glaciercast.sources.velocity_series import VelocitySeriesConfig

LOWELL = "lowell_surge/Lowell_example_interp.nc"
CRS = VelocitySeriesConfig(crs="EPSG:32607")


def made(times=None, **attributes) -> xr.Dataset:
    """Return four steps of 2×3 pixels, vx = 100·step + 10·row + column, y from south to north."""
    times = pd.date_range("2020-01-03", periods=4, freq="5D") if times is None else times
    step, row, column = np.ogrid[: len(times), :2, :3]
    vx = (100.0 * step + 10.0 * row + column).astype("float32")
    dims, units = ("mid_date", "y", "x"), {"units": "m/yr"} | attributes
    return xr.Dataset(
        {"vx": (dims, vx, units), "vy": (dims, -vx, units)},
        {"mid_date": times, "y": [5000.0, 5120.0], "x": [700.0, 820.0, 940.0]},
    )


@pytest.fixture
def write(tmp_path):
    def to_file(dataset: xr.Dataset, name: str = "made.nc"):
        path = tmp_path / name
        if path.suffix == ".zarr":
            dataset.to_zarr(path, zarr_format=3, consolidated=False)
        else:
            dataset.to_netcdf(path, engine="h5netcdf")
        return path

    return to_file


def test_the_real_surge_is_read_by_value(real_data):
    """714 steps of five days, each spanning thirty; yearly medians of the steps' median speeds as the data's description has them."""
    found = velocity_series.read(real_data(LOWELL))
    assert found.vx.shape == found.vy.shape == (714, 23, 12) and found.vx.dtype == np.float32
    assert (found.attrs["step_days"], found.attrs["span_days"], found.attrs["hindcast"]) == (5.0, 30.0, 1)
    assert [str(found.time.values[at])[:10] for at in (0, -1)] == ["2013-03-29", "2023-01-01"]
    geobox = grid.of(found, "found")
    assert grid.describe(geobox) == "23×12 pixels of 120×120 m in EPSG:3413"
    speed = np.hypot(found.vx, found.vy)
    empty = np.isnan(speed).all(["y", "x"]).values
    assert list(np.flatnonzero(empty)) == [0, 1, 2, 3, 713]
    median = speed[~empty].median(["y", "x"])
    yearly = median.groupby("time.year").median()
    assert np.rint(yearly.values).tolist() == [41, 43, 40, 42, 39, 49, 70, 138, 469, 1828]


def test_every_pixel_lies_where_the_file_has_it(real_data):
    found = velocity_series.read(real_data(LOWELL))
    with xr.open_dataset(real_data(LOWELL), engine="h5netcdf", decode_timedelta=False) as file:
        there = file.sel(y=found.y.values, x=found.x.values)
        np.testing.assert_array_equal(there.vx.values[4:-1], found.vx.values[4:-1])
        np.testing.assert_array_equal(there.vy.values[4:-1], found.vy.values[4:-1])


@pytest.mark.parametrize("name", ["made.nc", "made.zarr"])
def test_rows_go_from_north_to_south_with_their_values(write, name):
    found = velocity_series.read(write(made(), name), CRS)
    assert found.y.values.tolist() == [5120.0, 5000.0] and found.x.values.tolist() == [700.0, 820.0, 940.0]
    assert found.vx.values[2].tolist() == [[210, 211, 212], [200, 201, 202]]
    assert found.vy.values[2].tolist() == [[-210, -211, -212], [-200, -201, -202]]
    assert found.vx.attrs["units"] == "m year-1" and found.attrs["span_days"] == found.attrs["step_days"] == 5.0


def test_other_names_spans_and_units_are_settings(write):
    mine = made().rename(vx="u", vy="v", mid_date="time", y="north", x="east")
    mine["a"], mine["b"] = mine.time - pd.Timedelta(days=8), mine.time + pd.Timedelta(days=8)
    for name in ("u", "v"):
        del mine[name].attrs["units"]
    names = {"vx": "u", "vy": "v", "time": "time", "y": "north", "x": "east", "first": "a", "second": "b"}
    settings = VelocitySeriesConfig(**names, units="m/yr", crs="EPSG:32607", hindcast=False)
    found = velocity_series.read(write(mine), settings)
    np.testing.assert_array_equal(found.vx.values, made().vx.values[:, ::-1])
    assert (found.attrs["span_days"], found.attrs["hindcast"]) == (16.0, 0)


def test_a_vector_of_which_one_component_is_missing_is_missing(write):
    holed = made()
    holed.vx[1, 0, 2] = np.nan
    found = velocity_series.read(write(holed), CRS)
    assert np.argwhere(np.isnan(found.vx.values)).tolist() == np.argwhere(np.isnan(found.vy.values)).tolist() == [[1, 1, 2]]


def test_a_thinned_series_ends_with_the_last_value(write):
    series = made(pd.date_range("2020-01-03", periods=9, freq="5D"))
    series.vx[8] = np.nan
    found = velocity_series.thinned(velocity_series.read(write(series), CRS), 3)
    assert found.vx.values[:, -1, 0].tolist() == [100, 400, 700] and found.attrs["step_days"] == 15.0
    with pytest.raises(InputError, match="every: expected 1 to 7 of a series with values up to step 7, found 8"):
        velocity_series.thinned(velocity_series.read(write(series, "again.nc"), CRS), 8)


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda s: s.drop_vars("vy"), {}, r"made.nc: unknown variable 'vy' .*; known: mid_date, vx, x, y"),
        (lambda s: s, {"crs": None}, "made.nc: has no CRS; 'crs' sets it"),
        (lambda s: s, {"crs": "EPSG:4326"}, "made.nc: expected a projected CRS with units of metres, found EPSG:4326"),
        (lambda s: s.transpose("y", "x", "mid_date"), {}, r"made.nc/vx: expected dimensions \('mid_date', 'y', 'x'\), found \('y'"),
        (lambda s: made(units="m/d"), {}, "made.nc/vx: expected units of metres a year such as 'm/y', found 'm/d'; 'units' sets them"),
        (lambda s: s.astype("int16"), {}, "made.nc/vx: expected floating point, found int16"),
        (lambda s: s.isel(mid_date=[0, 1, 3]), {}, "found 5 days at first and 10 after 2020-01-08"),
        (lambda s: s.isel(mid_date=[2, 1, 0]), {}, "expected times in order and equally far apart, found -5 days"),
        (lambda s: s.isel(mid_date=[0]), {}, "expected a series of at least two times, found 1"),
        (lambda s: s.assign_coords(mid_date=[1.0, 2, 3, 4]), {}, "made.nc/mid_date: expected times with units such as .*, found float64"),
        (lambda s: s.assign(date1=s.mid_date, date2=s.mid_date), {}, "expected 'date1' before 'date2', found 0 days"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(write, change, settings, message):
    path = write(change(made()))
    with pytest.raises(InputError, match=message) as told:
        velocity_series.read(path, VelocitySeriesConfig(**({"crs": "EPSG:32607"} | settings)))
    assert "\n" not in str(told.value)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        velocity_series.read(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("velocity")
    with pytest.raises(InputError, match=r"text\.nc: cannot be read as NetCDF or Zarr"):
        velocity_series.read(tmp_path / "text.nc")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder: cannot be read as NetCDF or Zarr"):
        velocity_series.read(tmp_path / "folder")
