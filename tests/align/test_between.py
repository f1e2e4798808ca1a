"""A series on disk is filled in time within runs of usable steps, and comes back as it was put."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.align.between import Spool, runs

TIMES = np.datetime64("2020-01-01", "ns") + np.arange(7) * np.timedelta64(10, "D")


def test_nothing_is_drawn_over_a_polar_night(tmp_path):
    spool = Spool(tmp_path, ["a", "n"], (7, 100, 3))
    for step, value in enumerate((0.0, np.nan, 2.0, np.nan, np.nan, np.nan, 6.0)):
        spool.put(step, {"a": np.full((100, 3), value, "float32"), "n": np.full((100, 3), step, "uint16")})
    usable = np.array([True, True, True, True, False, True, True])
    spool.interpolate("a", TIMES, usable)
    values = [spool.get(step)["a"][99, 2] for step in range(7)]
    np.testing.assert_array_equal(values, [0, 1, 2, np.nan, np.nan, np.nan, 6])
    assert spool.get(5)["n"][0, 0] == 5 and not list(tmp_path.iterdir())


@given(st.lists(st.booleans(), max_size=12))
def test_runs_cover_what_is_true_once(where):
    where = np.array(where, bool)
    covered = np.zeros(len(where), int)
    for run in runs(where):
        assert where[run].all() and run.stop > run.start
        covered[run] += 1
    np.testing.assert_array_equal(covered, where)
