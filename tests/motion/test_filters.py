"""Filters: gaps are filled from around, spectra have their slopes, weights are those of the theory, splines give the image back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, spline_filter

from glaciercast.motion import filters, textures
from glaciercast.motion.filters import BINS, RINGS
from glaciercast.motion.textures import Transformed

SIZE = 256
EVERYWHERE = np.ones((SIZE, SIZE), bool)
INNER = slice(24, -24), slice(24, -24)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(SIZE, SIZE))


def test_gaps_take_the_mean_of_what_surrounds_them():
    image = np.full((SIZE, SIZE), 7.0)
    image[:, SIZE // 2 :] = 9.0
    usable = EVERYWHERE.copy()
    usable[100:120, 40:60] = usable[100:120, 200:220] = False
    image[~usable] = -999
    whole = filters.filled(image, usable)
    assert whole[110, 50] + image[usable].mean() == pytest.approx(7, abs=1e-3)
    assert whole[110, 210] + image[usable].mean() == pytest.approx(9, abs=1e-3)


def test_white_noise_has_flat_power():
    power = Transformed(filters.filled(noise(), EVERYWHERE), EVERYWHERE).power()
    inner = power[(RINGS > 0.05) & (RINGS < 0.5)]
    assert inner.std() / inner.mean() < 0.15


def test_texture_is_the_weighted_image_of_even_contrast_as_spline_coefficients():
    image = gaussian_filter(noise(), 1.5)
    bright = np.linspace(1, 5, SIZE)[None, :]
    weight = filters.low_pass()
    plain, uneven = (Transformed(filters.filled(one, EVERYWHERE), EVERYWHERE).texture(weight) for one in (image, image * bright))
    assert np.corrcoef(plain[INNER].ravel(), spline_filter(image, order=3)[INNER].ravel())[0, 1] > 0.97
    thirds = [part.std() for part in np.array_split(uneven[INNER], 3, axis=1)]
    assert max(thirds) / min(thirds) < 1.1


def test_what_is_not_usable_is_zero_in_texture():
    usable = EVERYWHERE.copy()
    usable[50:90, 50:90] = False
    found = Transformed(filters.filled(noise(), usable), usable).texture(filters.low_pass())
    assert not found[~usable].any() and found[usable].any()


def test_weights_are_those_of_the_theory():
    power = 1 / np.maximum(RINGS, RINGS[1]) ** 2
    half = filters.half_whitening(power) / filters.low_pass().clip(1e-12)
    assert half[20] / half[10] == pytest.approx((power[20] / power[10]) ** -0.25)
    coherence = np.linspace(0.9, 0.1, BINS)
    likely = filters.most_likely(power, coherence) / filters.low_pass().clip(1e-12)
    expected = np.sqrt(coherence / (power * (1 - coherence**2)))
    assert likely[20] / likely[10] == pytest.approx(expected[20] / expected[10])
    np.testing.assert_array_equal(filters.most_likely(power, np.zeros(BINS)), filters.half_whitening(power))


def test_coherence_is_the_share_of_power_that_images_have_in_common():
    shared = noise(1)
    first, second = (shared + 0.5 * noise(seed) for seed in (2, 3))
    spectra = filters.cross_spectra(first, second, EVERYWHERE)
    found = filters.coherence(spectra)
    assert found[8:40].mean() == pytest.approx(1 / 1.25, abs=0.02)
    assert not filters.coherence(filters.cross_spectra(first, second, ~EVERYWHERE)).any()


def test_a_flat_part_has_no_contrast():
    layer = noise().astype("float32")
    layer[:, :128] = 0
    scale = textures.local_contrast(layer, EVERYWHERE)
    assert not scale[:, :32].any()
    assert scale[:, 220:].mean() == pytest.approx(1, abs=0.1)
