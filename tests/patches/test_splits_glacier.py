"""A glacier that is left out is tested after all others were trained on."""

import dataclasses

import pandas as pd
import pytest
from odc.geo.geobox import GeoBox

from glaciercast.errors import InputError, LeakError
from glaciercast.patches import splits, splits_glacier

LENGTHS = {"n_input": 4, "n_target": 4, "history": 12}
STARTS = {
    "home": pd.date_range("2014-01-01", periods=96, freq="MS"),
    "older": pd.date_range("2013-01-01", periods=108, freq="MS"),
    "younger": pd.date_range("2016-01-01", periods=60, freq="MS"),
}


def test_the_others_train_and_validate_on_the_dates_of_the_glacier_that_is_left_out():
    made = splits_glacier.by_glacier(STARTS, "home", **LENGTHS)
    times = splits.by_time(96, **LENGTHS)
    assert made["home"].targets == times.targets and made["home"].issues("test").tolist() == times.issues("test").tolist()
    assert made["home"].issues("train").size == made["home"].issues("validation").size == 0 and made["home"].training_steps == range(0)
    train, validation = times.targets["train"], times.targets["validation"]
    assert made["older"].targets["train"] == range(12, train.stop + 12)  # a year earlier; the first year is history
    assert made["older"].targets["validation"] == range(validation.start + 12, validation.stop + 12)
    assert made["younger"].targets["train"] == range(12, train.stop - 24)
    for name in ("older", "younger"):
        assert made[name].issues("test").size == 0 and made[name].issues("train").size > 0
        last, first = STARTS[name][made[name].targets["validation"].stop - 1], STARTS["home"][times.targets["test"].start]
        assert (first.year - last.year) * 12 + first.month - last.month == times.gap + 1


@pytest.mark.parametrize("composite_length", [1, 3])
def test_what_is_read_of_the_others_ends_a_gap_before_the_test_part(composite_length):
    made = splits_glacier.by_glacier(STARTS, "home", **LENGTHS, composite_length=composite_length)
    first = STARTS["home"][made["home"].targets["test"].start]
    read = [STARTS[name][int(issue) + 4] for name in ("older", "younger") for issue in made[name].issues("validation")]
    months = min((first.year - day.year) * 12 + first.month - day.month - 1 for day in read)
    assert splits_glacier.check_dates(STARTS, made) == months == 4 + 4 - 1 + composite_length
    for part in ("train", "validation"):
        last = made["older"].targets["validation"].stop
        near = dataclasses.replace(made["older"], targets={**made["older"].targets, part: range(last - 30, last + 1)})
        with pytest.raises(LeakError, match=rf"older: {STARTS['older'][last]:%Y-%m-%d} is trained on, {months - 1} steps before"):
            splits_glacier.check_dates(STARTS, {**made, "older": near})


def test_nothing_is_fitted_on_a_glacier_whose_series_begins_after_training_ended():
    late = pd.date_range("2019-01-01", periods=36, freq="MS")
    made = splits_glacier.by_glacier({**STARTS, "late": late}, "home", **LENGTHS)
    home, split = made["home"].targets, made["late"]
    assert late[0] > STARTS["home"][home["train"].stop] and split.training_steps == range(0) and split.issues("train").size == 0
    early = pd.date_range("2018-01-01", periods=48, freq="MS")  # begins in training, and has no year of history before that ends
    known = splits_glacier.by_glacier({**STARTS, "early": early}, "home", **LENGTHS)["early"]
    assert early[known.training_steps.stop] == STARTS["home"][home["train"].stop] and known.issues("train").size == 0
    splits_glacier.check_dates({**STARTS, "late": late, "early": early}, {**made, "early": known})


def test_glaciers_that_cannot_be_compared_are_refused():
    with pytest.raises(InputError, match="unknown glacier 'hom'"):
        splits_glacier.by_glacier(STARTS, "hom", **LENGTHS)
    with pytest.raises(InputError, match="late: expected steps that begin on the days of those of home, found another cadence"):
        splits_glacier.by_glacier({**STARTS, "late": pd.date_range("2016-01-15", periods=60, freq="30D")}, "home", **LENGTHS)
    with pytest.raises(InputError, match="leave out 'home': no other glacier has windows to train and validate on before 20"):
        splits_glacier.by_glacier({"home": STARTS["home"], "new": pd.date_range("2021-01-01", periods=30, freq="MS")}, "home", **LENGTHS)


def test_cubes_that_show_the_same_ground_are_found_across_zones():
    here = GeoBox.from_bbox((77.0, 32.0, 77.2, 32.2), "EPSG:4326", shape=(20, 20)).to_crs("EPSG:32643")
    there = GeoBox.from_bbox((8.0, 46.4, 8.2, 46.6), "EPSG:4326", shape=(20, 20)).to_crs("EPSG:32632")
    splits_glacier.check_apart({"parvati": here, "aletsch": there})
    with pytest.raises(InputError, match="the cubes of parvati and other show the same ground"):
        splits_glacier.check_apart({"parvati": here, "aletsch": there, "other": here.to_crs("EPSG:32644")})
