"""The figure of the footprint audit: where each product has observations beside the outline, and in which months."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glaciercast.cube.audit import percent
from glaciercast.cube.footprints import GridCells, PointCells, corners
from glaciercast.cube.regions import Region
from glaciercast.cube.tally import Footprint
from glaciercast.errors import InputError
from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTLINE_COLOUR, LAKE_COLOUR, BAR_COLOUR = "#000000", "#D55E00", "#2b5d80"
MOST_CELLS = 250
"""Cells a side that are drawn; finer grids are thinned, each drawn cell showing the most that any of its own was seen."""
REACH = 0.6
"""How far beyond the outline a map shows, in sizes of the outline; what lies farther is named."""
HATCHING: Any = {"facecolor": style.UNOBSERVED_FACE, "edgecolor": style.UNOBSERVED_LINES, "hatch": "/////", "linewidth": 0.0}
COUNTED = {
    "optical": "clear observations",
    "velocity": "pairs with a velocity",
    "temperature": "valid temperatures",
    "table": "dates with a value",
}


@style.styled
def footprint_panel(audit: Mapping[str, Any], footprints: Sequence[Footprint], regions: Sequence[Region]) -> Figure:
    """Draw a row for each product: the map of how often each cell was observed, and the bars of observations by calendar month.

    Parameters
    ----------
    audit
        What `glaciercast.cube.audit.audit` returned.
    footprints
        What it judged, in the same order.
    regions
        The outline first, then the lake's surroundings if there are any; drawn on their equal-area plane in km from the outline's centre.

    Raises
    ------
    InputError
        If there is no product.
    """
    if not footprints:
        raise InputError("footprint figure: expected at least one product, found none")
    window = _window(regions)
    aspect = (window[3] - window[2]) / (window[1] - window[0])
    height = float(np.clip(3.6 * aspect, 2.6, 4.0)) + 0.75
    figure = style.new_figure(10.5, height * len(footprints) + 0.9)
    rows = figure.subplots(len(footprints), 2, squeeze=False, width_ratios=[1, 1.05])
    for (left, right), footprint in zip(rows, footprints, strict=True):
        facts = audit["products"][footprint.product]
        _map(figure, left, footprint, facts, regions, window)
        _bars(right, footprint, facts)
    wanted = f"{100 * audit['min_cover']:g} %"
    where = "the outline and of the lake's surroundings" if len(regions) > 1 else "the outline"
    figure.suptitle(f"What each product sees of the glacier; expected: {wanted} of {where} observed", fontsize=11, x=0.01, ha="left")
    rows[-1, 0].set_xlabel("East of the outline's centre (km)")
    figure.legend(handles=_keys(regions), loc="outside lower left", ncols=4)
    return figure


def _map(
    figure: Figure, axes: Axes, footprint: Footprint, facts: Mapping[str, Any], regions: Sequence[Region], window: tuple[float, ...]
) -> None:
    from matplotlib.ticker import MaxNLocator

    drawn = _cells(axes, footprint, regions[0].plane)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.05, pad=0.02, ticks=MaxNLocator(5, integer=True))
    bar.set_label(f"{COUNTED[footprint.kind]} (count)".capitalize(), fontsize=8)
    bar.ax.tick_params(labelsize=7)
    for region in regions:
        colour = OUTLINE_COLOUR if region.name == "outline" else LAKE_COLOUR
        _edge(axes, region.shape, colour)
    axes.set_xlim(window[0], window[1])
    axes.set_ylim(window[2], window[3])
    axes.set_aspect("equal")
    axes.locator_params(nbins=5)
    axes.tick_params(labelsize=7)
    axes.set_ylabel("North of its centre (km)", fontsize=8)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
    shares = [f"outline {percent(facts['outline']['observed'])}"]
    if "lake" in facts:
        shares.append(f"lake {percent(facts['lake']['observed'])}")
    axes.set_title(f"{footprint.product}: {facts['verdict']}\nobserved: {', '.join(shares)}", fontsize=9)
    if facts["away"]:
        words = f"nearest cell: {facts['away'] / 1000:.1f} km to the {facts['direction']}"
        axes.text(0.02, 0.02, words, transform=axes.transAxes, fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})


def _cells(axes: Axes, footprint: Footprint, plane: str) -> Any:
    counts = np.ma.masked_equal(footprint.counts, 0)
    look: dict[str, Any] = {"cmap": style.VALUE_MAP, "vmin": 0, "vmax": max(1, int(footprint.counts.max(initial=0)))}
    if isinstance(footprint.cells, GridCells):
        _hatched(axes, [_ring(footprint.cells.extent(plane))])
        seen, rows, cols = _thinned(footprint.counts)
        mesh = corners(footprint.cells.geobox, rows, cols, plane) / 1000
        return axes.pcolormesh(mesh[..., 0], mesh[..., 1], np.ma.masked_equal(seen, 0), rasterized=True, **look)
    assert isinstance(footprint.cells, PointCells)
    from matplotlib.collections import PolyCollection

    squares = [_ring(square) for square in footprint.cells.squares(plane)]
    _hatched(axes, squares)
    drawn = PolyCollection(squares, array=counts, cmap=style.VALUE_MAP, edgecolors="face", linewidths=0.2)
    drawn.set_clim(look["vmin"], look["vmax"])
    axes.add_collection(drawn)
    return drawn


def _thinned(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest count of each block of cells, and the rows and columns of the blocks' edges."""
    starts = [np.arange(0, size, math.ceil(size / MOST_CELLS)) for size in counts.shape]
    blocks = np.maximum.reduceat(np.maximum.reduceat(counts, starts[0], axis=0), starts[1], axis=1)
    rows, cols = (np.append(start, size).astype("float64") for start, size in zip(starts, counts.shape, strict=True))
    return blocks, rows, cols


