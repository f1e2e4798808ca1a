"""/velocity/<source>_series: what is inverted is what is written; hindsight is told; a run that was killed goes on."""

import datetime
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.motion.pairs_made import made, walk

from glaciercast import grid, schema, store
from glaciercast.errors import InputError
from glaciercast.motion import series
from glaciercast.motion.annual import invert_with_season
from glaciercast.motion.inversion import InversionConfig, invert
from glaciercast.motion.series import write_series

EDGES = pd.date_range("2019-01-01", "2021-01-01", freq="MS")
NATIVE = GeoBox((5, 7), Affine(120, 0, 455040, 0, -120, 4035120), "EPSG:32643")
SETTINGS = InversionConfig(max_span_days=100)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    made_pairs = made(walk(rng, EDGES, NATIVE.shape, 100.0), walk(rng, EDGES, NATIVE.shape, 100.0), EDGES, 300, noise=3.0, longest=150)
    order = np.argsort(made_pairs.second, kind="stable")
    vx, vy, error, first, second = (a[order] for a in made_pairs[:5])
    vx[:, 0, 0] = vy[:, 0, 0] = error[:, 0, 0] = np.nan
    return vx, vy, error, first, second


@pytest.fixture
def cube(tmp_path, pairs):
    vx, vy, error, first, second = pairs
    path = tmp_path / "cube.zarr"
    coords = xr.Dataset(
        {
            "acquired_first": ("pair", first),
            "acquired_second": ("pair", second),
            "available_at": ("pair", second + np.timedelta64(30, "D")),
        },
        coords=grid.coordinates(NATIVE),
        attrs={"attribution": "made up"},
    )
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/velocity/itslive", "made")
    writer.begin(coords, dict.fromkeys(("vx", "vy", "v_error"), "float32"), vx.shape)
    writer.write(0, {"vx": vx, "vy": vy, "v_error": error}, at=tuple(slice(0, size) for size in vx.shape))
    writer.end()
    return path


def read(path, name="itslive_series"):
    return store.open_cube(path)["velocity"][name].to_dataset().load()


def test_what_is_written_is_what_is_inverted(cube, pairs):
    facts = write_series(cube, "itslive", SETTINGS)
    found, fit = read(cube), read(cube, "itslive_series_fit")
    counts = SETTINGS.counts(*pairs[3:])
    expected = invert(
        *(a[counts] for a in pairs[:3]),
        *(a[counts] for a in pairs[3:]),
        pd.DatetimeIndex([*found.time.values, found.time_bounds.values[-1, 1]]),
        SETTINGS,
    )
    for name, values in {"vx": expected.vx, "vy": expected.vy, "vx_error": expected.error_x, "vy_observed": expected.observed}.items():
        np.testing.assert_array_equal(found[name], values)
    np.testing.assert_array_equal(fit.pair_count, expected.pairs)
    np.testing.assert_array_equal(fit.closure, expected.closure.astype("float32"))
    assert grid.of(found, "series") == NATIVE and found.vx.attrs["units"] == "m year-1" and found.attrs["attribution"] == "made up"
    assert facts["pairs"] == counts.sum() and facts["pixels"] == 34 and facts["steps"] == found.sizes["time"]
    assert facts["closure_m"] == pytest.approx(3.0, rel=0.1) and fit.pair_count[0, 0] == 0 and store.verify(cube) == 3 + 6 + 6


def test_steps_of_a_year_are_inverted_without_the_season(cube, pairs):
    settings = InversionConfig(max_span_days=100, cadence="YS")
    write_series(cube, "itslive", settings)
    found, counts = read(cube), settings.counts(*pairs[3:])
    edges = pd.DatetimeIndex([*found.time.values, found.time_bounds.values[-1, 1]])
    expected = invert_with_season(*(a[counts] for a in pairs), edges, settings).series
    np.testing.assert_array_equal(found.vx, expected.vx)
    assert "a season of each pixel" in found.attrs["comment"] and found.attrs["looks_ahead"] == 1


def test_all_of_it_is_available_when_its_last_pair_is(cube, pairs):
    write_series(cube, "itslive", SETTINGS)
    found = read(cube)
    last = pairs[4][SETTINGS.counts(*pairs[3:])].max() + np.timedelta64(30, "D")
    assert (found.available_at.values == last).all() and "hindcast" in found.attrs["comment"]


def test_the_series_as_it_was_known_does_not_see_later_pairs(cube, pairs):
    write_series(cube, "itslive", SETTINGS, until=datetime.date(2020, 6, 30))
    found = read(cube)
    assert (found.available_at.values <= np.datetime64("2020-06-30T23:59:59")).all() and found.time.values[-1] < np.datetime64("2020-06-01")
    with pytest.raises(InputError, match=r"/velocity/itslive_series was begun from other input or settings"):
        write_series(cube, "itslive", SETTINGS)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_the_same(cube, monkeypatch, tmp_path):
    monkeypatch.setattr(series, "tile_edge", lambda pairs: 3)
    whole = tmp_path / "other" / "cube.zarr"
    shutil.copytree(cube, whole)
    shutil.copy(store.manifest_path(cube), store.manifest_path(whole))
    write_series(whole, "itslive", SETTINGS)
    inverted = []

    def dies(*args):
        if len(inverted) == 2:
            raise KeyboardInterrupt
        inverted.append(1)
        return invert(*args)

    with monkeypatch.context() as patch:
        patch.setattr(series, "invert", dies)
        with pytest.raises(KeyboardInterrupt):
            write_series(cube, "itslive", SETTINGS)
    with pytest.raises(InputError, match=r"is unfinished"):
        store.open_cube(cube)
    assert write_series(cube, "itslive", SETTINGS)["resumed_at"] == 2
    xr.testing.assert_identical(read(cube), read(whole))
    assert store.verify(cube) == 3 + 6 * (6 + 6)


def test_sources_that_are_none_and_ranges_without_pairs_are_named(cube):
    with pytest.raises(InputError, match=r"unknown source of pairs under /velocity 'itsliv' \(did you mean 'itslive'\?\)"):
        write_series(cube, "itsliv", SETTINGS)
    with pytest.raises(InputError, match=r"/velocity/itslive: expected pairs that span 400 to 500 days, found none among 300"):
        write_series(cube, "itslive", InversionConfig(min_span_days=400, max_span_days=500))
    with pytest.raises(InputError, match=r"and were available by 2019-01-05, found none"):
        write_series(cube, "itslive", SETTINGS, until=datetime.date(2019, 1, 5))
    write_series(cube, "itslive", SETTINGS)
    with pytest.raises(InputError, match=r"unknown source of pairs under /velocity 'itslive_series'"):
        write_series(cube, "itslive_series", SETTINGS)
