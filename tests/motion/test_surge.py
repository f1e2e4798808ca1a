"""Surges: onset, peak and end by hand, spring speed-ups that are none, intervals, and Lowell Glacier's."""

import numpy as np
import pytest
import xarray as xr

from glaciercast.errors import InputError
from glaciercast.motion.surge import SurgeRule, detect

TIMES = np.arange("2010-01-01", "2018-01-01", 10, dtype="M8[D]").astype("M8[ns]")
QUIET = SurgeRule(quiet=("2010-01-01", "2011-12-31"))


def day(text):
    return np.datetime64(text, "ns")


def series(*parts, noise=0.0, seed=0):
    """Return 50 m/yr with a speed from the first to the last day of each part."""
    speed = np.full(len(TIMES), 50.0)
    for begin, end, value in parts:
        speed[(day(begin) <= TIMES) & (day(end) >= TIMES)] = value
    return speed * np.exp(noise * np.random.default_rng(seed).normal(size=len(TIMES)))


def test_onset_peak_and_end_are_the_samples_of_the_rule():
    speed = series(("2014-03-01", "2014-12-31", 400.0))
    speed[np.searchsorted(TIMES, day("2014-07-08"))] = 900.0
    (found,) = detect(TIMES, speed, QUIET)
    above = TIMES[speed > 150]
    assert found.onset == above[0] and found.end == above[-1] + np.timedelta64(10, "D") and not found.ongoing
    assert found.peak == TIMES[speed.argmax()] and found.peak_speed == 900 and found.quiet_speed == 50 and found.support == 1
    half = np.timedelta64(5, "D")
    assert found.onset_interval == (found.onset - half, found.onset + half)  # no narrower than half a step
    assert found.end_interval == (found.end - half, found.end + half)


def test_a_spring_speed_up_is_no_surge_and_a_lull_does_not_end_one():
    spring = [(f"{year}-05-01", f"{year}-06-15", 400.0) for year in range(2010, 2018)]
    assert detect(TIMES, series(*spring), QUIET) == []
    lull = series(("2014-01-01", "2015-12-31", 400.0), ("2014-08-01", "2014-09-15", 60.0))
    (found,) = detect(TIMES, lull, QUIET)
    assert str(found.onset)[:7] == "2014-01" and str(found.end)[:7] == "2016-01"
    parted = series(("2014-01-01", "2015-12-31", 400.0), ("2014-08-01", "2014-12-15", 60.0))
    assert len(detect(TIMES, parted, QUIET)) == 2


def test_a_surge_that_the_series_does_not_see_the_end_of_is_ongoing():
    (found,) = detect(TIMES, series(("2017-06-01", "2018-01-01", 500.0)), QUIET)
    assert found.ongoing and np.isnat(found.end) and np.isnat(found.end_interval[1])
    calm = series(("2017-06-01", "2017-11-20", 500.0))  # below for five weeks only: too short to tell
    assert detect(TIMES, calm, QUIET)[0].ongoing


def test_gaps_neither_begin_nor_end_a_surge():
    speed = series(("2014-03-01", "2014-12-31", 400.0))
    whole = detect(TIMES, speed, QUIET)[0]
    speed[(day("2014-05-01") < TIMES) & (day("2014-09-01") > TIMES)] = np.nan
    (found,) = detect(TIMES, speed, QUIET)
    assert (found.onset, found.end) == (whole.onset, whole.end)


def test_the_quiet_time_is_found_where_it_is_not_given():
    speed = series(("2010-01-01", "2011-06-01", 300.0), ("2015-01-01", "2016-06-01", 500.0))
    found = detect(TIMES, speed)
    assert [str(one.onset)[:7] for one in found] == ["2010-01", "2015-01"] and found[0].quiet_speed == 50


