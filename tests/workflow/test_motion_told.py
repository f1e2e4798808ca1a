"""What is told of a cube's velocities: the ice's surges, and stations beside each series that they stand on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.motion.cubes_made import ICE, PLACE, cube

from glaciercast import grid, store, workflow
from glaciercast.errors import InputError
from glaciercast.motion.surge import SurgeRule
from glaciercast.workflow import motion_told
from glaciercast.workflow.motion_cube import CubeMotionConfig

MONTHS = pd.date_range("2013-01-01", "2021-01-01", freq="MS").to_numpy("datetime64[ns]")
FROM, TO = np.datetime64("2018-03-01"), np.datetime64("2019-07-01")


def tree(monkeypatch, rock: float = 1000.0) -> None:
    """Let every cube be one whose ice goes 50 m/yr and 400 in a surge, while what lies beside it seems to race."""
    fast = (MONTHS[:-1] >= FROM) & (MONTHS[:-1] < TO)
    speed = np.where(ICE[None], np.where(fast, 400.0, 50.0)[:, None, None], rock)
    bounds = (("time", "bounds"), np.stack([MONTHS[:-1], MONTHS[1:]], axis=1))
    layers = {"vx": (("time", "y", "x"), 0.6 * speed), "vy": (("time", "y", "x"), -0.8 * speed), "time_bounds": bounds}
    series = xr.Dataset(layers, coords={**grid.coordinates(PLACE), "time": MONTHS[:-1]})
    terrain = xr.Dataset({"ice": (("y", "x"), ICE)}, coords=grid.coordinates(PLACE))
    made = xr.DataTree.from_dict({"/velocity/own_series": series, "/terrain": terrain})
    monkeypatch.setattr(motion_told, "store", SimpleNamespace(open_cube=lambda path: made))


def test_a_surge_of_the_ice_is_found_whatever_lies_beside_it(monkeypatch, tmp_path):
    tree(monkeypatch)
    (event,) = motion_told.surges(tmp_path, SurgeRule(), ["own"])["own"]
    assert event["onset"] == "2018-03-16" and event["end"] == "2019-07-16"
    assert event["quiet_speed"] == pytest.approx(50) and event["peak_speed"] == pytest.approx(400)
    quiet = SurgeRule.model_validate({"quiet": ("2018-04-01", "2019-06-01")})
    assert motion_told.surges(tmp_path, quiet, ["own"]) == {"own": []}


def test_a_series_without_a_quiet_time_is_noted_and_left_out(monkeypatch, tmp_path):
    tree(monkeypatch)
    notes = []
    monkeypatch.setattr(motion_told, "note", notes.append)
    rule = SurgeRule.model_validate({"quiet": ("1990-01-01", "1995-01-01")})
    assert motion_told.surges(tmp_path, rule, ["own"]) == {} and notes[0].startswith("/velocity/own_series: ")


def test_replacing_with_settings_that_cannot_be_leaves_all_velocities(tmp_path):
    path = cube(tmp_path / "cube.zarr")
    settings = {"own": {"tracking": {"step": 16, "chips": (32,), "passes": 1}, "max_days": 40, "min_stable": 5}}
    settings["inversion"] = {"min_observations": 3}
    workflow.motion_in_cube(path, CubeMotionConfig.model_validate(settings))
    groups = set(store.open_cube(path)["velocity"].children)
    wrong = CubeMotionConfig.model_validate({**settings, "own": {**settings["own"], "band": "blue"}})
    with pytest.raises(InputError, match=r"unknown band 'blue'"):
        workflow.motion_in_cube(path, wrong, replace=True)
    assert set(store.open_cube(path)["velocity"].children) == groups >= {"own", "own_series", "own_series_fit"}
