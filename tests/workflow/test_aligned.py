"""Everything that a built cube holds comes together in ``/aligned``: right place, right time, and nothing that was not there yet."""

import json
import shutil

import numpy as np
import pytest
import zarr
from tests.workflow.building import written

from glaciercast import grid, store, workflow
from glaciercast.align import regrid
from glaciercast.align.settings import AlignConfig
from glaciercast.patches import series

SETTINGS = AlignConfig.model_validate({"temperature": {"product": "mod11a2"}})
INDICES, MOTION, HEAT = {"ndsi", "ndwi"}, {"vx", "vy", "speed"}, {"lst_day", "lst_night"}


@pytest.fixture(scope="module")
def built(archive, tmp_path_factory):
    """Return a cube of everything that the simulated archive has, to be read only."""
    place = tmp_path_factory.mktemp("everything")
    source = written(place, archive, str(archive / "archive" / "catalog.json"), selection={"max_cloud": 0.97})
    workflow.build(source, place / "run", workflow.read_fetching({"cache": str(place / "raw")}))
    return place / "run" / "cube.zarr"


def copied(built, folder):
    """Return a copy of the built cube, to be written into."""
    shutil.copytree(built, folder / "cube.zarr")
    shutil.copy(store.manifest_path(built), folder)
    return folder / "cube.zarr"


@pytest.fixture(scope="module")
def cube(built, tmp_path_factory):
    path = copied(built, tmp_path_factory.mktemp("aligned"))
    result = workflow.align(path, SETTINGS)
    return path, result, store.open_cube(path)


def test_all_kinds_are_there_on_the_optical_grid(cube):
    path, result, tree = cube
    aligned = tree["aligned"].to_dataset()
    assert set(result["variables"]) == INDICES | MOTION | HEAT
    assert grid.same(grid.of(aligned, "aligned"), grid.of(tree["optical/landsat"].to_dataset(), "landsat"))
    assert result["products"] == ["/optical/landsat", "/optical/sentinel2", "/velocity/itslive", "/temperature/mod11a2"]
    for name in ("elevation", "slope", "ice"):
        np.testing.assert_array_equal(aligned[name].values, tree["terrain"][name].values)
    assert {f"{name}_observed" for name in INDICES | MOTION | HEAT} <= set(aligned.data_vars) and store.verify(path) > 0
    assert "Claverie" in aligned.attrs["comment"] and "1 km cell" in aligned.attrs["comment"]


def test_no_pair_enters_the_targets_of_two_parts(cube, tmp_path):
    """Of any two steps that far apart, the later one's longest pair begins after the earlier one's end."""
    path, _, tree = cube
    snow, motion = (series.load(path, tmp_path / name, (name,)) for name in ("ndsi", "vx"))
    span = np.timedelta64(int(SETTINGS.velocity.max_span_days), "D")
    assert tree["aligned"].attrs["velocity_span_days"] == SETTINGS.velocity.max_span_days == 128
    assert snow.composite_length == 1 and motion.composite_length == 6
    apart = motion.composite_length
    earliest = motion.starts.to_numpy()[apart:] - span
    assert (earliest >= motion.ends.to_numpy()[:-apart]).all() and (earliest < motion.ends.to_numpy()[1 : 1 - apart]).any()


