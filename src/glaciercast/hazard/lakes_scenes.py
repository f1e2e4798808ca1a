"""The surroundings of a lake in the scenes of a cube, one scene at a time, so that memory does not grow with the series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from glaciercast import grid, store
from glaciercast.cube import illumination, regions, shading
from glaciercast.errors import InputError, unknown
from glaciercast.hazard.lakes_settings import LakeConfig
from glaciercast.hazard.lakes_water import Optics
from glaciercast.hazard.records import IMAGE_SIDE
from glaciercast.sources.scene import Sun

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

BANDS = ("green", "nir", "swir16")


@dataclass(frozen=True)
class Place:
    """Where a lake is looked for on a grid.

    Attributes
    ----------
    lon, lat
        Of its point or of its outline's centre, degrees.
    geobox
        Grid of the window.
    rows, columns
        The window in the whole grid.
    row, column
        Pixel of the point in the window.
    near
        Water that begins here belongs to the lake, bool (y, x) of the window.
    limits
        Nothing beyond belongs to the lake, bool (y, x).
    """

    lon: float
    lat: float
    geobox: GeoBox
    rows: slice
    columns: slice
    row: int
    column: int
    near: np.ndarray
    limits: np.ndarray

    @property
    def pixel(self) -> float:
        """Size of a pixel, m."""
        return abs(float(self.geobox.resolution.x))


@dataclass(frozen=True)
class Look:
    """One scene of the place: what it shows, and when it was acquired and could be had (UTC)."""

    product: str
    scene_id: str
    sensor: str
    time: np.datetime64
    available_at: np.datetime64
    optics: Optics
    sun: Sun | None


def place(geobox: GeoBox, settings: LakeConfig, at: tuple[float, float] | None = None, outline: Any | None = None) -> Place:
    """Return where to look for a lake, given as a point or as an outline (shapely, degrees).

    Raises
    ------
    InputError
        If neither is given, or the lake lies outside the grid.
    """
    import shapely
    from rasterio.features import rasterize

    if outline is None and at is None:
        raise InputError("lake: expected its point (lon, lat) or its outline, found neither")
    shape = shapely.Point(at) if outline is None else outline
    lon, lat = at or (float(shape.centroid.x), float(shape.centroid.y))
    plane = str(geobox.crs)
    there = regions.project(shape, regions.DEGREES, plane, 0.002) if outline is not None else None
    x, y = regions.move(np.array([[lon, lat]]), regions.DEGREES, plane)[0]
    around = shapely.Point(x, y) if there is None else there
    _inside(geobox, x, y, lon, lat)
    rows, columns = _window(geobox, around.buffer(settings.radius).bounds)
    window = geobox[rows, columns]
    column, row = ~window.affine * (x, y)
    reached = around.buffer(max(settings.reach, abs(float(geobox.resolution.x))))
    near = rasterize([(reached, 1)], out_shape=tuple(window.shape), transform=window.affine, dtype="uint8", all_touched=True) > 0
    limits = near if there is not None else np.ones(near.shape, bool)
    return Place(lon, lat, window, rows, columns, int(row), int(column), near, limits)


def _inside(geobox: GeoBox, x: float, y: float, lon: float, lat: float) -> None:
    column, row = ~geobox.affine * (x, y)
    if not (0 <= column < geobox.shape.x and 0 <= row < geobox.shape.y):
        west, south, east, north = geobox.geographic_extent.boundingbox.bbox
        box = f"lon {west:.3f} to {east:.3f}, lat {south:.3f} to {north:.3f}"
        raise InputError(f"lake at lon {lon:g}, lat {lat:g}: expected a point in the cube ({box}), longitude first")


def _window(geobox: GeoBox, bounds: tuple[float, float, float, float]) -> tuple[slice, slice]:
    left, bottom, right, top = bounds
    column, row = ~geobox.affine * (left, top)
    last_column, last_row = ~geobox.affine * (right, bottom)
    rows = slice(max(0, int(row)), min(geobox.shape.y, int(np.ceil(last_row))))
    return rows, slice(max(0, int(column)), min(geobox.shape.x, int(np.ceil(last_column))))


def products(cube: xr.DataTree, chosen: Sequence[str] = ()) -> dict[str, xr.Dataset]:
    """Return the optical products in which water can be told (those with ``nir``), all on one grid.

    Raises
    ------
    InputError
        If a product is unknown or has no near infrared, none is left, or they lie on several grids.
    """
    known = dict(store.optical_products(cube))
    for name in chosen:
        if name not in known:
            raise InputError(f"lakes: {unknown('product', name, known)}")
        if "nir" not in known[name]:
            raise InputError(f"lakes: /optical/{name}: expected the variable nir, for NDWI, found none")
    usable = {name: dataset for name, dataset in known.items() if "nir" in dataset and (not chosen or name in chosen)}
    if not usable:
        raise InputError(f"lakes: expected a product with nir, for NDWI; {', '.join(known)} has none")
    grids = [grid.of(dataset, f"/optical/{name}") for name, dataset in usable.items()]
    if not all(grid.same(grids[0], other) for other in grids[1:]):
        raise InputError(f"lakes: {', '.join(usable)} lie on several grids: choose one with --product")
    return usable


def looks(cube: xr.DataTree, datasets: dict[str, xr.Dataset], where: Place) -> Iterator[Look]:
    """Yield the scenes of a place in the order in which they could be had."""
    import dask

    terrain = _Terrain(cube, next(iter(datasets.values())))
    order = sorted(
        (available, name, step) for name, dataset in datasets.items() for step, available in enumerate(dataset["available_at"].values)
    )
    with dask.config.set(scheduler="synchronous"):
        facts = {
            name: dataset[[key for key, value in dataset.data_vars.items() if value.dims == ("time",)]].load()
            for name, dataset in datasets.items()
        }
        for _, name, step in order:
            yield _look(name, datasets[name].isel(time=step), facts[name].isel(time=step), where, terrain)


def ground(cube: xr.DataTree, datasets: dict[str, xr.Dataset], where: Place) -> np.ndarray | None:
    """Return the elevation of the window, m (y, x), or None where the cube has none."""
    return _Terrain(cube, next(iter(datasets.values()))).cut("elevation", where)


class _Terrain:
    """The terrain of the cube, if it has one on the scenes' grid."""

    def __init__(self, cube: xr.DataTree, scenes: xr.Dataset) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        if "terrain" not in cube.children:
            return
        dataset = cube["terrain"].to_dataset()
        own, other = grid.of(dataset, "/terrain"), grid.of(scenes, "/optical")
        if grid.same(own, other):
            self.arrays = {name: dataset[name].values for name in ("elevation", "slope", "aspect")}
            self.resolution = abs(float(own.resolution.x))

    def cut(self, name: str, where: Place) -> np.ndarray | None:
        """Return a variable of the window."""
        return self.arrays[name][where.rows, where.columns] if self.arrays else None

    def lit(self, sun: Sun | None, where: Place) -> np.ndarray:
        """Return where no terrain stands before the sun, nor a pixel beside: elevation models tell a shadow's edge no better.

        Everywhere, where terrain or sun are not known.
        """
        if not self.arrays or sun is None or not sun.elevation > 0:
            return np.ones(where.near.shape, bool)
        lit = shading.sunlit(self.arrays["elevation"], self.resolution, sun)
        dark = ndimage.binary_dilation(~lit, np.ones((3, 3), bool))
        return np.asarray(~dark[where.rows, where.columns])

    def light(self, sun: Sun | None, where: Place) -> np.ndarray | None:
        """Return the sun's light on the slopes of the window over that on level ground, float32 (y, x); None where it is not known."""
        slope, aspect = self.cut("slope", where), self.cut("aspect", where)
        if slope is None or aspect is None or sun is None or not sun.elevation > 0:
            return None
        level = np.float32(np.sin(np.deg2rad(sun.elevation)))
        return np.asarray(illumination.cos_incidence(slope, aspect, sun) / level)


