"""Motion of the ice: paths by an independent integrator, closed forms, and the season and surge in the mean velocity."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, ndimage

from glaciercast.simulate import glacier, scenario, terrain, valleys, world
from glaciercast.simulate.flow import YEAR, Flow
from glaciercast.simulate.scenario import GlacierSpec, SurgeSpec

QUIET = GlacierSpec(width=1000, thickness=200, speed=100, seasonal_amplitude=0.4, seasonal_peak=100.0)
SURGE = SurgeSpec(start=dt.date(2018, 1, 1), peak=dt.date(2018, 7, 1), end=dt.date(2019, 4, 1), speed=10)
EPOCH = pd.Timestamp("2016-01-01")
SIZE = 81


def built(name: str) -> tuple[Flow, np.ndarray]:
    """Return the flow of a scenario without its mountains, and where ice moves."""
    spec = scenario.load(name)
    _, grid = world._grids(spec)
    y, x = (np.asarray(grid.coordinates[axis].values) for axis in ("y", "x"))
    plan = valleys.plan(spec, x, y, 1)
    ice = glacier.make(spec, plan, terrain.profiles(spec, plan, 0.0))
    moves = (np.abs(ice.creep) + np.abs(ice.sliding) + np.abs(ice.surge)).sum(axis=0) > 0
    return Flow(ice.creep, ice.sliding, ice.surge, 30.0, spec.glacier, spec.surge), moves


@pytest.fixture(scope="module")
def shisper() -> tuple[Flow, np.ndarray]:
    return built("shisper-like")


def field(east, north) -> np.ndarray:
    """Return a velocity (2, y, x), m/yr, from functions of x and y in metres from the middle, east and north."""
    x = (np.arange(SIZE) - SIZE // 2)[None, :] * 30.0 + np.zeros((SIZE, 1))
    y = -(np.arange(SIZE) - SIZE // 2)[:, None] * 30.0 + np.zeros((1, SIZE))
    return np.stack([east(x, y) + 0 * x, north(x, y) + 0 * x]).astype(np.float32)


def steady(velocity: np.ndarray) -> Flow:
    return Flow(velocity, np.zeros_like(velocity), np.zeros_like(velocity), 30.0, QUIET, None)


def seasonal(velocity: np.ndarray) -> Flow:
    return Flow(np.zeros_like(velocity), velocity, np.zeros_like(velocity), 30.0, QUIET, None)


def surging(velocity: np.ndarray) -> Flow:
    return Flow(np.zeros_like(velocity), np.zeros_like(velocity), velocity, 30.0, QUIET, SURGE)


def strength(spec: SurgeSpec | None, days: float) -> float:
    """Return the surge's pulse `days` after `EPOCH`: sin² up to the peak, sin² down to the end."""
    if spec is None:
        return 0.0
    start, peak, end = ((pd.Timestamp(day) - EPOCH).days for day in (spec.start, spec.peak, spec.end))
    if not start < days < end:
        return 0.0
    rise, fall = (days - start) / (peak - start), (end - days) / (end - peak)
    return float(np.sin(np.pi / 2 * (rise if days < peak else fall)) ** 2)


