"""What the networks read: numbers of order one by the training samples, the newest of each series, and nothing carried back."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.hazard import network_inputs, network_views, windows
from glaciercast.hazard.network_cache import Seen
from glaciercast.hazard.samples import Samples


def made(series: np.ndarray) -> windows.Windows:
    return windows.Windows(series.astype("float32"), np.full(len(series), -1), np.full(len(series), np.nan, dtype="float32"))


def samples(days: list[str], **features: list[float]) -> Samples:
    values = np.array(list(features.values()), dtype="float64").T.reshape(len(days), len(features))
    issue = np.array(days, dtype="datetime64[ns]")
    return Samples(np.full(len(days), "a", object), issue, values, np.full_like(values, np.nan), tuple(features), {}, {}, pd.DataFrame())


def test_speed_is_that_of_the_mean_components_with_its_age_and_its_rise():
    series = np.zeros((2, 4, len(windows.CHANNELS)))
    for name, old, new in (("vx", 0.6, 3.0), ("vy", 0.8, -4.0)):
        place = windows.CHANNELS.index(name)
        series[0, 0, place : place + 2] = old, 1
        series[0, 2, place : place + 2] = new, 1
    first = 3 * network_inputs.READ.index("speed")
    told = network_inputs.latest(made(series))
    assert told[0, first : first + 3] == pytest.approx([5.0, 0.25, 4.0])
    assert np.isnan(told[0, :first]).all()
    assert np.isnan(told[1]).all()


def test_what_is_carried_forward_is_never_carried_back():
    series = np.zeros((1, 4, len(windows.CHANNELS)))
    place = windows.CHANNELS.index("area_share")
    series[0, 3, place : place + 2] = 0.7, 1
    newest, age, rise = network_inputs.latest(made(series))[0, :3]
    assert (newest, age) == pytest.approx((0.7, 0.0))
    assert np.isnan(rise)


def test_columns_have_median_0_and_deviation_1_and_what_is_missing_is_told_where_it_varies():
    values = np.array([[1.0, 5.0, np.nan], [2.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    known = network_inputs.Standard.of(values)
    found = known.columns(values)
    assert found[:, 0] == pytest.approx(np.array([-1, 0, 1]) / np.sqrt(2 / 3))
    assert found[:, 1:3].tolist() == [[0, 0], [0, 0], [0, 0]]
    assert found[:, 3:].tolist() == [[0], [1], [0]]
    assert known.size == found.shape[1] == 4


def test_a_value_that_training_never_saw_is_no_farther_than_the_bound():
    known = network_inputs.Standard.of(np.array([[0.0], [1.0], [2.0]]))
    assert known.columns(np.array([[1e9], [-1e9]]))[:, 0].tolist() == [network_inputs.FARTHEST, -network_inputs.FARTHEST]


def test_who_sees_no_table_reads_dates_of_floods_beside_the_images_alone():
    some = samples(["2018-01-01"], area=[3.0], past_floods=[2.0], speed=[1.0])
    readings = np.arange(len(network_views.READINGS), dtype="float64")[None]
    seen = Seen(made(np.zeros((1, 2, len(windows.CHANNELS)))), None, readings)
    assert network_inputs.seen_table(some, seen).tolist() == [[*readings[0], 2.0]]
    heard = network_inputs.heard_table(some, seen)[0]
    assert heard[:3].tolist() == [3.0, 2.0, 1.0]
    assert np.isnan(heard[3:]).all()
