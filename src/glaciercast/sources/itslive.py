"""ITS_LIVE version 2 image-pair velocities: the cubes that meet at a site, as one window of one list of pairs.

A cube is a Zarr store of 120 m pixels in its own CRS with one layer per image pair (Gardner et al., doi 10.5067/IMR9D3PEI28U; product
guide of version 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from glaciercast import grid
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.progress import note
from glaciercast.sources import hrefs, itslive_window
from glaciercast.sources.itslive_cube import Cube, open_cube
from glaciercast.sources.itslive_quality import QualityRules
from glaciercast.sources.itslive_window import Part, Velocities

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

ATTRIBUTION = (
    "Velocity data generated using auto-RIFT (Gardner et al. 2018) and provided by the NASA MEaSUREs ITS_LIVE project "
    "(Gardner et al., doi 10.5067/IMR9D3PEI28U)"
)
LICENCE = "https://its-live.jpl.nasa.gov/#data"


class ItsliveConfig(Config):
    """Which image pairs count."""

    collection: str = "itslive-cubes"
    asset: str = "zarr"
    latency: str = Field(default="30D", description="time from the second acquisition until a user can have the pair")
    min_baseline_days: float = Field(default=0.0, ge=0)
    max_baseline_days: float = Field(default=546.0, gt=0, description="the producers make no longer ones from optical images")
    satellites: tuple[str, ...] = Field(default=(), description="families that count, such as landsat8-9 or sentinel2; none: all")
    min_valid_in_box: float = Field(default=0.0, ge=0, le=1, description="share of the box's pixels; pairs without any never count")
    quality: QualityRules = QualityRules()

    @field_validator("latency")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if not pd.Timedelta(value) >= pd.Timedelta(0):
            raise ValueError("expected a time such as 30D")
        return value


def find(
    items: Sequence[pystac.Item],
    target: GeoBox,
    reader: Reader,
    settings: ItsliveConfig,
    period: tuple[date, date] | None = None,
    cache: Path | None = None,
    root: str | None = None,
) -> Velocities:
    """Open the cubes of some items and return the window of the target's box.

    Cubes in the target's CRS are preferred; without one, those of the CRS that covers most of the box. Vectors are never turned: vx and
    vy are along the axes of the window's own CRS.

    Parameters
    ----------
    items
        Of the collection, as a search for the box found them.
    target
        The site's grid; only its extent matters.
    period
        First and last day on which an image of a pair may have been taken (default: any).
    cache
        Folder for the chunks that are read (default: none are kept).
    root
        Folder of a local catalogue, which no asset may leave.

    Raises
    ------
    InputError
        If no cube meets the box, no pair counts, or a store is no ITS_LIVE cube.
    SourceError
        If a server fails after every try.
    """
    if not items:
        raise InputError(f"{settings.collection}: expected at least one velocity cube at the box, found none")
    cubes = [_open(item, reader, settings, cache, root, len(items) > 1) for item in sorted(items, key=lambda item: str(item.id))]
    chosen, left_out = _choose(cubes, target)
    for cube in cubes:
        if cube not in chosen:
            cube.close()
    window = itslive_window.window_of(chosen, target)
    pairs, orders = itslive_window.merge(chosen)
    parts = tuple(Part(cube, *itslive_window.corner(cube, window), order) for cube, order in zip(chosen, orders, strict=True))
    kept, dropped = select(pairs, settings, period)
    if not kept.any():
        raise InputError(f"{', '.join(cube.item_id for cube in chosen)}: none of {len(pairs)} image pairs counts ({_words(dropped)})")
    return Velocities(window, pairs, parts, tuple(left_out), dropped).keep(kept)


def estimate(
    items: Sequence[pystac.Item],
    target: GeoBox,
    reader: Reader,
    settings: ItsliveConfig,
    period: tuple[date, date] | None = None,
    cache: Path | None = None,
    root: str | None = None,
) -> dict[str, Any]:
    """Return what reading the box would take: ``pairs`` that count by their dates and satellites, ``bytes`` (about, from a few chunks).

    Parameters and errors are those of `find`.
    """
    from glaciercast.sources import zarr_reader

    found = find(items, target, reader, settings, period, cache, root)
    total = 0
    for part in found.parts:
        inside = itslive_window.pixels(part.cube.grid, target)
        if inside is not None:
            total += sum(zarr_reader.cost(values, (slice(None), *inside)) for values in part.cube.arrays.values())
    found.close()
    return {"pairs": len(found.pairs), "bytes": total}


def select(pairs: pd.DataFrame, settings: ItsliveConfig, period: tuple[date, date] | None = None) -> tuple[np.ndarray, dict[str, int]]:
    """Return which pairs count by their dates and satellites, bool (pair,), and why the others do not (reason → number)."""
    days = pairs["days"].to_numpy()
    outside = np.zeros(len(pairs), bool)
    if period is not None:
        start, end = pd.Timestamp(period[0]), pd.Timestamp(period[1]) + pd.Timedelta(days=1)
        outside = ((pairs["first"] < start) | (pairs["second"] >= end)).to_numpy()
    reasons = {
        "date": (pairs["first"].isna() | pairs["second"].isna()).to_numpy(),
        "period": outside,
        "baseline": ~((days > 0) & (days >= settings.min_baseline_days) & (days <= settings.max_baseline_days)),
        "satellite": bool(settings.satellites) & ~pairs["family"].isin(settings.satellites).to_numpy(),
    }
    kept, counts = np.ones(len(pairs), bool), {}
    for reason, left_out in reasons.items():
        if number := int((kept & left_out).sum()):
            counts[reason] = number
        kept &= ~left_out
    return kept, counts


def _open(item: pystac.Item, reader: Reader, settings: ItsliveConfig, cache: Path | None, root: str | None, granules: bool) -> Cube:
    asset = item.assets.get(settings.asset)
    if asset is None:
        raise InputError(f"{item.id}: expected an asset '{settings.asset}', found: {', '.join(sorted(item.assets)) or 'none'}")
    location = hrefs.resolve(asset.href, item.get_self_href() or "", root)
    folder = None if cache is None else cache / hrefs.safe_name(settings.collection) / hrefs.safe_name(item.id)
    return open_cube(item.id, location, reader, folder, granules)


def _choose(cubes: Sequence[Cube], target: GeoBox) -> tuple[list[Cube], list[str]]:
    """Return the cubes of one CRS that meet the box, and a line for each that is left out."""
    covered: dict[str, float] = {}
    for cube in cubes:
        box = itslive_window.pixels(cube.grid, target)
        area = 0.0 if box is None else (box[0].stop - box[0].start) * (box[1].stop - box[1].start) * cube.grid.resolution.x**2
        covered[grid.crs_name(cube.grid)] = covered.get(grid.crs_name(cube.grid), 0.0) + area
    if not any(covered.values()):
        raise InputError(f"{', '.join(cube.item_id for cube in cubes)}: no velocity cube meets the box; is the item's geometry right?")
    own = grid.crs_name(target)
    best = own if covered.get(own) else max(sorted(covered), key=lambda name: covered[name])
    chosen = [cube for cube in cubes if grid.crs_name(cube.grid) == best and itslive_window.pixels(cube.grid, target) is not None]
    left_out = [
        f"{cube.item_id}: left out, in {grid.crs_name(cube.grid)} and not {best}" for cube in cubes if grid.crs_name(cube.grid) != best
    ]
    for line in left_out:
        note(line)
    return chosen, left_out


def _words(dropped: dict[str, int]) -> str:
    return ", ".join(f"{number} for their {reason}" for reason, number in dropped.items())