def test_observed_snow_is_the_mean_of_the_clear_scenes_of_the_month(cube):
    _, _, tree = cube
    aligned, scenes = tree["aligned"].to_dataset(), tree["optical/landsat"].to_dataset()
    month = scenes.time.to_index().to_period("M")
    sentinel = tree["optical/sentinel2"].time.to_index().to_period("M")
    step = next(
        step
        for step, start in enumerate(aligned.time.to_index())
        if (month == start.to_period("M")).sum() == 1 and start.to_period("M") not in sentinel
    )
    scene = scenes.isel(time=int(np.flatnonzero(month == aligned.time.to_index()[step].to_period("M"))[0]))
    green, swir = scene.green.values, scene.swir16.values
    expected = np.where(scene.clear.values & (green >= 0) & (swir >= 0), (green - swir) / (green + swir), np.nan)
    seen = aligned.ndsi_observed.values[step] == 1
    np.testing.assert_array_equal(seen, np.isfinite(expected))
    np.testing.assert_allclose(aligned.ndsi.values[step][seen], expected[seen], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(aligned.clear_count.values[step], scene.clear.values)


def test_speed_is_that_of_the_components_and_temperatures_are_those_of_their_cells(cube):
    _, _, tree = cube
    aligned = tree["aligned"].to_dataset()
    np.testing.assert_allclose(aligned.speed.values, np.hypot(aligned.vx.values, aligned.vy.values), rtol=1e-6)
    source = tree["temperature/mod11a2"].to_dataset()
    rows, columns = regrid.cells(grid.of(source, "lst"), grid.of(aligned, "aligned"))
    step = int(np.flatnonzero((aligned.lst_day_observed.values > 0).any(axis=(1, 2)))[0])
    place = tuple(np.argwhere(aligned.lst_day_observed.values[step] > 0)[0])
    start, end = aligned.time_bounds.values[step]
    periods = source.isel(time=(source.time.values >= start) & (source.time.values < end - np.timedelta64(8, "D")))
    within = periods.lst_day.values[:, rows[place], columns[place]]
    assert np.nanmin(within) - 8 < aligned.lst_day.values[step][place] < np.nanmax(within) + 8


def test_each_kind_is_there_when_its_last_record_is(cube):
    _, _, tree = cube
    aligned, pairs = tree["aligned"].to_dataset(), tree["velocity/itslive"].to_dataset()
    ends = aligned.time_bounds.values[:, 1]
    for name in ("available_at", "velocity_available_at", "temperature_available_at"):
        assert (aligned[name].values >= ends).all() and (np.diff(aligned[name].values) >= np.timedelta64(0)).all()
    finished = pairs.acquired_second.values < ends[-1]
    assert aligned.velocity_available_at.values[-1] <= max(pairs.available_at.values[finished].max(), ends[-1])
    assert (aligned.velocity_available_at.values > aligned.available_at.values).any()


def test_a_model_waits_for_the_latest_of_what_it_reads(cube, tmp_path):
    path, _, tree = cube
    snow, both = series.load(path, tmp_path / "a", ("ndsi",)), series.load(path, tmp_path / "b", ("ndsi", "vx"))
    latest = np.maximum(tree["aligned"].available_at.values, tree["aligned"].velocity_available_at.values)
    np.testing.assert_array_equal(both.available_at, latest.astype("datetime64[ns]"))
    assert (both.available_at >= snow.available_at).all() and (both.available_at > snow.available_at).any()


@pytest.mark.slow
def test_records_of_later_change_no_earlier_step(built, cube, tmp_path):
    _, _, tree = cube
    aligned = tree["aligned"].to_dataset().load()
    issue = 15
    path = copied(built, tmp_path)
    spoil(path, aligned.time_bounds.values[issue, 1])
    workflow.align(path, SETTINGS)
    other = store.open_cube(path)["aligned"].to_dataset().load()
    for name in INDICES | MOTION | HEAT:
        for variable in (name, f"{name}_observed"):
            one, two = (each[variable].values[: issue + 1] for each in (aligned, other))
            np.testing.assert_array_equal(one, two, err_msg=variable)
        assert not np.array_equal(aligned[name].values, other[name].values, equal_nan=True), name


def spoil(path, moment):
    """Write noise over every record that begins, or of which the later image was taken, after a moment; the manifest agrees with it."""
    rng = np.random.default_rng(0)
    tree = store.open_cube(path)
    moments = {"optical/landsat": "time", "optical/sentinel2": "time", "velocity/itslive": "acquired_second", "temperature/mod11a2": "time"}
    late = {group: tree[group][name].values >= moment for group, name in moments.items()}
    for group, which in late.items():
        for _, array in zarr.open_group(path, path=group, mode="r+").arrays():
            if array.ndim == 3 and array.dtype.kind == "f":
                values = array[:]
                values[which] = rng.uniform(0, 1, values[which].shape)
                array[:] = values
    lines = []
    for entry in store.read_manifest(path):
        if entry["kind"] == "region":
            opened = zarr.open_group(path, path=entry["group"].strip("/"), mode="r")
            place = tuple(slice(*bounds) for bounds in entry["at"]) if "at" in entry else entry["step"]
            entry["xxh128"] = {name: store.checksum(np.asarray(opened[name][place])) for name in entry["xxh128"]}
        lines.append(json.dumps(entry) + "\n")
    store.manifest_path(path).write_text("".join(lines), encoding="utf-8")
