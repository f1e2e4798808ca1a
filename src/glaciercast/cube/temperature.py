"""MODIS periods → ``/temperature/<product>`` on the product's own 1 km grid, resumable."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from glaciercast import config, grid, schema, store
from glaciercast.cube.melting import melting
from glaciercast.errors import InputError
from glaciercast.progress import note, track
from glaciercast.sources import modis_grid, modis_values
from glaciercast.sources.modis import HALVES, Half, ModisProduct, Period, Temperatures

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.optical import BandFetcher

BLOCK = 32
"""Periods in a chunk and in a region of the manifest: a period alone is some kilobytes, in eight arrays."""
AHEAD = 8
"""Periods that are read at the same time."""


def build_temperature(
    path: Path, product: ModisProduct, items: Iterable[pystac.Item], target: GeoBox, fetcher: BandFetcher, ice: np.ndarray | None = None
) -> dict[str, Any]:
    """Write all periods of a product into the cube at `path`, taking up where an interrupted build stopped.

    ``time`` is the first moment of the period; ``available_at`` counts from its end. QC is kept as the product has it (255 where no
    tile was there); temperatures that the rules of `product` drop are NaN, and the manifest says how many for which reason.

    Parameters
    ----------
    path
        The cube; it is begun where there is none.
    items
        Of the product's collection; those of other products are left out.
    target
        Grid of `modis_grid.lattice` over the site's box.
    fetcher
        Reads windows of assets.
    ice
        Inside the glacier's outline, bool (y, x) on `target`; without it nothing is marked as melting and there are no such arrays.

    Returns
    -------
    dict
        ``periods``, ``first``, ``last``, ``pixels`` (half → kept and lost for each reason, over all periods), ``missing_tiles``
        (tile → number of periods without it), ``grid``, ``attribution``, ``resumed_at``.

    Raises
    ------
    InputError
        If there is no period, no temperature passes the rules, or `path` was begun from other input.
    SourceError
        If a file fails after every try, or is not what the product's guide says.
    """
    periods = product.periods(items)
    if not periods:
        raise InputError(f"{product.collection}: expected items of {product.words}, found none")
    group = f"/temperature/{product.name}"
    store.create(path, schema.root_attributes(_title(product)))
    writer = store.RegionWriter(path, group, _fingerprint(product, periods, target, ice))
    parts = [periods[begin : begin + BLOCK] for begin in range(0, len(periods), BLOCK)]
    resumed_at = sum(len(parts[step]) for step in writer.done)
    if resumed_at and not writer.complete:
        note(f"{path}: {resumed_at} of {len(periods)} periods of {group} are there; going on")
    chunks = (min(BLOCK, len(periods)), *store.chunks_for((1, *target.shape))[1:])
    writer.begin(_coordinates(product, periods, target), _variables(ice), chunks)
    for step, part in enumerate(track(parts, f"Writing {group}")):
        if step not in writer.done:
            found = _read_all(product, part, target, fetcher)
            place = slice(step * BLOCK, step * BLOCK + len(part)), slice(0, target.shape.y), slice(0, target.shape.x)
            writer.write(step, _stacked(found, ice), place, periods=[_entry(each) for each in found])
    summary = _summary([entry for step in range(len(parts)) for entry in writer.done[step]["periods"]])
    if not any(counts["kept"] for counts in summary["pixels"].values()):
        raise InputError(f"{group}: none of the {len(periods)} periods has a temperature under the rules; {_words(summary['pixels'])}")
    writer.end()
    return {
        "periods": len(periods),
        "first": str(periods[0].time)[:10],
        "last": str(periods[-1].time)[:10],
        **summary,
        "grid": f"{target.shape.y}×{target.shape.x} pixels of {modis_grid.PIXEL:.3f} m, sinusoidal",
        "attribution": product.attribution,
        "resumed_at": resumed_at,
    }


def _summary(written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the manifest's entries of all periods add up to."""
    reasons = ("kept", *modis_values.REASONS)
    return {
        "pixels": {half: {reason: sum(entry["pixels"][half][reason] for entry in written) for reason in reasons} for half in HALVES},
        "missing_tiles": dict(Counter(tile for entry in written for tile in entry["missing_tiles"])),
    }


def _read_all(product: ModisProduct, periods: Sequence[Period], target: GeoBox, fetcher: BandFetcher) -> list[Temperatures]:
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="modis")
    try:
        return list(pool.map(lambda period: product.read(period, target, fetcher), periods))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # after a failure the rest is not begun


def _stacked(found: Sequence[Temperatures], ice: np.ndarray | None) -> dict[str, np.ndarray]:
    arrays = {name: np.stack([each.arrays[name] for each in found]) for name in found[0].arrays}
    if ice is not None:
        for half in HALVES:
            error = modis_values.largest_error(arrays[f"qc_{half}"])
            arrays[f"melting_{half}"] = melting(arrays[f"lst_{half}"], error, ice)
    return arrays


def _entry(found: Temperatures) -> dict[str, Any]:
    """Return what the manifest says of a period."""
    return {
        "scene_id": found.ref.scene_id,
        "pixels": found.counts,
        "missing_tiles": list(found.missing),
        "files": list(found.facts),
    }


def _variables(ice: np.ndarray | None) -> dict[str, str]:
    kinds = {"lst": "float32", "qc": "uint8", "view_time": "float32"} | ({} if ice is None else {"melting": "bool"})
    return {f"{name}_{half}": kind for half in HALVES for name, kind in kinds.items()}


def _coordinates(product: ModisProduct, periods: Sequence[Period], target: GeoBox) -> xr.Dataset:
    times, ends = (np.array([getattr(each, name) for each in periods], "datetime64[ns]") for name in ("time", "end"))
    meaning = {"standard_name": "time", "axis": "T", "long_name": "first moment of the period, UTC"}
    return xr.Dataset(
        {"available_at": ("time", ends + product.latency.to_timedelta64())},
        coords={**grid.coordinates(target), "time": ("time", times, meaning)},
        attrs={
            "title": _title(product),
            "platform": product.satellite,
            "collection": product.collection,
            "attribution": product.attribution,
            "licence": product.licence,
            "rules": json.dumps(_rules(product)),
            "comment": f"view times are local solar; QC {modis_values.NO_TILE}: no tile was there to read",
        },
    )


def _title(product: ModisProduct) -> str:
    return f"MODIS land surface temperature, {product.code}"


def _rules(product: ModisProduct) -> dict[str, Any]:
    """Return what decides the values of a product, whichever others are built beside it."""
    return {key: value for key, value in config.plain(product.config).items() if key != "products"}


def _fingerprint(product: ModisProduct, periods: Sequence[Period], target: GeoBox, ice: np.ndarray | None) -> str:
    items = [[str(period.time), str(period.end), [item.id for item in period.items]] for period in periods]
    outline = None if ice is None else store.checksum(ice)
    return config.digest([product.name, _rules(product), BLOCK, items, list(target.shape), list(target.affine), outline])


def _words(pixels: Mapping[Half, Mapping[str, int]]) -> str:
    lost: Counter[str] = sum((Counter(counts) for counts in pixels.values()), Counter())
    return ", ".join(f"{reason.replace('_', ' ')} {number}" for reason, number in lost.most_common() if number) + " pixels"
