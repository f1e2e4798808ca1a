"""/velocity/own: the velocity that the scenes were made with, from what could be had; a run that was killed goes on."""

import datetime
import shutil

import numpy as np
import pytest
from tests.motion.cubes_made import DAYS, PIXEL, PLACE, SHIFTS, SPEED, cube

from glaciercast import grid, store
from glaciercast.errors import InputError
from glaciercast.motion import pairs_cube, pairs_work
from glaciercast.motion.pairs_choice import OwnConfig
from glaciercast.motion.pairs_cube import write_own
from glaciercast.motion.velocity import scale_factors

SETTINGS = OwnConfig.model_validate({"tracking": {"step": 8, "chips": (16, 32)}, "max_days": 40, "buffer": 100, "min_stable": 20})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a cube that nobody has tracked, to be copied."""
    return cube(tmp_path_factory.mktemp("made") / "cube.zarr")


def copied(made, folder):
    shutil.copytree(made, folder / "cube.zarr")
    shutil.copy(store.manifest_path(made), folder)
    return folder / "cube.zarr"


@pytest.fixture(scope="module")
def tracked(made, tmp_path_factory):
    path = copied(made, tmp_path_factory.mktemp("tracked"))
    result = write_own(path, SETTINGS)
    return path, result, store.open_cube(path)["velocity"]["own"].to_dataset().load()


def test_every_pair_has_the_velocity_of_the_ice_and_none_off_it(tracked):
    _, result, own = tracked
    assert result["pairs"] == own.sizes["pair"] == 5 and result["flagged"] == [] and not own.flagged.any()
    inside, off = (abs(own.x.values - own.x.values.mean()) < 150), (abs(own.x.values - own.x.values.mean()) > 500)
    scale = np.stack(scale_factors(PLACE)).mean()
    for pair in range(5):
        years = (own.acquired_second - own.acquired_first).values[pair] / np.timedelta64(1, "D") / 365.25
        exact = 0.04 * PIXEL / years  # four hundredths of a pixel
        for name, speed in zip(("vx", "vy"), SPEED, strict=True):
            values = own[name].values[pair]
            assert np.nanmedian(values[:, inside]) == pytest.approx(speed / scale, abs=exact)
            assert abs(np.nanmedian(values[:, off])) < exact / 2
    error = own.vx.where(own.x.isin(own.x[off])) / own.v_error
    assert 0.5 < 1.4826 * np.nanmedian(abs(error)) < 2


def test_what_stable_ground_told_is_kept(tracked):
    _, result, own = tracked
    names = {str(day): shift for day, shift in zip(DAYS.to_numpy("datetime64[ns]"), SHIFTS, strict=True)}
    years = (own.acquired_second - own.acquired_first).values / np.timedelta64(1, "D") / 365.25
    apart = np.array([names[str(b)] - names[str(a)] for a, b in zip(own.acquired_first.values, own.acquired_second.values, strict=True)])
    np.testing.assert_allclose(own.stable_shift_x.values * years, apart * PIXEL, atol=0.02 * PIXEL)
    np.testing.assert_allclose(own.stable_shift_y.values * years, 0, atol=0.02 * PIXEL)
    assert 0 < result["stable_nmad"] < 20 and result["corrected"]


def test_pairs_are_in_order_with_their_times_and_own_grid(tracked):
    path, _, own = tracked
    np.testing.assert_array_equal(own.available_at, own.acquired_second + np.timedelta64(1, "D"))
    assert (np.diff(own.acquired_second) >= np.timedelta64(0)).all() and set(own.satellite_first.values) == {"Sentinel-2A MSI"}
    at = grid.of(own, "own")
    assert at.resolution.x == 80 and at.affine.c == 466000 + 4.5 * PIXEL and at.affine.f == 4030000 - 4.5 * PIXEL
    assert own.attrs["attribution"] == "made up" and store.verify(path, ["/velocity/own"]) == 3
    masked = own.sel(x=slice(466000, 466160), y=slice(4030000, 4029840)).vx
    of_cloudy = (own.acquired_first.values == DAYS[1].to_datetime64()) | (own.acquired_second.values == DAYS[1].to_datetime64())
    assert np.isnan(masked.values[of_cloudy][:, 0, 0]).all()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_equals_a_straight_one(made, tracked, tmp_path, monkeypatch):
    path = copied(made, tmp_path)
    measure, calls = pairs_work.measure, []

    def killed(*arguments, **keys):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measure(*arguments, **keys)

    monkeypatch.setattr(pairs_cube, "BLOCK", 2)
    monkeypatch.setattr(pairs_work, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        write_own(path, SETTINGS)
    with pytest.raises(InputError, match=r"/velocity/own is unfinished"):
        store.open_cube(path)
    result = write_own(path, SETTINGS)
    assert result["resumed_at"] == 2 and len(calls) == 4 + 3
    found = store.open_cube(path)["velocity"]["own"].to_dataset().load()
    assert found.identical(tracked[2])
    again = write_own(path, SETTINGS)
    assert len(calls) == 7 and again["flagged"] == result["flagged"] and again["stable_nmad"] == result["stable_nmad"]
    other = SETTINGS.model_copy(update={"max_days": 20.0})
    with pytest.raises(InputError, match=r"/velocity/own was begun from other input or settings; restore them, or --replace it"):
        write_own(path, other)
    assert write_own(path, other, replace=True)["pairs"] == 3


def test_nothing_comes_from_later_than_the_day_that_is_named(made, tracked, tmp_path):
    path = copied(made, tmp_path)
    result = write_own(path, SETTINGS, until=datetime.date(2020, 7, 12))
    own = store.open_cube(path)["velocity"]["own"].to_dataset().load()
    assert result["pairs"] == 3 and result["left_out"]["scenes available later"] == 1
    assert own.acquired_second.values.max() == DAYS[2].to_datetime64() and own.attrs["until"] == "2020-07-12"
    np.testing.assert_array_equal(own.vx, tracked[2].vx[:3])


def test_hazy_pairs_are_flagged_and_left_out_unless_they_are_kept(made, tmp_path, monkeypatch):
    path, read_date = copied(made, tmp_path), store.read_date

    def hazy(where, group, step, names):
        arrays = read_date(where, group, step, names)
        if step == 2:  # four fifths of the ground are hidden
            rng = np.random.default_rng(0)
            hidden = np.arange(arrays["nir"].shape[0])[:, None] > 28
            arrays["nir"] = np.where(hidden, rng.normal(size=arrays["nir"].shape) * 0.08 + 0.3, arrays["nir"]).astype("float32")
        return arrays

    monkeypatch.setattr(store, "read_date", hazy)
    result = write_own(path, SETTINGS)
    own = store.open_cube(path)["velocity"]["own"].to_dataset().load()
    of_hazy = (own.acquired_first.values == DAYS[2].to_datetime64()) | (own.acquired_second.values == DAYS[2].to_datetime64())
    np.testing.assert_array_equal(own.flagged.values, of_hazy)
    assert len(result["flagged"]) == of_hazy.sum() and np.isnan(own.vx.values[of_hazy]).all() and np.isfinite(own.vx.values[~of_hazy]).any()


def test_without_ice_nothing_is_corrected(tmp_path):
    path = cube(tmp_path / "cube.zarr", terrain=False)
    result = write_own(path, SETTINGS.model_copy(update={"max_pairs": 1}))
    own = store.open_cube(path)["velocity"]["own"].to_dataset()
    assert not result["corrected"] and result["stable_nmad"] is None and np.isnan(own.stable_shift_x.values).all()
    off = abs(own.x.values - own.x.values.mean()) > 500
    years = 20 / 365.25
    assert np.nanmedian(own.vx.values[0][:, off]) * years == pytest.approx(0.4 * PIXEL, abs=0.03 * PIXEL)
