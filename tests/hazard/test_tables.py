from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast import grid, store, workflow
from glaciercast.errors import InputError
from glaciercast.hazard import features, records, tables
from glaciercast.hazard.tables import TableConfig

FINE = GeoBox((60, 60), Affine(100, 0, 500000, 0, -100, 4000000), "EPSG:32643")
PAIRS = GeoBox((30, 30), Affine(200, 0, 500000, 0, -200, 4000000), "EPSG:32643")
COARSE = GeoBox((6, 6), Affine(1000, 0, 500000, 0, -1000, 4000000), "EPSG:32643")
LON, LAT = 75.0333, 36.1164
"""3 km east and 3 km south of the corner: the middle."""
FIRST = np.array(["2020-06-01T05", "2020-06-09T05", "2020-06-17T05"], dtype="datetime64[ns]")
SECOND = FIRST + np.timedelta64(24, "D")


def dataset(geobox, values, **coords):
    made = {name: (("pair" if "pair" in coords else "time", "y", "x"), found) for name, found in values.items() if np.ndim(found) == 3}
    flat = {name: (("y", "x"), found) for name, found in values.items() if np.ndim(found) == 2}
    return xr.Dataset({**made, **flat}, coords={**grid.coordinates(geobox), **coords})


def cube(ice_east=True):
    """Return ice in the western half; it moves at (30, 40) m/yr, the ground stays; the third pair saw nothing of it."""
    west = np.arange(60) < 30
    ice = np.broadcast_to(west, (60, 60)).copy()
    terrain = dataset(FINE, {"elevation": np.full((60, 60), 3000.0), "slope": np.zeros((60, 60)), "aspect": np.zeros((60, 60)), "ice": ice})
    moving = np.arange(30) < 15
    vx, vy = (np.broadcast_to(np.where(moving, value, 0.0), (3, 30, 30)).copy() for value in (30.0, 40.0))
    vx[2, :, :15] = np.nan
    error = np.full((3, 30, 30), 5.0)
    vx[0, 15, 13], error[0, 15, 13] = 9000, 1e6  # one wrong match that knows it
    velocity = dataset(PAIRS, {"vx": vx, "vy": vy, "v_error": error}, pair=np.arange(3)).assign(
        acquired_first=("pair", FIRST), acquired_second=("pair", SECOND), available_at=("pair", SECOND + np.timedelta64(30, "D"))
    )
    time = pd.date_range("2020-06-01", periods=4, freq="8D").to_numpy("datetime64[ns]")
    kelvin = np.broadcast_to(np.where(np.arange(6) < 3, 273.15, 290.0), (4, 6, 6)).copy()
    kelvin[1, :, 3:] = np.nan
    temperature = dataset(COARSE, {"lst_day": kelvin}, time=time).assign_coords(available_at=("time", time + np.timedelta64(3, "D")))
    return xr.DataTree.from_dict({"/terrain": terrain, "/velocity/itslive": velocity, "/temperature/MOD11A2": temperature})


def test_motion_is_that_of_the_ice_near_the_lake():
    found = tables.of_tree(cube(), LON, LAT, "a")["motion"]
    assert len(found) == 2  # the third pair saw no ice
    np.testing.assert_allclose(found["vx"], 30, rtol=1e-6)
    np.testing.assert_allclose(found["vy"], 40, rtol=1e-6)
    assert set(found["lake"]) == {"a"}
    np.testing.assert_array_equal(found["first"], FIRST[:2])
    np.testing.assert_array_equal(found["available_at"], SECOND[:2] + np.timedelta64(30, "D"))


def test_temperature_of_ice_and_ground_apart():
    found = tables.of_tree(cube(), LON, LAT, "a")["temperature"]
    ice, ground = (found[found["surface"] == surface] for surface in ("ice", "ground"))
    assert len(ice) == 4
    assert len(ground) == 3  # clouds on the second date
    assert set(ice["lst_day"]) == {273.15}
    assert set(ground["lst_day"]) == {290.0}
    assert (found["available_at"] - found["time"] == pd.Timedelta(days=3)).all()


def test_means_are_weighted_and_components_stay_apart():
    vx, vy = np.array([[100.0, 0.0, np.nan], [np.nan] * 3]), np.array([[0.0, 50.0, 1.0], [np.nan] * 3])
    error = np.array([[10.0, 20.0, 1.0], [np.nan] * 3])
    east, north, spread, share = tables.averaged(vx, vy, error, alike=1)
    np.testing.assert_allclose([east[0], north[0]], [80, 10])
    assert spread[0] == pytest.approx(np.sqrt(1 / (1 / 100 + 1 / 400)))  # independent cells
    np.testing.assert_allclose(share, [2 / 3, 0])
    assert np.isnan([east[1], north[1], spread[1]]).all()
    alike = tables.averaged(vx, vy, error, alike=4)[2]
    assert alike[0] == pytest.approx(spread[0] * np.sqrt(2))


def test_errors_say_what_is_missing():
    with pytest.raises(InputError, match=r"lon 36\.1164, lat 75\.0333.*longitude first"):
        tables.of_tree(cube(), LAT, LON)
    with pytest.raises(InputError, match="expected /terrain with ice"):
        tables.of_tree(xr.DataTree.from_dict({"/velocity/itslive": xr.Dataset()}), LON, LAT)
    with pytest.raises(InputError, match="found neither"):
        tables.of_tree(xr.DataTree.from_dict({"/terrain": cube()["terrain"].to_dataset()}), LON, LAT)
    with pytest.raises(InputError, match="ice within 100 m"):
        tables.of_tree(cube(), LON + 0.02, LAT, settings=TableConfig(ice_radius=100))


def test_files_go_beside_a_lakes_areas_and_never_over_another(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "locate", lambda path: path)
    monkeypatch.setattr(store, "open_cube", lambda path: cube())
    lakes = pd.DataFrame({"lake": ["a"], "lon": [LON], "lat": [LAT], "watched_from": ["2019-01-01"], "watched_to": ["2021-12-31"]})
    records.write(records.make({"lakes": lakes}), tmp_path)
    for key in ("motion", "temperature"):
        (tmp_path / f"{key}.csv").unlink()
    result = workflow.lake_tables("cube.zarr", tmp_path, (LON, LAT), "a")
    assert result["motion"] == {"records": 2, "first": "2020-06-25", "last": "2020-07-03"}
    found = records.read(tmp_path)
    assert (len(found.motion), len(found.temperature)) == (2, 7)
    made = features.make(found, pd.DataFrame({"lake": ["a"], "issue": pd.to_datetime(["2020-09-01"])}))
    assert made.column("speed")[0] == pytest.approx(50)
    assert made.column("ice_melting")[0] == 1
    with pytest.raises(InputError, match=r"motion\.csv: is there already"):
        workflow.lake_tables("cube.zarr", tmp_path, (LON, LAT), "a")
