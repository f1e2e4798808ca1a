"""Coverage: dates, gaps and months that never were."""

import numpy as np

from glaciercast.explore.coverage import coverage

DAYS = np.array(["2019-01-10", "2019-01-20", "2019-04-05", "2019-05-01"], "datetime64[ns]")


def test_dates_gaps_and_months_of_four_scenes_one_of_which_saw_nothing():
    found = coverage(DAYS, np.array([1.0, 0.5, 0.0, 0.25]))
    assert (found["dates"], found["seen"], found["first"], found["last"]) == (4, 3, "2019-01-10", "2019-05-01")
    assert found["longest_gap_days"] == 101 and found["longest_gap"] == ["2019-01-20", "2019-05-01"]
    assert found["months"] == 5 and found["months_without"] == ["2019-02", "2019-03", "2019-04"]
    assert found["by_calendar_month"][:5] == [0.75, None, None, 0.0, 0.25] and found["mean_share"] == 0.4375


def test_order_does_not_matter():
    assert coverage(DAYS[::-1], np.array([0.25, 0.0, 0.5, 1.0])) == coverage(DAYS, np.array([1.0, 0.5, 0.0, 0.25]))


def test_nothing_seen_is_said_so():
    found = coverage(DAYS, np.zeros(4))
    assert found["seen"] == 0 and found["first"] is None and found["longest_gap_days"] is None
