"""The producers' rules by value, and means of components instead of speeds."""

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
from tests.itslive_cubes import table

from glaciercast import config
from glaciercast.errors import ConfigError
from glaciercast.sources import itslive_quality as quality
from glaciercast.sources.itslive_quality import QualityRules

RULES = QualityRules()


@pytest.mark.parametrize(
    ("satellite", "family"),
    [("8", "landsat8-9"), ("9.0", "landsat8-9"), ("7", "landsat7"), ("5.", "landsat4-5"), ("1A", "sentinel1"), ("2B", "sentinel2"),
     ("1", "sentinel1"), ("2", "sentinel2"), ("X", "x"), ("", "unknown")],
)  # fmt: skip
def test_satellites_belong_to_families_however_a_cube_spells_them(satellite, family):
    assert quality.family(satellite) == family


@pytest.mark.parametrize(("satellite", "limit"), [("8", 61.6), ("2A", 28.5), ("1A", 1.1)])
def test_stable_ground_may_shift_by_so_many_metres_over_the_baseline(satellite, limit):
    days = 36.525  # a tenth of a year: a shift of 10 · limit m/yr is just the limit
    shifts = [9.99 * limit, 10.01 * limit, -10.01 * limit]
    pairs = table(["2020-01-01"] * 3, [days] * 3, satellite, stable_x=0.0, stable_y=shifts, flag=1)
    condemned, restored = quality.stable_ground(pairs, RULES)
    assert condemned.tolist() == [False, True, True] and not restored.any()


def test_the_larger_component_decides_and_the_baseline_scales():
    pairs = table(["2020-01-01"] * 3, [16.0, 160.0, 16.0], "8", stable_x=[300.0, 300.0, np.nan], stable_y=[np.nan, 0.0, np.nan], flag=1)
    assert quality.stable_ground(pairs, RULES)[0].tolist() == [False, True, False]  # 13 m, 131 m, unknown


def test_flag_2_gives_the_shift_back_and_flag_0_passes():
    pairs = table(["2020-01-01"] * 3, [365.25] * 3, "8", stable_x=100.0, stable_y=0.0, flag=[0, 1, 2])
    condemned, restored = quality.stable_ground(pairs, RULES)
    assert condemned.tolist() == [False, True, False] and restored.tolist() == [False, False, True]
    np.testing.assert_array_equal(quality.registration_error(pairs, restored), [100, 5, 100])  # what is given back is uncorrected


def test_landsat_7_and_earlier_have_no_limit_and_the_rule_can_be_switched_off():
    pairs = table(["2020-01-01"] * 3, [365.25] * 3, ["7", "5", "8"], stable_x=1e4, stable_y=0.0, flag=1)
    assert quality.stable_ground(pairs, RULES)[0].tolist() == [False, False, True]
    assert not quality.stable_ground(pairs, QualityRules(stable_ground=False))[0].any()


def test_unknown_families_in_the_limits_are_refused():
    with pytest.raises(ConfigError, match=r"stable_limits.*'landsat'"):
        config.parse(QualityRules, {"stable_limits": {"landsat": 1.0}}, "made")


def flow(days, speed, noise=10.0, seed=0):
    """Return velocities along (0.6, −0.8) of `speed` (pair,) with Gaussian noise."""
    rng = np.random.default_rng(seed)
    vx, vy = (np.asarray(speed, float) * part + rng.normal(0, noise, len(days)) for part in (0.6, -0.8))
    return vx[:, None, None].astype("float32"), vy[:, None, None].astype("float32")


def test_long_baselines_that_lag_behind_are_dropped_from_their_bin_on():
    days = np.repeat([12.0, 20.0, 40.0, 80.0, 200.0, 400.0], 60)
    speed = np.where(days < 64, 900.0, np.where(days < 128, 500.0, 100.0))
    pairs = table(["2020-01-01"] * len(days), days, "8")
    dropped = quality.saturated(*flow(days, speed), pairs)[:, 0, 0]
    np.testing.assert_array_equal(dropped, days > 64)


