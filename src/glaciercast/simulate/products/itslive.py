"""ITS_LIVE v2 image-pair velocities of the simulated glacier: one Zarr v2 cube of 120 m pixels and its STAC item.

Layout, names and attributes follow the producers' datacubes (Gardner et al., doi 10.5067/IMR9D3PEI28U). The simulated lattice has
its pixel edges on multiples of 120 m, so that a pixel is an exact block of the master grid; the real one is 7.5 m off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.simulate.products import itslive_store, stac
from glaciercast.simulate.products.itslive_match import Ground, match, pair_gaps
from glaciercast.simulate.products.itslive_pairs import draw
from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.simulate.flow import Flow
    from glaciercast.simulate.scenario import Scenario
    from glaciercast.simulate.world import World

COLLECTION = "itslive-cubes"
PIXEL = 120.0
"""m"""


@dataclass(frozen=True)
class Layout:
    """How the cube lies in the master grid."""

    grid: GeoBox
    """120 m pixels, north up, edges on multiples of 120 m; covers the site, less what the master grid lacks."""
    row: int
    column: int
    """First row and column of the master grid."""
    factor: int
    """Master pixels along the side of one cube pixel."""

    def average(self, field: np.ndarray) -> np.ndarray:
        """Return the mean float32 over each cube pixel of a field on the master grid."""
        rows, columns = (size * self.factor for size in self.grid.shape)
        window = field[self.row : self.row + rows, self.column : self.column + columns]
        down = window.reshape(rows // self.factor, self.factor, columns).sum(
            axis=1, dtype=np.float32
        )  # two steps: five times as fast as one
        across = down.reshape(*self.grid.shape, self.factor).sum(axis=2)
        mean: np.ndarray = across / np.float32(self.factor**2)
        return mean


@dataclass(frozen=True)
class Cube:
    """All pairs as published, and the truth about them."""

    layout: Layout
    pairs: pd.DataFrame
    """Of `itslive_pairs.draw`, with ``share_missing`` (0–1)."""
    vx: np.ndarray
    vy: np.ndarray
    v: np.ndarray
    """int16 (pair, y, x), m/yr, fill −32767."""
    filled: np.ndarray
    """uint8 (pair, y, x), 1 where interpolated."""
    chip: np.ndarray
    """uint16 (pair, y, x), m, fill 0."""
    ice: np.ndarray
    """bool (y, x)."""


def layout(world: World) -> Layout:
    """Return the cube's grid: 120 m pixels that cover the site as far as the master grid goes.

    Raises
    ------
    InputError
        If 120 m is no multiple of the master grid's resolution, or its pixel edges are not on multiples of the resolution.
    """
    from odc.geo.geobox import GeoBox

    master, site = world.grid.boundingbox, world.site.boundingbox
    pixel = abs(world.grid.resolution.x)
    factor = round(PIXEL / pixel)
    corner = (master.left / pixel, master.top / pixel)
    if abs(factor * pixel - PIXEL) > 1e-6 or any(abs(value - round(value)) > 1e-6 for value in corner):
        raise InputError(
            f"area: velocities need a grid whose pixel edges fit into {PIXEL:g} m, found {pixel:g} m from {master.left}, {master.top}"
        )
    west, south = (_below(*edges) for edges in ((site.left, master.left), (site.bottom, master.bottom)))
    east, north = (-_below(-one, -two) for one, two in ((site.right, master.right), (site.top, master.top)))
    grid = GeoBox.from_bbox((west, south, east, north), crs=world.grid.crs, resolution=PIXEL)
    return Layout(grid, round((master.top - north) / pixel), round((west - master.left) / pixel), factor)


def _below(site: float, master: float) -> float:
    """Return the multiple of 120 m at or below the site's edge, or the first inside the master grid where that is none."""
    return PIXEL * max(math.floor(round(site / PIXEL, 6)), math.ceil(round(master / PIXEL, 6)))


