"""The axes of a map on the ground: which way they point, and velocities towards true east and north along them."""

from __future__ import annotations

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion.velocity import REACH


def directions(crs: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the directions of a map's axes on the ground, float64 (…, 2, 2): [east, north] of the x axis, then of the y axis.

    Unit vectors along geodesics of a kilometre about each place. Grid north is not true north but on the central meridian of UTM; in polar
    stereographic it may be anywhere.

    Raises
    ------
    InputError
        If the CRS is not projected.
    """
    from pyproj import CRS, Transformer

    known = CRS(crs)
    geod = known.get_geod()
    if not known.is_projected or geod is None:
        raise InputError(f"velocity: expected a projected CRS with units of metres, found {crs}")
    geographic = Transformer.from_crs(known, known.geodetic_crs, always_xy=True)
    azimuths = []
    for right, up in ((REACH, 0.0), (0.0, REACH)):
        before, after = geographic.transform(x - right, y - up), geographic.transform(x + right, y + up)
        there, back, _ = geod.inv(*before, *after)
        azimuth = np.radians(np.stack([there, np.add(back, 180)]))
        azimuths.append(np.arctan2(np.sin(azimuth).sum(axis=0), np.cos(azimuth).sum(axis=0)))  # that of the middle
    return np.stack([np.stack([np.sin(azimuth), np.cos(azimuth)], axis=-1) for azimuth in azimuths], axis=-2)


def to_map(east: np.ndarray, north: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return components along a map's axes (`directions`), at right angles or not, of those towards true east and north; lengths stay."""
    (xe, xn), (ye, yn) = (np.moveaxis(axes[..., axis, :], -1, 0) for axis in (0, 1))
    area = xe * yn - xn * ye
    return (east * yn - north * ye) / area, (north * xe - east * xn) / area
