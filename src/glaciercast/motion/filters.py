"""What trackers match instead of brightness: spectrally weighted texture of even contrast, as coefficients of cubic B-splines.

Two images of moving ground share some of each frequency f and differ in the rest; γ(f) is their coherence, S(f) their power. The
displacement of a chip is estimated with the least variance if the cross-spectrum is weighted by γ / (S · (1 − γ²)) (maximum likelihood;
Knapp & Carter 1976). Each image gets the root of that weight. Before anything is aligned γ is not known, and the weight is S^(−1/2): half
whitening. Frequencies close to the sampling limit are left out, as detail that sampling aliases stays behind when the ground moves and
pulls vectors towards whole pixels.

Sources: Knapp & Carter (1976), IEEE Transactions on Acoustics, Speech, and Signal Processing 24, 320–327; Unser (1999), IEEE Signal
Processing Magazine 16 (6), 22–38 (splines).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2
import numpy as np
import scipy.fft

T = TypeVar("T")
R = TypeVar("R")
BINS = 64
"""Rings of the radial spectra, from 0 to the corner of the frequency plane (√½ cycles a pixel)."""
RINGS = np.linspace(0, np.sqrt(0.5), BINS)
FINE = np.linspace(0, np.sqrt(0.5), 2048)
"""The same, fine enough that a response need not be interpolated at every frequency."""
CUT = 0.3
"""Cycles a pixel at which the amplitude falls to 1/e."""
BLOCK = 128
"""Side of the blocks of which coherence is the mean, pixels."""
FAINT = 0.05
"""Coherence that counts as none."""


def usable_of(values: np.ndarray, masked: np.ndarray | None) -> np.ndarray:
    """Return where `values` are finite and not `masked`, bool (y, x)."""
    finite = np.isfinite(values)
    return np.asarray(finite if masked is None else finite & ~masked)


def filled(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return `values` with what is not usable replaced by the mean of what surrounds it, less the mean of all, float32 (y, x)."""
    if usable.all():
        return np.asarray(values, "float32") - np.float32(values.mean(dtype="float64"))
    mean = values[usable].mean(dtype="float64")
    layer = np.where(usable, values - mean, 0).astype("float32")
    weight = usable.astype("float32")
    whole = layer.copy()
    open_ = ~usable
    for sigma in (4.0, 16.0, 64.0):
        total, near = (cv2.GaussianBlur(part, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) for part in (layer, weight))
        found = open_ & (near > 0.05)
        whole[found] = total[found] / near[found]
        open_ &= ~found
    return whole


def of_both(work: Callable[[T], R], first: T, second: T) -> tuple[R, R]:
    """Return what `work` makes of the first and of the second image, worked on at the same time."""
    with ThreadPoolExecutor(2, "motion") as pool:
        one, two = pool.map(work, (first, second))
    return one, two


def threads() -> int:
    """Return how many threads the tracker uses: the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies of the rows and columns of a real transform, cycles a pixel, float32."""
    return scipy.fft.fftfreq(shape[0]).astype("float32"), scipy.fft.rfftfreq(shape[1]).astype("float32")


def radial_mean(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the mean of `values` (…, row, column) on each ring of frequencies, (…, ring); empty rings take their neighbours' mean."""
    ring = np.rint(np.hypot(rows[:, None], columns[None, :]) / RINGS[1]).astype(int).ravel()
    number = np.bincount(ring, minlength=BINS)
    flat = values.reshape(-1, ring.size)
    means = np.array([np.bincount(ring, one, BINS) for one in flat]) / np.maximum(number, 1)
    there = number > 0
    full = np.array([np.interp(RINGS, RINGS[there], one[there]) for one in means])
    return full.reshape(*values.shape[:-2], BINS)


def spline_response(frequency: np.ndarray) -> np.ndarray:
    """Return the transfer function of sampling a cubic B-spline at whole pixels."""
    return np.asarray((2 + np.cos(2 * np.pi * frequency)) / 3)


def low_pass() -> np.ndarray:
    """Return the amplitude of the filter that leaves out what sampling aliases, and the mean, (ring,)."""
    kept = np.exp(-((RINGS / CUT) ** 4))
    kept[0] = 0
    return kept


def half_whitening(power: np.ndarray) -> np.ndarray:
    """Return the amplitude S^(−1/4) that halves the spectrum's slope, (ring,), largest 1."""
    weight = low_pass() * np.maximum(power, 1e-12 * power.max()) ** -0.25
    return np.asarray(weight / weight.max())


def most_likely(power: np.ndarray, coherence: np.ndarray) -> np.ndarray:
    """Return the amplitude √(γ / (S (1 − γ²))) of the maximum-likelihood weight, (ring,), largest 1."""
    kept = np.where(coherence < FAINT, 0, np.minimum(coherence, 0.999))
    weight = low_pass() * np.sqrt(kept / (np.maximum(power, 1e-12 * power.max()) * (1 - kept**2)))
    return weight / weight.max() if weight.any() else half_whitening(power)


def cross_spectra(first: np.ndarray, second: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return the power of two aligned images and their cross-power (its real part) on each ring, summed over blocks (Welch), (3, ring).

    Blocks have `BLOCK` pixels a side and overlap by half; only those that are usable to nine tenths count.
    """
    rows, columns = frequencies((BLOCK, BLOCK))
    window = (np.hanning(BLOCK)[:, None] * np.hanning(BLOCK)[None, :]).astype("float32")
    sums = np.zeros((3, BLOCK, columns.size))
    for i in range(0, usable.shape[0] - BLOCK + 1, BLOCK // 2):
        for j in range(0, usable.shape[1] - BLOCK + 1, BLOCK // 2):
            part = slice(i, i + BLOCK), slice(j, j + BLOCK)
            if usable[part].mean() >= 0.9:
                a, b = (scipy.fft.rfft2(image[part] * window) for image in (first, second))
                sums += abs(a) ** 2, abs(b) ** 2, (a * b.conj()).real
    return radial_mean(sums, rows, columns)


def coherence(spectra: np.ndarray) -> np.ndarray:
    """Return the coherence γ on each ring, (ring,), smoothed over three, from sums of `cross_spectra`; 0 where there is no power."""
    one, two, cross = spectra
    spread = np.sqrt(one * two)
    found = np.divide(cross, spread, out=np.zeros(BINS), where=spread > 1e-9 * (spread.max() or 1.0))
    smooth = np.convolve(np.pad(found, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return np.asarray(np.clip(smooth, 0, 1))
