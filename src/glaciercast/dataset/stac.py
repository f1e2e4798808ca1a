"""A data set as a STAC collection (1.1.0) with an item a part, so that a catalogue can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glaciercast import runs
from glaciercast.dataset import croissant, datasheet, describe, sums, tar_form, zarr_form

VERSION = "1.1.0"
COLLECTION, ITEMS = "collection.json", "items"


def write(folder: Path, told: Mapping[str, Any]) -> None:
    """Write ``collection.json`` and ``items/PART.json``; all links are relative. `told` is what ``dataset.json`` holds."""
    runs.write_json(folder / COLLECTION, collection(told))
    for part in told["parts"]:
        runs.write_json(folder / ITEMS / f"{part}.json", item(told, part))


def collection(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the collection."""
    boxes = [place["bbox"] for place in told["places"]]
    extent = [[_around(boxes), *boxes] if len(boxes) > 1 else boxes, [[_start(told), _end(told)]]]
    links = [{"rel": rel, "href": f"./{COLLECTION}", "type": "application/json"} for rel in ("root",)]
    links += [{"rel": "item", "href": f"./{ITEMS}/{part}.json", "type": "application/geo+json"} for part in told["parts"]]
    if told["licence"]:
        links.append({"rel": "license", "href": told["licence"]})
    links += [{"rel": "license", "href": href} for href in _licences(told) if not told["licence"]]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": _name(told),
        "title": told["title"],
        "description": f"Windows for machine learning. {told['split']['sentence']}",
        "license": "other",
        "keywords": ["glacier", *told["variables"]],
        "extent": {"spatial": {"bbox": extent[0]}, "temporal": {"interval": extent[1]}},
        "providers": _providers(told),
        "summaries": {"variables": told["variables"], "targets": told["targets"]},
        "links": links,
        "assets": {
            "datasheet": _asset(f"./{datasheet.FILE}", "text/markdown", "Data sheet", "metadata"),
            "croissant": _asset(f"./{croissant.FILE}", "application/ld+json", "Croissant", "metadata"),
            "windows": _asset(f"./{describe.WINDOWS}", "text/csv", "Table of windows", "metadata"),
            "checksums": _asset(f"./{sums.FILE}", "text/plain", "SHA-256 of every file", "metadata"),
        },
    }


def item(told: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return the item of a part: the ground of its cubes, and the time of its targets."""
    about = told["parts"][part]
    boxes = [place["bbox"] for place in told["places"] if place["name"] in about["by_cube"]]
    polygons = [[_ring(box)] for box in boxes]
    one = len(boxes) == 1
    geometry = {"type": "Polygon" if one else "MultiPolygon", "coordinates": polygons[0] if one else polygons}
    assets = {}
    if "zarr" in told["forms"]:
        assets["zarr"] = _asset(f"../{zarr_form.NAME}/{part}", "application/vnd.zarr; version=3", "Windows as Zarr v3", "data")
    if "tar" in told["forms"]:
        for block in range(about["shards"]):
            href = f"../{tar_form.name(part, block)}"  # type: ignore[arg-type]
            assets[f"shard-{block:06d}"] = _asset(href, "application/x-tar", f"Shard {block} as WebDataset", "data")
    times = {"start_datetime": f"{about['targets_from']}T00:00:00Z", "end_datetime": f"{about['targets_to']}T00:00:00Z"}
    links = [{"rel": rel, "href": f"../{COLLECTION}", "type": "application/json"} for rel in ("root", "parent", "collection")]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "id": f"{_name(told)}-{part}",
        "collection": _name(told),
        "geometry": geometry,
        "bbox": _around(boxes),
        "properties": {"datetime": None, **times, "title": f"{told['title']}: {part}", "split": part, "windows": about["windows"]},
        "links": links,
        "assets": assets,
    }


def _asset(href: str, media: str, title: str, role: str) -> dict[str, Any]:
    return {"href": href, "type": media, "title": title, "roles": [role]}


def _name(told: Mapping[str, Any]) -> str:
    return "-".join([*(place["name"] for place in told["places"]), told["identity"][:8]])


def _around(boxes: list[list[float]]) -> list[float]:
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def _ring(box: list[float]) -> list[list[float]]:
    west, south, east, north = box
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _start(told: Mapping[str, Any]) -> str:
    return f"{min(place['from'] for place in told['places'])}T00:00:00Z"


def _end(told: Mapping[str, Any]) -> str:
    return f"{max(place['to'] for place in told['places'])}T00:00:00Z"


def _licences(told: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(href for place in told["places"] for href in place["licence"] if href.startswith("http")))


def _providers(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = dict.fromkeys(text for place in told["places"] for text in place["attribution"])
    return [{"name": name, "roles": ["producer"]} for name in names]
