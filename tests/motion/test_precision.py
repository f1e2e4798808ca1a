"""Precision: inflation is that of a slow simulation of passes, and variances are those of repeated noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from glaciercast.motion import precision


@pytest.mark.parametrize("passes", [1, 3])
def test_noise_of_passes_is_that_of_filters_applied_in_turn(passes):
    noise = np.random.default_rng(0).normal(size=(256, 256))
    sigma = 5.0
    step = gaussian_filter(noise, sigma, mode="wrap")
    field = step
    for _ in range(passes):
        before = gaussian_filter(field, precision.SMOOTHING * sigma, mode="wrap")
        field = before + step - gaussian_filter(before, sigma, mode="wrap")
    assert field.var() / step.var() == pytest.approx(precision.inflation(passes), rel=0.1)


def test_more_passes_let_more_noise_in():
    grown = [precision.inflation(passes) for passes in (0, 1, 2, 3, 10)]
    assert grown[0] == 1 and (np.diff(grown) > 0).all()
