"""The figure of an outlook: what is drawn is what was told."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.report import outlook


def told(lakes: int = 3, cost_ratio: float | None = 0.1) -> dict:
    rows = []
    for number in range(lakes):
        chance = 0.02 * 2.0**number
        alert = None if cost_ratio is None else chance >= cost_ratio
        row = {"chance": chance, "low": chance / 2, "high": min(1.0, 2 * chance), "season": 0.03, "alert": alert}
        rows.append({"lake": f"lake {number}", "outlook": [{"horizon": horizon, **row} for horizon in (7, 30)]})
    said = ["It rests on 4 floods of 1 lake. 4 floods: too few for any claim of skill (fewer than 8)."]
    return {
        "issue": "2022-05-01", "model": "logistic", "horizons": [7, 30], "level": 0.95, "cost_ratio": cost_ratio, "claims": said,
        "lakes": rows,
    }  # fmt: skip


def test_the_lake_of_the_highest_chance_stands_at_the_top():
    figure = outlook.outlook(told())
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["lake 2", "lake 1", "lake 0"]
    offsets = first.collections[2].get_offsets()
    np.testing.assert_allclose(offsets[:, 0], [8, 4, 2])  # %
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["within 7 days", "within 30 days"]


def test_the_cost_ratio_is_drawn_where_one_was_stated():
    words = [[text.get_text() for text in outlook.outlook(told(cost_ratio=ratio)).legends[0].get_texts()] for ratio in (0.1, None)]
    assert "cost ratio" in words[0] and "alert" in words[0]
    assert words[1] == ["season", "model, with its 95 % interval"]


def test_the_number_of_floods_stands_above_it():
    assert "4 floods: too few for any claim of skill" in outlook.outlook(told()).get_suptitle()


def test_of_many_lakes_those_of_the_highest_chance_are_drawn_and_that_is_said():
    figure = outlook.outlook(told(5), most=2)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["lake 4", "lake 3"]
    assert "2 of 5 lakes" in figure.get_suptitle()


def test_an_outlook_of_no_lake_is_refused():
    with pytest.raises(InputError, match="at least one lake to draw"):
        outlook.outlook(told(0))
