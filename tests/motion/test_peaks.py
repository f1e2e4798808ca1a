"""Peaks: both estimators are right on the surfaces that they assume, least squares beats both, and ratios are ratios."""

from __future__ import annotations

import numpy as np
import pytest
from tests.motion.grounds import ground

from glaciercast.motion import chips, coarse, filters, matching, peaks


def surface(form, at_x: float, at_y: float) -> np.ndarray:
    y, x = np.mgrid[0:7, 0:9].astype("float64")
    return form((x - at_x) ** 2 + 0.5 * (y - at_y) ** 2)[None]


@pytest.mark.parametrize(
    ("estimator", "form"), [("parabola", lambda r2: 0.9 - 0.02 * r2), ("gaussian", lambda r2: 0.9 * np.exp(-0.3 * r2))]
)
def test_an_estimator_is_exact_on_the_peak_that_it_assumes(estimator, form):
    columns, rows = peaks.refined(surface(form, 4.3, 2.6), estimator)
    assert columns[0] == pytest.approx(4.3, abs=1e-9)
    assert rows[0] == pytest.approx(2.6, abs=1e-9)


def test_a_peak_at_the_edge_is_not_refined():
    columns, rows = peaks.refined(surface(lambda r2: 1 - 0.01 * r2, -2.0, 3.2), "parabola")
    assert (columns[0], rows[0]) == (0, pytest.approx(3.2))


def test_least_squares_matching_is_closer_than_either_peak():
    size, errors = 160, {"parabola": [], "gaussian": [], "matching": []}
    everywhere = np.ones((size, size), bool)
    nodes = matching.lattice((size, size), 16, 32)
    for part in (0.15, 0.25, 0.35, 0.45):
        images = tuple(filters.filled(image, everywhere) for image in (ground(size), ground(size, part, -part)))
        pair = coarse.textured(images, (everywhere, everywhere))
        surface = matching.surfaces(pair, nodes, 15, np.arange(-2, 3))
        for estimator in ("parabola", "gaussian"):
            columns, rows = peaks.refined(surface, estimator)
            errors[estimator].append(np.hypot(columns - 2 - part, rows - 2 + part).mean())
        found, _ = chips.converge(pair, np.zeros((2, *nodes.shape)), nodes, 32, 2, 0.4)
        errors["matching"].append(np.hypot(found.field[0] - part, found.field[1] + part).mean())
    assert max(errors["parabola"] + errors["gaussian"]) < 0.1
    assert np.mean(errors["matching"]) < 0.5 * min(np.mean(errors["parabola"]), np.mean(errors["gaussian"]))


def test_ratios_compare_the_middle_with_all_others():
    values = np.full((1, 3, 3), 0.1, "float32")
    values[0, 1, 1], values[0, 0, 2] = 0.8, 0.4
    snr, ratio = peaks.standing_out(values, 1)
    assert ratio[0] == pytest.approx(2.0)
    assert snr[0] == pytest.approx(0.8 / np.sqrt((7 * 0.01 + 0.16) / 8))
