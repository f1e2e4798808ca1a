from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.simulate.flat_world import make_scenario, make_world

from glaciercast.errors import InputError
from glaciercast.simulate.products import itslive, itslive_match, itslive_pairs, itslive_store, stac
from glaciercast.simulate.products.itslive import layout, simulate, write_cube
from glaciercast.simulate.seeds import generator

CLEAN = {"pairs": 150, "outliers": 0.0, "missing": 0.0}


@pytest.fixture(scope="module")
def clean():
    """150 pairs of a constant, slow velocity (3, −4) m/yr without gaps and outliers."""
    scenario = make_scenario(velocity=CLEAN)
    return simulate(make_world(scenario), scenario, 5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    scenario = make_scenario(velocity={"pairs": 40, "outliers": 0.05, "missing": 0.3})
    archive = tmp_path_factory.mktemp("archive")
    cube = simulate(make_world(scenario, pixels=100), scenario, 5)
    name = write_cube(cube, archive, scenario)
    stac.write_catalog(archive, "made")
    return cube, archive / "itslive-cubes" / name


def decoded(values):
    return np.where(values == itslive_store.FILL, np.nan, values.astype(float))


def test_the_grid_is_a_lattice_of_120_m_that_covers_the_site():
    world = make_world(make_scenario(), corner=(455430.0, 4035570.0))
    place = layout(world)
    edges = np.array(place.grid.boundingbox.bbox)
    assert (edges % 120 == 0).all()
    site = world.site.boundingbox
    assert edges[0] <= site.left and edges[1] <= site.bottom and edges[2] >= site.right and edges[3] >= site.top
    assert place.grid.resolution.y == -120


def test_averages_over_blocks_are_exact():
    world = make_world(make_scenario())
    place = layout(world)
    columns = np.indices(world.grid.shape)[1]
    east = world.grid.affine.c + 30 * (columns + 0.5) - 455000
    means = place.average(east.astype(np.float32))
    expected = place.grid.coordinates["x"].values - 455000
    np.testing.assert_allclose(means, np.broadcast_to(expected, means.shape), atol=1e-2)


def test_a_grid_that_does_not_fit_120_m_is_refused():
    world = make_world(make_scenario(), corner=(455410.0, 4035600.0))
    with pytest.raises(InputError, match="fit into 120 m"):
        layout(world)


def test_components_are_unbiased_and_speed_is_biased_high(clean):
    good = clean.pairs["corrected"].to_numpy()
    weight = 1 / clean.pairs["sigma_x"].to_numpy()[good] ** 2
    for values, truth, axis in ((clean.vx, 3.0, "x"), (clean.vy, -4.0, "y")):
        error = np.nanmean(decoded(values[good]), axis=(1, 2)) - truth
        assert abs(np.average(error, weights=weight)) < 4 * np.sqrt((weight**2 * error**2).sum()) / weight.sum() + 1e-3, axis
    assert np.nanmean(decoded(clean.v[good])) > 2 * 5.0


def test_random_error_falls_as_one_over_the_baseline(clean):
    displacement = clean.pairs["sigma_x"] * clean.pairs["days"] / 365.25
    same = (clean.pairs["satellite1"] == "8") & (clean.pairs["satellite2"] == "8")
    np.testing.assert_allclose(displacement[same], 2.3, rtol=1e-6)  # 0.15 pixels of 15 m
    measured = np.nanstd(decoded(clean.vx), axis=(1, 2))
    large = clean.pairs["sigma_x"].to_numpy() > 5  # so that rounding to whole m/yr does not matter
    ratio = measured[large] / clean.pairs["sigma_x"].to_numpy()[large]
    assert abs(ratio.mean() - 1) < 0.03 and ratio.std() < 0.1


def test_shift_is_subtracted_where_flagged_and_left_where_not(clean):
    error = np.nanmean(decoded(clean.vx), axis=(1, 2)) - 3.0
    pairs = clean.pairs
    left = np.where(pairs["corrected"], pairs["shift_x"] - pairs["stable_x"], pairs["shift_x"])
    spread = 6 * pairs["sigma_x"] / np.sqrt(clean.vx[0].size / 8) + 0.05
    assert (np.abs(error - left) < spread).all()
    assert 0 < (~pairs["corrected"]).sum() < 30
    assert np.abs(pairs["shift_x"] - pairs["stable_x"]).max() < 6 * (pairs["sigma_x"] / np.sqrt(60)).max()


def test_gaps_and_outliers_have_the_shares_asked_for():
    scenario = make_scenario(velocity={"pairs": 120, "outliers": 0.1, "missing": 0.3})
    cube = simulate(make_world(scenario), scenario, 2)
    assert abs(cube.pairs["share_missing"].mean() - 0.3) < 0.04
    far = np.abs(decoded(cube.vx) - 3.0) > 6 * (cube.pairs["sigma_x"] + cube.pairs["shift_x"].abs()).to_numpy()[:, None, None]
    valid = np.isfinite(decoded(cube.vx))
    assert 0.05 < (far & valid).sum() / valid.sum() < 0.1
    radar = cube.pairs["radar"].to_numpy()
    assert cube.pairs["share_missing"][radar].mean() < 0.6 * cube.pairs["share_missing"][~radar].mean()
    assert ((cube.chip == 0) == (cube.v == itslive_store.FILL)).all() and set(np.unique(cube.chip)) == {0, 240, 480}


def test_long_baselines_on_fast_ice_lose_matches_and_read_low():
    scenario = make_scenario(velocity=CLEAN)
    ground = itslive_match.Ground(np.zeros((80, 80), np.float32), 200.0)
    fast, still = np.full((80, 80), 2000.0, np.float32), np.zeros((80, 80), np.float32)
    base = {"sigma_x": 1.0, "sigma_y": 1.0, "shift_x": 0.0, "shift_y": 0.0, "stable_x": 0.0, "stable_y": 0.0, "corrected": True}
    seen = {
        days: itslive_match.match(fast, still, pd.Series({**base, "days": days}), 1.0, ground, scenario.velocity, generator(1, "x"))
        for days in (12.0, 80.0)
    }
    lost = 1 - np.exp(-((2000 * 80 / 365.25 / itslive_match.DECORRELATION) ** 2))
    assert abs(np.isnan(seen[80.0].vx).mean() - lost) < 0.03
    assert np.isnan(seen[12.0].vx).mean() < 0.05
    assert abs(np.nanmean(seen[80.0].vx) - 2000 * (1 - itslive_match.SLOW_BIAS * lost)) < 1
    assert abs(np.nanmean(seen[12.0].vx) / 2000 - 1) < 0.01


def test_pairs_are_unsorted_in_range_and_a_few_repeat(clean):
    pairs = clean.pairs
    assert not pairs["mid_date"].is_monotonic_increasing
    assert pairs["mid_date"].duplicated().sum() == round(0.01 * 150)
    assert (pairs["date2"] > pairs["date1"]).all() and pairs["days"].between(5.9, 546.1).all()
    assert pairs["days"].between(15.9, 64.1).mean() > 0.45
    digits = pairs["mid_date"] - (pairs["date1"] + (pairs["date2"] - pairs["date1"]) / 2)
    assert (digits == pd.Timedelta(microseconds=74036)).all()
    assert set(pairs["satellite1"]) >= {"7", "8", "2A", "2B", "1A", "1B"}


def test_too_few_satellites_for_the_pairs_is_one_clear_line():
    scenario = make_scenario(velocity={"pairs": 50_000})
    with pytest.raises(InputError, match="50000 are wanted"):
        simulate(make_world(scenario, pixels=20), scenario, 1)


def test_noise_has_unit_variance_and_correlated_neighbours():
    rng = generator(3, "noise")
    fields = np.stack([itslive_match.match_noise(rng, (60, 60)) for _ in range(60)])
    assert abs(fields.std() - 1) < 0.02
    neighbour = (fields[:, :, :-1] * fields[:, :, 1:]).mean()
    assert abs(neighbour - itslive_match.OVERLAP * 0.75) < 0.03  # two squares of 4 share three quarters


def test_xarray_opens_the_store_as_measured(store):
    cube, folder = store
    with xr.open_dataset(folder / f"{folder.name}.zarr", engine="zarr", chunks={}, decode_timedelta=False) as opened:
        assert opened["vx"].encoding["dtype"] == np.int16 and opened["vx"].encoding["_FillValue"] == -32767
        assert opened["vx"].encoding["chunks"] == (40, 10, 10)
        np.testing.assert_array_equal(opened["vx"].values, decoded(cube.vx).astype(np.float32))
        np.testing.assert_array_equal(opened["v"].values, decoded(cube.v).astype(np.float32))
        np.testing.assert_array_equal(opened["interp_mask"].fillna(0).values, cube.filled)  # 0 is its fill, as in the real cubes
        assert (np.diff(opened["y"]) == -120).all()
        apart = np.abs(opened["acquisition_date_img2"].values - cube.pairs["date2"].to_numpy().astype("datetime64[ns]"))
        assert apart.max() < np.timedelta64(1, "us").astype("timedelta64[ns]") * 2
        flagged = opened["stable_shift_flag"].values == 1
        np.testing.assert_array_equal(np.isfinite(opened["vx_stable_shift"].values), flagged)
        assert opened["satellite_img1"].dtype.kind in "UOT"
        share = 1 - opened["roi_valid_percentage"].values / 100
        np.testing.assert_allclose(share, cube.pairs["share_missing"], atol=6e-4)


def test_the_store_is_zarr_v2_with_consolidated_metadata(store):
    _, folder = store
    metadata = json.loads((folder / f"{folder.name}.zarr" / ".zmetadata").read_text(encoding="utf-8"))["metadata"]
    assert metadata["vx/.zarray"]["zarr_format"] == 2 and metadata["vx/.zarray"]["fill_value"] == -32767
    assert metadata["vx/.zattrs"]["_ARRAY_DIMENSIONS"] == ["mid_date", "y", "x"]


def test_names_and_attributes_are_those_of_the_real_cube(store, real_data):
    _, folder = store
    real = xr.open_dataset(real_data("itslive_hma") / "itslive_RGI15-16257_compact.nc", mask_and_scale=False, decode_times=False)
    with real, xr.open_dataset(folder / f"{folder.name}.zarr", engine="zarr", mask_and_scale=False, decode_times=False) as made:
        assert set(real.variables) - {"spatial_ref"} <= set(made.variables)
        for name in ("v", "vx", "vy", "v_error"):
            assert made[name].dtype == real[name].dtype
            assert {key: made[name].attrs[key] for key in real[name].attrs} == dict(real[name].attrs)
        for name in set(real.variables) - {"spatial_ref", "landice", "floatingice"}:
            assert made[name].attrs["standard_name"] == real[name].attrs["standard_name"], name


def test_the_error_of_the_speed_is_what_real_cubes_hold(real_data):
    with xr.open_dataset(real_data("itslive_hma") / "itslive_RGI15-16257_compact.nc", mask_and_scale=False, decode_timedelta=False) as real:
        part = real.isel(mid_date=slice(0, None, 200))
        error = itslive_store.speed_error(part["vx"].values, part["vy"].values, part["vx_error"].values, part["vy_error"].values)
        valid = (part["vx"].values != itslive_store.FILL) & (part["v"].values > 50)
        assert np.abs(error.astype(int) - part["v_error"].values)[valid].max() <= 2


def test_the_item_points_to_the_store(store):
    import pystac

    cube, folder = store
    item = pystac.Item.from_file(str(folder / f"{folder.name}.json"))
    item.stac_extensions = []  # pystac brings only the core schemas along
    item.validate()
    assert item.collection_id == "itslive-cubes" and item.datetime is None
    assert item.assets["zarr"].media_type == "application/vnd+zarr"
    assert (folder / item.assets["zarr"].href / ".zmetadata").is_file()
    assert item.bbox == pytest.approx(cube.layout.grid.geographic_extent.boundingbox.bbox, abs=1e-4)
    assert pd.Timestamp(item.properties["end_datetime"]).tz_localize(None) == cube.pairs["date2"].max().floor("s")


def test_same_seed_same_cube_other_seed_another():
    scenario = make_scenario(velocity={"pairs": 6})
    world = make_world(scenario, pixels=40)
    one, same, other = (simulate(world, scenario, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.vx, same.vx)
    pd.testing.assert_frame_equal(one.pairs, same.pairs)
    assert not one.pairs["date1"].equals(other.pairs["date1"])


def test_clouds_thin_the_optical_visits_and_not_the_radar():
    scenario = make_scenario()
    world = make_world(scenario, pixels=20)
    visits = itslive_pairs._visits(scenario, scenario.start, world.weather, generator(1, "v"))
    days = (pd.Timestamp(scenario.end) - pd.Timestamp(scenario.start)).days
    radar = (visits["satellite"] == "1A").sum() / (days / 12)
    optical = (visits["satellite"] == "2A").sum() / (days / 10)
    assert radar > 0.97 and abs(optical - (1 - world.weather.cloudiness.mean())) < 0.15


def test_errors_of_displacement_are_those_of_a_real_cube(real_data):
    with xr.open_dataset(real_data("itslive_hma") / "itslive_RGI15-16257_compact.nc", decode_timedelta=False) as real:
        names = ("satellite_img1", "date_dt", "vx_error", "vy_error")
        table = pd.DataFrame({name: real[name].values for name in names})
    for code in ("7", "8", "9", "2A", "2B", "1A"):
        shortest, longest = (11, 13) if code == "1A" else (16, 32)
        part = table[(table["satellite_img1"] == code) & (table["date_dt"] > shortest) & (table["date_dt"] <= longest)]
        for axis, error in zip("xy", itslive_pairs.BY_CODE[code].error, strict=True):
            assert error == pytest.approx((part[f"v{axis}_error"] * part["date_dt"] / 365.25).median(), rel=0.07), (code, axis)


def test_a_pair_over_a_surge_sees_its_mean_over_the_baseline():
    scenario = make_scenario(velocity={**CLEAN, "pairs": 30})
    world = make_world(scenario, pixels=60)
    ramp = np.broadcast_to(np.arange(world.grid.shape[1], dtype=np.float32), world.grid.shape)
    world.flow = dataclasses.replace(world.flow, surge=np.stack([ramp, -ramp]), surge_spec=scenario.surge)
    place = layout(world)
    coarse = itslive._coarse(world.flow, place)
    start, end = pd.Timestamp("2020-03-10"), pd.Timestamp("2020-06-20")
    for fine, mean in zip(world.flow.mean_velocity(start, end), coarse.mean_velocity(start, end), strict=True):
        np.testing.assert_allclose(mean, place.average(fine), rtol=1e-5)
    cube = simulate(world, scenario, 8)
    for number in np.flatnonzero(cube.pairs["corrected"] & (cube.pairs["sigma_x"] < 8)):
        truth = coarse.mean_velocity(cube.pairs["date1"][number], cube.pairs["date2"][number])[0]
        error = decoded(cube.vx[number]) - truth
        assert abs(np.nanmean(error)) < cube.pairs["sigma_x"][number] + 0.1
