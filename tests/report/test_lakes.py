"""The figure of a lake: areas with error bars, drainage, units."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from tests.hazard import made_lakes as made

from glaciercast.hazard import lakes
from glaciercast.report.lakes import series

DAYS = ["2020-06-01", "2020-06-09", "2020-06-17", "2020-06-25"]


def follow(radii, clears=None):
    scenes = made.scenes([made.disc(radius) for radius in radii], DAYS[: len(radii)], clears)
    return lakes.follow(made.cube({"/optical/landsat": scenes}), at=made.degrees(40, 40), name="upper")


def test_areas_drainage_and_outlines_are_drawn_with_units():
    figure = series(follow([10.0, 11.0, 3.0, 3.4]))
    top, rates, seen, plan = figure.axes
    assert top.get_ylabel() == "Area of the lake (km²), bars 1 σ" and rates.get_ylabel() == "Filling\n(m²/day)"
    assert seen.get_ylabel() == "Surroundings\n(%)" and plan.get_xlabel() == "Easting (m, EPSG:32643)"
    assert top.get_title(loc="left") == "upper: 4 areas from 4 scenes"
    assert [text.get_text() for text in top.get_legend().get_texts()] == ["drainage, confidence high", "OLI"]
    assert any(isinstance(artist, LineCollection) for artist in top.collections)  # error bars
    drawn = np.concatenate([line.get_ydata() for line in top.lines if len(line.get_ydata()) == 4])
    assert drawn.max() == pytest.approx(np.pi * 0.33**2, rel=0.02)
    assert [text.get_text().split(":")[0] for text in plan.get_legend().get_texts()[:3]] == [DAYS[0], DAYS[1], DAYS[3]]


def test_a_small_lake_is_drawn_in_hectares_and_none_is_refused():
    assert "(ha)" in series(follow([4.0, 4.0])).axes[0].get_ylabel()
    none = np.zeros((made.SIDE, made.SIDE), bool)
    with pytest.raises(ValueError, match="expected a lake with areas"):
        series(follow([4.0], [none]))
