"""Items and assets of the simulated MODIS temperatures, as the Planetary Computer describes the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.simulate.products import stac
from glaciercast.simulate.products.modis_grid import PIXEL, SIZE, TILE, WKT, Tile

if TYPE_CHECKING:
    from glaciercast.simulate.products.sparse import Canvas

EXTENSIONS = ("projection/v1.0.0", "eo/v1.0.0", "raster/v1.1.0")
TIME = {"unit": "Hours", "scale": 0.1}
ANGLE = {"unit": "Degree"}
KELVIN = {"unit": "Kelvin", "scale": 0.02}


@dataclass(frozen=True)
class Band:
    """One asset: what its file holds where there is nothing, and how the item describes it."""

    title: str
    fields: dict[str, Any]
    dtype: str = "uint8"
    fill: int = 0


BANDS = {
    "LST_Day_1km": Band("daytime 1km grid Land-surface Temperature", KELVIN, "uint16"),
    "LST_Night_1km": Band("nighttime 1km grid Land-surface Temperature", KELVIN, "uint16"),
    "QC_Day": Band("Quality control for daytime LST and emissivity", {}),
    "QC_Night": Band("Quality control for nighttime LST and emissivity", {}),
    "Day_view_time": Band("(local solar) Time of daytime Land-surface Temperature observation", TIME, fill=255),
    "Night_view_time": Band("(local solar) Time of nighttime Land-surface Temperature observation", TIME, fill=255),
    "Day_view_angl": Band("View zenith angle of daytime Land-surface Temperature", ANGLE, fill=255),
    "Night_view_angl": Band("View zenith angle of nighttime Land-surface Temperature", ANGLE, fill=255),
    "Emis_31": Band("Band 31 emissivity", {"scale": 0.002}),
    "Clear_sky_days": Band("the days in clear-sky conditions and with valid LSTs", {}),
    "Clear_sky_nights": Band("the nights in clear-sky conditions and with valid LSTs", {}),
}
"""Neither nodata nor the offsets of angle and emissivity are declared: the real items do not declare them either."""


@dataclass(frozen=True)
class Granule:
    """One item: a product (``MOD11A2``), a tile, its first and last day, and its rasters (name → values over the window)."""

    product: str
    tile: Tile
    first: pd.Timestamp
    last: pd.Timestamp
    corner: tuple[int, int]
    """Row and column of the window in the tile."""
    rasters: dict[str, np.ndarray]
    cloud: float
    """Share of the simulated pixels without a daytime temperature."""

    @property
    def item_id(self) -> str:
        """As the real ones: product, year and day of the year, tile, version."""
        return f"{self.product}.A{self.first:%Y%j}.{self.tile.name}.061"

    @property
    def collection(self) -> str:
        """Terra and Aqua share one."""
        return collection(self.product)


def collection(product: str) -> str:
    """Return the collection of a product, such as ``modis-11A2-061`` of ``MYD11A2``."""
    return f"modis-{product[3:]}-061"


class Writer:
    """Writes granules; what does not change between granules of a tile is made once."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self._canvases: dict[tuple[Tile, str, int], Canvas] = {}
        self._templates: dict[tuple[Tile, str], dict[str, Any]] = {}

    def write(self, granule: Granule) -> None:
        """Write one granule's files and item, unless the archive holds it already."""
        name = granule.item_id
        if stac.exists(self.archive, granule.collection, name):
            return
        stamp = f"{granule.last + pd.Timedelta(days=2):%Y%j}000000"  # when the producers would have made it
        hrefs = {key: f"{name}.{stamp}_{key}.tif" for key in granule.rasters}
        with stac.item_folder(self.archive, granule.collection, name) as folder:
            for key, values in granule.rasters.items():
                canvas = self._canvas(granule.tile, BANDS[key].dtype, BANDS[key].fill)
                (folder / hrefs[key]).write_bytes(canvas.encode(values, *granule.corner))
            stac.write_item(folder, self._item(granule, hrefs))

    def _canvas(self, tile: Tile, dtype: str, fill: int) -> Canvas:
        from glaciercast.simulate.products.sparse import Canvas

        key = (tile, dtype, fill)
        if key not in self._canvases:
            self._canvases[key] = Canvas(tile.geobox(), np.dtype(dtype), fill)
        return self._canvases[key]

    def _item(self, granule: Granule, hrefs: dict[str, str]) -> dict[str, Any]:
        key = (granule.tile, granule.collection)
        if key not in self._templates:
            self._templates[key] = stac.make_item("", granule.collection, granule.tile.geobox(), {}, {}, EXTENSIONS)
        made = f"{granule.last + pd.Timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
        properties = {
            "start_datetime": f"{granule.first:%Y-%m-%dT00:00:00Z}",
            "end_datetime": f"{granule.last:%Y-%m-%dT23:59:59Z}",
            "instruments": ["modis"],
            "platform": "terra" if granule.product.startswith("MOD") else "aqua",
            "created": made,
            "updated": made,
            **_tile_properties(granule.tile),
            "eo:cloud_cover": round(100 * granule.cloud),
            "datetime": None,
        }
        assets = {name: _asset(name, href, granule.product.endswith("A2")) for name, href in hrefs.items()}
        return {**self._templates[key], "id": granule.item_id, "properties": properties, "assets": assets}


def _tile_properties(tile: Tile) -> dict[str, Any]:
    west, north = tile.corner
    ring = [(west + TILE, north - TILE), (west + TILE, north), (west, north), (west, north - TILE), (west + TILE, north - TILE)]
    return {
        "modis:horizontal-tile": tile.horizontal,
        "modis:vertical-tile": tile.vertical,
        "modis:tile-id": f"51{tile.horizontal:03d}{tile.vertical:03d}",
        "proj:epsg": None,
        "proj:wkt2": WKT,
        "proj:geometry": {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in ring]]},
        "proj:shape": [SIZE, SIZE],
        "proj:transform": [PIXEL, 0.0, round(west, 6), 0.0, -PIXEL, round(north, 6)],
    }


def _asset(name: str, href: str, eight_days: bool) -> dict[str, Any]:
    band = BANDS[name]
    period = ("8-day " if eight_days else "Daily ") if name.startswith("LST") else ""
    fields = {"raster:bands": [{"data_type": band.dtype, "spatial_resolution": 1000, **band.fields}]}
    roles = ["data", "temperature"] if name.startswith("LST") else ["data"]
    return stac.asset(f"./{href}", period + band.title, roles, fields=fields)
