"""Velocity of steps: weights by hand, no later image in the past, turned vectors, the truth of a simulation, and a real cube."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pystac
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from glaciercast import grid, progress, store
from glaciercast.align import regrid, velocity
from glaciercast.align.velocity import VelocityAlign, VelocitySteps
from glaciercast.align.weighted import error_weighted
from glaciercast.cube import resample
from glaciercast.cube.velocity import build_velocity
from glaciercast.errors import InputError
from glaciercast.sources.access import Reader
from glaciercast.sources.itslive import ItsliveConfig

NATIVE = GeoBox((6, 8), Affine(120, 0, 455040, 0, -120, 4035120), "EPSG:32643")
FINE = GeoBox((24, 32), Affine(30, 0, 455040, 0, -30, 4035120), "EPSG:32643")
EDGES = pd.date_range("2020-01-01", "2020-07-01", freq="MS")


def pairs(times, vx, vy, error, geobox=NATIVE, latency="30D") -> xr.Dataset:
    """Return a velocity group: `times` are (first, second); values are scalars a pair or (pair, y, x)."""
    first, second = (pd.DatetimeIndex(column) for column in zip(*times, strict=True))
    shape = (len(times), *geobox.shape)
    fields = {
        name: np.broadcast_to(np.reshape(values, (len(times), 1, 1)) if np.ndim(values) == 1 else values, shape).astype("float32")
        for name, values in {"vx": vx, "vy": vy, "v_error": error}.items()
    }
    return xr.Dataset(
        {name: (("pair", "y", "x"), values) for name, values in fields.items()}
        | {
            "acquired_first": ("pair", first),
            "acquired_second": ("pair", second),
            "available_at": ("pair", second + pd.Timedelta(latency)),
        },
        coords=grid.coordinates(geobox),
    )


def random_pairs(number=200, seed=0, geobox=NATIVE) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    second = np.sort(rng.integers(-20, 200, number))
    times = [
        (EDGES[0] + pd.Timedelta(days=int(day) - int(span)), EDGES[0] + pd.Timedelta(days=int(day)))
        for day, span in zip(second, rng.choice([6, 16, 48, 96, 200], number), strict=True)
    ]
    shape = (number, *geobox.shape)
    vx, vy, error = rng.normal(50, 30, shape), rng.normal(-20, 30, shape), rng.uniform(0.2, 40, shape)
    vx[rng.random(shape) < 0.6] = np.nan
    error[rng.random(shape) < 0.05] = np.nan
    return pairs(times, vx, vy, error, geobox)


def slow(group: xr.Dataset, start, end, settings, ahead=False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the documentation says, pair by pair."""
    sums = np.zeros((3, *group.vx.shape[1:]))
    for pair in range(group.sizes["pair"]):
        first, second = (pd.Timestamp(group[name].values[pair]) for name in ("acquired_first", "acquired_second"))
        inside = (min(second, end) - max(first, start)) / (second - first)
        if inside <= 0 or (second - first).days > settings.max_span_days or (not ahead and second > end):
            continue
        vx, vy, error = (group[name].values[pair].astype("float64") for name in ("vx", "vy", "v_error"))
        weight = np.where(np.isfinite(vx + vy + error), inside / np.maximum(error, 0.5) ** 2, 0)
        sums += [np.nan_to_num(vx) * weight, np.nan_to_num(vy) * weight, weight]
    total = np.where(sums[2] > 0, sums[2], np.nan)
    return sums[0] / total, sums[1] / total, 1 / np.sqrt(total)


def test_a_step_is_the_mean_by_share_of_span_and_error():
    # 10 of 20 days in January at σ 10, all 10 days at σ 20: weights 0.5/100 and 1/400, two to one
    group = pairs([("2019-12-22", "2020-01-11"), ("2020-01-12", "2020-01-22")], [90.0, 30.0], [-30.0, 60.0], [10.0, 20.0])
    steps = VelocitySteps(group, VelocityAlign(), NATIVE, EDGES)
    made = steps.complete(steps.step(0))
    np.testing.assert_allclose(made.arrays["vx"], 70, rtol=1e-6)
    np.testing.assert_allclose(made.arrays["vy"], 0, atol=1e-5)
    np.testing.assert_allclose(made.arrays["speed"], 70, rtol=1e-6)  # the mean of the speeds is 85.6
    np.testing.assert_allclose(made.beside["v_error"], (0.5 / 100 + 1 / 400) ** -0.5, rtol=1e-6)
    assert all((values == 1).all() for values in made.observed.values()) and set(made.observed) == {"vx", "vy", "speed"}
    assert made.facts == {"pairs": 2} and steps.available(0) == np.datetime64("2020-02-21")
    empty = steps.complete(steps.step(3))
    assert all(np.isnan(values).all() for values in empty.arrays.values()) and not any(v.any() for v in empty.observed.values())
    assert steps.available(3) == np.datetime64("2020-05-01") and empty.facts == {"pairs": 0}


