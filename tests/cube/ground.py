"""Ground with a known place: scenes of it may lie a fraction of a pixel off, under clouds."""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage

SIZE, MARGIN = 160, 24
EVERYWHERE = np.ones((SIZE, SIZE), bool)
NOWHERE = ~EVERYWHERE
WHOLE = SIZE + 2 * MARGIN
METRES = (30.0, 0.0, 738045.0, 0.0, -30.0, 3567705.0)
"""Affine map of a grid of 30 m."""


@functools.cache
def ground():
    """Return the ground's spectrum: a power law that ends before the finest detail, so that Fourier shifts are exact."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(np.fft.fftfreq(WHOLE)[:, None], np.fft.fftfreq(WHOLE)[None, :])
    frequency[0, 0] = 1
    field = np.fft.fft2(rng.normal(size=(WHOLE, WHOLE))) * frequency**-1.2 * np.exp(-((frequency / 0.25) ** 4))
    return field / np.fft.ifft2(field).real.std()


def scene(columns=0.0, rows=0.0, noise=0.0, seed=0):
    """Return the ground as seen with its content `columns` to the right of and `rows` below where it belongs."""
    phase = np.fft.fftfreq(WHOLE)[:, None] * rows + np.fft.fftfreq(WHOLE)[None, :] * columns
    image = np.fft.ifft2(ground() * np.exp(-2j * np.pi * phase)).real[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return (image + noise * np.random.default_rng(seed).normal(size=image.shape)).astype("float32")


def clouds(seed, share):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), 8)
    return field > np.quantile(field, 1 - share)