def test_intervals_cover_the_true_onset_of_noisy_series_and_grow_with_the_noise():
    ramp = 50 * np.exp(np.clip((TIMES - day("2014-01-01")) / np.timedelta64(1, "D") / 180, 0, 3))
    ramp[day("2016-06-01") < TIMES] = 50.0
    true = TIMES[np.flatnonzero(ramp > 150)[0]]
    widths, covered = [], 0
    for seed in range(20):
        noisy = ramp * np.exp(0.1 * np.random.default_rng(seed).normal(size=len(ramp)))
        (found,) = detect(TIMES, noisy, QUIET, replicates=100)
        covered += found.onset_interval[0] <= true <= found.onset_interval[1]
        widths.append((found.onset_interval[1] - found.onset_interval[0]) / np.timedelta64(1, "D"))
        assert found.onset_interval[0] <= found.onset <= found.onset_interval[1] and found.support == 1
    assert covered >= 17 and np.median(widths) > 20
    (exact,) = detect(TIMES, ramp, QUIET, replicates=100)
    assert (exact.onset_interval[1] - exact.onset_interval[0]) / np.timedelta64(1, "D") < np.median(widths)


def test_the_result_does_not_depend_on_the_units_of_speed_and_repeats():
    speed = series(("2014-03-01", "2014-12-31", 400.0), noise=0.1)
    one, other = detect(TIMES, speed, QUIET)[0], detect(TIMES, speed / 365.25, QUIET)[0]
    assert (one.onset_interval, one.peak_interval, one.end_interval) == (other.onset_interval, other.peak_interval, other.end_interval)
    assert one == detect(TIMES, speed, QUIET)[0]


def test_bad_input_is_refused():
    speed = series()
    with pytest.raises(InputError, match=r"surges: expected one speed for each of some times in order"):
        detect(TIMES[::-1], speed)
    with pytest.raises(InputError, match=r"surges: expected speeds of 0 m/yr or more, found -50"):
        detect(TIMES, -speed)
    with pytest.raises(InputError, match=r"expected speeds in the quiet time 1990-01-01 to 1991-01-01, found none"):
        detect(TIMES, speed, SurgeRule(quiet=("1990-01-01", "1991-01-01")))
    with pytest.raises(InputError, match=r"expected a series of 3 years or a quiet time to compare with"):
        detect(TIMES[:20], speed[:20])
    with pytest.raises(InputError, match=r"expected a series of 3 years or a quiet time"):
        detect(TIMES, np.full(len(TIMES), np.nan))
    with pytest.raises(ValueError, match=r"expected a quiet time whose end is after its begin"):
        SurgeRule(quiet=("2011-01-01", "2010-01-01"))


@pytest.fixture(scope="module")
def lowell(real_data):
    """Times and spatial median speed of Lowell Glacier, 2013 to 2022."""
    with xr.open_dataset(real_data("lowell_surge/Lowell_example_interp.nc")) as cube:
        speed = np.hypot(cube.vx, cube.vy).stack(pixel=("y", "x")).dropna("mid_date", how="all").median("pixel")
        return speed.mid_date.values, speed.values


@pytest.mark.parametrize("rule", [SurgeRule(quiet=("2013-01-01", "2017-12-31")), SurgeRule()])
def test_lowell_surges_from_may_2020_peaks_in_june_2022_and_its_springs_are_no_surges(lowell, rule):
    (found,) = detect(*lowell, rule)
    assert str(found.onset)[:10] == "2020-05-11" and str(found.peak)[:10] == "2022-06-20"
    assert found.peak_speed == pytest.approx(4190, abs=1) and found.quiet_speed == pytest.approx(40.3, abs=0.8)
    assert found.onset_interval[0] <= day("2020-05-11") <= found.onset_interval[1] <= day("2020-09-01")
    assert found.ongoing and found.support == 1  # in December 2022 it still flows at three times the quiet speed
    times, speed = lowell
    assert speed[(times > day("2014-04-20")) & (times < day("2014-06-10"))].max() > 6 * found.quiet_speed  # a spring that is not called


def test_lowell_known_until_2019_has_no_surge(lowell):
    times, speed = lowell
    before = times < day("2020-01-01")
    assert detect(times[before], speed[before], SurgeRule(quiet=("2013-01-01", "2017-12-31"))) == []
