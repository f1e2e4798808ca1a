"""Layers of a map of motion lie where their grid does, whatever they hold."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.report import style, vectors

AT = GeoBox((4, 6), Affine(100, 0, 500000, 0, -100, 4000000), "EPSG:32643")


def panel():
    figure = style.new_figure(4, 3)
    return figure, figure.subplots()


def test_extent_and_centres_are_kilometres_of_the_grid():
    assert vectors.extent_km(AT) == pytest.approx((500.0, 500.6, 3999.6, 4000.0))
    x, y = vectors.centres_km(AT, np.array([0, 3]), np.array([0, 5]))
    np.testing.assert_allclose([x, y], [[500.05, 500.55], [3999.95, 3999.65]])


def test_colours_end_where_one_percent_is_above_and_never_at_zero():
    values = np.linspace(0, 100, 1001)
    assert vectors.limit(values) == pytest.approx(99)
    assert vectors.limit(np.append(values, np.nan)) == pytest.approx(99)
    assert vectors.limit(np.zeros(5)) == vectors.limit(np.full(3, np.nan)) == 1.0


def test_a_layer_bears_its_values_and_says_where_colours_end():
    values = np.arange(24.0).reshape(4, 6)
    values[1, 1] = np.nan
    figure, axes = panel()
    drawn = vectors.layer(figure, axes, values, AT, vectors.SPEED_MAP, "speed (m/yr)")
    shown = drawn.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), np.isnan(values))
    np.testing.assert_array_equal(shown.compressed(), values[np.isfinite(values)])
    assert drawn.get_extent() == [500.0, 500.6, 3999.6, 4000.0]
    assert drawn.colorbar.extend == "max" and drawn.colorbar.ax.get_ylabel() == "speed (m/yr)"
    assert vectors.layer(figure, axes, np.zeros((4, 6)), AT, vectors.SPEED_MAP, "").colorbar.extend == "neither"


def test_a_scene_is_grey_between_percentiles_and_one_of_a_single_value_can_be_drawn():
    _, axes = panel()
    image = np.linspace(0, 1, 24).reshape(4, 6)
    low, high = vectors.scene(axes, image, AT).get_clim()
    assert (low, high) == pytest.approx(tuple(np.percentile(image, [2, 98])))
    assert vectors.scene(axes, np.full((4, 6), 7.0), AT).get_clim() == (7, 8)
    assert vectors.scene(axes, np.full((4, 6), np.nan), AT).get_clim() == (0, 1)


def test_an_arrow_of_the_given_speed_has_the_given_length():
    _, axes = panel()
    drawn = vectors.arrows(axes, (np.array([500.1]), np.array([3999.8])), (np.array([30.0]), np.array([-40.0])), 0.2, 100.0)
    assert drawn.scale_units == drawn.angles == "xy" and 100 / drawn.scale == pytest.approx(0.2)
    assert (drawn.U[0], drawn.V[0]) == (30, -40) and tuple(drawn.XY[0]) == (500.1, 3999.8)


def test_the_edge_of_the_ice_runs_between_centres_inside_and_outside():
    ice = np.zeros((4, 6), bool)
    ice[1:3, 2:4] = True
    _, axes = panel()
    vectors.outline(axes, ice, AT)
    line = np.concatenate([path.vertices for path in axes.collections[-1].get_paths()])
    assert (line[:, 0].min(), line[:, 0].max()) == pytest.approx((500.2, 500.4))
    assert (line[:, 1].min(), line[:, 1].max()) == pytest.approx((3999.7, 3999.9))
    assert [key.get_label() for key in vectors.outline_key(ice)] == ["edge of the ice"] and vectors.outline_key(None) == []


@pytest.mark.parametrize("ice", [None, np.ones((4, 6), bool), np.zeros((4, 6), bool)])
def test_ice_everywhere_or_nowhere_has_no_edge(ice):
    _, axes = panel()
    vectors.outline(axes, ice, AT)
    assert not axes.collections