@pytest.mark.parametrize(
    ("settings", "ahead"), [(VelocityAlign(), False), (VelocityAlign(max_span_days=50), False), (VelocityAlign(), True)]
)
def test_every_step_is_what_a_slow_loop_gives_whatever_the_blocks(settings, ahead, monkeypatch):
    group = random_pairs()
    monkeypatch.setattr(velocity, "PAIRS", 37)
    monkeypatch.setattr(velocity, "ROWS", 4)
    monkeypatch.setattr(velocity, "SUMS_BYTES", 2 * 3 * 8 * 48)
    steps = VelocitySteps(group, settings, NATIVE, EDGES, looks_ahead=ahead)
    for index in (5, 0, 1, 2, 3, 4):
        expected = slow(group, EDGES[index], EDGES[index + 1], settings, ahead)
        made = steps.step(index)
        for name, values in zip(("vx", "vy"), expected, strict=False):
            np.testing.assert_allclose(made.arrays[name], values, rtol=2e-6, atol=1e-5)
        np.testing.assert_allclose(made.beside["v_error"], expected[2], rtol=1e-6)


def test_a_window_of_several_steps_spans_those_before():
    group = random_pairs()
    steps = VelocitySteps(group, VelocityAlign(), NATIVE, EDGES, length=3)
    np.testing.assert_allclose(steps.step(4).arrays["vx"], slow(group, EDGES[2], EDGES[5], VelocityAlign())[0], rtol=2e-6, atol=1e-5)
    np.testing.assert_allclose(steps.step(1).arrays["vx"], slow(group, EDGES[0], EDGES[2], VelocityAlign())[0], rtol=2e-6, atol=1e-5)


def test_later_images_change_no_step_of_the_past_and_do_change_two_sided_ones():
    group = random_pairs()
    later = group.acquired_second.values > EDGES[3].to_datetime64()
    changed = group.assign(vx=group.vx.where(xr.DataArray(~later, dims="pair"), group.vx + 1000))
    for ahead in (False, True):
        before, after = (VelocitySteps(each, VelocityAlign(), NATIVE, EDGES, looks_ahead=ahead) for each in (group, changed))
        equal = [np.array_equal(before.step(k).arrays["vx"], after.step(k).arrays["vx"], equal_nan=True) for k in range(3)]
        assert all(equal) != ahead
    past = VelocitySteps(group, VelocityAlign(), NATIVE, EDGES)
    assert all(past.available(k) >= EDGES[k + 1].to_datetime64() for k in range(6))
    assert all(past.available(k) <= EDGES[k + 1].to_datetime64() + np.timedelta64(30, "D") for k in range(6))


def test_fine_pixels_are_interpolated_components_and_nothing_bleeds():
    ramp = np.arange(8, dtype="float32") * 120 * np.ones((6, 1), "float32")
    ramp[2, 3] = np.nan
    group = pairs([("2020-01-02", "2020-01-20")], ramp[None], 2 * ramp[None], 5.0)
    made = VelocitySteps(group, VelocityAlign(), FINE, EDGES).step(0)
    missing = np.isnan(made.arrays["vx"])
    assert missing[8:12, 12:16].all() and missing.sum() == 16  # the pixels in the missing cell, and no other
    columns = np.arange(2, 10)  # between centres of whole cells
    expected = (columns + 0.5) * 30 - 60
    np.testing.assert_allclose(made.arrays["vx"][20:22, 2:10], np.tile(expected, (2, 1)), atol=0.5)
    np.testing.assert_allclose(made.arrays["vy"], 2 * made.arrays["vx"], rtol=1e-5)
    assert (made.observed["vx"] == ~missing).all()