def _bars(axes: Axes, footprint: Footprint, facts: Mapping[str, Any]) -> None:
    axes.set_xticks(range(1, 13), [name[0] for name in calendar.month_abbr[1:]])
    axes.set_xlabel("Calendar month")
    axes.set_ylabel(f"{COUNTED[footprint.kind].capitalize()}\n(count, mean over the outline)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y")
    if facts["by_month"] is None:
        axes.set_ylim(0, 1)
        axes.text(0.5, 0.5, "the table has no dates", transform=axes.transAxes, ha="center")
        return
    values = np.asarray(facts["by_month"])
    top = max(float(values.max()), 1e-9)
    axes.bar(np.arange(1, 13), values, color=BAR_COLOUR, width=0.8)
    axes.set_xlim(0.4, 12.6)
    axes.set_ylim(0, 1.12 * top if values.any() else 1)
    for month in np.flatnonzero(values == 0) + 1:
        axes.axvspan(month - 0.5, month + 0.5, zorder=0, **HATCHING)
    axes.set_title(_when(facts), fontsize=9)


def _when(facts: Mapping[str, Any]) -> str:
    if not facts["dates_seen"]:
        return f"none of {facts['dates']} dates saw the outline"
    gap = "" if facts["longest_gap_days"] is None else f", longest gap {facts['longest_gap_days']:.0f} days"
    empty = len(facts["months_without"])
    months = f"{empty} month{'s' if empty != 1 else ''} of the record without any"
    return f"{facts['dates_seen']} of {facts['dates']} dates, {facts['first']} to {facts['last']}\n{months}{gap}"


def _window(regions: Sequence[Region]) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of the maps, km: the outline with its neighbourhood, and the lake."""
    left, bottom, right, top = regions[0].shape.bounds
    margin = REACH * max(right - left, top - bottom)
    bounds = np.array([(left - margin, bottom - margin, right + margin, top + margin), *(region.shape.bounds for region in regions[1:])])
    low, high = bounds[:, :2].min(axis=0) / 1000, bounds[:, 2:].max(axis=0) / 1000
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _edge(axes: Axes, shape: Any, colour: str) -> None:
    import shapely

    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                x, y = (shapely.get_coordinates(ring) / 1000).T
                axes.plot(x, y, color="white", linewidth=2.8, zorder=3)
                axes.plot(x, y, color=colour, linewidth=1.4, zorder=4)


def _hatched(axes: Axes, rings: Sequence[NDArray[np.float64]]) -> None:
    """Hatch the ground of the cells, so that those never observed show it."""
    from matplotlib.collections import PolyCollection

    axes.add_collection(PolyCollection(rings, zorder=0, **HATCHING))


def _ring(polygon: Any) -> NDArray[np.float64]:
    import shapely

    points: NDArray[np.float64] = shapely.get_coordinates(polygon) / 1000
    return points


def _keys(regions: Sequence[Region]) -> list[Any]:
    from matplotlib.lines import Line2D

    names = {"outline": ("glacier's outline", OUTLINE_COLOUR), "lake": ("lake's surroundings", LAKE_COLOUR)}
    lines = [Line2D([], [], label=names[region.name][0], color=names[region.name][1]) for region in regions]
    return [*lines, style.hatch_key("cell or month without any observation")]
