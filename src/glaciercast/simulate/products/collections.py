"""The collections of the simulated archive: their fixed texts (`collections.yml`) and what follows from their items."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml

from glaciercast.errors import GlaciercastError, unknown

VERSION = "1.0.0"
JSON = "application/json"
_SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
_OF_ONE_ITEM = ("href", "proj:bbox", "proj:shape", "proj:transform", "proj:epsg", "created", "updated")


def statics(collection: str) -> dict[str, Any]:
    """Return what is the same in every archive of a collection: its title, description, licence, providers, keywords and so on.

    Raises
    ------
    GlaciercastError
        If there is no such collection.
    """
    known = _statics()
    if collection not in known:
        raise GlaciercastError(unknown("collection", collection, known))
    return known[collection]


@functools.lru_cache(maxsize=1)
def _statics() -> dict[str, dict[str, Any]]:
    source = resources.files("glaciercast.simulate.products") / "collections.yml"
    loaded: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    shared = loaded.pop("shared")
    return {name: {**shared, **fields, "keywords": [*fields["keywords"], *shared["keywords"]]} for name, fields in loaded.items()}


def schemas(extensions: Iterable[str]) -> list[str]:
    """Return the schema addresses of extensions, given as ``eo/v1.0.0``."""
    return [_SCHEMA.format(extension) for extension in extensions]


def build(name: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a collection over `items` (at least one): extent, summaries, item assets, and links in the order of the items."""
    fixed = statics(name)
    up = {"href": "../catalog.json", "type": JSON}
    assets: dict[str, Any] = {}
    for item in items:
        for key, value in item["assets"].items():
            assets.setdefault(key, {field: entry for field, entry in value.items() if field not in _OF_ONE_ITEM})
    return {
        "type": "Collection",
        "id": name,
        "stac_version": VERSION,
        "title": fixed["title"],
        "description": " ".join(fixed["description"].split()),
        "license": fixed["license"],
        "keywords": fixed["keywords"],
        "providers": fixed["providers"],
        "extent": {"spatial": {"bbox": [_bounds(items)]}, "temporal": {"interval": [_interval(items)]}},
        "summaries": {key: values for key in fixed["summaries"] if (values := _distinct(items, key))},
        "item_assets": assets,
        "stac_extensions": schemas(["item-assets/v1.0.0", *fixed["extensions"]]),
        "links": [
            {"rel": "root", **up},
            {"rel": "parent", **up},
            *fixed["links"],
            *({"rel": "item", "href": f"./{item['id']}/{item['id']}.json", "type": JSON} for item in items),
        ],
    }


def _bounds(items: Sequence[Mapping[str, Any]]) -> list[float]:
    boxes = np.array([item["bbox"] for item in items])
    return [float(value) for value in (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))]


def _interval(items: Sequence[Mapping[str, Any]]) -> list[str]:
    every = [item["properties"] for item in items]
    starts = [one["datetime"] or one["start_datetime"] for one in every]
    ends = [one["datetime"] or one["end_datetime"] for one in every]
    return [min(starts, key=pd.Timestamp), max(ends, key=pd.Timestamp)]


def _distinct(items: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    values = [item["properties"][key] for item in items if key in item["properties"]]
    return sorted({one for value in values for one in (value if isinstance(value, list) else [value])})
