"""Surface temperature under a clear sky: bare ground follows the sun, snow and ice follow the air and never exceed melting."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

from glaciercast.simulate.scenario import TemperatureSpec

MELTING = 273.15
PEAK_HOUR = 13.0
"""Local solar hour of the warmest ground: an hour after the sun's noon."""
OBLIQUITY = 23.44


@numba.njit(cache=True)
def day_shape(hour: Any, day_of_year: Any, latitude: Any) -> Any:
    """Return the course of heating: 0 from two hours after sunset to sunrise, 1 at `PEAK_HOUR`, a half cosine between.

    For use per pixel inside other kernels; `day_shape.py_func` is the same for arrays.
    """
    declination = np.radians(-OBLIQUITY * np.cos(2 * np.pi * (day_of_year + 10) / 365.25))
    sunset = np.arccos(np.minimum(1.0, np.maximum(-1.0, -np.tan(np.radians(latitude)) * np.tan(declination))))
    half = sunset * 12 / np.pi + (PEAK_HOUR - 12)
    away = np.abs((hour - PEAK_HOUR + 12) % 24 - 12)
    return np.cos(np.pi / 2 * np.minimum(1.0, away / half)) * (sunset > 0)


@numba.njit(cache=True)
def noon_sun(exposure: Any, day_of_year: Any, latitude: Any) -> Any:
    """Return the noon sun's incidence on a slope, relative to level ground at the summer solstice.

    For use per pixel inside other kernels; `noon_sun.py_func` is the same for arrays. East and west faces count as level, which is
    right at noon up to the cosine of their slope.
    """
    season = -np.cos(2 * np.pi * (day_of_year + 10) / 365.25)
    hemisphere = 1.0 - 2.0 * (latitude < 0)
    noon = np.radians(np.abs(latitude) - OBLIQUITY * season * hemisphere)  # zenith angle, positive towards the equator
    highest = np.cos(np.radians(np.abs(latitude) - OBLIQUITY))
    incidence = np.cos(noon) * np.sqrt(1 - exposure**2) + np.sin(noon) * exposure
    return np.maximum(0.0, incidence) * (np.cos(noon) > 0) / highest


@numba.njit(cache=True)
def kelvin(air: Any, frozen: Any, shape: Any, sun: Any, amplitude: Any, cooling: Any) -> Any:
    """Return the surface temperature, K, from air (°C), frozen share, `day_shape` and `noon_sun`.

    For use per pixel inside other kernels; `kelvin.py_func` is the same for arrays.
    """
    ground = air - cooling + (amplitude * sun + cooling) * shape
    snow = np.minimum(0.0, air - cooling * (1 - shape))
    return MELTING + (1 - frozen) * ground + frozen * snow


def surface_temperature(
    air: ArrayLike,
    exposure: ArrayLike,
    frozen: ArrayLike,
    hour: ArrayLike,
    day_of_year: ArrayLike,
    latitude: ArrayLike,
    spec: TemperatureSpec,
) -> np.ndarray:
    """Return the clear-sky surface temperature; all arguments broadcast.

    Bare ground is warmer than the air by `diurnal_amplitude`, scaled by the noon sun on the slope, at 13:00, and colder by
    `night_cooling` at night. Snow and ice are as warm as the air by day and colder by `night_cooling` at night, but never above
    melting. A mixed pixel is the mean by area: the fourth power by which radiances mix is ignored (0.5 K for a contrast of 20 K).

    Parameters
    ----------
    air
        Daily mean air temperature at the pixel, °C.
    exposure
        −1 (steep, away from the noon sun) … +1 (steep, towards it).
    frozen
        Share of the pixel under snow or ice, 0–1.
    hour
        Local solar time, hours.
    day_of_year, latitude
        1–366; degrees.

    Returns
    -------
    numpy.ndarray
        K, of the broadcast shape; float32 where all arrays are.
    """
    shape = day_shape.py_func(np.asarray(hour), np.asarray(day_of_year), np.asarray(latitude))
    sun = noon_sun.py_func(np.asarray(exposure), np.asarray(day_of_year), np.asarray(latitude))
    surface = kelvin.py_func(np.asarray(air), np.asarray(frozen), shape, sun, spec.diurnal_amplitude, spec.night_cooling)
    small = all(np.asarray(value).dtype == np.float32 for value in (air, exposure, frozen) if np.ndim(value))
    return np.asarray(surface, dtype="float32" if small and np.ndim(surface) else "float64")
