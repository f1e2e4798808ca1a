"""A series of velocity in /aligned: means over the steps by value, and nothing of what was inverted in hindsight reaches a model."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from tests.align.test_velocity import pairs

from glaciercast import grid, progress, store
from glaciercast.align import velocity_series
from glaciercast.align.series import align
from glaciercast.align.settings import AlignConfig
from glaciercast.align.velocity import VelocityAlign, VelocitySteps
from glaciercast.align.velocity_series import READ, SeriesSteps
from glaciercast.cube.build import build_optical
from glaciercast.errors import InputError
from glaciercast.motion.inversion import InversionConfig
from glaciercast.motion.series import write_series
from glaciercast.patches import series
from glaciercast.sources import recipe

NATIVE = GeoBox((4, 5), Affine(120, 0, 455040, 0, -120, 4035120), "EPSG:32643")
MONTHS = pd.date_range("2020-01-01", "2020-07-01", freq="MS")


def made(values, cadence="MS", observed=1.0, error=(3.0, 4.0), available="2021-01-15", end="2020-07-01", native=NATIVE, **attributes):
    """Return a series whose vx is `values` (a number a step) and vy −2·vx."""
    edges = pd.date_range("2020-01-01", end, freq=cadence).to_numpy("datetime64[ns]")[: len(values) + 1]
    shape = (len(values), *native.shape)
    vx = np.broadcast_to(np.reshape(values, (-1, 1, 1)), shape)
    seen = np.broadcast_to(np.reshape(observed, (-1, 1, 1)), shape)
    fields = dict(zip(READ, (vx, -2 * vx, *(np.full(shape, one) for one in error), seen, seen), strict=True))
    return xr.Dataset(
        {name: (("time", "y", "x"), field.astype("float32")) for name, field in fields.items()}
        | {
            "time_bounds": (("time", "bounds"), np.stack([edges[:-1], edges[1:]], axis=1)),
            "available_at": ("time", np.broadcast_to(np.asarray(available, "M8[ns]"), len(values))),
        },
        coords={**grid.coordinates(native), "time": edges[:-1]},
        attrs=attributes,
    )


def steps(dataset, edges=MONTHS, target=NATIVE, **options):
    return SeriesSteps(dataset, VelocityAlign(), target, edges, **options)


def test_a_step_of_the_same_cadence_is_the_series_itself():
    found = steps(made([10.0, 20, 30, 40, 50, 60], observed=[1, 0.5, 1, 1, 1, 1]))
    step = found.complete(found.step(1))
    assert (step.arrays["vx"] == 20).all() and (step.arrays["vy"] == -40).all() and (step.observed["speed"] == 0.5).all()
    np.testing.assert_allclose(step.arrays["speed"], np.hypot(20, 40), rtol=1e-6)
    np.testing.assert_allclose(step.beside["v_error"], np.sqrt((9 + 16) / 2), rtol=1e-6)


def test_other_steps_are_means_by_the_time_for_which_the_series_lies_in_them():
    found = steps(made([10.0, 20, 30, 40], cadence="16D", observed=[1, 0.5, 1, 1]))  # from 1, 17 January, 2, 18 February, to 5 March
    step = found.step(0)
    np.testing.assert_allclose(step.arrays["vx"], (16 * 10 + 15 * 20) / 31, rtol=1e-6)
    np.testing.assert_allclose(step.observed["vx"], (16 * 1 + 15 * 0.5) / 31, rtol=1e-6)
    last = found.step(2)
    np.testing.assert_allclose(last.arrays["vx"], 40, rtol=1e-6)
    np.testing.assert_allclose(last.observed["vx"], 4 / 31, rtol=1e-6)
    assert (
        np.isnan(found.step(3).arrays["vx"]).all() and not found.step(3).observed["vx"].any() and found.step(3).facts == {"series_steps": 0}
    )
    window = steps(made([10.0, 20, 30, 40, 50, 60]), length=2).step(1)
    np.testing.assert_allclose(window.arrays["vx"], (31 * 10 + 29 * 20) / 60, rtol=1e-6)


def test_what_smoothing_alone_fills_is_missing_and_reading_in_pieces_changes_nothing(monkeypatch):
    dataset = made([10.0, 20, 30, 40, 50, 60], observed=[1, 0, 1, 1, 1, 1])
    whole = [steps(dataset).step(k) for k in range(6)]
    assert np.isnan(whole[1].arrays["vx"]).all() and not whole[1].observed["vx"].any()
    monkeypatch.setattr(velocity_series, "READ_BYTES", 2 * 4 * 6 * 20)
    found = steps(dataset)
    for k in (5, 0, 1, 2, 3, 4):
        np.testing.assert_array_equal(found.step(k).arrays["vy"], whole[k].arrays["vy"])


def test_fine_pixels_are_interpolated_and_nothing_bleeds():
    dataset = made([10.0] * 6)
    dataset["vx"][:, :, :] = np.arange(5) * 120.0
    dataset["vx"][:, 1, 2] = np.nan
    fine = GeoBox((16, 20), Affine(30, 0, 455040, 0, -30, 4035120), "EPSG:32643")
    found = steps(dataset, target=fine).step(0)
    missing = np.isnan(found.arrays["vx"])
    assert missing[4:8, 8:12].all() and missing.sum() == 16
    np.testing.assert_allclose(found.arrays["vx"][14, 2:18], (np.arange(2, 18) + 0.5) * 30 - 60, atol=1e-3)


def test_a_series_turns_to_the_axes_and_is_interpolated_as_the_mean_of_pairs_is():
    corner = Transformer.from_crs("EPSG:32643", "EPSG:32644", always_xy=True).transform(455040, 4035120)
    other = GeoBox((4, 5), Affine(120, 0, corner[0], 0, -120, corner[1]), "EPSG:32644")
    target = GeoBox((16, 20), Affine(30, 0, 455040, 0, -30, 4035120), "EPSG:32643")
    dataset = made([10.0] * 6, native=other)
    dataset["vx"][:] = np.random.default_rng(0).normal(50, 20, (6, 4, 5))
    found = steps(dataset, target=target).step(0)
    pair = pairs([("2020-01-02", "2020-01-20")], dataset.vx.values[:1], dataset.vy.values[:1], 5.0, other)
    expected = VelocitySteps(pair, VelocityAlign(), target, MONTHS).step(0)
    for name in ("vx", "vy"):
        np.testing.assert_allclose(found.arrays[name], expected.arrays[name], rtol=1e-5, atol=1e-4)
    assert (
        np.nanmin(np.abs(found.arrays["vy"] + 20)) > 0.05 and np.isfinite(found.arrays["vx"]).mean() > 0.5
    )  # turned, as −2·vx is not kept


def test_hindsight_is_available_when_the_series_was_and_looks_ahead_unless_the_series_says_that_it_does_not(capsys):
    progress.show(True)
    found = steps(made([10.0, 20, 30, 40, 50, 60], looks_ahead=1))
    progress.show(False)
    assert "/velocity: was inverted in hindsight; what is aligned from it is to explore, and no model reads it" in capsys.readouterr().err
    assert found.looks_ahead and all(found.available(k) == np.datetime64("2021-01-15") for k in range(6))
    assert steps(made([10.0] * 6)).looks_ahead  # which does not say so
    known = pd.date_range("2020-02-10", periods=3, freq="61D")  # step by step, from steps of two months
    causal = steps(made([10.0, 20, 30], cadence="2MS", available=known, looks_ahead=0))
    assert not causal.looks_ahead and np.isnan(causal.step(0).arrays["vx"]).all()  # the mean over two months tells of February
    np.testing.assert_allclose(causal.step(1).arrays["vx"], 10)
    assert causal.available(0) == np.datetime64("2020-02-01") and causal.available(1) == np.datetime64("2020-03-01")
    assert causal.available(3) == np.datetime64("2020-05-01") and causal.available(5) == np.datetime64("2020-07-01")
    assert steps(made([10.0, 20, 30], cadence="2MS", available=known, looks_ahead=0), looks_ahead=True).looks_ahead


def test_steps_that_overlap_are_refused():
    wrong = made([10.0, 20])
    wrong["time_bounds"][0, 1] = np.datetime64("2020-02-05", "ns")
    with pytest.raises(InputError, match=r"^/velocity: expected steps one after the other and when they were available, found others$"):
        steps(wrong)
    with pytest.raises(InputError, match=r"expected a step from 0 to 5, found 6"):
        steps(made([10.0, 20])).step(6)


@pytest.fixture
def cube(scenes, tmp_path):
    """A cube with six months of scenes and the pairs of a constant velocity on their grid."""
    scenes.add_months(6)
    path = tmp_path / "cube.zarr"
    build_optical(recipe.read(scenes.save()), path)
    (product,) = store.open_cube(path)["optical"].children.values()
    native = grid.of(product.to_dataset(), "scenes")
    rng = np.random.default_rng(0)
    first = np.datetime64("2014-01-01", "ns") + np.sort(rng.integers(0, 160, 60)) * np.timedelta64(1, "D")
    second = first + np.timedelta64(16, "D")
    shape = (60, *native.shape)
    coords = xr.Dataset(
        {
            "acquired_first": ("pair", first),
            "acquired_second": ("pair", second),
            "available_at": ("pair", second + np.timedelta64(30, "D")),
        },
        coords=grid.coordinates(native),
    )
    writer = store.RegionWriter(path, "/velocity/itslive", "made")
    writer.begin(coords, dict.fromkeys(("vx", "vy", "v_error"), "float32"), shape)
    noise = rng.normal(0, 1, (2, *shape))
    arrays = {"vx": 30 + noise[0], "vy": -40 + noise[1], "v_error": np.ones(shape)}
    writer.write(0, {name: values.astype("float32") for name, values in arrays.items()}, at=tuple(slice(0, size) for size in shape))
    writer.end()
    return path


def aligned(path):
    return store.open_cube(path)["aligned"].to_dataset().load()


@pytest.mark.slow
def test_a_cube_aligned_from_a_series_tells_when_it_was_known_and_no_model_takes_it(cube, tmp_path):
    write_series(cube, "itslive", InversionConfig())
    align(cube, AlignConfig(velocity=VelocityAlign(source="itslive_series")))
    found, written = aligned(cube), store.open_cube(cube)["velocity/itslive_series"].to_dataset().load()
    assert [str(t)[:7] for t in found.time.values] == [str(t)[:7] for t in written.time.values]
    np.testing.assert_allclose(found.vx, written.vx, rtol=1e-6)
    np.testing.assert_allclose(found.vx_observed, written.vx_observed, rtol=1e-6)
    assert (found.velocity_available_at.values == written.available_at.values.max()).all()  # that of the last pair, from the first step on
    assert found.velocity_available_at.values[0] > found.available_at.values[0] + np.timedelta64(120, "D")
    assert found.attrs["looks_ahead"] == 1 and "velocity_span_days" not in found.attrs and "hindcast" in found.attrs["comment"]
    for variables in (("vx", "vy"), ("ndsi",)):
        with pytest.raises(InputError, match=r"run 'glaciercast align .* --replace'"):
            series.load(cube, tmp_path / "cache", variables)


@pytest.mark.slow
def test_pairs_stay_the_default_and_are_as_they_were_beside_a_series(cube, tmp_path):
    align(cube, AlignConfig())
    alone = aligned(cube)
    write_series(cube, "itslive", InversionConfig())
    align(cube, AlignConfig(), replace=True)
    xr.testing.assert_identical(alone, aligned(cube))
    assert alone.attrs["looks_ahead"] == 0 and alone.attrs["velocity_span_days"] == 128.0
    loaded = series.load(cube, tmp_path / "cache", ("vx", "vy"))
    assert (loaded.available_at <= alone.time_bounds.values[:, 1] + np.timedelta64(30, "D")).all()