def followed(flow: Flow, time: pd.Timestamp, reference: pd.Timestamp, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (row, column) at `reference` of particles that are at `rows`, `columns` at `time`, by Dormand & Prince's method."""
    fields = [part.astype(float) for part in (flow.creep, flow.sliding, flow.surge)]
    spec = flow.glacier

    def rate(days: float, state: np.ndarray) -> np.ndarray:
        season = 1 + spec.seasonal_amplitude * np.cos(2 * np.pi * (days + 1 - spec.seasonal_peak) / YEAR)
        factors = (1.0, season, strength(flow.surge_spec, days))
        at = state.reshape(2, -1)
        east, north = (
            sum(k * ndimage.map_coordinates(part[axis], at, order=1, mode="nearest") for k, part in zip(factors, fields, strict=True) if k)
            for axis in (0, 1)
        )
        return np.concatenate([-north, east]) / flow.resolution / YEAR

    span = [(moment - EPOCH) / pd.Timedelta(days=1) for moment in (time, reference)]
    state = np.concatenate([rows, columns]).astype(float)
    solution = integrate.solve_ivp(rate, span, state, method="DOP853", rtol=1e-8, atol=1e-6, max_step=20.0)
    assert solution.success
    return solution.y[:, -1].reshape(2, -1)


def misplaced(flow: Flow, moves: np.ndarray, time: str, reference: str, particles: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many pixels `Flow.origins` and the independent integrator differ, and how far the particles went."""
    rows, columns = np.nonzero(moves)
    pick = np.random.default_rng(3).choice(rows.size, particles, replace=False)
    rows, columns = rows[pick], columns[pick]
    truth = followed(flow, pd.Timestamp(time), pd.Timestamp(reference), rows, columns)
    east, north = flow.origins(pd.Timestamp(time), pd.Timestamp(reference), moves)
    row, column = rows - north[rows, columns] / flow.resolution, columns + east[rows, columns] / flow.resolution
    return np.hypot(row - truth[0], column - truth[1]), np.hypot(rows - truth[0], columns - truth[1])


@pytest.mark.parametrize(("time", "reference"), [("2024-01-01", "2016-01-01"), ("2016-01-01", "2024-01-01")])
def test_eight_years_of_quiet_flow(shisper, time, reference):
    flow, moves = shisper
    quiet = dataclasses.replace(flow, surge=np.zeros_like(flow.surge), surge_spec=None)
    error, path = misplaced(quiet, moves & (np.abs(quiet.creep).sum(axis=0) > 0), time, reference)
    assert path.max() > 50
    assert error.max() < 0.02


def test_a_year_of_a_surge_of_eighteen_metres_a_day(shisper):
    flow, _ = shisper
    fast = dataclasses.replace(flow, surge=flow.surge * np.float32(18 / 17.5))
    error, path = misplaced(fast, (fast.surge != 0).any(axis=0), "2018-11-15", "2017-11-15")
    assert path.max() > 100
    assert error.max() < 0.1


def test_into_the_front_of_a_surge(shisper):
    flow, _ = shisper  # forwards, particles at the front are drawn into its shear margin, where a path's errors grow
    error, path = misplaced(flow, (flow.surge != 0).any(axis=0), "2017-11-15", "2018-11-15")
    assert path.max() > 100
    assert np.quantile(error, 0.98) < 0.05
    assert error.max() < 0.3


def test_a_small_glacier_in_two_years_with_a_surge(tiny):
    error, path = misplaced(tiny.flow, tiny.ice, "2021-06-30", "2019-01-01")
    assert path.max() > 10
    assert error.max() < 0.02


def test_uniform_flow_carries_everything_equally_far_east_and_north():
    flow = steady(field(lambda x, y: 30.0, lambda x, y: 45.0))
    everywhere = np.ones((SIZE, SIZE), bool)
    start = pd.Timestamp("2016-01-01")
    east, north = flow.origins(start + pd.Timedelta(days=2 * YEAR), start, everywhere)
    np.testing.assert_allclose(east, -60.0, rtol=1e-5)  # what is here now was to the south-west before
    np.testing.assert_allclose(north, -90.0, rtol=1e-5)
    east, north = flow.origins(start, start + pd.Timedelta(days=2 * YEAR), everywhere)
    np.testing.assert_allclose(east, 60.0, rtol=1e-5)
    np.testing.assert_allclose(north, 90.0, rtol=1e-5)


def test_solid_rotation_turns_anticlockwise_seen_from_above():
    turn = 0.1  # rad a year, from east to north
    flow = steady(field(lambda x, y: -turn * y, lambda x, y: turn * x))
    start, years = pd.Timestamp("2016-01-01"), 5
    inside = np.hypot(*np.indices((SIZE, SIZE)) - SIZE // 2) < 30
    east, north = flow.origins(start, start + pd.Timedelta(days=years * YEAR), inside)
    rows, columns = np.nonzero(inside)
    x, y = (columns - SIZE // 2) * 30.0, -(rows - SIZE // 2) * 30.0
    cos, sin = np.cos(turn * years), np.sin(turn * years)
    np.testing.assert_allclose(x + east[inside], x * cos - y * sin, atol=0.05)
    np.testing.assert_allclose(y + north[inside], x * sin + y * cos, atol=0.05)


def test_stretching_flow_is_exponential():
    flow = steady(field(lambda x, y: 0.2 * x, lambda x, y: -0.2 * y))
    start = pd.Timestamp("2016-01-01")
    inside = np.zeros((SIZE, SIZE), bool)
    inside[SIZE // 2 - 20 : SIZE // 2 + 20, SIZE // 2 - 12 : SIZE // 2 + 12] = True
    east, north = flow.origins(start, start + pd.Timedelta(days=4 * YEAR), inside)
    rows, columns = np.nonzero(inside)
    np.testing.assert_allclose(east[inside], (np.exp(0.8) - 1) * (columns - SIZE // 2) * 30.0, atol=0.1)
    np.testing.assert_allclose(north[inside], (np.exp(-0.8) - 1) * -(rows - SIZE // 2) * 30.0, atol=0.1)


def test_there_and_back():
    turning, stretching = field(lambda x, y: -0.1 * y, lambda x, y: 0.1 * x), field(lambda x, y: 0.3 * x, lambda x, y: -0.3 * y)
    flow = Flow(turning, 0.5 * turning, stretching, 30.0, QUIET, SURGE)
    start, end = pd.Timestamp("2016-03-01"), pd.Timestamp("2020-03-01")
    inside = np.hypot(*np.indices((SIZE, SIZE)) - SIZE // 2) < 15
    rows, columns = np.nonzero(inside)
    east, north = (part[inside] / 30 for part in flow.origins(end, start, inside))
    assert np.hypot(east, north).max() > 5
    forth = flow.origins(start, end, np.ones_like(inside))
    back = [ndimage.map_coordinates(part, [rows - north, columns + east], order=3) / 30 for part in forth]
    np.testing.assert_allclose(np.hypot(east + back[0], north + back[1]), 0, atol=2e-3)


def test_nothing_moves_in_no_time_nor_outside_of_where(tiny):
    some = tiny.ice & (np.indices(tiny.ice.shape).sum(axis=0) % 3 == 0)
    east, north = tiny.flow.origins(pd.Timestamp("2020-06-01"), pd.Timestamp("2019-01-01"), some)
    assert (east[~some] == 0).all() and (north[~some] == 0).all()
    whole = tiny.flow.origins(pd.Timestamp("2020-06-01"), pd.Timestamp("2019-01-01"), tiny.ice)
    np.testing.assert_array_equal(east[some], whole[0][some])
    for part in tiny.flow.origins(pd.Timestamp("2020-06-01"), pd.Timestamp("2020-06-01"), tiny.ice):
        assert (part == 0).all()


def test_the_season_follows_its_cosine_and_vanishes_over_a_year():
    flow = seasonal(field(lambda x, y: 100.0, lambda x, y: 0.0))
    fastest, slowest = pd.Timestamp("2017-04-10"), pd.Timestamp("2017-10-09T15:00")  # days 100 and 100 + 182.6
    assert flow.velocity(fastest)[0][5, 5] == pytest.approx(140, abs=0.01)
    assert flow.velocity(slowest)[0][5, 5] == pytest.approx(60, abs=0.01)
    assert flow.mean_velocity(pd.Timestamp("2016-01-01"), pd.Timestamp("2020-01-01"))[0][5, 5] == pytest.approx(100, abs=0.05)
    quarter = pd.Timedelta(days=YEAR / 4)  # the mean of a cosine over its upper half is 2/π
    assert flow.mean_velocity(fastest - quarter, fastest + quarter)[0][5, 5] == pytest.approx(100 * (1 + 0.4 * 2 / np.pi), abs=0.1)


def test_the_surge_pulses_from_nothing_to_one_and_back():
    flow = surging(field(lambda x, y: 0.0, lambda x, y: -1000.0))
    start, peak, end = (pd.Timestamp(day) for day in (SURGE.start, SURGE.peak, SURGE.end))
    half = start + (peak - start) / 2
    speeds = [flow.velocity(time)[1][7, 7] for time in (start, half, peak, end, end + pd.Timedelta(days=1))]
    np.testing.assert_allclose(speeds, [0, -500, -1000, 0, 0], atol=0.01)
    assert flow.mean_velocity(start, end)[1][7, 7] == pytest.approx(-500, rel=2e-3)  # sin² means a half
    _, north = flow.origins(end, start, np.ones((SIZE, SIZE), bool))
    np.testing.assert_allclose(north, 500 * (end - start).days / YEAR, rtol=2e-3)


def test_the_mean_velocity_is_the_mean_of_velocities(tiny):
    start, end = pd.Timestamp("2019-11-07"), pd.Timestamp("2020-08-19")
    moments = start + (np.arange(150) + 0.5) / 150 * (end - start)
    several = np.mean([tiny.flow.velocity(moment) for moment in moments], axis=0)
    np.testing.assert_allclose(tiny.flow.mean_velocity(start, end), several, atol=2e-3 * np.abs(several).max())


def test_the_mean_velocity_is_the_same_backwards(tiny):
    start, end = pd.Timestamp("2019-11-07"), pd.Timestamp("2020-08-19")
    np.testing.assert_allclose(tiny.flow.mean_velocity(end, start), tiny.flow.mean_velocity(start, end), rtol=1e-5)


@settings(max_examples=40)
@given(days=st.lists(st.floats(0, 3000), min_size=3, max_size=3))
@example(days=[0.0, 0.0, 66.0])
def test_integrals_add_up_over_adjoining_spans(days):
    flow = surging(field(lambda x, y: 1.0, lambda x, y: 0.0))
    a, b, c = (EPOCH + pd.Timedelta(days=day) for day in days)
    whole, parts = flow.integrals(a, c), flow.integrals(a, b) + flow.integrals(b, c)
    np.testing.assert_allclose(whole, parts, atol=6e-3)  # years: the error of the mid-point rule, most of it the surge's
    np.testing.assert_array_equal(flow.integrals(a, c), -flow.integrals(c, a))
    assert whole[0] == pytest.approx((c - a) / pd.Timedelta(days=YEAR))
