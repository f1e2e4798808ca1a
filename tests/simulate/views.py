"""Ways to look at the simulated world: clear visits, grids over the area, fields at any place, and shifts between images."""

from __future__ import annotations

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy import fft, ndimage

from glaciercast.simulate import clouds
from glaciercast.simulate.scene import Overpass
from glaciercast.simulate.world import World


def visit(when: str | pd.Timestamp, **changes: object) -> Overpass:
    """Return a cloudless visit of Landsat 8 without geolocation error, with the sun at 55° in the south-east."""
    facts: dict[str, object] = {
        "product": "landsat",
        "platform": "landsat-8",
        "time": pd.Timestamp(when),
        "crs": "EPSG:32643",
        "path": 149,
        "row": 35,
        "tile": "",
        "sun_elevation": 55.0,
        "sun_azimuth": 140.0,
        "shift_x": 0.0,
        "shift_y": 0.0,
        "cloud_cover": 0.0,
    }
    return Overpass(**(facts | changes))  # type: ignore[arg-type]


def over(grid: GeoBox, pixel: float) -> GeoBox:
    """Return a grid of other pixels with the north-west corner and size of `grid`."""
    rows, columns = (round(size * abs(grid.resolution.x) / pixel) for size in grid.shape)
    return GeoBox((rows, columns), Affine(pixel, 0, grid.affine.c, 0, -pixel, grid.affine.f), grid.crs)


def centres(grid: GeoBox, crs: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of every pixel centre, (y, x), in `crs` (default: the grid's)."""
    columns, rows = np.meshgrid(np.arange(grid.shape[1]) + 0.5, np.arange(grid.shape[0]) + 0.5)
    x, y = grid.affine * (columns, rows)
    return (x, y) if crs is None else Transformer.from_crs(str(grid.crs), str(crs), always_xy=True).transform(x, y)


def sampled(field: np.ndarray, world: World, grid: GeoBox) -> np.ndarray:
    """Return a field of the master grid interpolated bilinearly at the pixel centres of `grid`."""
    x, y = centres(grid, world.grid.crs)
    column, row = ~world.grid.affine * (x, y)
    return ndimage.map_coordinates(np.asarray(field, float), [row - 0.5, column - 0.5], order=1, mode="nearest")


def everywhere(world: World, opacity: float) -> clouds.Clouds:
    """Return a sheet of cloud of one opacity over the whole area, at 6000 m, as cold as 250 K."""
    pad = 150
    size = tuple(side // clouds.COARSE + 2 + 2 * pad for side in world.elevation.shape)
    return clouds.Clouds(np.full(size, opacity, np.float32), pad, 6000.0, 250.0)


def shift(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return by how many pixels the content moved to the right and up, by phase correlation.

    Hann window; whitened cross-power spectrum, damped at the finest scales; parabolic peak. Kuglin & Hines (1975).
    """
    rows, columns = before.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)[None, :]
    a, b = (fft.fft2((image - image.mean()) * window) for image in (before, after))
    cross = b * np.conj(a)
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :])
    surface = fft.ifft2(cross / np.maximum(np.abs(cross), 1e-12) * np.exp(-((frequency / 0.2) ** 2))).real
    row, column = (int(at) for at in np.unravel_index(surface.argmax(), surface.shape))
    down = row + _vertex(*(surface[(row + step) % rows, column] for step in (-1, 0, 1)))
    right = column + _vertex(*(surface[row, (column + step) % columns] for step in (-1, 0, 1)))
    return (right + columns / 2) % columns - columns / 2, -((down + rows / 2) % rows - rows / 2)


def _vertex(left: float, middle: float, right: float) -> float:
    """Return where the Gaussian through three samples peaks."""
    a, b, c = np.log(np.maximum([left, middle, right], 1e-9))
    return float(0.5 * (a - c) / (a - 2 * b + c))
