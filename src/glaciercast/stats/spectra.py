"""How much detail a forecast has at each scale, against the truth: power spectra of blocks that were observed throughout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft

from glaciercast.stats.sums import Sums, check_finite, over_leads, ratio

BLOCK = 64
"""Side of a block in pixels."""
WAVELENGTHS = ((2, 4), (4, 8), (8, 16), (16, 32), (32, 64))
"""Bands of wavelength, pixels: from the first, which belongs to the band, up to the second."""
_AT_ONCE = 32
"""Blocks that are transformed together, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class SpectrumSums(Sums):
    """Power of forecasts and of the truth by wavelength, over the same blocks.

    Attributes
    ----------
    forecast, truth
        Σ over blocks of the variance in each of `WAVELENGTHS`, (unit of the variable)², float64 (forecast, lead, band).
    blocks
        Blocks that were observed throughout, (forecast, lead).
    """

    forecast: np.ndarray
    truth: np.ndarray
    blocks: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> SpectrumSums:
        """Return the sums of forecasts (forecast, lead, y, x).

        The scene is cut into blocks of 64 pixels (in smaller scenes, of their shorter side) that overlap by half; from each its mean is
        taken, it is tapered by a Hann window and transformed, and the squared modulus is added up over rings of the wavenumber (Welch
        1967). A block with a missing pixel is left out, in the forecast as in the truth: gaps filled alike in both would make their
        spectra alike.

        References
        ----------
        Welch (1967): the use of fast Fourier transform for the estimation of power spectra, IEEE Transactions AU-15(2).
        Harris et al. (2001): multiscale statistical properties of a high-resolution precipitation forecast, J. Hydrometeorology 2(4).
        """
        valid = (weight > 0) & ~np.isnan(truth)
        check_finite(forecast, valid)
        power, blocks = np.zeros((2, *truth.shape[:2], len(WAVELENGTHS))), np.zeros(truth.shape[:2])
        for at in np.ndindex(truth.shape[:2]):
            whole = _blocks(valid[at]).all(axis=(2, 3))
            blocks[at] = np.count_nonzero(whole)
            for number, field in enumerate((forecast[at], truth[at])):
                power[number, *at] = _power(_blocks(field), np.argwhere(whole))
        return cls(power[0], power[1], blocks)

    def ratio(self, lead: int | None = None) -> np.ndarray:
        """Return the power of the forecast over that of the truth of each row, (forecast, band), at one lead (0-based) or over all.

        Below 1 where a forecast is smoother than the truth, above where it is rougher; NaN without a whole block.
        """
        return ratio(over_leads(self.forecast, lead), over_leads(self.truth, lead))


def _blocks(field: np.ndarray) -> np.ndarray:
    """Return the blocks of a field (y, x) as a view, (row, column, y, x)."""
    side = min(BLOCK, *field.shape)
    step = max(side // 2, 1)
    view: np.ndarray = np.lib.stride_tricks.sliding_window_view(field, (side, side))[::step, ::step]
    return view


def _power(blocks: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return Σ over chosen blocks (block, 2) of the variance in each band of wavelength, (band,)."""
    taper, rings = _plan(blocks.shape[-1])
    total = np.zeros(rings.shape[1])
    for first in range(0, len(chosen), _AT_ONCE):
        rows, columns = chosen[first : first + _AT_ONCE].T
        some = blocks[rows, columns].astype("float32", copy=False)
        some -= some.mean(axis=(1, 2), keepdims=True, dtype="float64")
        some *= taper
        found = fft.rfft2(some, overwrite_x=True).reshape(len(some), -1)
        total += np.einsum("bk,bk->k", found.real, found.real) + np.einsum("bk,bk->k", found.imag, found.imag)
    power: np.ndarray = rings @ total
    return power


@cache
def _plan(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the taper of a block, float32 (y, x), and what |F|² of each wavenumber adds to each band's variance, (band, wavenumber)."""
    hann = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    taper = np.outer(hann, hann)
    along = fft.rfftfreq(side)
    wavenumber = np.hypot(fft.fftfreq(side)[:, None], along)
    twice = np.where((along == 0) | (along == 0.5), 1, 2) / (side**2 * (taper**2).sum())  # rfft gives one of each pair of conjugates
    inside = [(wavenumber <= 1 / shortest) & (wavenumber > 1 / longest) for shortest, longest in WAVELENGTHS]
    return taper.astype("float32"), np.stack([np.where(ring, twice, 0).ravel() for ring in inside])