@pytest.mark.parametrize(
    ("crs", "origin", "target_crs"),
    [
        ("EPSG:32644", (140000, 4040000), "EPSG:32643"),  # the neighbouring zone: the axes differ by about 3.5°
        ("EPSG:3413", (-180000, -2280000), "EPSG:32624"),  # polar stereographic to UTM on Greenland
    ],
)
def test_a_vector_along_true_north_stays_along_true_north(crs, origin, target_crs):
    native = GeoBox((12, 12), Affine(120, 0, origin[0], 0, -120, origin[1]), crs)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    x, y = np.meshgrid(native.coordinates["x"].values, native.coordinates["y"].values)
    lon, lat = to_degrees.transform(x, y)

    def northward(to_crs: str, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        onto = Transformer.from_crs("EPSG:4326", to_crs, always_xy=True)
        steps = np.subtract(onto.transform(lon, lat + 1e-4), onto.transform(lon, lat - 1e-4))
        return tuple(steps / np.hypot(*steps))

    vx, vy = (100 * part for part in northward(crs, lon, lat))
    centre = Transformer.from_crs(crs, target_crs, always_xy=True).transform(x[6, 6], y[6, 6])
    target = GeoBox((10, 10), Affine(30, 0, centre[0] - 150, 0, -30, centre[1] + 150), target_crs)
    made = VelocitySteps(pairs([("2020-01-02", "2020-01-20")], vx[None], vy[None], 5.0, native), VelocityAlign(), target, EDGES).step(0)
    tx, ty = np.meshgrid(target.coordinates["x"].values, target.coordinates["y"].values)
    expected = northward(target_crs, *Transformer.from_crs(target_crs, "EPSG:4326", always_xy=True).transform(tx, ty))
    for name, part in zip(("vx", "vy"), expected, strict=True):
        np.testing.assert_allclose(made.arrays[name], 100 * part, atol=0.02)
    assert np.abs(resample.turn(native, target)).min() > np.radians(2)
    assert Geod(ellps="WGS84").inv(lon[0, 0], lat[0, 0], lon[0, 0], lat[0, 0] + 0.01)[0] == pytest.approx(0, abs=1e-9)


@given(st.permutations(range(12)), st.integers(0, 2**32 - 1))
def test_a_weighted_mean_does_not_depend_on_the_order_and_lies_among_its_pairs(order, seed):
    rng = np.random.default_rng(seed)
    vx, vy = rng.normal(0, 100, (2, 12, 2, 3)).astype("float32")
    vx[rng.random(vx.shape) < 0.4] = np.nan
    error, years = rng.uniform(0.1, 50, vx.shape).astype("float32"), rng.integers(2000, 2003, 12)
    made, moved = (error_weighted(vx[k], vy[k], error[k], years[k]) for k in (np.arange(12), np.array(order)))
    for a, b in zip(made, moved, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    for number, year in enumerate(made.groups):
        members = np.where(np.isnan(vx[years == year]), np.nan, np.stack([vx[years == year]])[0])
        low, high = np.where(np.isnan(members), np.inf, members).min(0), np.where(np.isnan(members), -np.inf, members).max(0)
        seen = made.pairs[number] > 0
        assert (made.vx[number][seen] >= low[seen] - 1e-3).all() and (made.vx[number][seen] <= high[seen] + 1e-3).all()
        assert np.isnan(made.vx[number][~seen]).all() and np.isnan(made.error[number][~seen]).all()


def test_error_weighted_by_hand():
    vx, error = np.array([10.0, 40.0, 7.0], "float32")[:, None, None], np.array([1.0, 2.0, 0.1], "float32")[:, None, None]
    found = error_weighted(vx, -vx, error, np.array(["b", "b", "a"]))
    assert found.groups.tolist() == ["a", "b"] and found.pairs.ravel().tolist() == [1, 2]
    np.testing.assert_allclose(found.vx.ravel(), [7, (10 + 40 / 4) / 1.25], rtol=1e-6)
    np.testing.assert_allclose(found.error.ravel(), [0.5, 1.25**-0.5], rtol=1e-6)  # half a metre is the least
    with pytest.raises(InputError, match=r"expected vx, vy, error \(pair, y, x\) and groups"):
        error_weighted(vx, vx, error, np.array([1, 2]))


def test_wrong_input_is_refused_in_one_line():
    good = pairs([("2020-01-02", "2020-01-20")], [1.0], [1.0], 5.0)
    backwards = pairs([("2020-01-20", "2020-01-02")], [1.0], [1.0], 5.0)
    with pytest.raises(InputError, match=r"pair 0: expected two acquisitions in order"):
        VelocitySteps(backwards, VelocityAlign(), NATIVE, EDGES)
    with pytest.raises(InputError, match=r"two edges or more that increase, found 7 out of order"):
        VelocitySteps(good, VelocityAlign(), NATIVE, EDGES[::-1])
    with pytest.raises(InputError, match=r"expected a step from 0 to 5, found 6"):
        VelocitySteps(good, VelocityAlign(), NATIVE, EDGES).step(6)


def test_the_product_is_the_only_one_of_pairs_or_the_one_that_is_named():
    groups = {f"/velocity/{name}": xr.Dataset({"vx": ("pair", [1.0])}) for name in ("itslive", "mine")}
    series = {
        "/velocity/mine_series": xr.Dataset({"vx": ("time", [1.0])}),
        "/velocity/mine_series_fit": xr.Dataset({"closure": ("y", [1.0])}),
    }
    cube = xr.DataTree.from_dict(groups | series)
    assert regrid.product(cube, "velocity", "mine")[0] == "mine" and regrid.product(cube, "temperature", None) is None
    with pytest.raises(InputError, match=r"has several products; name one with --set velocity.source=NAME: itslive, mine$"):
        regrid.product(cube, "velocity", None)
    with pytest.raises(InputError, match=r"unknown product 'itsliv' \(did you mean 'itslive'\?\)"):
        regrid.product(cube, "velocity", "itsliv")
    with pytest.raises(InputError, match=r"/temperature: expected mod11a2, found none"):
        regrid.product(cube, "temperature", "mod11a2")
    alone = xr.DataTree.from_dict(series | {"/velocity/mine": groups["/velocity/mine"]})
    both = xr.DataTree.from_dict({"/velocity/own": groups["/velocity/itslive"], "/velocity/mine": groups["/velocity/mine"]})
    assert regrid.product(both, "velocity", None)[0] == "mine" and regrid.product(both, "velocity", "own")[0] == "own"
    assert regrid.product(alone, "velocity", None)[0] == "mine"  # series are no choice that somebody has to make
    assert regrid.product(alone, "velocity", "mine_series")[1].sizes == {"time": 1}
    with pytest.raises(InputError, match=r"unknown product 'mine_series_fit'"):
        regrid.product(alone, "velocity", "mine_series_fit")
    assert regrid.product(xr.DataTree.from_dict(series), "velocity", None) is None


@pytest.mark.slow
def test_the_monthly_velocity_of_a_simulated_glacier_is_the_truth_within_its_error(archive, tmp_path):
    (path,) = (archive / "archive" / "itslive-cubes").glob("*/*.json")
    item = pystac.Item.from_file(str(path))
    lattice = GeoBox(item.properties["proj:shape"], Affine(*item.properties["proj:transform"][:6]), "EPSG:32643")
    with Reader(connections=1) as reader:
        build_velocity([item], ItsliveConfig(), lattice, reader, tmp_path / "cube.zarr", root=str(archive / "archive"))
    _, group = regrid.product(store.open_cube(tmp_path / "cube.zarr"), "velocity", None)
    with xr.open_dataset(archive / "truth" / "world.nc") as world, xr.open_dataset(archive / "truth" / "daily.nc") as daily:
        fields, days = world.interp(x=group.x, y=group.y).load(), daily[["sliding_factor", "surge_factor"]].load()
    edges = pd.date_range(group.acquired_first.values.min(), group.acquired_second.values.max(), freq="MS", normalize=True)
    steps = VelocitySteps(group, VelocityAlign(), grid.of(group, "cube"), edges)
    off = []
    for index in range(len(edges) - 1):
        made = steps.step(index)
        factor = days.sel(time=slice(edges[index], edges[index + 1] - pd.Timedelta("1D"))).mean()
        for name in ("vx", "vy"):
            true = sum(float(by) * fields[f"{part}_{name}"].values for part, by in (
                ("creep", 1), ("sliding", factor.sliding_factor), ("surge", factor.surge_factor)))  # fmt: skip
            off.append(((made.arrays[name] - true) / made.beside["v_error"])[np.isfinite(made.arrays[name])])
    share = np.concatenate(off)
    assert len(share) > 1000 and np.median(np.abs(share)) < 1.0 and abs(np.median(share)) < 0.3  # Gaussian errors as stated: 0.67 and 0


@pytest.fixture(scope="module")
def trunk(real_data_itslive):
    """Return pairs of at most 128 days and all pairs of the fast ice of a real glacier: vx, vy, v_error (pair, pixel), days and year."""
    cube = real_data_itslive
    first, second = (pd.DatetimeIndex(cube[f"acquisition_date_img{image}"].values) for image in "12")
    days = ((second - first) / pd.Timedelta("1D")).to_numpy()
    vx, vy, error = (cube[name].values for name in ("vx", "vy", "v_error"))
    mean = error_weighted(*(values[days <= 128] for values in (vx, vy, error)), np.zeros((days <= 128).sum()))
    fast = (cube.landice.values == 1) & (np.hypot(mean.vx[0], mean.vy[0]) > 25)
    parts = (values[:, fast][:, None] for values in (vx, vy, error))
    return *parts, days, (first + (second - first) / 2).year.to_numpy()


@pytest.fixture(scope="module")
def real_data_itslive(shared_data):
    path = shared_data / "itslive_hma" / "itslive_RGI15-16257_compact.nc"
    if not path.exists():
        pytest.skip(f"real data '{path.name}' is not in {shared_data} (set GLACIERCAST_DATA)")
    with xr.open_dataset(path, decode_timedelta=False) as cube:
        return cube.load()


def test_a_change_of_sensors_is_no_change_of_the_ice(trunk):
    vx, vy, error, days, year = trunk
    eras = np.digitize(year, [1998, 2014, 2019])  # Landsat 5; Landsat 5 and 7; Landsat 8 and Sentinel-2; as now
    short = days <= VelocityAlign().max_span_days
    found = error_weighted(vx[short], vy[short], error[short], eras[short])
    weighted = np.nanmean(np.hypot(found.vx, found.vy), axis=(1, 2))
    speeds = np.array([np.nanmean(np.hypot(vx[short & (eras == era)], vy[short & (eras == era)])) for era in range(4)])
    assert speeds[0] > 2 * speeds[3] > 2 * weighted[3]  # what noise makes of speeds: 130 and 50 m/yr
    assert (np.abs(weighted / weighted[3] - 1) < 0.35).all(), weighted  # what the ice does: 46 … 35 m/yr
    everything = error_weighted(vx, vy, error, eras)
    blind = np.nanmean(np.hypot(everything.vx, everything.vy), axis=(1, 2))
    assert blind[0] < 0.5 * blind[3]  # long pairs of Landsat 5 match what did not move: the opposite artefact, of the same size


def test_a_pair_that_ends_on_an_edge_belongs_to_the_step_that_ends_there():
    group = pairs([("2019-12-22", "2020-02-01")], [90.0], [-30.0], [10.0])
    steps = VelocitySteps(group, VelocityAlign(), NATIVE, EDGES)
    assert [steps.step(index).facts["pairs"] for index in (0, 1)] == [1, 0] and steps.available(0) > EDGES[1]


@pytest.mark.parametrize(
    ("moved", "year", "told"), [(0, "2010", "none of its 1 pairs counts in any step"), (1000, "2020", "lies outside the grid")]
)
def test_velocity_that_meets_no_step_or_no_pixel_is_told_and_missing(moved, year, told, capsys):
    group = pairs([(f"{year}-01-02", f"{year}-01-12")], [90.0], [-30.0], [10.0])
    progress.show(True)
    steps = VelocitySteps(group, VelocityAlign(), NATIVE.translate_pix(moved, 0), EDGES, group="/velocity/itslive")
    progress.show(False)
    assert f"/velocity/itslive: {told}" in " ".join(capsys.readouterr().err.split())
    made = steps.step(0)
    assert np.isnan(made.arrays["vx"]).all() and not made.observed["vx"].any()
    assert steps.available(0) >= EDGES[1].to_datetime64()
