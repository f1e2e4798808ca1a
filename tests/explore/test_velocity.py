"""The season of velocity: known amplitude and phase come back from components; noise has no season and no speed."""

import numpy as np
import pytest

from glaciercast.explore import cycles, velocity
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.zones import Zone, Zones
from glaciercast.motion import season

SETTINGS = ExploreConfig()
YEAR = 365.25


def pairs(n=400, seed=0):
    """Return acquisitions of pairs of 16 to 96 days."""
    rng = np.random.default_rng(seed)
    first = np.datetime64("2015-01-01", "ns") + np.sort(rng.integers(0, 5 * 365, n)) * np.timedelta64(1, "D")
    return first, first + rng.integers(16, 96, n) * np.timedelta64(1, "D")


def between(first, second, amplitude, peak):
    """Return the mean of a cosine between two times, by its integral."""
    day = [(time - np.datetime64("2000-01-01")) / np.timedelta64(1, "D") for time in (first, second)]
    begin, end = (np.sin(2 * np.pi * (each - peak) / YEAR) for each in day)
    return amplitude * (end - begin) * YEAR / (2 * np.pi) / (day[1] - day[0])


def zones(ice):
    return Zones((Zone("ice", 4000.0, 4250.0), Zone("ground", 4000.0, 4250.0)), np.where(ice, 0, 1).astype(np.int16), None, None)


def made(noise=15.0, seed=0):
    """Return pairs over a glacier that flows south-west at 100 ± 30 m/yr in its left half, and still ground in its right."""
    first, second = pairs(seed=seed)
    rng = np.random.default_rng(seed + 1)
    speed = 100 + between(first, second, 30.0, peak=170.0)
    ice = np.arange(6) < 3
    flow = np.where(ice, speed[:, None, None], 0.0) * np.ones((1, 4, 1))
    vx, vy = (-flow * np.sqrt(0.5) + noise * rng.standard_normal(flow.shape) for _ in range(2))
    return vx, vy, np.full(vx.shape, noise), first, second, np.broadcast_to(ice, (4, 6))


def test_amplitude_and_day_come_back_within_their_errors():
    *given, ice = made()
    found = velocity.fitted(*given, zones(ice), SETTINGS)
    ground = {row["surface"]: row for row in velocity.describe(found, zones(ice), SETTINGS)["zones"]}
    row = ground["ice"]
    assert row["seasonal"] and row["amplitude"] == pytest.approx(30, abs=3 * row["amplitude_error"]) and row["amplitude_error"] < 1.5
    assert row["peak_day"] == pytest.approx(170, abs=3 * row["peak_day_error"]) and row["peak_day_error"] < 3
    assert row["mean"] == pytest.approx(100, abs=1.5)


def test_still_ground_has_neither_direction_nor_speed():
    *given, ice = made()
    found = velocity.fitted(*given, zones(ice), SETTINGS)
    ground = velocity.describe(found, zones(ice), SETTINGS)["zones"][1]
    assert ground["mean"] is None and ground["seasonal"] is None and ground["observations"] == 0
    assert abs(ground["vx"]) < 1 and abs(ground["vy"]) < 1
    speeds = np.hypot(given[0][:, ~ice], given[1][:, ~ice])
    assert speeds.mean() == pytest.approx(15 * np.sqrt(np.pi / 2), rel=0.03)  # what averaging speeds would have said


def test_noise_alone_has_no_season_in_nineteen_of_twenty():
    seen = 0
    for seed in range(20):
        first, second = pairs(200, seed)
        rng = np.random.default_rng(seed + 100)
        vx, vy = (50 + 20 * rng.standard_normal((200, 2, 2)) for _ in range(2))
        all_ice = zones(np.ones((2, 2), bool))
        found = velocity.fitted(vx, vy, np.full(vx.shape, 20.0), first, second, all_ice, SETTINGS)
        seen += bool(velocity.describe(found, all_ice, SETTINGS)["zones"][0]["seasonal"])
    assert seen <= 1


