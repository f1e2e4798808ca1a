"""Arrows of flow are drawn every forty pixels, on one scale, upwards where rows count downwards."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.errors import InputError
from glaciercast.motion.flow import CAVEAT, Flow
from glaciercast.report.flow import FlowRow, flow_figure

AT = GeoBox((80, 120), Affine(30, 0, 500000, 0, -30, 4000000), "EPSG:32643")


def row(dx: float, dy: float, lengths: list[float | None], number: int = 2) -> FlowRow:
    frames = np.stack([np.full(AT.shape, float(k)) for k in range(number)])
    return FlowRow(frames, [Flow(np.full(AT.shape, dx), np.full(AT.shape, dy))] * number, lengths)


def figure():
    rows = {"truth": row(3.0, 4.0, [5.0, None]), "unet": row(0.0, 1.0, [4.25, 0.1])}
    return flow_figure(rows, AT, ["2021-05-01 → 2021-06-01", "2021-06-01 → 2021-07-01"], "NDSI (dimensionless)", "Flow of NDSI", CAVEAT)


def test_arrows_lie_every_forty_pixels_and_all_have_the_scale_of_the_longest():
    panels = figure().axes[:4]
    for panel, (dx, dy) in zip(panels, [(3, 4)] * 2 + [(0, 1)] * 2, strict=True):
        arrows = panel.collections[0]
        np.testing.assert_allclose(arrows.XY[:4], [[500.615, 3999.385], [501.815, 3999.385], [503.015, 3999.385], [500.615, 3998.185]])
        assert len(arrows.U) == 6 and set(arrows.U) == {dx} and set(arrows.V) == {-dy}
        assert 5 / arrows.scale == pytest.approx(1.2)  # 40 px of 30 m
    assert [float(panel.images[0].get_array().mean()) for panel in panels] == [0, 1, 0, 1]
    assert len({panel.images[0].get_clim() for panel in panels}) == 1


def test_lengths_are_told_in_pixels_and_metres_a_step_with_the_caveat():
    drawn = figure()
    titles = [panel.get_title(loc="left") + panel.get_title() for panel in drawn.axes[:4]]
    assert titles == [
        "2021-05-01 → 2021-06-01\nmean flow 5.00 px = 150 m",
        "2021-06-01 → 2021-07-01\nnothing observed in both",
        "2021-05-01 → 2021-06-01\nend-point error 4.25 px = 128 m",
        "2021-06-01 → 2021-07-01\nend-point error 0.10 px = 3 m",
    ]
    assert drawn.get_suptitle() == "Flow of NDSI\nlongest arrow: 5.00 px = 150 m a step"
    assert drawn.get_supxlabel().replace("\n", " ").lower() == CAVEAT.lower() + "."
    assert drawn.axes[4].get_ylabel() == "NDSI (dimensionless)" and drawn.axes[0].get_ylabel() == "truth\nNorthing (km)"


def test_only_the_first_steps_are_drawn_and_no_flow_can_be():
    drawn = flow_figure({"truth": row(0, 0, [0.0] * 6, 6)}, AT, ["a"] * 6, "", "", "")
    assert len(drawn.axes) == 5 and "longest arrow: 1.00 px" in drawn.get_suptitle()


def test_what_was_not_observed_is_hatched_and_has_no_arrows_and_forecasts_are_whole():
    """The truth is seen on the left and then on the upper half; its second step ends where nothing is."""
    observed = np.zeros((3, *AT.shape), bool)
    observed[0, :, :60] = observed[1, :40] = True
    true = row(30.0, 0.0, [30.0, None])
    true.flows[0].dx[:, 60:] = 300.0  # of what was not seen: neither drawn nor the longest arrow
    steps = ["2021-05-01 → 2021-06-01", "2021-06-01 → 2021-07-01"]
    rows = {"truth": true._replace(observed=observed), "unet": row(0.0, 1.0, [4.25, None])}
    drawn = flow_figure(rows, AT, steps, "", "Flow", "")
    first, second, *forecasts = drawn.axes[:4]
    for panel, seen in ((first, observed[0]), (second, observed[1])):
        np.testing.assert_array_equal(np.ma.getmaskarray(panel.images[0].get_array()), ~seen)
        assert panel.patches[0].get_hatch() == "/////"
    np.testing.assert_allclose(first.collections[0].XY, [[500.615, 3999.385]])  # one of the six lies in both
    assert len(second.collections[0].U) == 0 and "longest arrow: 30.00 px" in drawn.get_suptitle()
    for panel in forecasts:
        assert not np.ma.getmaskarray(panel.images[0].get_array()).any() and len(panel.collections[0].U) == 6
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["not observed"]
    with pytest.raises(InputError, match="expected 3 observed frames of truth, found 2"):
        flow_figure({"truth": true._replace(observed=observed[:2])}, AT, steps, "", "", "")


def test_rows_of_other_steps_are_refused():
    with pytest.raises(InputError, match="expected 3 flows of truth, found 2 and 2 frames"):
        flow_figure({"truth": row(0, 0, [0, 0])}, AT, ["a"] * 3, "", "", "")
