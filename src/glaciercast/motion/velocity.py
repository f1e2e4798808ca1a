"""Displacement in pixels → velocity in m/yr: dates, pixel size and the distortion of the map projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.motion.network import YEAR

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

REACH = 500.0
"""Metres on either side of a point over which lengths on the map and on the ground are compared."""
POINTS = 16
"""Along each side of a grid at which scales are computed."""


class Velocity(NamedTuple):
    """Velocity on the ground along the axes of the grid, float32 (y, x), m/yr: vx eastward, vy northward, 1 sigma of either."""

    vx: np.ndarray
    vy: np.ndarray
    error: np.ndarray

    @property
    def speed(self) -> np.ndarray:
        """Length of the velocity, m/yr."""
        speed: np.ndarray = np.hypot(self.vx, self.vy)
        return speed


def years_between(first: np.datetime64 | pd.Timestamp | str, second: np.datetime64 | pd.Timestamp | str) -> float:
    """Return the time between two acquisitions in years of 365.25 days, leap year or not, as the producers of ITS_LIVE count.

    Raises
    ------
    InputError
        If a date is missing or the second is not the later one.
    """
    start, end = pd.Timestamp(first), pd.Timestamp(second)
    if not end > start:  # nor where one is NaT
        raise InputError(f"dates: expected a second acquisition after the first, found {start} and {end}")
    return (end - start) / pd.Timedelta("1D") / YEAR


def velocity(
    dx: np.ndarray,
    dy: np.ndarray,
    error: np.ndarray | float,
    scene: GeoBox,
    first: np.datetime64 | pd.Timestamp | str,
    second: np.datetime64 | pd.Timestamp | str,
    at: GeoBox | None = None,
) -> Velocity:
    """Return the velocity of displacements that were measured in pixels.

    A displacement on the map is the linear part of the scene's transform times (dx, dy); divided by the scale of the projection along
    either axis it is one on the ground. So a glacier on the edge of a UTM zone, whose map is 0.1 % too long, is not 0.1 % too fast.

    Parameters
    ----------
    dx, dy
        Displacement of the ground, pixels of `scene`, (y, x): along columns and down rows; NaN where there is none.
    error
        1 sigma of either component, pixels, (y, x) or one number.
    scene
        Grid whose pixels are meant.
    first, second
        Acquisitions.
    at
        Grid on which the vectors lie, in the CRS of `scene` (default: `scene` itself; a tracker's is coarser).

    Raises
    ------
    InputError
        If dates are reversed, shapes do not go together, or the grids' CRSs differ.
    """
    years = years_between(first, second)
    place = scene if at is None else at
    if place.crs != scene.crs:
        raise InputError(f"velocity: expected vectors in the CRS of the scene, {scene.crs}, found {place.crs}")
    if not dx.shape == dy.shape == tuple(place.shape):
        raise InputError(f"velocity: expected dx and dy of shape {tuple(place.shape)}, found {dx.shape} and {dy.shape}")
    scale_x, scale_y = scale_factors(place)
    affine = scene.affine
    vx = (affine.a * dx + affine.b * dy) / scale_x / years
    vy = (affine.d * dx + affine.e * dy) / scale_y / years
    pixel = np.sqrt(abs(affine.a * affine.e - affine.b * affine.d))
    sigma = np.broadcast_to(error, dx.shape) * pixel / np.sqrt(scale_x * scale_y) / years
    return Velocity(*(np.asarray(values, np.float32) for values in (vx, vy, np.where(np.isfinite(vx), sigma, np.nan))))


def scale_factors(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale of the map at the centre of each pixel, along x and along y: length on the map over length on the ellipsoid.

    Measured over a kilometre by geodesics (Karney, 2013), so that any projected CRS will do, conformal or not: in UTM both are 0.9996 on
    the central meridian, in polar stereographic both are 1 on the latitude of true scale. They are computed at 16×16 points and
    interpolated: over 100 km they change by some 1e-4, and what the interpolation misses is below 1e-6.

    Returns
    -------
    tuple of numpy.ndarray
        float64 (y, x) each.

    Raises
    ------
    InputError
        If the CRS is not projected.
    """
    knots = [np.linspace(0, size, POINTS) for size in geobox.shape]
    across, down = np.meshgrid(knots[1], knots[0])
    affine = geobox.affine
    coarse = _scales(geobox, affine.c + affine.a * across + affine.b * down, affine.f + affine.d * across + affine.e * down)
    by_row, by_column = (_between(size, points) for size, points in zip(geobox.shape, knots, strict=True))
    along_x, along_y = (by_row @ scale @ by_column.T for scale in coarse)
    return along_x, along_y


def _between(size: int, knots: np.ndarray) -> np.ndarray:
    """Return the weights of the knots at the middle of each pixel, linear between them, float64 (pixel, knot)."""
    return np.stack([np.interp(np.arange(size) + 0.5, knots, row) for row in np.eye(len(knots))], axis=1)


def _scales(geobox: GeoBox, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import CRS, Transformer

    crs = CRS(str(geobox.crs))
    geod = crs.get_geod()
    if not crs.is_projected or geod is None:
        raise InputError(f"velocity: expected a projected CRS with units of metres, found {geobox.crs}")
    geographic = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    scales = []
    for east, north in ((REACH, 0.0), (0.0, REACH)):
        before, after = geographic.transform(x - east, y - north), geographic.transform(x + east, y + north)
        scales.append(2 * REACH / geod.inv(*before, *after)[2])
    return scales[0], scales[1]


def along_flow(vx: np.ndarray, vy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the components of a series along and across its mean flow, (time, y, x) each, m/yr.

    Unlike speed, which noise makes larger, both are unbiased.

    Parameters
    ----------
    vx, vy
        (time, y, x), m/yr; NaN where there is none.
    """
    seen = np.isfinite(vx) & np.isfinite(vy)
    count = np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)
    east, north = (np.where(seen, values, 0.0).sum(axis=0) / count for values in (vx, vy))
    speed = np.hypot(east, north)
    speed = np.where(speed > 0, speed, np.nan)
    return (vx * east + vy * north) / speed, (vy * east - vx * north) / speed
