"""Each pixel has one stratum: on the ice or beside it, by elevation zone."""

import numpy as np
import pytest
import xarray as xr
from tests.forecast.made import series

from glaciercast import store
from glaciercast.evaluate.strata import Ground

ELEVATION = np.array([[4100.0, 4499.9, 4500.0], [5200.0, np.nan, np.nan]])
ICE = np.array([[True, False, True], [True, True, False]])


def labelled(ground):
    return [[ground.labels[number] for number in row] for row in ground.stratum]


def test_place_and_zone_of_each_pixel():
    ground = Ground.of((2, 3), 9e-4, ELEVATION, ICE)
    assert labelled(ground) == [[("ice", 4000), ("outside", 4000), ("ice", 4500)], [("ice", 5000), ("ice", None), ("outside", None)]]
    assert len(ground.labels) == 6 and ground.bands.number[1].tolist() == [11, -1, -1]


def test_without_an_outline_or_terrain_there_is_less_to_tell():
    assert labelled(Ground.of((2, 3), 9e-4, ELEVATION))[1] == [("anywhere", 5000), ("anywhere", None), ("anywhere", None)]
    assert labelled(Ground.of((2, 3), 9e-4, None, ICE))[0] == [("ice", None), ("outside", None), ("ice", None)]
    for unknown in (None, np.full((2, 3), np.nan)):
        ground = Ground.of((2, 3), 9e-4, unknown)
        assert ground.labels == (("anywhere", None),) and ground.bands is None


def test_terrain_is_read_from_the_aligned_cube(tmp_path, monkeypatch):
    made = series(tmp_path, shape=(20, 30))
    elevation = np.broadcast_to(np.linspace(3900, 4100, 30), (20, 30))
    aligned = xr.Dataset({"elevation": (("y", "x"), elevation), "ice": (("y", "x"), elevation > 4050)})
    monkeypatch.setattr(store, "locate", lambda cube: cube)
    monkeypatch.setattr(store, "open_cube", lambda cube: xr.DataTree.from_dict({"/aligned": aligned}))
    ground = Ground.read("cube.zarr", made)
    assert ground.labels == (("ice", 4000), ("outside", 3500), ("outside", 4000))
    assert ground.pixel_km2 == pytest.approx(30 * 30 / 1e6) and Ground.plain(made).labels == (("anywhere", None),)
