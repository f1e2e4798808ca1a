"""Physical values as the integers that a product stores."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike


def pack(values: np.ndarray, scale: float, offset: float, *, dtype: DTypeLike, nodata: int, limits: tuple[int, int]) -> np.ndarray:
    """Return ``round((values − offset) / scale)`` within `limits`, and `nodata` where a value is NaN.

    Parameters
    ----------
    values
        float32, any shape; left as it is.
    scale, offset
        What turns the integers back: value = integer · scale + offset.
    dtype, nodata, limits
        Of the integers; `limits` are the least and the greatest that mean data.

    Returns
    -------
    array
        Of `dtype`; float32 arithmetic costs at most 0.01 of a quantum for reflectance and temperature in 16 bits.
    """
    scaled = np.subtract(values, np.float32(offset), dtype=np.float32)
    scaled /= np.float32(scale)
    np.rint(scaled, out=scaled)
    np.clip(scaled, *limits, out=scaled)
    np.copyto(scaled, np.float32(nodata), where=np.isnan(scaled))
    packed: np.ndarray = scaled.astype(dtype)
    return packed
