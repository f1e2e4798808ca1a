"""Random streams by name: the same numbers whatever was drawn before, in whatever order, on any number of threads."""

from __future__ import annotations

import zlib

import numpy as np

FINAL_SEEDS = 1000
"""Seeds from here on are kept for final tables: nothing is tuned on them."""


def generator(seed: int, *keys: str | int) -> np.random.Generator:
    """Return the stream that belongs to `seed` and `keys`, such as ``generator(7, "clouds", scene_id)``."""
    words = [zlib.crc32(key.encode()) if isinstance(key, str) else key for key in keys]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
