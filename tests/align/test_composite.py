"""Windows of time; means, medians and medoids by value, against slow references, and whatever the order of scenes."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glaciercast.align import composite
from glaciercast.align.composite import RunningMean, resample
from glaciercast.errors import InputError
from glaciercast.stats import cadence

NAN = np.float32(np.nan)
VALUES = st.one_of(st.floats(-1e8, 1e8, width=32), st.sampled_from([np.nan, 0.0, -0.0, 0.5, 0.1]))
STACKS = hnp.arrays("float32", st.tuples(st.integers(0, 9), st.integers(1, 3), st.integers(1, 5)), elements=VALUES)
SPECTRA = hnp.arrays(
    "float32", st.tuples(st.integers(1, 6), st.integers(1, 3), st.just(2), st.just(2)), elements=st.sampled_from([np.nan, 0.0, 0.25, 1.0])
)


def column(*values: float) -> np.ndarray:
    """Scenes of one pixel."""
    return np.array(values, "float32").reshape(-1, 1, 1)


def rounded(weights: np.ndarray) -> np.ndarray:
    return np.round(weights * 2**24) / 2**24


def slow_mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Exact, in fractions."""
    pairs = [
        (Fraction(float(value)), Fraction(float(weight))) for value, weight in zip(values, weights, strict=True) if not np.isnan(value)
    ]
    total = sum(weight for _, weight in pairs)
    return float(sum(value * weight for value, weight in pairs) / total) if total else np.nan


