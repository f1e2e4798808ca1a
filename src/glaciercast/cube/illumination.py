"""Reflectance as level ground would have it: what the tilt of the terrain towards the sun adds or takes is divided out.

Sources: Teillet, Guindon & Goodenough (1982), On the slope-aspect correction of multispectral scanner data, Canadian Journal of Remote
Sensing 8, 84–106; Soenen, Peddle & Coburn (2005), SCS+C: a modified sun-canopy-sensor topographic correction in forested terrain, IEEE
Transactions on Geoscience and Remote Sensing 43, 2148–2159.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from glaciercast.errors import InputError
from glaciercast.sources.scene import Sun

Method = Literal["none", "cosine", "scs+c"]
METHODS: tuple[Method, ...] = ("none", "cosine", "scs+c")
MIN_PIXELS = 100
"""Fewer lit pixels with data do not give the regression of ``scs+c``."""


def cos_incidence(slope: np.ndarray, aspect: np.ndarray, sun: Sun) -> np.ndarray:
    """Return the cosine of the angle between the sun and the surface's normal (Teillet et al. 1982; Soenen et al. 2005).

    Parameters
    ----------
    slope, aspect
        Degrees (y, x); the aspect is the direction in which the surface descends, clockwise from north (NaN is
        allowed on level ground).
    sun
        Elevation and azimuth, degrees.

    Returns
    -------
    numpy.ndarray
        cos i = cos θ cos α + sin θ sin α cos(φ_sun − φ_aspect), float32 (y, x), with zenith angle θ and slope α; at most 0 in a slope's own
        shadow. Shadows that other slopes cast are not seen.
    """
    tilt, zenith = np.deg2rad(np.asarray(slope, "float64")), np.deg2rad(90 - sun.elevation)
    towards = np.where(tilt == 0, 1.0, np.cos(np.deg2rad(sun.azimuth - np.asarray(aspect, "float64"))))
    cosine: np.ndarray = np.cos(zenith) * np.cos(tilt) + np.sin(zenith) * np.sin(tilt) * towards
    return cosine.astype("float32")


def correct(reflectance: np.ndarray, slope: np.ndarray, aspect: np.ndarray, sun: Sun, method: Method = "none") -> np.ndarray:
    """Return the reflectance of one band without the effect of terrain on illumination.

    - ``none``: as it is.
    - ``cosine``: L cos θ / cos i, for a Lambertian surface lit by the sun alone; too bright where the sky lights faint slopes
      (Teillet et al. 1982).
    - ``scs+c``: L (cos α cos θ + C)/(cos i + C), with C = b/m of the line L = m cos i + b through the lit pixels of the band
      (Soenen et al. 2005). A band that does not get brighter towards the sun (m ≤ 0) stays as it is, which is the limit m → 0.

    Parameters
    ----------
    reflectance
        One band, (y, x), 1; NaN is no data.
    slope, aspect
        Degrees (y, x), see `cos_incidence`.
    sun
        Where the sun stood.
    method
        Which correction.

    Returns
    -------
    numpy.ndarray
        float32 (y, x); NaN where `reflectance` or the terrain is, and, unless the method is ``none``, where a slope lies in its own shadow
        (cos i ≤ 0). All NaN where ``scs+c`` finds fewer than `MIN_PIXELS` lit pixels with data for its line.

    Raises
    ------
    InputError
        If the method is unknown, the shapes differ, or the sun is at or below the horizon.
    """
    values = np.asarray(reflectance, "float32")
    if method not in METHODS:
        raise InputError(f"illumination: expected one of {', '.join(METHODS)}, found '{method}'")
    if method == "none":
        return values
    if not values.shape == np.shape(slope) == np.shape(aspect):
        raise InputError(f"illumination: expected slope and aspect of shape {values.shape}, found {np.shape(slope)} and {np.shape(aspect)}")
    if sun.elevation <= 0:
        raise InputError(f"illumination: expected a sun above the horizon, found {sun.elevation:g}°")
    cosine = cos_incidence(slope, aspect, sun)
    level = np.float32(np.sin(np.deg2rad(sun.elevation)))
    lit = (cosine > 0) & np.isfinite(values)
    if method == "cosine":
        return _ratio(values, np.full_like(values, level), cosine, lit)
    if lit.sum() < MIN_PIXELS:
        return np.full_like(values, np.nan)
    constant = _constant(values[lit], cosine[lit])
    if constant is None:
        return np.where(lit, values, np.float32(np.nan))
    flat = np.cos(np.deg2rad(np.asarray(slope, "float32"))) * level
    return _ratio(values, flat + constant, cosine + constant, lit)


def _constant(values: np.ndarray, cosine: np.ndarray) -> np.float32 | None:
    """Return C of Soenen et al. (2005); None where the band does not get brighter towards the sun."""
    x, y = cosine.astype("float64"), values.astype("float64")
    x_mean, y_mean = x.mean(), y.mean()
    spread = float(((x - x_mean) ** 2).mean())
    rise = float(((x - x_mean) * (y - y_mean)).mean())
    if spread < 1e-12 or rise <= 0:
        return None
    gradient = rise / spread
    return np.float32((y_mean - gradient * x_mean) / gradient)


def _ratio(values: np.ndarray, above: np.ndarray, below: np.ndarray, lit: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.full_like(values, np.nan)
    np.divide(values * above, below, out=result, where=lit & (below > 0))
    return result
