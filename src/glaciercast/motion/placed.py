"""A regular series of velocity as seen from another grid: its axes turned, interpolated tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glaciercast.cube import resample

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

NAMES = ("vx", "vy", "vx_error", "vy_error", "vx_observed", "vy_observed")


class Placed(NamedTuple):
    """A series and how it comes onto a common grid.

    Attributes
    ----------
    data
        `NAMES` (time, y, x) on the series' own grid.
    steps
        Its steps among all, int (time,).
    angle
        By which its vectors turn, radians (own y, own x); None where both grids have one CRS.
    down, across
        Where the pixels of the common grid lie in its own, cells from the corner, float64 (y, x).
    """

    data: xr.Dataset
    steps: np.ndarray
    angle: np.ndarray | None
    down: np.ndarray
    across: np.ndarray

    @classmethod
    def on(cls, target: GeoBox, data: xr.Dataset, native: GeoBox, steps: np.ndarray) -> Placed:
        """Return a series on the grid `native` as seen from `target`."""
        return cls(data, steps, resample.turn(native, target), *resample.positions(native, target))

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Return velocity, error and observed on a tile of the common grid, float32 (3, 2, time, y, x); NaN where there is no velocity.

        Errors are interpolated and not reduced, as those of neighbouring pixels are not independent; along turned axes they are those of
        components that are.
        """
        down, across = self.down[rows, columns], self.across[rows, columns]
        (top, bottom), (left, right) = (_around(*pair) for pair in zip((down, across), self.data["vx"].shape[1:], strict=True))
        out = np.full((len(NAMES), len(self.steps), *down.shape), np.nan, np.float32)
        if top < bottom and left < right:
            part = self.data[list(NAMES)].isel(y=slice(top, bottom), x=slice(left, right)).load()
            angle = None if self.angle is None else self.angle[top:bottom, left:right]
            for number, field in enumerate(_turned([part[name].values for name in NAMES], angle)):
                for step, plane in enumerate(field):
                    out[number, step] = resample.bilinear(plane, down - top, across - left)
        return out.reshape(3, 2, *out.shape[1:])


def _around(places: np.ndarray, size: int) -> tuple[int, int]:
    """Return the cells from which `places` along an axis are interpolated: the first and the one after the last."""
    low, high = np.clip([np.floor(places.min() - 0.5), np.floor(places.max() - 0.5) + 2], 0, size)
    return int(low), int(high)


def _turned(fields: list[np.ndarray], angle: np.ndarray | None) -> list[np.ndarray]:
    """Return the fields `NAMES` along turned axes, NaN where a component of the velocity is missing."""
    vx, vy, error_x, error_y, *seen = fields
    missing = ~(np.isfinite(vx) & np.isfinite(vy))
    if angle is not None:
        vx, vy = resample.turned(vx, vy, angle)
        cosine, sine = np.cos(angle), np.sin(angle)
        error_x, error_y = np.hypot(cosine * error_x, sine * error_y), np.hypot(sine * error_x, cosine * error_y)
    return [np.where(missing, np.float32(np.nan), field).astype(np.float32) for field in (vx, vy, error_x, error_y, *seen)]
