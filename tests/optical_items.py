"""Made optical items: small GeoTIFFs with known numbers and the STAC items that describe them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from tests.made import write_tiff

from glaciercast.sources.access import Reader
from glaciercast.sources.fetch import Fetcher

SHAPE = (12, 10)
ORIGIN = (600_000.0, 3_600_000.0)
CRS = "EPSG:32643"


def fetcher() -> Fetcher:
    """Return a fetcher of local files."""
    return Fetcher(Reader())


def grid_of(shape: tuple[int, int] = SHAPE, origin: tuple[float, float] = ORIGIN, pixel: float = 30.0, crs: str = CRS):
    """Return a north-up grid."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    return GeoBox(shape, Affine(pixel, 0, origin[0], 0, -pixel, origin[1]), crs)


def make_item(
    folder: Path,
    name: str,
    time: str,
    properties: dict[str, Any],
    files: dict[str, np.ndarray],
    *,
    collection: str,
    bbox: tuple[float, float, float, float] = (77.4, 32.0, 77.9, 32.3),
    crs: str = CRS,
    origin: tuple[float, float] = ORIGIN,
    pixels: dict[str, float] | None = None,
    declared: dict[str, dict[str, Any]] | None = None,
) -> pystac.Item:
    """Write the arrays (y, x) as assets, 30 m pixels unless `pixels` says otherwise, and return their item."""
    moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
    epsg = {"proj:epsg": int(crs.split(":")[1])}
    item = pystac.Item(name, None, list(bbox), moment, {**epsg, **properties}, collection=collection)
    for key, values in files.items():
        path = write_tiff(folder / name / f"{key}.tif", values, crs=crs, origin=origin, pixel=(pixels or {}).get(key, 30.0))
        extra = {"raster:bands": [declared[key]]} if declared and key in declared else {}
        item.add_asset(key, pystac.Asset(path.name, extra_fields=extra))
    item.set_self_href(str(folder / name / f"{name}.json"))
    return item


def bare_item(name: str, time: str, properties: dict[str, Any], keys: tuple[str, ...] = (), bbox=(77.4, 32.0, 77.9, 32.3)) -> pystac.Item:
    """Return an item whose assets are names only."""
    item = pystac.Item(name, None, list(bbox), datetime.fromisoformat(time.replace("Z", "+00:00")), properties)
    for key in keys:
        item.add_asset(key, pystac.Asset(f"{key}.tif"))
    return item
