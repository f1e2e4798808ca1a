"""What the numbers of MOD11/MYD11 land surface temperature mean, and which of them count.

MODIS Land Surface Temperature Products Users' Guide, Collection 6.1 (Wan 2019), tables 8–9 and 13. The STAC items declare neither
nodata nor valid ranges nor the offset of the view angle, so they are constants here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LST_SCALE = 0.02
"""K a number."""
LST_VALID = (7500, 65535)
"""150 K … 1310.7 K; 0 is fill."""
TIME_SCALE = 0.1
"""Hours a number."""
TIME_VALID = (0, 240)
ANGLE_OFFSET = -65
"""Degrees; one number is one degree."""
ANGLE_VALID = (0, 130)
VIEW_FILL = 255
GOOD, OTHER, CLOUD, NOT_PRODUCED = 0, 1, 2, 3
"""QC bits 0–1: good; produced, see the other bits; not produced because of clouds; not produced for another reason."""
NO_TILE = 255
"""QC where no tile was there to read: its bits 0–1 say "not produced", and no product writes it."""
REASONS = ("no_tile", "cloud", "not_produced", "empty", "out_of_range", "error", "steep")
"""Why a pixel has no temperature, in the order in which it is asked; `Judged.counts` counts each pixel once."""


class Judged(NamedTuple):
    """Which temperatures count, bool (y, x), and how many pixels were ``kept`` or lost for each of `REASONS`."""

    kept: np.ndarray
    counts: dict[str, int]


def kelvin(number: np.ndarray) -> np.ndarray:
    """Return K, float32, of raw temperatures (uint16, 0.02 K); NaN for fill (0) and below the valid range."""
    return _scaled(number, LST_VALID, LST_SCALE)


def hours(number: np.ndarray) -> np.ndarray:
    """Return local solar hours, float32, of raw view times (uint8, 0.1 h); NaN for fill (255) and beyond 24 h."""
    return _scaled(number, TIME_VALID, TIME_SCALE)


def degrees(number: np.ndarray) -> np.ndarray:
    """Return view zenith angles, degrees, float32, of raw ones (uint8, 1° from −65°); NaN for fill (255) and beyond ±65°."""
    return _scaled(number, ANGLE_VALID, 1.0) + np.float32(ANGLE_OFFSET)


def largest_error(quality: np.ndarray) -> np.ndarray:
    """Return the bound that QC bits 6–7 put on the error, K, float32: 1, 2, 3 or infinite; NaN where nothing was produced."""
    bound = np.array([1, 2, 3, np.inf], np.float32)[quality >> 6]
    return np.where((quality & 3) <= OTHER, bound, np.float32(np.nan))


def judge(
    number: np.ndarray, quality: np.ndarray, max_error_k: float, angle: np.ndarray | None = None, max_angle: float | None = None
) -> Judged:
    """Decide which temperatures count.

    Kept is what the QC bits 0–1 call produced, whose number is in the valid range and whose error (bits 6–7) is bounded by
    `max_error_k`. QC 0 alone says nothing: it is also what an array that nobody wrote shows, whose numbers are 0.

    Parameters
    ----------
    number, quality
        Raw temperature (uint16) and QC (uint8; `NO_TILE` where there was no file), of one shape.
    max_error_k
        Largest error, K.
    angle, max_angle
        View zenith angle, degrees (NaN: unknown, never kept), and the largest that counts; both or neither.
    """
    produced = quality & 3
    lost = {
        "no_tile": quality == NO_TILE,
        "cloud": produced == CLOUD,
        "not_produced": produced == NOT_PRODUCED,
        "empty": number == 0,
        "out_of_range": (number < LST_VALID[0]) | (number > LST_VALID[1]),
        "error": ~(largest_error(quality) <= max_error_k),
        "steep": np.zeros(number.shape, bool) if angle is None or max_angle is None else ~(np.abs(angle) <= max_angle),
    }
    kept = np.ones(number.shape, bool)
    counts = {}
    for reason in REASONS:
        counts[reason] = int((kept & lost[reason]).sum())
        kept &= ~lost[reason]
    return Judged(kept, {"kept": int(kept.sum()), **counts})


def _scaled(number: np.ndarray, valid: tuple[int, int], scale: float) -> np.ndarray:
    inside = (number >= valid[0]) & (number <= valid[1])
    values: np.ndarray = np.where(inside, number.astype(np.float64) * scale, np.nan).astype(np.float32)
    return values