def simulate(world: World, scenario: Scenario, seed: int) -> Cube:
    """Measure the world's flow with every pair of the scenario.

    Raises
    ------
    InputError
        If the scenario has no velocities or too few satellites for its pairs, or its grid does not fit 120 m.
    """
    pairs = draw(scenario, world.weather, seed)
    assert scenario.velocity is not None  # draw() refuses it
    place = layout(world)
    shape = (len(pairs), *place.grid.shape)
    names = ("vx", "vy", "v")
    speeds = {name: np.empty(shape, np.int16) for name in names}
    filled, chip = np.empty(shape, np.uint8), np.empty(shape, np.uint16)
    ice = place.average(world.ice) >= 0.5
    ground = Ground(_accumulation(world, place), scenario.weather.warmest_day)
    gaps = pair_gaps(pairs, ground.warmest_day)
    flow = _coarse(world.flow, place)
    for number, (_, pair) in enumerate(pairs.iterrows()):
        vx, vy = flow.mean_velocity(pair["date1"], pair["date2"])
        seen = match(vx, vy, pair, gaps[number], ground, scenario.velocity, generator(seed, "itslive", "match", number))
        for name, values in zip(names, (seen.vx, seen.vy, np.hypot(seen.vx, seen.vy)), strict=True):
            speeds[name][number] = itslive_store.encode(values)
        filled[number], chip[number] = seen.filled, seen.chip
    pairs["share_missing"] = (speeds["v"] == itslive_store.FILL).mean(axis=(1, 2))
    return Cube(place, pairs, speeds["vx"], speeds["vy"], speeds["v"], filled, chip, ice)


def _coarse(flow: Flow, place: Layout) -> Flow:
    """Return the flow on the cube's grid: velocity is linear in its three fields, so the mean over a pixel is exact."""
    creep, sliding, surge = (np.stack([place.average(part) for part in field]) for field in (flow.creep, flow.sliding, flow.surge))
    return replace(flow, creep=creep, sliding=sliding, surge=surge, resolution=PIXEL)


def _accumulation(world: World, place: Layout) -> np.ndarray:
    """Return how far up the accumulation area each pixel lies, 0–1: nothing below the median elevation of the ice."""
    elevation = place.average(world.elevation)
    on_ice = world.elevation[world.ice]
    if not on_ice.size:
        return np.zeros(elevation.shape, np.float32)
    middle, top = np.percentile(on_ice, [50, 95])
    share: np.ndarray = np.clip((elevation - middle) / max(top - middle, 1.0), 0, 1).astype(np.float32)
    return share


def item_id(place: Layout) -> str:
    """Return the producers' kind of name: projection, pixel size and centre of the cube."""
    box = place.grid.boundingbox
    assert place.grid.crs is not None
    centre = f"X{round((box.left + box.right) / 2)}_Y{round((box.bottom + box.top) / 2)}"
    return f"ITS_LIVE_vel_EPSG{place.grid.crs.epsg}_G0120_{centre}"


def write_cube(cube: Cube, archive: Path, scenario: Scenario) -> str:
    """Write the store and its item below ``archive/itslive-cubes``; return the item's id."""
    name = item_id(cube.layout)
    with stac.item_folder(archive, COLLECTION, name) as folder:
        store = folder / f"{name}.zarr"
        itslive_store.write(store, cube, f"simulated ITS_LIVE datacube of image pair velocities: {scenario.title}")
        stac.write_item(folder, _item(name, store.name, cube))
    return name


def write(world: World, archive: Path, scenario: Scenario, seed: int) -> str:
    """Simulate and write the velocity cube of a scenario, unless the archive holds it; return the item's id.

    `simulate` and `write_cube` do the same in two steps and leave the truth, ``cube.pairs``, to the caller.
    """
    name = item_id(layout(world))
    return name if stac.exists(archive, COLLECTION, name) else write_cube(simulate(world, scenario, seed), archive, scenario)


def _item(name: str, href: str, cube: Cube) -> dict[str, Any]:
    grid = cube.layout.grid
    first, last = cube.pairs["date1"].min(), cube.pairs["date2"].max()
    assert grid.crs is not None
    properties = {
        "datetime": None,
        "start_datetime": f"{first:%Y-%m-%dT%H:%M:%SZ}",
        "end_datetime": f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "platform": "multiple",
        "gsd": PIXEL,
        "proj:epsg": grid.crs.epsg,
        **stac.projection(grid),
    }
    zarr = stac.asset(f"./{href}", "Simulated image-pair velocities, Zarr version 2", ["data"], media_type="application/vnd+zarr")
    return stac.make_item(name, COLLECTION, grid, properties, {"zarr": zarr}, ["projection/v1.1.0"])