def test_a_pair_that_saw_only_the_fast_pixels_is_no_speed_up():
    first, second = pairs(100)
    vx = np.broadcast_to(np.array([10.0, 200.0]), (100, 1, 2)).copy()
    vx[1::2, 0, 0] = np.nan  # every other pair saw the fast pixel alone
    vx += 1e-3 * np.random.default_rng(0).standard_normal(vx.shape)
    found = velocity.fitted(vx, 0 * vx, np.ones(vx.shape), first, second, zones(np.ones((1, 2), bool)), ExploreConfig(fewest_pairs=10))
    mean = found.series[0, 0]
    assert mean == pytest.approx(105, abs=0.1)


def test_too_few_pairs_have_no_season():
    first, second = pairs(20)
    vx = np.full((20, 2, 2), 100.0) + np.random.default_rng(0).standard_normal((20, 2, 2))
    all_ice = zones(np.ones((2, 2), bool))
    row = velocity.describe(velocity.fitted(vx, 0 * vx, np.ones(vx.shape), first, second, all_ice, SETTINGS), all_ice, SETTINGS)["zones"][0]
    assert row["seasonal"] is None and row["amplitude"] is None


def test_real_pairs_the_mean_of_components_is_half_of_the_typical_speed_of_a_pair(real_data):
    import xarray as xr

    with xr.open_dataset(real_data("itslive_hma/itslive_RGI15-16257_compact.nc"), decode_timedelta=False) as cube:
        first, second = (cube[f"acquisition_date_img{k}"].values.astype("datetime64[ns]") for k in (1, 2))
        keep = (first > np.datetime64("2017-01-01")) & (second > first) & (second - first < np.timedelta64(100, "D"))
        vx, vy, error = (cube[name].values[keep].astype(float) for name in ("vx", "vy", "v_error"))
    scene = Zones((Zone("scene"),), np.zeros(vx.shape[1:], np.int16), None, None)
    found = velocity.fitted(vx, vy, error, first[keep], second[keep], scene, SETTINGS)
    flowing = np.isfinite(found.along.mean)
    assert np.count_nonzero(flowing) == pytest.approx(396, abs=4)
    assert np.median(found.along.mean[flowing]) == pytest.approx(14.1, abs=0.3)
    assert np.nanmedian(np.hypot(vx, vy)[:, flowing]) == pytest.approx(29.7, abs=0.3)


def test_errors_that_a_quarter_shares_widen_the_error_of_the_season_to_what_it_is():
    found = []
    for seed in range(60):
        first, second = pairs(300, seed=7)
        quarter = (first + (second - first) / 2).astype("datetime64[M]").astype(int) // 3
        rng = np.random.default_rng(seed)
        shared = 10 * rng.standard_normal(quarter.max() + 1)[quarter]
        values = 100 + shared + rng.standard_normal(300) + between(first, second, 30.0, peak=170.0)
        error = np.full(300, 1.0)
        plain, wide = (season.clustered(values, error, first, second, cluster).fit for cluster in (None, quarter - quarter.min()))
        found.append(tuple(map(float, (plain.amplitude, plain.amplitude_error, wide.amplitude_error, wide.peak_day_error))))
    amplitude, naive, aware, day = np.array(found).T
    assert naive.mean() < 0.5 * amplitude.std()
    assert 0.75 < aware.mean() / amplitude.std() < 1.25
    assert day.mean() == pytest.approx(aware.mean() / 30 * YEAR / (2 * np.pi), rel=0.3)


def test_independent_pairs_keep_about_the_error_of_their_fit_and_few_quarters_give_none():
    first, second = pairs(300, seed=7)
    values = 100 + np.random.default_rng(1).standard_normal(300) + between(first, second, 30.0, peak=170.0)
    quarter = (first + (second - first) / 2).astype("datetime64[M]").astype(int) // 3
    plain, wide = (season.clustered(values, np.ones(300), first, second, each).fit for each in (None, quarter - quarter.min()))
    errors = [name for name in plain._fields if name.endswith("_error")]
    assert all(1 <= float(getattr(wide, key)) / float(getattr(plain, key)) < 1.6 for key in errors) and len(errors) == 4
    assert [list(cycles.clusters(first[:n], second[:n])) for n in (300, 160, 80)] == [["years", "quarters"], ["quarters"], []]
