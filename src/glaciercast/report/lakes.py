"""A lake's areas over time with their errors and its drainage, and its outline at its largest, first and last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.grid import crs_name, with_code
from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from glaciercast.hazard.lakes import Lake
    from glaciercast.hazard.lakes_series import LakeLook

SQUARE_KM, SQUARE_M = 1e6, 1e4
"""m² of the two units in which areas are drawn, km² and hectares."""
LARGE = 2e5
"""m² from which a lake is drawn in km²."""
DROP_COLOURS = {"high": "#D55E00", "medium": "#E69F00", "low": "#CC79A7", "doubtful": "#999999"}


@style.styled
def series(lake: Lake) -> Figure:
    """Draw the areas of a lake over time with 1 σ and the share that was seen, its drainage, its filling rate, and outlines.

    Raises
    ------
    ValueError
        If the lake has no areas.
    """
    if not lake.measured:
        raise ValueError("expected a lake with areas")
    figure = style.new_figure(11.0, 6.2)
    grid = figure.add_gridspec(3, 2, width_ratios=[2.1, 1], height_ratios=[3, 1, 1])
    top = figure.add_subplot(grid[0, 0])
    middle, bottom = (figure.add_subplot(grid[row, 0], sharex=top) for row in (1, 2))
    unit, word = (SQUARE_KM, "km²") if max(look.area for look in lake.measured) >= LARGE else (SQUARE_M, "ha")
    _areas(top, lake, unit, word)
    _rates(middle, lake)
    _seen(bottom, lake)
    for axes in (top, middle):
        axes.tick_params(labelbottom=False)
    _map(figure.add_subplot(grid[:, 1]), lake, unit, word)
    return figure


def _areas(axes: Axes, lake: Lake, unit: float, word: str) -> None:
    looks = lake.measured
    for number, sensor in enumerate(sorted({look.sensor for look in looks})):
        own = [look for look in looks if look.sensor == sensor]
        axes.errorbar(
            _times(own), [look.area / unit for look in own], [look.area_error / unit for look in own], fmt=style.MARKERS[number % 8],
            color=style.NETWORK_COLOURS[number % 6], markersize=4, linewidth=0.8, capsize=2, label=sensor,
        )  # fmt: skip
    axes.plot(_times(looks), [look.area / unit for look in looks], color="#bbbbbb", linewidth=0.7, zorder=0)
    told = set()
    for drop in lake.drops:
        words = f"drainage, confidence {drop.confidence}{'' if drop.confirmed else ', unconfirmed'}"
        axes.axvspan(_number(drop.earliest), _number(drop.latest), color=DROP_COLOURS[drop.confidence], alpha=0.35, linewidth=0,
                     label=None if words in told else words)  # fmt: skip
        told.add(words)
    axes.set_ylim(0, 1.4 * max(look.area + look.area_error for look in looks) / unit)
    axes.set_ylabel(f"Area of the lake ({word}), bars 1 σ")
    axes.set_title(f"{lake.name}: {len(looks)} areas from {len(lake.looks)} scenes")
    axes.grid(axis="y")
    axes.legend(fontsize=7, loc="upper left", ncols=2)


def _rates(axes: Axes, lake: Lake) -> None:
    known = np.isfinite(lake.rate)
    times = np.array(_times(lake.measured), dtype=object)
    axes.errorbar(times[known], lake.rate[known], lake.rate_error[known], fmt="o", color="#4d4d4d", markersize=3, linewidth=0.8)
    axes.axhline(0, color="#bbbbbb", linewidth=0.7)
    axes.set_ylabel("Filling\n(m²/day)")
    axes.grid(axis="y")


def _seen(axes: Axes, lake: Lake) -> None:
    times = np.array(_times(lake.looks), dtype=object)
    seen, frozen = (np.array([getattr(look, name) for look in lake.looks]) for name in ("seen", "frozen"))
    used = np.array([np.isfinite(look.area) for look in lake.looks])
    axes.vlines(times, 0, 100 * seen, color="#2b5d80", linewidth=0.8)
    axes.plot(times[used], 100 * seen[used], "o", color="#2b5d80", markersize=3, label="seen, area given")
    axes.plot(times[~used], 100 * seen[~used], "o", color="#2b5d80", markerfacecolor="white", markersize=3, label="too little seen")
    axes.plot(times[frozen > 0.05], 100 * frozen[frozen > 0.05], "x", color="#56B4E9", markersize=4, label="snow or ice")
    axes.set_ylim(-4, 108)
    axes.set_ylabel("Surroundings\n(%)")
    axes.set_xlabel("Acquisition (UTC)")
    axes.legend(fontsize=7, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.1)


def _map(axes: Axes, lake: Lake, unit: float, word: str) -> None:
    wet = [look for look in lake.measured if not look.outline.is_empty]
    axes.set_title("Outlines")
    axes.set_aspect("equal")
    if not wet:
        axes.text(0.5, 0.5, "no water in any scene", ha="center", va="center", transform=axes.transAxes)
        return
    chosen = {id(look): look for look in (wet[0], max(wet, key=lambda look: look.area), wet[-1])}.values()
    for number, look in enumerate(chosen):
        words = f"{pd.Timestamp(look.time):%Y-%m-%d}: {look.area / unit:.3g} ± {look.area_error / unit:.1g} {word}"
        _draw(axes, look, style.NETWORK_COLOURS[number], words)
    axes.plot(*_point(lake), "+", color="black", markersize=9, label="point of the lake")
    axes.ticklabel_format(style="plain")
    axes.tick_params(axis="x", labelrotation=30)
    axes.set_xlabel(f"Easting (m, {crs_name(with_code(lake.where.geobox))})")
    axes.set_ylabel("Northing (m)")
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1.04), borderaxespad=0)
    axes.set_title("Outlines at the first, largest and last area" if len(chosen) == 3 else "Outlines", pad=62)


def _draw(axes: Axes, look: LakeLook, colour: str, words: str) -> None:
    import shapely

    label: str | None = words
    for part in shapely.get_parts(look.outline):
        for ring in (part.exterior, *part.interiors):
            x, y = np.asarray(ring.coords).T[:2]
            axes.plot(x, y, color=colour, linewidth=1.3, label=label)
            label = None


def _point(lake: Lake) -> tuple[float, float]:
    x, y = lake.where.geobox.affine * (lake.where.column + 0.5, lake.where.row + 0.5)
    return float(x), float(y)


def _times(looks: Any) -> list[Any]:
    return [pd.Timestamp(look.time).to_pydatetime() for look in looks]


def _number(time: np.datetime64) -> Any:
    return pd.Timestamp(time).to_pydatetime()