def slow_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Straight from the definition of the lower and the upper weighted median."""
    pairs = [
        (float(value), Fraction(float(weight))) for value, weight in zip(values, weights, strict=True) if weight and not np.isnan(value)
    ]
    if not pairs:
        return np.nan
    half = sum(weight for _, weight in pairs) / 2
    lower = min(value for value, _ in pairs if sum(w for other, w in pairs if other <= value) >= half)
    upper = min(value for value, _ in pairs if sum(w for other, w in pairs if other <= value) > half)
    return float((np.float32(lower) + np.float32(upper)) / np.float32(2))


def slow_medoid(spectra: np.ndarray) -> np.ndarray:
    """The earliest of the nearest of (scene, band)."""
    spectra = spectra[~np.isnan(spectra).any(axis=1)].astype("float64")
    if len(spectra) == 0:
        return np.full(spectra.shape[1], np.nan)
    return spectra[np.argmin(((spectra - np.median(spectra, axis=0)) ** 2).sum(axis=1))]


def test_it_is_the_mean_of_all_scenes_and_not_the_published_running_average():
    scenes = np.array([0.0, 0.0, 0.9], "float32").reshape(-1, 1, 1)
    running = 0.0
    for scene in scenes[1:, 0, 0]:
        running = (running + float(scene)) / 2  # (average + next) / 2: the last scene counts half
    assert composite.composite(scenes, "mean").values[0, 0] == pytest.approx(0.3) and running == pytest.approx(0.45)


def test_a_window_without_scenes_is_empty():
    made = composite.composite(np.empty((0, 2, 2), "float32"), "mean")
    assert np.isnan(made.values).all() and (made.count == 0).all()


@settings(deadline=None)
@given(STACKS, st.data())
def test_the_mean_is_exact_to_the_last_bit_but_one(stack, data):
    weights = data.draw(st.one_of(st.none(), hnp.arrays("float64", len(stack), elements=st.floats(0, 1))))
    shares = np.ones(len(stack)) if weights is None else rounded(weights)
    made = composite.composite(stack, "mean", weights)
    expected = np.array([slow_mean(stack[:, i, j], shares) for i, j in np.ndindex(stack.shape[1:])]).reshape(stack.shape[1:])
    # 9 values rounded by 2⁻⁴⁷ each, divided by weights that may be as small as their grain
    least = shares[shares > 0].min() if shares.any() else 1.0
    np.testing.assert_allclose(made.values, expected, rtol=1e-7, atol=9 * 2.0**-47 / least)
    np.testing.assert_array_equal(made.count, (~np.isnan(stack[shares > 0])).sum(axis=0))


@settings(deadline=None)
@given(STACKS, st.data())
def test_the_median_equals_the_definition(stack, data):
    weights = data.draw(st.one_of(st.none(), hnp.arrays("float64", len(stack), elements=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]))))
    shares = np.ones(len(stack)) if weights is None else rounded(weights)
    made = composite.composite(stack, "median", weights)
    expected = [slow_median(stack[:, i, j], shares) for i, j in np.ndindex(stack.shape[1:])]
    np.testing.assert_array_equal(made.values.ravel(), np.array(expected, "float32"))
    np.testing.assert_array_equal(made.count, (~np.isnan(stack[shares > 0])).sum(axis=0))


@settings(deadline=None)
@given(STACKS)
def test_the_plain_median_is_numpys(stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's on pixels without any value
        expected = np.nanmedian(stack, axis=0) if len(stack) else np.full(stack.shape[1:], np.nan)
    np.testing.assert_array_equal(composite.composite(stack, "median").values, expected)


@settings(deadline=None)
@given(SPECTRA)
def test_the_medoid_equals_the_definition(stack):
    made = composite.composite(stack, "medoid")
    for row, col in np.ndindex(stack.shape[2:]):
        spectra = stack[:, :, row, col]
        np.testing.assert_array_equal(made.values[:, row, col], slow_medoid(spectra))
        assert made.count[row, col] == (~np.isnan(spectra).any(axis=1)).sum()


@settings(deadline=None)
@given(STACKS, st.sampled_from(["mean", "median"]), st.data())
def test_no_bit_depends_on_the_order_of_scenes(stack, how, data):
    weights = data.draw(hnp.arrays("float64", len(stack), elements=st.floats(0, 1)))
    order = data.draw(st.permutations(range(len(stack))))
    one, other = composite.composite(stack, how, weights), composite.composite(stack[order], how, weights[order])
    assert one.values.tobytes() == other.values.tobytes() and one.count.tobytes() == other.count.tobytes()


@settings(deadline=None)
@given(SPECTRA, st.data())
def test_no_bit_of_the_medoid_depends_on_the_order_of_scenes_even_where_times_are_equal(stack, data):
    weights = data.draw(hnp.arrays("float64", len(stack), elements=st.sampled_from([0.0, 0.3, 1.0])))
    times = data.draw(hnp.arrays("int64", len(stack), elements=st.integers(0, 2)))
    order = data.draw(st.permutations(range(len(stack))))
    one = composite.composite(stack, "medoid", weights, times)
    other = composite.composite(stack[order], "medoid", weights[order], times[order])
    assert one.values.tobytes() == other.values.tobytes() and one.count.tobytes() == other.count.tobytes()


@settings(deadline=None)
@given(STACKS, st.data())
def test_scenes_one_at_a_time_give_the_same_bits_in_any_order(stack, data):
    weights = data.draw(hnp.arrays("float64", len(stack), elements=st.floats(0, 1)))
    running = RunningMean(stack.shape[1:])
    for scene in data.draw(st.permutations(range(len(stack)))):
        running.add(stack[scene], weights[scene])
    whole = composite.composite(stack, "mean", weights)
    assert running.result().values.tobytes() == whole.values.tobytes() and running.result().count.tobytes() == whole.count.tobytes()
    np.testing.assert_array_equal(running.weight, np.where(np.isnan(stack), 0, rounded(weights)[:, None, None]).sum(axis=0))


def test_small_beside_large_is_not_lost_in_the_mean():
    stack = column(1e8, 1.0, -1e8, 0.5)  # summed in float32 in this order: 0.5 / 4
    assert composite.composite(stack, "mean").values[0, 0] == np.float32(1.5 / 4)


def test_a_weighted_median_by_hand():
    stack = column(0.1, 0.4, 0.9)
    median = composite.composite(stack, "median", [0.25, 0.25, 1.0])
    assert median.values[0, 0] == np.float32(0.9) and median.count[0, 0] == 3
    half = composite.composite(stack, "median", [0.25, 0.25, 0.5]).values[0, 0]  # half the weight is reached at 0.4, exceeded at 0.9
    assert half == (np.float32(0.4) + np.float32(0.9)) / 2


def test_a_scene_without_weight_does_not_count():
    for how in ("mean", "median"):
        made = composite.composite(column(0.2, 0.8), how, [1.0, 0.0])
        assert made.values[0, 0] == np.float32(0.2) and made.count[0, 0] == 1


def test_the_medoid_is_an_observed_spectrum_and_the_median_is_not():
    spectra = np.array([[0.1, 0.9], [0.5, 0.4], [0.9, 0.5]], "float32").reshape(3, 2, 1, 1)
    np.testing.assert_array_equal(composite.composite(spectra, "median").values.ravel(), np.float32([0.5, 0.5]))
    np.testing.assert_array_equal(composite.composite(spectra, "medoid").values.ravel(), np.float32([0.5, 0.4]))


def test_of_two_scenes_the_medoid_is_the_earlier_or_the_heavier():
    spectra = np.array([[0.7, 0.3], [0.1, 0.2]], "float32").reshape(2, 2, 1, 1)
    assert composite.composite(spectra, "medoid").values[0, 0, 0] == np.float32(0.7)
    assert composite.composite(spectra, "medoid", times=np.array(["2020-02-01", "2020-01-01"], "M8[D]")).values[0, 0, 0] == np.float32(0.1)
    assert composite.composite(spectra, "medoid", [0.2, 0.9]).values[0, 0, 0] == np.float32(0.1)


def test_a_scene_that_misses_a_band_is_no_candidate_for_the_medoid():
    spectra = np.array([[0.2, NAN], [0.9, 0.9]], "float32").reshape(2, 2, 1, 1)
    made = composite.composite(spectra, "medoid")
    np.testing.assert_array_equal(made.values.ravel(), np.float32([0.9, 0.9]))
    assert made.count.shape == (1, 1) and made.count[0, 0] == 1


def test_bands_are_composited_each_on_its_own():
    stack = np.random.default_rng(0).random((4, 3, 5, 300), dtype="float32")  # wider than a block of the kernel
    stack[stack < 0.3] = NAN
    for how in ("mean", "median"):
        together = composite.composite(stack, how)
        for band in range(3):
            alone = composite.composite(stack[:, band], how)
            np.testing.assert_array_equal(together.values[band], alone.values)
            np.testing.assert_array_equal(together.count[band], alone.count)


@pytest.mark.parametrize("number", [11, 16, 17, 40, 100])
def test_many_scenes_are_sorted_right(number):
    rng = np.random.default_rng(number)
    stack = rng.integers(0, 50, (number, 3, 7)).astype("float32")
    stack[rng.random(stack.shape) < 0.4] = NAN
    weights = rng.integers(1, 5, number) / 4
    np.testing.assert_array_equal(composite.composite(stack, "median").values, np.nanmedian(stack, axis=0))
    expected = [slow_median(stack[:, i, j], weights) for i, j in np.ndindex(3, 7)]
    np.testing.assert_array_equal(composite.composite(stack, "median", weights).values.ravel(), np.array(expected, "float32"))


@pytest.mark.parametrize("how", ["mean", "median", "medoid"])
@pytest.mark.parametrize("scenes", [0, 3])
def test_a_window_in_which_nothing_was_seen_is_nan_and_says_nothing(how, scenes):
    made = composite.composite(np.full((scenes, 2, 3, 4), NAN), how)
    assert np.isnan(made.values).all() and made.values.shape == (2, 3, 4) and not made.count.any()


def test_the_published_running_average_lets_the_last_scene_count_half():
    number = 12
    ramp = column(*range(number))
    running = ramp[0, 0, 0]
    for scene in ramp[1:, 0, 0]:
        running = (running + scene) / 2  # the published (average + next) / 2
    assert running == pytest.approx(number - 2 + 2.0 ** (1 - number))  # its closed form on a ramp
    assert composite.composite(ramp, "mean").values[0, 0] == (number - 1) / 2
    assert running - (number - 1) / 2 == pytest.approx(4.5, abs=1e-3)  # a season's trend is read 4.5 scenes late


def test_the_published_running_average_hardly_averages_noise_and_depends_on_the_order():
    rng, number = np.random.default_rng(0), 12
    stack = rng.normal(0, 0.1, (number, 100, 400)).astype("float32")
    running = stack[0]
    for scene in stack[1:]:
        running = (running + scene) / 2
    mean = composite.composite(stack, "mean").values
    assert running.std() == pytest.approx(0.1 * np.sqrt((1 + 2 * 4.0 ** (1 - number)) / 3), rel=0.02)
    assert mean.std() == pytest.approx(0.1 / np.sqrt(number), rel=0.02)


@pytest.mark.parametrize("how", ["mean", "median"])
def test_resampling_equals_xarrays(how):
    rng = np.random.default_rng(1)
    values = rng.random((60, 4, 5), dtype="float32")
    values[rng.random(values.shape) < 0.5] = NAN
    times = np.datetime64("2019-12-30T10:00", "ns") + np.sort(rng.integers(0, 700, 60)) * np.timedelta64(1, "D")
    edges = cadence.edges(pd.Timestamp(times[0]), pd.Timestamp(times[-1]), "MS")
    order = rng.permutation(60)
    made = resample(values[order], times[order], edges, how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's on months in which nothing was seen
        expected = getattr(xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times}).resample(time="MS"), how)()
    np.testing.assert_array_equal(expected.time.values, edges[:-1].to_numpy("datetime64[ns]"))
    np.testing.assert_allclose(made.values, expected.values, rtol=1e-6)
    assert made.count.sum() == (~np.isnan(values)).sum()


def test_resampling_leaves_out_what_lies_outside_and_keeps_duplicates():
    times = np.array(["2019-12-31", "2020-01-01", "2020-01-01", "2020-03-01"], "datetime64[ns]")
    made = resample(column(9, 1, 2, 9), times, pd.date_range("2020-01-01", periods=3, freq="MS"))
    np.testing.assert_array_equal(made.values.ravel(), [1.5, np.nan])
    np.testing.assert_array_equal(made.count.ravel(), [2, 0])


def test_resampled_medoids_are_those_of_the_windows():
    stack = np.random.default_rng(2).random((6, 3, 4, 5), dtype="float32")
    times = np.datetime64("2020-01-05", "ns") + np.arange(6) * np.timedelta64(15, "D")
    made = resample(stack, times, pd.date_range("2020-01-01", periods=4, freq="MS"), "medoid", np.linspace(0.1, 1, 6))
    for month in range(3):
        members = slice(2 * month, 2 * month + 2)
        alone = composite.composite(stack[members], "medoid", np.linspace(0.1, 1, 6)[members])
        np.testing.assert_array_equal(made.values[month], alone.values)


@pytest.mark.parametrize("how", ["mean", "median", "medoid"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, 2e8])
def test_a_value_beyond_all_bounds_is_refused(how, value):
    stack = np.zeros((2, 1, 2, 2), "float32")
    stack[1, 0, 1, 1] = value
    with pytest.raises(InputError, match=r"expected values within ±134,217,728, NaN where missing; found 1 beyond"):
        composite.composite(stack, how)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((column(1), "modal"), r"composite: unknown method 'modal'.*mean, median, medoid"),
        ((column(1), "medoid"), r"expected values \(scene, band, y, x\) for the medoid, found \(1, 1, 1\)"),
        ((np.zeros((2, 2), "float32"), "mean"), r"expected values \(scene, y, x\) or \(scene, band, y, x\) for the mean"),
        ((column(1, 2), "mean", [1.0]), r"expected 2 weights from 0 to 1"),
        ((column(1, 2), "mean", [1.0, 1.5]), r"expected 2 weights from 0 to 1"),
        ((column(1, 2), "mean", [1.0, np.nan]), r"expected 2 weights from 0 to 1"),
        ((column(1, 2), "mean", None, np.array([1])), r"expected a time for each of 2 scenes, found \(1,\)"),
        ((np.zeros((2**16, 1, 1), "float32"), "mean"), r"expected at most 65535 scenes a window, found 65536"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        composite.composite(*arguments)


def test_a_scene_of_another_shape_is_refused():
    with pytest.raises(InputError, match=r"expected scenes of shape \(2, 2\), found \(2, 3\)"):
        RunningMean((2, 2)).add(np.zeros((2, 3), "float32"))


@pytest.mark.parametrize("edges", [["2020-01-01"], ["2020-02-01", "2020-01-01"], ["2020-01-01", "2020-01-01"]])
def test_edges_must_increase(edges):
    with pytest.raises(InputError, match=r"at least two edges of windows, increasing"):
        resample(column(1), np.array(["2020-01-01"], "M8[ns]"), pd.DatetimeIndex(edges))


def test_a_missing_time_is_refused():
    with pytest.raises(InputError, match=r"expected a time for each scene; found a missing one"):
        resample(column(1), np.array(["NaT"], "M8[ns]"), pd.date_range("2020-01-01", periods=2))
