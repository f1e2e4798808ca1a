from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import features, records, windows
from glaciercast.simulate import outbursts

SPEC = outbursts.OutburstSpec(
    lakes=2, draining=1.0, first=dt.date(2018, 1, 1), last=dt.date(2020, 12, 31), seen=outbursts.SeenSpec(images=150)
)
MADE = outbursts.simulate(SPEC, 5)
RECORDS = records.make(MADE.tables, MADE.images)
ISSUES = ["2018-01-15", "2019-03-11", "2019-07-21", "2020-10-02"]


def at(issue, lakes=("lake-000", "lake-001")):
    return pd.DataFrame({"lake": list(lakes), "issue": pd.DatetimeIndex([issue] * len(lakes))})


def channel(found, name):
    return found.series[..., windows.CHANNELS.index(name)]


@pytest.mark.parametrize("issue", ISSUES)
def test_windows_are_those_of_the_records_until_the_issue(issue):
    samples = features.make(RECORDS, at(issue))
    one, other = windows.of(RECORDS, samples), windows.of(RECORDS.until(issue), samples)
    assert one.series.tobytes() == other.series.tobytes()
    assert one.images.tolist() == other.images.tolist()
    assert one.image_age.tobytes() == other.image_age.tobytes()


def test_one_sample_or_all_together():
    samples = features.make(RECORDS)
    together = windows.of(RECORDS, samples)
    alone = windows.of(RECORDS, samples.take(np.array([170])))
    np.testing.assert_array_equal(together.series[170], alone.series[0])
    assert together.series.dtype == np.float32
    assert together.series.shape == (len(samples), 26, len(windows.CHANNELS))
    assert np.isfinite(together.series).all()
    assert np.abs(together.series).max() < 50


def test_the_newest_image_that_was_available():
    samples = features.make(RECORDS, at("2019-07-21"))
    found = windows.of(RECORDS, samples)
    for lake, number, age in zip(samples.lake, found.images, found.image_age, strict=True):
        own = RECORDS.areas[(RECORDS.areas["lake"] == lake) & (RECORDS.areas["available_at"] <= "2019-07-21")]
        table = own.dropna(subset="image")
        assert number == table["image"].iloc[-1]
        assert age == pytest.approx((pd.Timestamp("2019-07-21") - table["time"].iloc[-1]) / pd.Timedelta(days=1), rel=1e-6)


def one_lake(**tables):
    lakes = pd.DataFrame({"lake": ["a"], "lon": [74.0], "lat": [36.0], "watched_from": ["2019-01-01"], "watched_to": ["2021-12-31"]})
    return records.make({"lakes": lakes, "events": pd.DataFrame(columns=list(records.TABLES["events"])), **tables})


def test_steps_hold_means_of_their_days_and_say_what_was_observed():
    time = pd.to_datetime(["2020-06-02", "2020-06-11", "2020-06-12", "2020-06-20"])
    area = pd.DataFrame(
        {
            "lake": "a",
            "time": time,
            "area": [4e4, 2e4, 4e4, 9e4],
            "area_error": 1.0,
            "seen": 1.0,
            "available_at": time + pd.Timedelta(days=3),
        }
    )
    pairs = pd.DataFrame(
        {
            "lake": "a", "first": pd.to_datetime(["2020-05-20", "2020-05-20"]),
            "second": pd.to_datetime(["2020-06-10", "2020-06-11"]),
            "vx": [100.0, 400.0], "vy": [-100.0, 0.0], "v_error": [10.0, 20.0],
            "available_at": pd.to_datetime(["2020-06-20", "2020-06-20"]),
        }
    )  # fmt: skip
    ice = pd.DataFrame(
        {
            "lake": "a",
            "time": pd.to_datetime(["2020-06-15"]),
            "lst_day": 273.15,
            "surface": "ice",
            "available_at": pd.to_datetime(["2020-06-18"]),
        }
    )
    ground = ice.assign(surface="ground", lst_day=293.15)
    found = one_lake(areas=area, motion=pairs, temperature=pd.concat([ice, ground]))
    made = windows.of(found, features.make(found, at("2020-06-22", ["a"])), steps=3, days=7)
    np.testing.assert_allclose(
        channel(made, "area_share")[0], [2, 1.5, 0], rtol=1e-6
    )  # over the third largest; that of the 20th is not known yet
    np.testing.assert_array_equal(channel(made, "area_share_observed")[0], [1, 1, 0])
    np.testing.assert_allclose(channel(made, "vx")[0], [0, (100 * 4 + 400) / 5 / 100, 0], rtol=1e-6)
    np.testing.assert_allclose(channel(made, "vy")[0], [0, -0.8, 0], rtol=1e-6)
    np.testing.assert_allclose(channel(made, "ground")[0], [0, 0, 2], rtol=1e-6)
    np.testing.assert_array_equal(channel(made, "ice_melting")[0], [0, 0, 1])
    assert made.images[0] == -1
    assert np.isnan(made.image_age[0])
    assert (channel(made, "image_age") == 1).all()


def test_reach_and_wrong_lengths():
    assert windows.reach() == 26 * 7
    with pytest.raises(InputError, match="one step"):
        windows.of(RECORDS, features.make(RECORDS, at("2019-01-01")), steps=0)
