"""Elevation model and outline → ``/terrain``: elevation, slope, aspect, and where the ice is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from glaciercast import config, grid, store
from glaciercast.sources import dem

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.fetch import Fetcher

GROUP = "/terrain"


def build_terrain(
    items: Sequence[pystac.Item],
    target: GeoBox,
    fetcher: Fetcher,
    path: Path,
    ice: np.ndarray | None = None,
    ice_buffered: np.ndarray | None = None,
    attribution: str = "",
) -> dict[str, Any]:
    """Write ``/terrain`` of the cube at `path`, unless an earlier run did.

    Parameters
    ----------
    items
        Tiles of the elevation model.
    target
        The site's grid, (y, x).
    ice, ice_buffered
        Inside the outline, and inside the outline and its buffer; bool (y, x), None where no outline is known.
    attribution
        Of the outline.

    Returns
    -------
    dict
        ``tiles``, ``lowest``, ``highest`` (m), ``unknown`` (share of the grid without elevation: there are no tiles over open sea) and
        ``ice_km2`` (None without an outline).

    Raises
    ------
    InputError
        If no tile has data on the grid, or `path` was begun from other input.
    SourceError
        If a tile cannot be had after every try.
    """
    names = sorted(item.id for item in items)
    sums = [None if mask is None else store.checksum(mask) for mask in (ice, ice_buffered)]
    writer = store.RegionWriter(path, GROUP, config.digest([names, list(target.shape), list(target.affine), str(target.crs), sums]))
    if not writer.complete:
        arrays, facts = dem.read(items, target, fetcher)
        arrays |= {name: mask for name, mask in (("ice", ice), ("ice_buffered", ice_buffered)) if mask is not None}
        credit = "; ".join(text for text in (dem.ATTRIBUTION, attribution) if text)
        coords = xr.Dataset(coords=grid.coordinates(target), attrs={"title": "Terrain", "attribution": credit})
        height, width = target.shape
        chunks = (min(store.MAX_CHUNK, height), min(store.MAX_CHUNK, width))
        writer.begin(coords, {name: values.dtype for name, values in arrays.items()}, chunks)
        elevation = arrays["elevation"]
        extent = {
            "lowest": float(np.nanmin(elevation)),
            "highest": float(np.nanmax(elevation)),
            "unknown": float(np.isnan(elevation).mean()),
        }
        area = None if ice is None else float(ice.sum() * target.resolution.x**2 / 1e6)
        whole = (slice(0, height), slice(0, width))
        writer.write(0, arrays, at=whole, items=facts, **extent, ice_km2=area)
        writer.end()
    entry = writer.done[0]
    return {"tiles": len(names), **{key: entry[key] for key in ("lowest", "highest", "unknown", "ice_km2")}}


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of ``/terrain`` by name; empty where there is none."""
    import zarr

    if not any(entry["group"] == GROUP and entry["kind"] == "end" for entry in store.read_manifest(path)):
        return {}
    group = zarr.open_group(path, path=GROUP.strip("/"), mode="r")
    names = ("elevation", "slope", "aspect", "ice", "ice_buffered")
    return {name: np.asarray(group[name][...]) for name in names if name in group}  # type: ignore[index]
