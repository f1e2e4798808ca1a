"""Settings that do not fit are answered with those that would."""

import pytest

from glaciercast.dataset import fitting
from glaciercast.dataset.config import DatasetConfig
from glaciercast.errors import InputError
from glaciercast.patches import splits

DEFAULT = DatasetConfig()


def test_47_months_hold_the_default_windows_without_velocities():
    assert fitting.largest(DEFAULT, 47, 1) == (4, 4)


def test_47_months_with_pairs_of_18_months_need_other_settings():
    line = fitting.advise(DEFAULT, 47, 19, 1, ("ndsi", "vx", "lst_day"), "shisper")
    assert line == (
        "shisper: has 47 steps, fewer than the 68 that windows of 4 + 4 steps need, as 26 steps between parts belong to none; "
        "--set n_input=2 --set n_target=1 or --set variables=[ndsi,lst_day]"
        " (without velocities, whose image pairs reach 18 steps back) would fit"
    )


@pytest.mark.parametrize("composite", [1, 3, 9])
@pytest.mark.parametrize("n_steps", [10, 23, 31, 47, 60])
def test_what_is_advised_fits_and_nothing_longer_of_its_kind_does(n_steps, composite):
    def fits(n_input, n_target):
        try:
            splits.by_time(n_steps, n_input=n_input, n_target=n_target, history=n_input, composite_length=composite)
        except InputError:
            return False
        return True

    found = fitting.largest(DEFAULT, n_steps, composite)
    assert fits(*found) if found else not fits(1, 1)
    if found and found[0] == found[1] < 4:
        assert not fits(found[0] + 1, found[1] + 1)


def test_a_series_too_short_for_anything_is_told_so():
    line = fitting.advise(DEFAULT, 5, 1, 1, ("ndsi",), "home")
    assert line.endswith("no shorter windows fit: use a finer cadence or a longer series")


def test_settings_that_contradict_each_other_are_refused():
    for keys, text in (
        ({"variables": ("ndsi",), "targets": ("vx",)}, "targets: expected some of the variables, found vx"),
        ({"history": 2}, "history: expected at least the 4 steps of n_input, found 2"),
        ({"left_out": "a"}, "left_out: goes with split=glacier, found split=time"),
        ({"forms": ("tar", "tar")}, "forms: expected each name once, found tar, tar"),
        ({"split": "published"}, "Input should be 'time', 'space', 'both' or 'glacier'"),
    ):
        with pytest.raises(ValueError, match=text):
            DatasetConfig.model_validate(keys)
