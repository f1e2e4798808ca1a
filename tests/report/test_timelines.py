"""Coverage and season draw the shares given and refuse what cannot be drawn truly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num

from glaciercast.errors import InputError
from glaciercast.report.timelines import coverage, season

TIME = pd.date_range("2020-01", periods=12, freq="MS").to_numpy()
SPLIT = {"train": ("2020-01", "2020-04"), "validation": ("2020-06", "2020-07"), "test": ("2020-10", "2020-12")}
SHARES = np.linspace(0.0, 1.0, 12)


def test_coverage_draws_shares_and_says_how_much_of_each_part_was_seen() -> None:
    axes = coverage(TIME, SHARES, SPLIT).axes[0]
    np.testing.assert_allclose([bar.get_height() for bar in axes.containers[0]], 100 * SHARES)
    # means of the steps 0-3, 5-6 and 9-11 of 0, 1/11, ..., 1
    assert [text.get_text() for text in axes.texts] == ["train\n14 % seen", "validation\n50 % seen", "test\n91 % seen"]
    assert axes.get_ylabel() == "Observed share of pixels (%)"


def test_parts_are_shaded_with_both_ends_and_gaps_lie_between() -> None:
    axes = coverage(TIME, SHARES, SPLIT).axes[0]
    bars = set(axes.containers[0])
    spans = [patch for patch in axes.patches if patch not in bars]
    gaps = [patch for patch in spans if patch.get_hatch()]
    assert len(spans) == 5 and len(gaps) == 2
    months = date2num(TIME)
    inside = [[int(i) for i, day in enumerate(months) if s.get_x() <= day <= s.get_x() + s.get_width()] for s in spans if s not in gaps]
    assert inside == [[0, 1, 2, 3], [5, 6], [9, 10, 11]]


def test_scene_counts_get_their_own_axis() -> None:
    axes = coverage(TIME, SHARES, SPLIT, scene_counts=np.arange(12)).axes
    assert [bar.get_height() for bar in axes[1].containers[0]] == list(range(12))
    assert axes[1].get_ylabel() == "Scenes (count)" and axes[1].get_xlabel() == "Time"


def test_coverage_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        coverage(TIME, SHARES * 2, SPLIT)
    with pytest.raises(InputError, match="one observed share a step"):
        coverage(TIME, SHARES[:-1], SPLIT)
    with pytest.raises(InputError, match=r"part 'test' \(2031-01 to 2031-12\) holds no step between 2020-01 and 2020-12"):
        coverage(TIME, SHARES, {"test": ("2031-01", "2031-12")})


def test_season_draws_each_mask_and_leaves_unobserved_months_open() -> None:
    shares = [0.9, *[0.5] * 10, np.nan]
    axes = season(range(1, 13), {"NDSI ≥ 0.3": shares, "NDSI ≥ 0.4": [0.4] * 12}).axes[0]
    lines = {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()}
    np.testing.assert_allclose(lines["NDSI ≥ 0.3"], 100 * np.asarray(shares))
    np.testing.assert_allclose(lines["NDSI ≥ 0.4"], 40.0)
    assert [tick.get_text() for tick in axes.get_xticklabels()][:3] == ["Jan", "Feb", "Mar"]
    assert axes.get_ylabel() == "Snow, share of observed pixels (%)"


def test_season_refuses_percentages_and_thirteenth_months() -> None:
    with pytest.raises(InputError, match="shares of 'mask' must lie between 0 and 1"):
        season([1], {"mask": [55.0]})
    with pytest.raises(InputError, match="calendar months"):
        season([13], {"mask": [0.5]})
    with pytest.raises(InputError, match="needs 2 values"):
        season([1, 2], {"mask": [0.5]})