def _look(product: str, scene: xr.Dataset, facts: xr.Dataset, where: Place, terrain: _Terrain) -> Look:
    window = scene.isel(y=where.rows, x=where.columns)
    green, nir, swir16 = (np.asarray(window[name].values, "float32") for name in BANDS)
    sun = None
    if "sun_elevation" in facts and np.isfinite(facts["sun_elevation"].values):
        sun = Sun(float(facts["sun_elevation"].values), float(facts["sun_azimuth"].values))
    slope = terrain.cut("slope", where)
    optics = Optics(
        green=green,
        nir=nir,
        swir16=swir16,
        clear=np.asarray(window["clear"].values, bool),
        lit=terrain.lit(sun, where),
        slope=np.full(green.shape, np.nan, "float32") if slope is None else slope,
        light=terrain.light(sun, where),
    )
    scene_id, sensor = (str(facts[name].values) for name in ("scene_id", "sensor"))
    time, available_at = (
        np.datetime64(int(facts[name].values.astype("datetime64[ns]").astype("int64")), "ns") for name in ("time", "available_at")
    )
    return Look(product, scene_id, sensor, time, available_at, optics, sun)


def image(look: Look, where: Place) -> np.ndarray:
    """Return a square of `IMAGE_SIDE` pixels around the lake's point, float32 (band, y, x), NaN where not clear or beyond the grid."""
    bands = np.stack([look.optics.green, look.optics.nir, look.optics.swir16]).astype("float32")
    bands[:, ~look.optics.clear] = np.nan
    half = IMAGE_SIDE // 2
    padded = np.pad(bands, ((0, 0), (half, half), (half, half)), constant_values=np.nan)
    return padded[:, where.row : where.row + IMAGE_SIDE, where.column : where.column + IMAGE_SIDE]
