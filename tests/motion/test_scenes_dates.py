"""When a raster was acquired: identifiers of Landsat and Sentinel-2, other names, tags; doubt is refused."""

import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.motion.scenes_dates import acquired, given

NAMES = {
    "LC08_L2SP_147038_20201204_20201220_02_T1_SR_B5.TIF": "2020-12-04",
    "LC81470382020339LGN00_B5.TIF": "2020-12-04",
    "S2A_MSIL2A_20190629T052651_N0213_R105_T43SFR_20201006T080531.tif": "2019-06-29T05:26:51",
    "T43SFR_20190629T052651_B08_10m.jp2": "2019-06-29T05:26:51",
    "20200205.jpg": "2020-02-05",
    "scene-2020-02-05_nir.tif": "2020-02-05",
    "scene_2020_02_05.tif": "2020-02-05",
    "tile12345678_20200205_clip.tif": "2020-02-05",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_tell_the_acquisition(name):
    assert acquired(name, {}) == pd.Timestamp(NAMES[name])


@pytest.mark.parametrize("name", ["nir.tif", "scene_20201345.tif", "b_120200205.tif", "scene_2020-02_05.tif"])
def test_names_without_a_date_tell_none(name):
    assert acquired(name, {}) is None


def test_tags_of_the_acquisition_win_over_the_name_and_the_time_of_writing_comes_last():
    name = "scene_20200205.tif"
    assert acquired(name, {"acquisition_date": "2020-02-07"}) == pd.Timestamp("2020-02-07")
    assert acquired(name, {"DATE_ACQUIRED": "2020-02-06", "TIFFTAG_DATETIME": "2021:01:01 00:00:00"}) == pd.Timestamp("2020-02-06")
    assert acquired(name, {"TIFFTAG_DATETIME": "2021:01:01 00:00:00"}) == pd.Timestamp("2020-02-05")
    assert acquired("nir.tif", {"TIFFTAG_DATETIME": "2020:02:05 10:20:30"}) == pd.Timestamp("2020-02-05T10:20:30")
    assert acquired("nir.tif", {"SENSING_TIME": "2020-02-05T10:20:30+05:30"}) == pd.Timestamp("2020-02-05T04:50:30")


def test_doubt_is_refused():
    with pytest.raises(InputError, match=r"a_20200205_20200301.tif: expected one date in the name, found 2020-02-05 and 2020-03-01; give"):
        acquired("a_20200205_20200301.tif", {})
    with pytest.raises(InputError, match=r"a.tif: tag ACQUISITION_DATE: expected a date such as 2020-02-05, found 'in May'"):
        acquired("a.tif", {"ACQUISITION_DATE": "in May"})
    with pytest.raises(InputError, match=r"--dates: expected a date such as 2020-02-05, found 'NaT'"):
        given("NaT")
