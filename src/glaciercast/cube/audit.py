"""The footprint audit: whether each product sees the glacier at all, where, when and how often.

Models have been trained on data sets whose tables lie beside the glacier they are named after. Nothing in such numbers looks wrong;
only their place is. So the place is audited before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glaciercast.config import Config
from glaciercast.cube import regions
from glaciercast.cube.regions import Region
from glaciercast.cube.tally import Footprint
from glaciercast.errors import InputError

MONTHS = 12
WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
ROUNDING = 1e-6
"""A share this close to the threshold reaches it: areas of cells add up to rounding."""


class AuditConfig(Config):
    """What a product must cover to pass."""

    min_cover: float = Field(
        default=0.9, ge=0, le=1, description="share of the outline and of the lake's surroundings with any observation"
    )
    lake_buffer: float = Field(default=500.0, gt=0, description="radius of the lake's surroundings, m")
    outline_buffer: float = Field(default=0.0, ge=0, description="how far to widen the outline, m; for a glacier that has advanced since")


def regions_of(outline: Any, lake: tuple[float, float] | None, settings: AuditConfig) -> list[Region]:
    """Return what products are audited against.

    Parameters
    ----------
    outline
        The glacier's outline, shapely polygon(s) in degrees (WGS 84).
    lake
        Longitude and latitude of a lake (degrees), or None.
    settings
        Tells how far to widen the outline and how much around the lake counts.

    Returns
    -------
    list of Region
        ``outline``, then ``lake`` if there is one; both on the same plane.
    """
    glacier = regions.region("outline", outline)
    if settings.outline_buffer:
        glacier = regions.widened(glacier, settings.outline_buffer)
    if lake is None:
        return [glacier]
    return [glacier, regions.region("lake", regions.circle(*lake, settings.lake_buffer), glacier.plane)]


def audit(footprints: Sequence[Footprint], areas: Sequence[Region], settings: AuditConfig) -> dict[str, Any]:
    """Judge the footprints of all products.

    Parameters
    ----------
    footprints
        One for each product, counted over the same `areas`.
    areas
        The outline first, and the lake's surroundings where there is a lake.
    settings
        The thresholds.

    Returns
    -------
    dict
        ``verdict`` (``ok`` or ``fails``), ``line`` (why, in one line), ``min_cover``, ``regions`` (name → ``area_km2``, ``box``) and
        ``products``: path → what `describe` returns.

    Raises
    ------
    InputError
        If there is no product.
    """
    if not footprints:
        raise InputError("audit: expected products under /optical, /velocity or /temperature, or a table, found none")
    products = {footprint.product: describe(footprint, areas, settings.min_cover) for footprint in footprints}
    failed = [facts["line"] for facts in products.values() if facts["verdict"] == "fails"]
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return {
        "verdict": "fails" if failed else "ok",
        "line": f"{failed[0]}{others}" if failed else f"all {len(products)} products cover the glacier",
        "min_cover": settings.min_cover,
        "regions": {region.name: {"area_km2": region.area / 1e6, "box": list(region.geometry.bounds)} for region in areas},
        "products": products,
    }


def describe(footprint: Footprint, areas: Sequence[Region], min_cover: float) -> dict[str, Any]:
    """Return what the audit says of one product.

    Returns
    -------
    dict
        ``kind``, ``cells`` (the grid in words); by region ``grid`` and ``observed``, the shares of its area that lie in any cell and in
        a cell with any observation (0..1); ``away`` (m from the outline to the nearest cell, 0 where they meet) and ``direction``;
        ``dates`` and ``dates_seen`` (with any observation inside the outline), ``first`` and ``last`` of those (ISO dates; a pair's
        first and second acquisition); ``by_month``: for each calendar month the number of observations over all years, mean over the
        outline's area (12 values; places outside the grid count as 0); ``months_without``: ``YYYY-MM`` from the product's first to
        its last date in which nothing inside the outline was observed; ``longest_gap_days`` and ``longest_gap`` between two dates
        seen; ``verdict`` and ``line``. What needs dates is None where a table has none.
    """
    outline = areas[0]
    shares = {region.name: _shares(footprint, region) for region in areas}
    away, direction = _away(footprint, outline)
    facts = {
        "kind": footprint.kind,
        "cells": footprint.cells.describe(),
        **shares,
        "away": away,
        "direction": direction,
        **_calendar(footprint, outline),
    }
    reason = _reason(facts, [region.name for region in areas], min_cover)
    verdict = "fails" if reason else "ok"
    return {**facts, "verdict": verdict, "line": f"{footprint.product}: {reason or _success(facts)}"}


def _shares(footprint: Footprint, region: Region) -> dict[str, float]:
    cover = footprint.covers[region.name]
    return {
        "grid": min(1.0, cover.area() / region.area),
        "observed": min(1.0, cover.area(footprint.counts > 0) / region.area),
    }


def _away(footprint: Footprint, outline: Region) -> tuple[float, str | None]:
    """Return the distance (m) from the outline to the nearest cell, and the compass direction in which it lies."""
    import shapely

    extent = footprint.cells.extent(outline.plane)
    line = shapely.shortest_line(outline.shape, extent)
    (x0, y0), (x1, y1) = shapely.get_coordinates(line)
    distance = math.hypot(x1 - x0, y1 - y0)
    if distance == 0 or not math.isfinite(distance):
        return 0.0, None
    bearing = math.degrees(math.atan2(x1 - x0, y1 - y0))
    return distance, WINDS[round(bearing / 45) % 8]


def _calendar(footprint: Footprint, outline: Region) -> dict[str, Any]:
    if not footprint.times.size:
        keys = ("dates", "dates_seen", "first", "last", "by_month", "months_without", "longest_gap_days", "longest_gap")
        return dict.fromkeys(keys)
    seen = footprint.seen[outline.name]
    on = seen > 0
    months = footprint.times.astype("datetime64[M]")
    by_month = np.bincount(months.astype(int) % MONTHS, seen / outline.area, minlength=MONTHS)
    every = np.arange(months.min(), months.max() + 1)
    gap = _longest_gap(footprint.times[on])
    return {
        "dates": int(on.size),
        "dates_seen": int(on.sum()),
        "first": _day(footprint.begins[on].min()) if on.any() else None,
        "last": _day(footprint.ends[on].max()) if on.any() else None,
        "by_month": [float(value) for value in by_month],
        "months_without": [str(month) for month in np.setdiff1d(every, months[on])],
        "longest_gap_days": None if gap is None else float((gap[1] - gap[0]) / np.timedelta64(1, "D")),
        "longest_gap": None if gap is None else [_day(gap[0]), _day(gap[1])],
    }


def _longest_gap(times: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64] | None:
    if times.size < 2:
        return None
    ordered = np.sort(times)
    widest = int(np.argmax(np.diff(ordered)))
    return ordered[widest], ordered[widest + 1]


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))


def _reason(facts: dict[str, Any], names: Sequence[str], min_cover: float) -> str:
    """Return why the product fails, or an empty text."""
    for name in names:
        grid, observed = facts[name]["grid"], facts[name]["observed"]
        where = "the outline" if name == "outline" else "the lake's surroundings"
        if observed >= min_cover - ROUNDING:
            continue
        if name == "outline" and grid == 0:
            return f"no cell lies on the outline; the nearest is {facts['away'] / 1000:.1f} km to the {facts['direction']} of it"
        wanted = f"expected {percent(min_cover)} of {where}"
        if grid < min_cover - ROUNDING:
            return f"{wanted} to be observed, but its cells cover only {percent(grid)} ({percent(observed)} observed)"
        return f"{wanted} to be observed, found {percent(observed)} (its cells cover {percent(grid)})"
    return ""


def _success(facts: dict[str, Any]) -> str:
    return f"{percent(facts['outline']['observed'])} of the outline observed"


def percent(share: float) -> str:
    """Return a share as a percentage; what is less than all is never rounded to 100, what is more than nothing never to 0."""
    if share <= 0 or share >= 1 - ROUNDING:
        return f"{round(100 * share)} %"
    return "< 0.1 %" if share < 0.0005 else f"{min(100 * share, 99.9):.1f} %"
