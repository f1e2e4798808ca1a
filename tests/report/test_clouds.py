"""A cloud of points is drawn with the region and the box of its peak."""

import numpy as np
import pytest

from glaciercast.motion.density import density, peak
from glaciercast.report import style
from glaciercast.report.clouds import AROUND, cloud


def drawn(points):
    figure = style.new_figure(5, 4)
    panel = figure.subplots()
    cloud(figure, panel, points, ("vx", "vy"), "m/yr", "Stable ground")
    return figure, panel


def test_box_region_and_title_are_those_of_the_peak():
    points = np.random.default_rng(0).normal(size=(2, 5000)) * [[3.0], [1.0]] + [[2.0], [0.0]]
    figure, panel = drawn(tuple(points))
    box = peak(density(*points))
    half_u, half_v = box.half_widths
    rectangle = panel.patches[0]
    assert (rectangle.get_x(), rectangle.get_y()) == (box.left, box.low)
    assert (rectangle.get_width(), rectangle.get_height()) == pytest.approx((2 * half_u, 2 * half_v))
    line = np.concatenate([path.vertices for path in panel.collections[2].get_paths()])
    assert line[:, 0].min() == pytest.approx(box.left, abs=0.1) and line[:, 1].max() == pytest.approx(box.high, abs=0.1)
    assert panel.collections[0].get_array().max() == 1 and len(panel.collections[1].get_offsets()) == 2500
    assert panel.get_xlim() == pytest.approx((box.u - AROUND * half_u, box.u + AROUND * half_u))
    assert panel.get_xlabel() == "vx (m/yr)" and panel.get_ylabel() == "vy (m/yr)"
    share = f"{box.outside(*points):.0%} outside"
    assert panel.get_title(loc="left") + panel.get_title() == (
        f"Stable ground: 5000 vectors\n2 σ half-widths {half_u:.3g} and {half_v:.3g} m/yr (box); {share}"
    )
    assert figure.axes[1].get_ylabel() == "density over its peak; line: e⁻²"


def test_too_few_points_are_said_to_be_too_few():
    _, panel = drawn((np.zeros(3), np.ones(3)))
    assert panel.get_title(loc="left") + panel.get_title() == "Stable ground: too few vectors" and not panel.collections
