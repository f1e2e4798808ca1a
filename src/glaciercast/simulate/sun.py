"""Where the sun stands: Meeus' low-precision solar coordinates, good to about 0.01°, without refraction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

J2000 = np.datetime64("2000-01-01T12:00:00", "ns")
DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def position(time: ArrayLike, lon: ArrayLike, lat: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the geometric elevation and azimuth of the sun's centre.

    Refraction is ignored (it lifts the sun by 0.03° at 30° and 0.1° at 10° elevation), as is parallax (0.002°).

    Parameters
    ----------
    time
        UTC, datetime64 or what converts to it; no time zone. UT1 − UTC (below 0.004° of rotation) and TT − UT (a minute) are ignored.
    lon, lat
        Degrees east and north. All three broadcast against each other.

    Returns
    -------
    tuple
        Elevation above the horizon and azimuth clockwise from north (0–360), degrees, float64 of the broadcast shape.

    References
    ----------
    Meeus (1998), Astronomical Algorithms, 2nd ed., chapters 12, 13, 22 and 25; the same series as in NOAA's solar calculator.
    """
    days = (np.asarray(time, dtype="datetime64[ns]") - J2000) / DAY
    ascension, declination = _equatorial(days)
    sidereal = 280.46061837 + 360.98564736629 * days  # Meeus 12.4, degrees, without terms in T²
    hour_angle = np.radians(sidereal + np.asarray(lon, dtype="float64")) - ascension
    phi = np.radians(np.asarray(lat, dtype="float64"))
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour_angle)
    azimuth = np.degrees(np.arctan2(east, north)) % 360
    return np.degrees(np.arcsin(np.clip(sine, -1, 1))), azimuth


def declination(time: ArrayLike) -> FloatArray:
    """Return the sun's declination, degrees, at `time` (UTC)."""
    days = (np.asarray(time, dtype="datetime64[ns]") - J2000) / DAY
    return np.asarray(np.degrees(_equatorial(days)[1]), dtype="float64")


def solar_hour(time: ArrayLike, lon: ArrayLike) -> FloatArray:
    """Return mean local solar time, hours 0–24: UTC shifted by longitude, as MODIS counts its view times."""
    stamp = np.asarray(time, dtype="datetime64[ns]")
    hours = (stamp - stamp.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return np.asarray((hours + np.asarray(lon, dtype="float64") / 15) % 24, dtype="float64")


def _equatorial(days: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return apparent right ascension and declination, radians, `days` after J2000 (Meeus chapter 25)."""
    century = days / 36525
    mean_longitude = 280.46646 + century * (36000.76983 + 0.0003032 * century)
    anomaly = np.radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    centre = (
        (1.914602 - century * (0.004817 + 0.000014 * century)) * np.sin(anomaly)
        + (0.019993 - 0.000101 * century) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    node = np.radians(125.04 - 1934.136 * century)
    longitude = np.radians(mean_longitude + centre - 0.00569 - 0.00478 * np.sin(node))  # apparent: aberration and nutation
    obliquity = np.radians(23.439291 - 0.0130042 * century + 0.00256 * np.cos(node))
    ascension = np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude))
    return ascension, np.arcsin(np.sin(obliquity) * np.sin(longitude))
