"""From when a flood could have been known."""

import pandas as pd

from glaciercast.hazard import known


def floods(**columns: str | None) -> pd.DataFrame:
    """Return a flood that began on 29 May 2020, with some of its times."""
    times = {"latest": "2020-05-29", "end": None} | columns
    return pd.DataFrame({key: pd.Series([value], dtype="datetime64[ns]") for key, value in times.items()})


def test_a_flood_is_known_on_the_day_after_its_last_or_when_it_was_told():
    told = {
        "2020-05-30": floods(),
        "2020-06-04": floods(end="2020-06-03"),
        "2020-06-05": floods(end="2020-06-04T13:00"),
        "2020-07-10T06:00": floods(end="2020-06-03", available_at="2020-07-10T06:00"),
        "2020-06-06": floods(end="2020-06-05", available_at="2020-06-05"),  # on its last day it was not over
        "2020-05-31": floods(available_at=None, latest="2020-05-30"),
    }
    for time, events in told.items():
        assert known.known_at(events).tolist() == [pd.Timestamp(time)]
        assert len(known.by(events, pd.Timestamp(time))) == 1
        assert len(known.by(events, pd.Timestamp(time) - pd.Timedelta(1, "ns"))) == 0


def test_a_flood_without_an_end_is_over_on_the_last_day_on_which_it_may_have_begun():
    assert known.over(floods()).tolist() == [pd.Timestamp("2020-05-29")]
    assert known.over(floods(end="2020-06-03")).tolist() == [pd.Timestamp("2020-06-03")]
