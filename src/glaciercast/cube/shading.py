"""The light that the sun sends onto terrain: an image of the relief as a scene of that moment sees it, with the shadows that slopes cast.

Such an image lies where the elevation model lies, whatever the season, and its light is the scene's own: scenes that are matched with it
neither follow their shadows nor share an error with each other.

Source of the cosine: Teillet, Guindon & Goodenough (1982), Canadian Journal of Remote Sensing 8, 84–106 (see `illumination`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from glaciercast.cube import illumination
from glaciercast.errors import InputError
from glaciercast.sources.scene import Sun

UNKNOWN = -1e6
"""m; lower than any ground."""
SKY = 0.15
"""What a surface gets from the sky, as a share of what the sun sends onto one that faces it; simulated matches do not depend on it much."""


@dataclass(frozen=True)
class Relief:
    """Terrain on the grid of the scenes.

    Attributes
    ----------
    elevation
        m (y, x); NaN is unknown.
    slope, aspect
        Degrees (y, x); the aspect clockwise from true north.
    resolution
        Size of a pixel, m; rows run southward.
    """

    elevation: np.ndarray
    slope: np.ndarray
    aspect: np.ndarray
    resolution: float

    def image(self, sun: Sun) -> np.ndarray:
        """Return the logarithm of the light of sun and sky, float32 (y, x), NaN in shadow: how a scene of one brightness would look.

        In shadow the light is that of sky and slopes around, which is not known; with a guess there, matches follow the guess.
        """
        light = self.light(sun)
        image: np.ndarray = np.log(np.where(light > 0, light, np.float32(np.nan)) + np.float32(SKY))
        return image

    def light(self, sun: Sun) -> np.ndarray:
        """Return the share of the sun's beam that falls onto the surface: cos i, or 0 in shadow; float32 (y, x), NaN where unknown.

        Raises
        ------
        InputError
            If the sun is at or below the horizon.
        """
        if sun.elevation <= 0:
            raise InputError(f"relief: expected a sun above the horizon, found {sun.elevation:g}°")
        lit = sunlit(self.elevation, self.resolution, sun)
        light: np.ndarray = np.where(lit, np.maximum(illumination.cos_incidence(self.slope, self.aspect, sun), 0), np.float32(0))
        return np.where(np.isfinite(self.elevation), light, np.float32(np.nan))


def sunlit(elevation: np.ndarray, resolution: float, sun: Sun) -> np.ndarray:
    """Return where no terrain stands between the surface and the sun, bool (y, x).

    The height up to which the ground lies in shadow is carried away from the sun, row by row or column by column, whichever it crosses
    sooner: it is that of the surface or of its own shadow towards the sun, whichever is higher, less what the ray falls on the way; linear
    between pixels. Unknown elevation casts no shadow, nor does terrain beyond the grid. The earth's curvature (8 m in 10 km) is left out.
    """
    right, down = np.sin(np.deg2rad(sun.azimuth)), -np.cos(np.deg2rad(sun.azimuth))
    heights = np.where(np.isfinite(elevation), elevation, UNKNOWN).astype("float32")
    sideways = abs(right) > abs(down)
    if sideways:
        heights, right, down = heights.T, down, right
    flipped = down > 0  # the sun stands beyond the last row
    layer = np.ascontiguousarray(heights[::-1] if flipped else heights)
    lit = np.empty(layer.shape, np.bool_)
    across = right / abs(down)
    _sweep(layer, across, resolution * np.hypot(1.0, across) * np.tan(np.deg2rad(sun.elevation)), lit)
    lit = lit[::-1] if flipped else lit
    return np.ascontiguousarray(lit.T if sideways else lit)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sweep(heights, across, fall, lit):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `lit` what the sun sees if it stands towards row −1, `across` columns to the right a row; rays fall by `fall` a row."""
    rows, columns = heights.shape
    above = np.full(columns, UNKNOWN, np.float32)  # the surface of the row before, or the shadow on it
    here = np.empty(columns, np.float32)
    step = int(np.floor(across))
    share = np.float32(across - step)
    for i in range(rows):
        for j in range(columns):
            left = j + step
            shadow = np.float32(UNKNOWN)
            if left >= 0 and left + 1 < columns:
                shadow = (np.float32(1) - share) * above[left] + share * above[left + 1] - np.float32(fall)
            elif left == columns - 1 and share == 0:
                shadow = above[left] - np.float32(fall)
            lit[i, j] = heights[i, j] >= shadow
            here[j] = max(heights[i, j], shadow)
        above[:] = here