def test_what_agrees_or_is_faster_or_slow_or_scarce_stays():
    days = np.repeat([12.0, 400.0], 60)
    pairs = table(["2020-01-01"] * len(days), days, "8")
    for speed in (np.full(120, 900.0), np.where(days < 64, 900.0, 1500.0), np.where(days < 64, 45.0, 5.0)):
        assert not quality.saturated(*flow(days, speed), pairs).any()
    scarce = np.r_[0:49, 60:109]  # no bin holds 50 pairs to judge the others by
    assert not quality.saturated(*flow(days[scarce], np.where(days[scarce] < 64, 900.0, 100.0)), pairs.iloc[scarce]).any()


def test_sensors_are_judged_by_themselves_and_missing_pixels_are_no_matter():
    days = np.tile(np.repeat([12.0, 400.0], 60), 2)
    satellite = ["8"] * 120 + ["2A"] * 120
    speed = np.where((days > 64) & (np.arange(240) < 120), 100.0, 900.0)
    vx, vy = (np.concatenate([values, np.full_like(values, np.nan)], axis=2) for values in flow(days, speed))
    dropped = quality.saturated(vx, vy, table(["2020-01-01"] * 240, days, satellite))
    np.testing.assert_array_equal(dropped[:, 0, 0], speed == 100)
    assert not dropped[:, 0, 1].any()


def test_an_outlier_is_what_lies_more_than_six_mads_from_the_running_median():
    series = np.tile([100.0, 110.0, 90.0], 20)  # running median 100: distances 0, 10, 10 with MAD 10
    for value, gone in ((159.0, False), (161.0, True), (39.0, True), (41.0, False)):
        changed = series.copy()
        changed[30] = value
        vx = changed[:, None, None].astype("float32")
        dropped = quality.outliers(vx, np.zeros_like(vx), np.arange(60), RULES)
        assert dropped[30, 0, 0] == gone and dropped.sum() == gone
        assert quality.outliers(np.zeros_like(vx), vx, np.arange(60), RULES)[30, 0, 0] == gone  # either component


def test_outliers_match_the_definition_written_out():
    rng = np.random.default_rng(1)
    middle = rng.permutation(80)
    vx = rng.normal(0, 20, 80) + 300 * np.sin(middle / 20)
    vx[rng.choice(80, 6, replace=False)] += 400
    seen = rng.random(80) > 0.3
    ordered = vx[np.argsort(middle)][seen[np.argsort(middle)]]
    padded = np.concatenate([ordered[6::-1], ordered, ordered[:-8:-1]])  # mirrored at the ends
    distance = np.abs(ordered - [np.median(padded[at : at + 15]) for at in range(len(ordered))])
    around = np.concatenate([distance[6::-1], distance, distance[:-8:-1]])
    local = np.array([np.median(around[at : at + 15]) for at in range(len(distance))])
    expected = distance > 6 * np.maximum(np.median(distance), local)
    given = np.where(seen, vx, np.nan).astype("float32")[:, None, None]
    found = quality.outliers(given, np.where(np.isfinite(given), 0, np.nan), middle, RULES)[:, 0, 0]
    np.testing.assert_array_equal(found[np.argsort(middle)][seen[np.argsort(middle)]], expected)
    assert expected.sum() >= 4 and not found[~seen].any()


def test_a_surge_of_7000_metres_a_year_is_no_outlier():
    days = np.arange(400.0)  # quiet for 300 pairs, then fast for 60, beginning and ending within ten
    speed = 50 + 6950 * (np.clip((days - 300) / 10, 0, 1) - np.clip((days - 360) / 10, 0, 1))
    rng = np.random.default_rng(0)
    vx = (speed + rng.normal(0, 5, 400) + 0.08 * speed * rng.normal(0, 1, 400))[:, None, None].astype("float32")
    fast = speed > 500
    distance = np.abs(vx[:, 0, 0] - scipy.ndimage.median_filter(vx[:, 0, 0], 15))
    assert (distance > 6 * np.median(distance))[fast].mean() > 0.5  # what one MAD for quiet and fast years would do
    dropped = quality.outliers(vx, np.zeros_like(vx), days, RULES)[:, 0, 0]
    assert dropped[fast].mean() < 0.1 and vx[~dropped].max() > 7000


