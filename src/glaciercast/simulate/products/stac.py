"""The STAC of the simulated archive: items in folders that are whole or not there, collections and a catalogue over what is on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.errors import GlaciercastError
from glaciercast.simulate.products.collections import JSON, VERSION, build, schemas, statics

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EDGE_STEP = 50_000.0
"""Longest straight piece of a footprint's edge, m: straight in a projection is curved in longitude and latitude."""
_PARTIAL = ".partial"


def exists(archive: Path, collection: str, item_id: str) -> bool:
    """Tell whether the archive holds an item, whole."""
    return (archive / collection / item_id / f"{item_id}.json").is_file()


@contextmanager
def item_folder(archive: Path, collection: str, item_id: str) -> Iterator[Path]:
    """Give a folder to write an item into; it gets its name when the block ends without an error, and is removed otherwise.

    Raises
    ------
    GlaciercastError
        If the item is there already, or no `write_item` was called in the block.
    """
    folder = archive / collection / item_id
    if folder.exists():
        raise GlaciercastError(f"{folder}: the item is there already")
    partial = folder.with_name(item_id + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir(parents=True)
    try:
        yield partial
        if not (partial / f"{item_id}.json").is_file():
            raise GlaciercastError(f"{folder}: no item was written")
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)


def write_item(folder: Path, item: Mapping[str, Any]) -> None:
    """Write an item (of `make_item`) as ``<item id>.json`` into the folder of `item_folder`.

    Raises
    ------
    GlaciercastError
        If the folder is another item's, or a relative asset is not in it.
    """
    if folder.name != item["id"] + _PARTIAL:
        raise GlaciercastError(f"{folder}: not the folder of item {item['id']}")
    missing = [asset["href"] for asset in item["assets"].values() if "://" not in asset["href"] and not (folder / asset["href"]).exists()]
    if missing:
        raise GlaciercastError(f"item {item['id']}: no file {', '.join(missing)}")
    _write_json(folder / f"{item['id']}.json", item)


def make_item(
    item_id: str,
    collection: str,
    geobox: GeoBox,
    properties: Mapping[str, Any],
    assets: Mapping[str, Mapping[str, Any]],
    extensions: Iterable[str],
    links: Iterable[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return an item with the footprint of `geobox` and links to its collection and catalogue.

    Parameters
    ----------
    item_id, collection
        Names of the item and its collection.
    geobox
        Grid of the item's rasters.
    properties
        As in the file, ``datetime`` included (None beside ``start_datetime`` and ``end_datetime``).
    assets
        Key → asset, of `asset`.
    extensions
        Name and version of each extension that the item uses, such as ``eo/v1.0.0``.
    links
        Further links, such as ``cite-as``.
    """
    geometry, bbox = footprint(geobox)
    upwards = {"type": JSON, "title": statics(collection)["title"]}
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "id": item_id,
        "properties": dict(properties),
        "geometry": geometry,
        "links": [
            *map(dict, links),
            {"rel": "root", "href": "../../catalog.json", "type": JSON},
            {"rel": "collection", "href": "../collection.json", **upwards},
            {"rel": "parent", "href": "../collection.json", **upwards},
        ],
        "assets": {key: dict(value) for key, value in assets.items()},
        "bbox": bbox,
        "stac_extensions": schemas(extensions),
        "collection": collection,
    }


def asset(
    href: str, title: str, roles: Sequence[str], *, media_type: str = COG, description: str = "", fields: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an asset; `href` is relative to the item's folder, `fields` are those of extensions (``eo:bands``, ``gsd``, …)."""
    described = {"description": description} if description else {}
    return {"href": href, "type": media_type, "title": title, **described, **(fields or {}), "roles": list(roles)}


def projection(geobox: GeoBox, *, bbox: bool = False) -> dict[str, Any]:
    """Return ``proj:shape`` and ``proj:transform`` (and ``proj:bbox``) of a grid, as the projection extension 1.0 has them."""
    fields: dict[str, Any] = {"proj:shape": list(geobox.shape), "proj:transform": [float(value) for value in geobox.affine[:6]]}
    if bbox:
        fields = {"proj:bbox": [float(value) for value in geobox.boundingbox.bbox], **fields}
    return fields


def timestamp(time: pd.Timestamp) -> str:
    """Return a time (UTC, without time zone) as RFC 3339 with microseconds, such as ``2020-12-04T19:02:11.194486Z``."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"


def footprint(geobox: GeoBox) -> tuple[dict[str, Any], list[float]]:
    """Return the outline of a grid as a GeoJSON polygon (degrees, anticlockwise, RFC 7946) and its bounding box.

    The box is lon min, lat min, lon max, lat max. Edges longer than `EDGE_STEP` are divided, so that a MODIS tile's outline
    follows its meridians.
    """
    from pyproj import Transformer

    left, bottom, right, top = geobox.boundingbox.bbox
    corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)])
    crs = geobox.crs
    assert crs is not None
    pieces = 1 if crs.geographic else int(np.ceil(max(right - left, top - bottom) / EDGE_STEP))
    along = np.arange(4 * pieces + 1) / pieces
    x, y = (np.interp(along, np.arange(5), corners[:, axis]) for axis in (0, 1))
    lon, lat = Transformer.from_crs(crs.proj, "EPSG:4326", always_xy=True).transform(x, y)
    ring = np.round(np.stack([lon, lat], axis=1), 8)
    box = [*ring.min(axis=0), *ring.max(axis=0)]
    return {"type": "Polygon", "coordinates": [ring.tolist()]}, [float(value) for value in box]


def write_catalog(archive: Path, title: str) -> None:
    """Write a collection for every folder that holds items, sorted by name, and the catalogue over them.

    Raises
    ------
    GlaciercastError
        If a folder holds items of a collection that `products/collections.yml` does not know.
    """
    found = {folder.name: _items(folder) for folder in sorted(archive.iterdir()) if folder.is_dir()}
    links: list[dict[str, str]] = []
    for name, items in found.items():
        if items:
            _write_json(archive / name / "collection.json", build(name, items))
            links.append({"rel": "child", "href": f"./{name}/collection.json", "type": JSON, "title": statics(name)["title"]})
    catalog = {
        "type": "Catalog",
        "id": "glaciercast-simulated",
        "stac_version": VERSION,
        "title": title,
        "description": f"{title}: simulated products, not observations.",
        "links": [{"rel": "root", "href": "./catalog.json", "type": JSON}, *links],
    }
    _write_json(archive / "catalog.json", catalog)


def _items(folder: Path) -> list[dict[str, Any]]:
    files = (child / f"{child.name}.json" for child in sorted(folder.iterdir()) if child.is_dir() and child.suffix != _PARTIAL)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)
