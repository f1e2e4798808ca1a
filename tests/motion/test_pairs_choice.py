"""Which scenes are paired: of one ground track, clear enough, known in time."""

import datetime

import numpy as np
import pytest
import xarray as xr

from glaciercast.errors import InputError
from glaciercast.motion.pairs_choice import OwnConfig, choose, track_of

DAYS = np.array(["2020-01-01", "2020-01-08", "2020-01-17", "2020-01-24", "2020-02-02"], "datetime64[ns]")
IDS = ["landsat-8_147_20200101", "landsat-8_148_20200108", "landsat-8_147_20200117", "landsat-9_148_20200124", "landsat-9_147_20200202"]
SCENES = xr.Dataset(
    {"scene_id": ("time", np.array(IDS, object)), "available_at": ("time", DAYS + np.timedelta64(16, "D"))}, coords={"time": DAYS}
)
CLEAR = np.ones(5)


def pairs(found):
    return list(zip(found.earlier.tolist(), found.later.tolist(), strict=True))


def test_scenes_of_one_path_are_paired_whatever_the_satellite():
    found = choose(SCENES, CLEAR, OwnConfig(min_days=10, max_days=32))
    assert pairs(found) == [(0, 2), (1, 3), (0, 4), (2, 4)]
    every = choose(SCENES, CLEAR, OwnConfig(min_days=10, max_days=32, one_track=False))
    assert len(every.later) == 6 and found.left_out["pairs of two tracks"] == 2


def test_clouded_and_later_scenes_are_left_out():
    clear = np.array([1.0, 1, 0.2, 1, 1])
    assert pairs(choose(SCENES, clear, OwnConfig(max_days=32))) == [(1, 3), (0, 4)]
    known = choose(SCENES, CLEAR, OwnConfig(max_days=32), until=datetime.date(2020, 2, 9))
    assert pairs(known) == [(0, 2), (1, 3)] and known.left_out["scenes available later"] == 1


def test_the_most_pairs_are_spread_over_time():
    found = choose(SCENES, CLEAR, OwnConfig(max_days=32, max_pairs=2))
    assert found.left_out["pairs beyond the most"] == 2 and found.later.tolist() == [2, 4]


def test_identifiers_of_other_scenes_tell_no_track():
    assert track_of(np.array(IDS)).tolist() == ["147", "148", "147", "148", "147"]
    assert track_of(np.array(["sentinel-2b_R043_20190629"])).tolist() == ["R043"]
    assert track_of(np.array(["scene_20200101", IDS[0]])).tolist() == ["", ""]


def test_what_leaves_no_pair_is_told():
    with pytest.raises(InputError, match=r"none of 4 scenes pairs with another over 40 to 50 days \(1 scenes too little clear\)"):
        choose(SCENES, np.array([1, 1, 0.1, 1, 1]), OwnConfig(min_days=40, max_days=50))
    with pytest.raises(InputError, match=r"pairs: none of 4 is of one ground track; own.one_track=false takes them all the same"):
        choose(SCENES, CLEAR, OwnConfig(min_days=5, max_days=10))
