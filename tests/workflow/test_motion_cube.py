"""Own velocities of a simulated glacier, beside the published ones: near the truth, within what they state."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import Transformer
from tests.motion.cubes_made import cube
from tests.workflow.building import fetching, written

from glaciercast import grid, store, workflow
from glaciercast.errors import InputError
from glaciercast.motion import series as serieses
from glaciercast.simulate import archive, scenario
from glaciercast.simulate.scenario import Scenario
from glaciercast.sources import warp
from glaciercast.workflow.motion_cube import CubeMotionConfig

QUICK = CubeMotionConfig.model_validate(
    {
        "own": {"tracking": {"step": 8, "chips": (16, 32)}, "max_days": 40, "min_stable": 20},
        "inversion": {"min_observations": 3},
    }
)


@pytest.mark.slow
def test_a_run_killed_while_it_inverts_goes_on(tmp_path, monkeypatch):
    path, invert = cube(tmp_path / "cube.zarr"), serieses.invert

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(serieses, "invert", killed)
    with pytest.raises(KeyboardInterrupt):
        workflow.motion_in_cube(path, QUICK)
    monkeypatch.setattr(serieses, "invert", invert)
    result = workflow.motion_in_cube(path, QUICK)
    assert result["own"]["resumed_at"] == 5 and result["series"]["own"]["pixels"] > 100


def test_merging_wants_published_velocities_before_anything_is_tracked(tmp_path):
    path = cube(tmp_path / "cube.zarr")
    with pytest.raises(InputError, match=r"expected /velocity/itslive beside the own velocities to merge both, found none"):
        workflow.motion_in_cube(path, QUICK, merge=True)
    assert not (path / "velocity").exists()


@pytest.fixture(scope="module")
def glacier(tmp_path_factory):
    """Return the truth and the cube (10 m) of a small simulated glacier that five Sentinel-2 scenes of one summer show."""
    place = tmp_path_factory.mktemp("glacier")
    keys = scenario.load("tiny").model_dump(mode="json")
    visits = {"platform": "Sentinel-2A", "start": "2019-06-20", "end": "2019-10-10", "every_days": 20, "offset_days": 1, "path": 134}
    keys |= {"name": "summer", "end": "2019-12-31", "temperature": None, "surge": None, "lake": None}
    keys["optical"] |= {"sensors": [{**visits, "tiles": ["43SDA"]}], "reprocessed": 0.0}
    keys["weather"]["mean_cloud"] = 0.1
    archive.simulate(Scenario.model_validate(keys), place / "simulated", seed=1, workers=1)
    source = written(
        place,
        place / "simulated",
        str(place / "simulated" / "archive" / "catalog.json"),
        selection={"max_cloud": 0.97},
        products=["dem", "sentinel2", "itslive"],
        site={"resolution": 10.0, "box": [74.582, 36.407, 74.618, 36.433]},
    )
    workflow.build(source, place / "run", fetching(place / "raw"))
    return place / "simulated" / "truth", place / "run" / "cube.zarr"


def truth(folder: Path, own: xr.Dataset, pair: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean velocity between the dates of a pair (m/yr, y, x), and the ice, on the grid of the own velocities."""
    world, daily = (xr.open_dataset(folder / name, decode_coords="all") for name in ("world.nc", "daily.nc"))
    span = (daily.time.values >= own.acquired_first.values[pair]) & (daily.time.values < own.acquired_second.values[pair])
    sliding = float(daily.sliding_factor.values[span].mean())
    at, native = grid.of(own, "own"), grid.of(world, "world")
    vx, vy = (world[f"creep_v{axis}"].values + sliding * world[f"sliding_v{axis}"].values for axis in "xy")
    east, north = (warp.onto(values.astype("float32"), native, at, "continuous", np.nan) for values in (vx, vy))
    return east, north, warp.onto(world.ice.values.astype("uint8"), native, at, "class", 0) > 0


def station(folder: Path, series: xr.Dataset, path: Path) -> Path:
    """Write the daily velocity, m/yr, of a station where the series is best known on moving ice."""
    world, daily = (xr.open_dataset(folder / name, decode_coords="all") for name in ("world.nc", "daily.nc"))
    speed = np.hypot(series.vx, series.vy)
    row, column = np.unravel_index(np.nanargmin(series.vx_error.where(speed > 40).mean("time").values), speed.shape[1:])
    x, y = float(series.x[column]), float(series.y[row])
    one, sliding = world.interp(x=x, y=y), daily.sliding_factor.values
    east, north = (float(one[f"creep_v{axis}"]) + sliding * float(one[f"sliding_v{axis}"]) for axis in "xy")
    lon, lat = Transformer.from_crs(grid.of(series, "series").crs, "EPSG:4326", always_xy=True).transform(x, y)
    table = pd.DataFrame({"station": "one", "date": daily.time.dt.strftime("%Y-%m-%d"), "lon": lon, "lat": lat})
    table.assign(v_east=east, v_north=north).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_own_velocities_agree_with_the_simulated_truth(glacier):
    known, path = glacier
    settings = CubeMotionConfig.model_validate({"inversion": {"min_observations": 3}})
    workflow.motion_in_cube(path, settings)
    table = station(known, store.open_cube(path)["velocity"]["own_series"].to_dataset(), path.parent / "stations.csv")
    result = workflow.motion_in_cube(path, settings, merge=True, gnss=table)
    own = store.open_cube(path)["velocity"]["own"].to_dataset().load()
    apart = {"ice": [], "rock": []}
    slopes = []
    for pair in np.flatnonzero(~own.flagged.values):
        east, north, ice = truth(known, own, pair)
        vx, vy, error = (own[name].values[pair] for name in ("vx", "vy", "v_error"))
        for name, where in (("ice", ice), ("rock", ~ice)):
            seen = where & np.isfinite(vx)
            apart[name].append(np.concatenate([(vx - east)[seen] / error[seen], (vy - north)[seen] / error[seen]]))
        seen = ice & np.isfinite(vx) & (np.hypot(east, north) > 40)
        slopes.append(np.sum((vx * east + vy * north)[seen]) / np.sum((east**2 + north**2)[seen]))
    within = {name: np.mean(abs(np.concatenate(ratios)) < 2) for name, ratios in apart.items()}
    assert len(slopes) >= 3 and within["rock"] > 0.85 and within["ice"] > 0.8
    assert np.median(slopes) == pytest.approx(1.0, abs=0.1)  # along the true flow
    beside = result["agreement"]["own pairs less itslive"]
    assert beside["values"] > 500 and abs(beside["median_x"]) < 10 and abs(beside["median_y"]) < 10 and beside["within_x"] > 0.6
    stood = result["agreement"]["own series less GNSS"]
    assert stood["values"] >= 2 and abs(stood["median_x"]) < 15 and abs(stood["median_y"]) < 15
    assert result["merged"]["group"] == "/velocity/merged_series" and set(result["series"]) == {"own", "itslive"}
    assert store.verify(path) > 0
