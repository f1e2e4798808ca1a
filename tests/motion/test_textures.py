"""Textures: tiles fit together, packed transforms are filtered as plain ones, contrast is that of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from glaciercast.motion import filters, textures
from glaciercast.motion.textures import Transformed

SHAPE = 300, 410


def ground(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    rng = np.random.default_rng(0)
    return sum(gaussian_filter(rng.normal(size=shape), sigma) * sigma**1.5 for sigma in (1.0, 3.0, 9.0)).astype("float32")


def whole_texture(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    return Transformed(values, usable).texture(filters.half_whitening(Transformed(values, usable).power()))


@pytest.mark.parametrize("tile", [150, 128])
def test_tiles_fit_together(monkeypatch, tile):
    values, usable = ground(), np.ones(SHAPE, bool)
    one = whole_texture(values, usable)
    monkeypatch.setattr(textures, "TILE", tile)
    several = whole_texture(values, usable)
    assert (several - one)[16:-16, 16:-16].std() < 0.03 * one.std()


@pytest.mark.parametrize("shape", [(90, 128), (81, 125)])
def test_a_packed_transform_is_filtered_as_a_plain_one(shape):
    import cv2

    values = ground(shape)
    weight = filters.low_pass()
    found = cv2.dft(cv2.dft(values) * textures._response(weight, shape), flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    rows, columns = (one.astype("float64") for one in filters.frequencies(shape))
    plane = np.fft.rfft2(values) * np.interp(np.hypot(rows[:, None], columns), filters.RINGS, weight)
    plane /= filters.spline_response(rows)[:, None] * filters.spline_response(columns)
    np.testing.assert_allclose(found, np.fft.irfft2(plane, s=shape), atol=5e-3 * values.std())  # of a table of 2048 rings


def test_what_surrounds_a_tile_comes_with_it_and_is_mirrored_at_the_edges():
    values = ground()
    size, pad = (100, 120), textures.PAD
    for start in ((0, 0), (100, 120), (200, 290)):
        tile = textures.padded(values, start, size)
        assert tile.shape == textures.fast(size)
        part = values[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
        np.testing.assert_array_equal(tile[pad : pad + part.shape[0], pad : pad + part.shape[1]], part)
    first = textures.padded(values, (0, 0), size)
    np.testing.assert_array_equal(first[pad - 5 : pad], first[pad : pad + 5][::-1])


def test_contrast_is_that_of_what_is_usable():
    layer = np.random.default_rng(1).normal(size=SHAPE).astype("float32")
    usable = np.ones(SHAPE, bool)
    usable[100:140, 200:300] = False
    layer *= usable
    scale = textures.local_contrast(layer, usable)
    assert not scale[~usable].any()
    assert scale[usable].mean() == pytest.approx(1, abs=0.03)
    assert scale[96:100, 220:280].mean() == pytest.approx(1, abs=0.1)  # next to the gap
