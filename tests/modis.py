"""MODIS items and files by hand, and a fetcher that can fail: what the tests of temperatures share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from odc.geo.geobox import GeoBox

from glaciercast.errors import SourceError
from glaciercast.sources import fetch
from glaciercast.sources.access import Reader

WKT = (  # as the items of the Planetary Computer spell it
    'PROJCRS["unnamed",BASEGEOGCRS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom spheroid)",'
    'ELLIPSOID["Custom spheroid",6371007.181,0,LENGTHUNIT["metre",1,ID["EPSG",9001]]]],'
    'PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433,ID["EPSG",9122]]]],CONVERSION["unnamed",METHOD["Sinusoidal"],'
    'PARAMETER["Longitude of natural origin",0,ANGLEUNIT["degree",0.0174532925199433],ID["EPSG",8802]],'
    'PARAMETER["False easting",0,LENGTHUNIT["metre",1],ID["EPSG",8806]],'
    'PARAMETER["False northing",0,LENGTHUNIT["metre",1],ID["EPSG",8807]]],'
    'CS[Cartesian,2],AXIS["easting",east,ORDER[1],LENGTHUNIT["metre",1,ID["EPSG",9001]]],'
    'AXIS["northing",north,ORDER[2],LENGTHUNIT["metre",1,ID["EPSG",9001]]]]'
)
SIDE = 1111950.519767
"""m, as the items round it."""
FILL = {"LST": 0, "QC": 0, "view": 255}
SCALE = {"LST": 0.02, "view_time": 0.1}


class Fetcher(fetch.Fetcher):
    """The fetcher of files on disk; keeps a list of what was asked for, and can fail at one asset."""

    def __init__(self, fail_at: str = "") -> None:
        super().__init__(Reader(connections=1))
        self.fail_at = fail_at
        self.asked: list[str] = []

    def fetch(self, item: pystac.Item, asset: str, target: GeoBox) -> fetch.Fetched:
        name = f"{item.id} {asset}"
        if name == self.fail_at:
            raise SourceError(f"{name}: 503 after 6 tries")
        self.asked.append(name)
        return super().fetch(item, asset, target)


def make_item(
    folder: Path,
    product: str = "MOD11A2",
    day: str = "2022-02-02",
    tile: tuple[int, int] = (23, 5),
    window: dict[str, np.ndarray] | None = None,
    corner: tuple[int, int] = (0, 0),
    stamp: str = "",
    **properties: Any,
) -> pystac.Item:
    """Write one tile's files (named arrays at a row and column of the tile, fill elsewhere) and return its item."""
    import pandas as pd
    import rasterio
    from affine import Affine

    start = pd.Timestamp(day)
    end = start if product.endswith("A1") else min(start + pd.Timedelta(days=7), pd.Timestamp(start.year, 12, 31))
    name = f"{product}.A{start:%Y%j}.h{tile[0]:02d}v{tile[1]:02d}.061{stamp}"
    place = folder / name
    place.mkdir(parents=True)
    west, north = (tile[0] - 18) * SIDE, (9 - tile[1]) * SIDE
    assets = {}
    for half in ("Day", "Night"):
        for key in (f"LST_{half}_1km", f"QC_{half}", f"{half}_view_time", f"{half}_view_angl"):
            kind = next(kind for kind in FILL if kind in key)
            values = np.full((1200, 1200), FILL[kind], "uint16" if kind == "LST" else "uint8")
            if window is not None and key in window:
                part = window[key]
                values[corner[0] : corner[0] + part.shape[0], corner[1] : corner[1] + part.shape[1]] = part
            with rasterio.open(
                place / f"{key}.tif", "w", driver="GTiff", count=1, height=1200, width=1200, dtype=values.dtype, compress="deflate",
                crs=rasterio.crs.CRS.from_wkt(WKT), transform=Affine(SIDE / 1200, 0, west, 0, -SIDE / 1200, north),
            ) as file:  # fmt: skip
                file.write(values, 1)
            scale = next((scale for word, scale in SCALE.items() if word in key), None)
            band = {"data_type": str(values.dtype), **({} if scale is None else {"scale": scale})}
            assets[key] = {"href": f"./{key}.tif", "raster:bands": [band]}
    content = {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": name, "collection": f"modis-{product[3:]}-061",
        "geometry": None, "links": [], "assets": assets,
        "properties": {
            "datetime": None, "start_datetime": f"{start:%Y-%m-%dT00:00:00Z}", "end_datetime": f"{end:%Y-%m-%dT23:59:59Z}",
            "platform": "terra" if product.startswith("MOD") else "aqua", "proj:epsg": None, "proj:wkt2": WKT, **properties,
        },
    }  # fmt: skip
    file = place / f"{name}.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return read_item(file)


def read_item(path: Path) -> pystac.Item:
    """Return an item as its producer wrote it: pystac would rename fields of older versions."""
    return pystac.Item.from_dict(json.loads(path.read_text(encoding="utf-8")), href=str(path), migrate=False)


def items_of(archive: Path, collection: str) -> list[pystac.Item]:
    """Return all items of a collection of an archive in files."""
    return [read_item(path) for path in sorted((archive / collection).glob("*/*.json"))]
