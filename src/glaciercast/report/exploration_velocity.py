"""Figures of an exploration: velocity, its season on the map, and the cycle of each zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.report import style
from glaciercast.report.exploration import MONTHS, Drawn, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from glaciercast.explore.velocity import Motion
    from glaciercast.explore.zones import Zones

DAYS = 365.25
SHOWN = 6
"""Zones with a cycle that one figure shows."""


def velocity(path: str, told: dict[str, Any], found: Motion, where: Zones, axes: tuple[np.ndarray, np.ndarray]) -> Drawn:
    """Return the figures of a source of image pairs; `axes` are x and y of its grid, m."""
    return {
        f"velocity-{slug(path)}": (
            maps(path, found, where, axes),
            f"{path}: speed of the mean velocity; amplitude of the seasonal cycle along the flow; the day on which it is fastest. Hatched: "
            "too few pairs, or (season) an amplitude of less than three errors.",
        ),
        f"cycle-{slug(path)}": (
            cycles(path, told),
            f"{path}: seasonal part of the velocity along the flow, averaged over zones, with the 1 σ error of the amplitude. Dashed: "
            "not more than chance makes.",
        ),
    }


@style.styled
def maps(path: str, found: Motion, where: Zones, axes: tuple[np.ndarray, np.ndarray], words: str = "") -> Figure:
    """Draw mean speed, amplitude and day of the peak; `words` say of how many looks (default: pairs)."""
    figure = style.new_figure(11.0, 4.3)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    amplitude, peak = (np.where(found.sure, values, np.nan) for values in (found.along.amplitude, found.along.peak_day))
    shown = (
        (found.speed, "mean velocity", "speed (m/yr)", style.VALUE_MAP, _top(found.speed)),
        (amplitude, "seasonal amplitude", "along the flow (m/yr)", style.VALUE_MAP, _top(amplitude)),
        (peak, "fastest on", "day of the year", "twilight", DAYS),
    )
    for panel, (values, title, unit, colours, top) in zip(panels, shown, strict=True):
        _map(panel, values, axes, title, colours, top, where, unit)
    panels[0].set_ylabel("northing (km)")
    figure.suptitle(f"{path}: {words or f'{len(found.first)} pairs'}")
    return figure


@style.styled
def cycles(path: str, told: dict[str, Any]) -> Figure:
    """Draw the fitted cycle of each zone of the ice."""
    figure = style.new_figure(7.0, 3.8)
    panel = figure.subplots()
    rows = [row for row in told["zones"] if row["amplitude"] is not None and row["surface"] != "ground"]
    rows = sorted(sorted(rows, key=lambda row: -row["pixels"])[:SHOWN], key=lambda row: row["low"] or 0.0)
    day = np.arange(0, DAYS, 2.0)
    for k, row in enumerate(rows):
        colour = style.NETWORK_COLOURS[k % len(style.NETWORK_COLOURS)]
        curve = np.cos(2 * np.pi * (day - row["peak_day"]) / DAYS)
        label = f"{row['zone']}: {row['amplitude']:.1f} ± {row['amplitude_error']:.1f} m/yr"
        panel.plot(day, row["amplitude"] * curve, color=colour, linestyle="-" if row["seasonal"] else "--", label=label)
        if row["seasonal"]:
            low, high = ((row["amplitude"] + sign * row["amplitude_error"]) * curve for sign in (-1, 1))
            panel.fill_between(day, low, high, color=colour, alpha=0.2, linewidth=0)
    panel.axhline(0, color="#666666", linewidth=0.6)
    panel.set_xticks(np.arange(12) * DAYS / 12 + DAYS / 24, MONTHS)
    panel.set(title=f"{path}: seasonal cycle", ylabel="velocity along the flow,\nless its mean (m/yr)", xlabel="month", xlim=(0, DAYS))
    if rows:
        figure.legend(loc="outside lower center", ncols=2)
    else:
        panel.text(DAYS / 2, 0.02, "no zone has enough pairs", ha="center")
    return figure


def _map(
    panel: Axes, values: np.ndarray, axes: tuple[np.ndarray, np.ndarray], title: str, colours: str, top: float, where: Zones, unit: str
) -> None:
    x, y = (part / 1000 for part in axes)
    half = abs(x[1] - x[0]) / 2 if len(x) > 1 else 0.06
    extent = (float(x.min() - half), float(x.max() + half), float(y.min() - half), float(y.max() + half))
    upright = values if len(y) < 2 or y[0] > y[-1] else values[::-1]
    style.hatch_background(panel)
    image = panel.imshow(upright, extent=extent, cmap=colours, vmin=0, vmax=top, interpolation="nearest")
    if where.ice is not None and np.nanmin(where.ice) < 0.5 < np.nanmax(where.ice):
        panel.contour(x, y, where.ice, levels=[0.5], colors="#D55E00", linewidths=0.9)
    panel.set(title=title, xlabel="easting (km)")
    panel.locator_params(nbins=4)
    panel.figure.colorbar(image, ax=panel, label=unit, shrink=0.8)


def _top(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.98)) if len(known) else 1.0
