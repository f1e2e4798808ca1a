"""Random fields: spectral ones on a grid, and procedural ones that can be evaluated at any point without resampling."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


def spectral(shape: tuple[int, int], slope: float, rng: np.random.Generator, largest: float = np.inf, stretch: float = 1.0) -> np.ndarray:
    """Return a Gaussian random field with a power-law spectrum, mean 0 and standard deviation 1.

    Parameters
    ----------
    shape
        (y, x) pixels.
    slope
        The amplitude falls as wavenumber^−slope (2–2.5 for mountains, 1.5–2 for clouds).
    largest
        Wavelength (pixels) above which the amplitude grows no further.
    stretch
        Ratio of the structures' length to their width (along x).

    Returns
    -------
    numpy.ndarray
        float32 (y, x); not periodic (cut from a field a third larger).
    """
    from scipy import fft

    rows, columns = (fft.next_fast_len(int(1.3 * size) + 16, real=True) for size in shape)
    ky = np.fft.fftfreq(rows)[:, None]
    kx = np.fft.rfftfreq(columns)[None, :] * stretch
    wavenumber = np.hypot(kx, ky)
    wavenumber[0, 0] = 1.0
    amplitude = np.maximum(wavenumber, 1.0 / largest) ** -slope
    amplitude[0, 0] = 0.0
    white = fft.rfft2(rng.standard_normal((rows, columns), np.float32))
    field = fft.irfft2(white * amplitude.astype(np.float32), s=(rows, columns))[: shape[0], : shape[1]]
    return np.asarray((field - field.mean()) / field.std(), np.float32)


@numba.njit(cache=True, nogil=True, inline="always")
def _hash(i: Any, j: Any, seed: Any) -> Any:
    mask = np.uint64(0xFFFFFFFF)  # numba widens products of uint32, so the wrap-around is written out
    h = (np.uint64(i) * np.uint64(0x85EBCA6B) ^ np.uint64(j) * np.uint64(0xC2B2AE35) ^ np.uint64(seed) * np.uint64(0x27D4EB2F)) & mask
    h ^= h >> np.uint64(15)
    h = h * np.uint64(0x2C1B3C6D) & mask
    h ^= h >> np.uint64(12)
    h = h * np.uint64(0x297A2D39) & mask
    h ^= h >> np.uint64(15)
    return h


@numba.njit(cache=True, nogil=True, inline="always")
def _corner(i: Any, j: Any, seed: Any, dx: Any, dy: Any) -> Any:
    h = _hash(i, j, seed)
    gx = np.float32(h & np.uint64(0xFFFF)) * np.float32(1.0 / 32767.5) - np.float32(1.0)
    gy = np.float32(h >> np.uint64(16)) * np.float32(1.0 / 32767.5) - np.float32(1.0)
    return gx * dx + gy * dy


@numba.njit(cache=True, nogil=True)
def gradient_noise(x: Any, y: Any, seed: Any) -> Any:
    """Return lattice gradient noise (Perlin 1985, quintic fade of Perlin 2002) at one point; lattice spacing 1, about ±1."""
    i, j = int(np.floor(x)), int(np.floor(y))
    dx, dy = np.float32(x - i), np.float32(y - j)
    u = dx * dx * dx * (dx * (dx * np.float32(6) - np.float32(15)) + np.float32(10))
    v = dy * dy * dy * (dy * (dy * np.float32(6) - np.float32(15)) + np.float32(10))
    one = np.float32(1)
    a = _corner(i, j, seed, dx, dy)
    b = _corner(i + 1, j, seed, dx - one, dy)
    c = _corner(i, j + 1, seed, dx, dy - one)
    d = _corner(i + 1, j + 1, seed, dx - one, dy - one)
    top = a + u * (b - a)
    return np.float32(1.6) * (top + v * (c + u * (d - c) - top))


@numba.njit(cache=True, nogil=True)
def fractal_noise(x: Any, y: Any, seed: Any, octaves: Any, gain: Any) -> Any:
    """Return octaves of `gradient_noise`, each at half the wavelength and `gain` times the amplitude; about ±1."""
    total, amplitude, norm = np.float32(0), np.float32(1), np.float32(0)
    for octave in range(octaves):
        total += amplitude * gradient_noise(x, y, seed + 131 * octave)
        norm += amplitude * amplitude
        x, y = 2 * x, 2 * y
        amplitude *= np.float32(gain)
    return total / np.sqrt(norm)
