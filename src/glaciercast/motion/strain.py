"""Strain rates of a map of velocity, along its axes and along the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glaciercast.errors import InputError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

WINDOW = 1500.0
"""Metres over which the direction of flow is averaged."""
WIDEST = 35
"""Vectors along the side of that window at most."""
SMOOTH = np.array([1.0, 2.0, 1.0]) / 4
SLOPE = np.array([-1.0, 0.0, 1.0]) / 2
"""Sobel's operator: the product of both, so weighted that it returns the slope a vector."""


class StrainRate(NamedTuple):
    """Strain rates, 1/yr, float64 (y, x): of stretching along the first axis and along the second, and of shear between them."""

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray


def strain_rate(vx: np.ndarray, vy: np.ndarray, at: GeoBox) -> StrainRate:
    """Return ∂u/∂x, ∂v/∂y and ½ (∂u/∂y + ∂v/∂x) along the axes of the map.

    Slopes are those of Sobel's operator over its weight. GLAFT 1.0 leaves it unweighted: its strain rates, and the metrics that it makes
    of them, are eight times these.

    Parameters
    ----------
    vx, vy
        Velocity along the axes of the map, m/yr, (y, x); NaN where there is none. A strain rate takes 3×3 vectors; one that lacks any
        of them is NaN.
    at
        Grid on which they lie.

    Raises
    ------
    InputError
        If shapes do not go together.
    """
    if not vx.shape == vy.shape == tuple(at.shape):
        raise InputError(f"strain: expected vx and vy of shape {tuple(at.shape)}, found {vx.shape} and {vy.shape}")
    (ux, uy), (wx, wy) = (_gradient(values, at) for values in (vx, vy))
    return StrainRate(ux, wy, (uy + wx) / 2)


def turned(rate: StrainRate, angle: np.ndarray) -> StrainRate:
    """Return strain rates along axes that are turned by `angle`, radians counter-clockwise, (y, x) or one number."""
    sine, cosine = np.sin(angle), np.cos(angle)
    both = 2 * rate.xy * sine * cosine
    along = rate.xx * cosine**2 + rate.yy * sine**2 + both
    across = rate.xx * sine**2 + rate.yy * cosine**2 - both
    return StrainRate(along, across, (rate.yy - rate.xx) * sine * cosine + rate.xy * (cosine**2 - sine**2))


def flow_direction(vx: np.ndarray, vy: np.ndarray, at: GeoBox) -> np.ndarray:
    """Return the direction of flow, radians counter-clockwise from the map's x axis, (y, x): the circular mean over 1.5 km.

    A blunder counts as one vector, however fast. (GLAFT takes a median of angles, which is torn where they pass ±180°.)
    NaN where there is no vector.
    """
    from scipy.ndimage import uniform_filter

    sides = [min(WIDEST, int(WINDOW / abs(size)) // 2 * 2 + 1) for size in (at.resolution.y, at.resolution.x)]
    speed = np.hypot(vx, vy)
    moving = speed > 0
    east, north = (np.divide(values, speed, out=np.zeros(speed.shape), where=moving) for values in (vx, vy))
    mean_east, mean_north = (uniform_filter(values, sides, mode="constant") for values in (east, north))
    return np.where(np.isfinite(speed), np.arctan2(mean_north, mean_east), np.nan)


def _gradient(values: np.ndarray, at: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of (y, x) values along the axes of the map, a metre; NaN along the edges."""
    from scipy.ndimage import correlate1d

    slopes = []
    for axis in (1, 0):
        smooth = correlate1d(np.asarray(values, "float64"), SMOOTH, axis=1 - axis, mode="constant", cval=np.nan)
        slopes.append(correlate1d(smooth, SLOPE, axis=axis, mode="constant", cval=np.nan))
    across, down = slopes
    affine, area = at.affine, at.affine.determinant
    return (affine.e * across - affine.d * down) / area, (affine.a * down - affine.b * across) / area
