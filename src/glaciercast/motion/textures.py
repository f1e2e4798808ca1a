"""Textures: images filtered by frequency and of even contrast, tile by tile in the frequency plane (overlap-save).

A tile fits the cache of a core and brings `PAD` pixels of what surrounds it, beyond which the filters' responses have died away. Real
transforms are packed as OpenCV packs them: the first column (and the last, of an even number) holds real and imaginary parts of its rows in
turn, the others of a row do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import cv2
import numpy as np

from glaciercast.motion import texture_kernels as kernels
from glaciercast.motion.filters import BINS, FINE, RINGS, spline_response, threads

PAD = 64
"""Pixels of what surrounds a tile, mirrored at the edges of the image, that are transformed with it."""
TILE = 512
"""Side of the largest tile of a texture, pixels."""
SAMPLE, MOST = 1024, 2
"""Side of the largest tile of which power is measured, pixels, and how many at most along each side of an image."""
SPREAD, SHRUNK = 24.0, 8
"""Standard deviation of the window within which contrast is evened out, and side of the blocks over which it is measured, pixels."""


class Transformed:
    """An image from which texture is made for any weight of frequencies.

    Parameters
    ----------
    values
        The image without gaps (`filters.filled`), float32 (y, x).
    usable
        Where it may be used, bool (y, x).
    """

    def __init__(self, values: np.ndarray, usable: np.ndarray) -> None:
        self.values, self.usable = np.ascontiguousarray(values, "float32"), usable

    def power(self) -> np.ndarray:
        """Return the mean power on each ring, (ring,), of some tiles spread over the image; empty rings take their neighbours' mean."""
        height, width = self.values.shape
        sums = np.zeros((2, BINS))
        for top in starts(height, SAMPLE, MOST):
            for left in starts(width, SAMPLE, MOST):
                plane = cv2.dft(padded(self.values, (top, left), (min(SAMPLE, height), min(SAMPLE, width))))
                kernels.on_rings(plane, _rings(plane.shape, BINS), sums)
        there = sums[1] > 0
        return np.asarray(np.interp(RINGS, RINGS[there], sums[0][there] / sums[1][there]))

    def texture(self, weight: np.ndarray) -> np.ndarray:
        """Return B-spline coefficients of the image filtered by the amplitude `weight` (ring,), of even contrast; float32 (y, x).

        What is not usable is 0.
        """
        layer = np.empty_like(self.values)
        height, width = (-(-side // (-(-side // TILE))) for side in layer.shape)  # as even as can be
        size = height, width
        response = _response(weight, fast(size))

        def tile(top: int, left: int) -> None:
            plane = cv2.dft(padded(self.values, (top, left), size))
            plane *= response
            found = cv2.dft(plane, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
            part = layer[top : top + size[0], left : left + size[1]]
            part[:] = found[PAD : PAD + part.shape[0], PAD : PAD + part.shape[1]]

        places = [(top, left) for top in range(0, layer.shape[0], size[0]) for left in range(0, layer.shape[1], size[1])]
        with ThreadPoolExecutor(max(1, threads() // 2), "motion") as pool:
            for done in [pool.submit(tile, *place) for place in places]:
                done.result()
        layer *= local_contrast(layer, self.usable)
        return layer


def starts(size: int, tile: int, most: int) -> list[int]:
    """Return where tiles begin along an axis of `size` pixels: all of it if that takes no more than `most`, else as many, evenly."""
    number = min(most, max(1, round(size / tile)))
    return [int(start) for start in np.linspace(0, max(size - tile, 0), number)]


def fast(size: tuple[int, int]) -> tuple[int, int]:
    """Return the sides of what is transformed for a tile of `size` pixels: at least `PAD` more on each side, and quick to transform."""
    return cv2.getOptimalDFTSize(size[0] + 2 * PAD), cv2.getOptimalDFTSize(size[1] + 2 * PAD)


def padded(values: np.ndarray, start: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Return a tile of `size` pixels from `start` on and what surrounds it, mirrored at the edges of the image; the tile is `PAD` in."""
    height, width = (
        (slice(max(place - PAD, 0), place - PAD + full), max(PAD - place, 0), max(place - PAD + full - whole, 0))
        for place, full, whole in zip(start, fast(size), values.shape, strict=True)
    )
    part = values[height[0], width[0]]
    return np.asarray(cv2.copyMakeBorder(part, height[1], height[2], width[1], width[2], cv2.BORDER_REFLECT))


def _packed(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequency of each row, by column (row, column), and of each column of a packed real transform, cycles a pixel, float32."""
    height, width = shape
    row, column = np.arange(height), np.arange(width)
    in_turn = (row + 1) // 2
    down = np.repeat(np.minimum(row, height - row)[:, None], width, 1)
    down[:, 0] = in_turn
    if width % 2 == 0:
        down[:, -1] = in_turn
    return (down / height).astype("float32"), ((column + 1) // 2 / width).astype("float32")


@lru_cache(maxsize=16)
def _rings(shape: tuple[int, int], number: int) -> np.ndarray:
    """Return which of `number` rings each entry of a packed real transform belongs to, int16 (row, column)."""
    down, across = _packed(shape)
    return np.asarray(np.rint(np.hypot(down, across[None, :]) * ((number - 1) / RINGS[-1])), "int16")


def _response(weight: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return what a packed real transform is multiplied by for an amplitude (ring,) and spline coefficients, float32 (row, column)."""
    down, across = _packed(shape)
    response = np.take(np.interp(FINE, RINGS, weight).astype("float32"), _rings(shape, FINE.size))
    response /= spline_response(down)
    response /= spline_response(across)
    return np.asarray(response, "float32")


def local_contrast(layer: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return 1 over the local standard deviation of a layer of mean 0, float32 (y, x); 0 where it is not usable or has no contrast."""
    height, width = layer.shape
    small = max(1, height // SHRUNK), max(1, width // SHRUNK)
    rows, columns = (np.arange(number + 1) * size // number for number, size in zip(small, layer.shape, strict=True))
    parts = np.empty((2, *small), "float32")
    kernels.mean_squares(layer, usable, rows, columns, parts[0], parts[1])
    square, share = (cv2.GaussianBlur(part, (0, 0), SPREAD / SHRUNK, borderType=cv2.BORDER_REFLECT) for part in parts)
    variance = square / np.maximum(share, 1e-3)
    floor = 1e-3 * float(np.median(variance[share > 0.05])) if (share > 0.05).any() else 0.0
    scale = np.where(variance > floor, 1 / np.sqrt(np.maximum(variance, floor or 1.0)), 0).astype("float32")
    whole = cv2.resize(scale, (width, height), interpolation=cv2.INTER_LINEAR)
    if not usable.all():
        whole *= usable
    return np.asarray(whole)
