"""Textured ground that moves by known displacement, rendered without interpolation: sums of waves at exact places."""

from __future__ import annotations

import numpy as np

WAVES = 260


def waves(seed: int = 0, longest: float = 64.0, shortest: float = 4.0):
    """Return wave vectors (2, wave), amplitudes and phases of a random texture, periods of `shortest` to `longest` pixels."""
    rng = np.random.default_rng(seed)
    frequency = np.exp(rng.uniform(np.log(1 / longest), np.log(1 / shortest), WAVES))
    angle = rng.uniform(0, np.pi, WAVES)
    vectors = 2 * np.pi * frequency * np.stack([np.cos(angle), np.sin(angle)])
    return vectors, rng.normal(size=WAVES), rng.uniform(0, 2 * np.pi, WAVES)


def rendered(x: np.ndarray, y: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the texture at columns `x` (1, x) or (y, x) and rows `y`, sd 1, float32."""
    vectors, amplitudes, phases = waves(seed)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), "float32")
    for (kx, ky), amplitude, phase in zip(vectors.T, amplitudes, phases, strict=True):
        total += amplitude * np.cos((kx * x + ky * y + phase).astype("float32"))
    return total / np.sqrt((amplitudes**2).sum() / 2)


def ground(size: int = 160, dx: float = 0.0, dy: float = 0.0, strain: float = 0.0, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Return ground that has moved by (`dx`, `dy`) and been stretched across by `strain` about the middle, (size, size)."""
    y, x = np.mgrid[0:size, 0:size].astype("float64")
    middle = (size - 1) / 2
    at_x = middle + (x - dx - middle) / (1 + strain)
    image = rendered(at_x, y - dy, seed)
    return image + noise * np.random.default_rng(seed + 1000).normal(size=image.shape) if noise else image