def test_ice_at_rest_is_not_judged_by_its_rounding():
    vx = np.zeros((60, 1, 1), "float32")
    vx[::7] = 1  # whole numbers of m/yr: the MAD is 0
    assert not quality.outliers(vx, np.zeros_like(vx), np.arange(60), RULES).any()


def test_pixels_with_few_observations_are_left_alone():
    vx = np.full((29, 1, 1), 100, "float32")
    vx[10] = 5000
    assert not quality.outliers(vx, vx * 0, np.arange(29), RULES).any()
    assert (
        quality.outliers(vx, vx * 0, np.arange(29), QualityRules(min_observations=29))[:, 0, 0].tolist() == (np.arange(29) == 10).tolist()
    )


def test_components_are_averaged_by_their_errors_and_speeds_never():
    vx = np.array([10.0, 20.0, np.nan])[:, None, None]
    vy = np.array([0.0, 8.0, 3.0])[:, None, None]
    mean_x, mean_y, count = quality.mean_velocity(vx, vy, np.array([1.0, 2.0, 1.0])[:, None, None], min_observations=2)
    assert mean_x[0, 0] == pytest.approx((10 + 20 / 4) / 1.25) and mean_y[0, 0] == pytest.approx((8 / 4) / 1.25) and count[0, 0] == 2
    rng = np.random.default_rng(0)
    vx, vy = 3 + rng.normal(0, 50, (5000, 1, 1)), -4 + rng.normal(0, 50, (5000, 1, 1))
    mean_x, mean_y, _ = quality.mean_velocity(vx, vy, np.float64(50))
    assert np.hypot(mean_x, mean_y)[0, 0] == pytest.approx(5, abs=1.5)
    assert np.hypot(vx, vy).mean() == pytest.approx(50 * np.sqrt(np.pi / 2), rel=0.05)  # Rayleigh: what averaging v would give


def test_fewer_than_thirty_observations_have_no_mean_and_an_error_of_zero_no_infinite_weight():
    values = np.full((30, 1, 2), 7.0)
    values[0, 0, 1] = np.nan
    mean_x, _, count = quality.mean_velocity(values, values, np.zeros(values.shape))
    assert mean_x[0, 0] == 7 and np.isnan(mean_x[0, 1]) and count.tolist() == [[30, 29]]


def test_real_pairs_of_a_small_glacier(real_data):
    xr = pytest.importorskip("xarray")
    path = real_data("itslive_hma/itslive_RGI15-16257_compact.nc")
    with xr.open_dataset(path, decode_timedelta=False, engine="h5netcdf") as cube:
        part = cube.isel(y=slice(10, 22), x=slice(10, 22)).load()
    first, second = (pd.DatetimeIndex(part[f"acquisition_date_img{image}"].values) for image in "12")
    pairs = table(list(first), list((second - first).total_seconds() / 86400), list(part["satellite_img1"].values.astype(str)))
    np.testing.assert_allclose(pairs["days"], part["date_dt"], atol=1e-4)  # floats of days, not times
    assert pairs["family"].value_counts().to_dict() == {
        "sentinel2": 4996, "landsat8-9": 2179, "landsat4-5": 1340, "landsat7": 975, "sentinel1": 208,
    }  # fmt: skip
    vx, vy, error = (part[name].values for name in ("vx", "vy", "v_error"))
    middle = (first + (second - first) / 2).to_numpy()
    dropped = quality.outliers(vx, vy, middle, RULES)
    assert 0.05 < dropped.sum() / np.isfinite(vx).sum() < 0.15
    kept_x, kept_y = (np.where(dropped, np.nan, values) for values in (vx, vy))
    mean_x, mean_y, _ = quality.mean_velocity(kept_x, kept_y, error)
    seen = np.isfinite(mean_x)
    of_speeds = np.nanmean(np.hypot(kept_x, kept_y)[:, seen], axis=0)
    assert np.nanmedian(np.hypot(mean_x, mean_y)) < 0.5 * np.nanmedian(of_speeds)  # noise makes speeds, not velocities, large
