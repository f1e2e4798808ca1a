"""Figures of an exploration: what optical products and temperatures show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from glaciercast.explore.optical import Pass

Drawn = dict[str, tuple["Figure", str]]
MONTHS = ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")
COLOURS = {"snow": "#56B4E9", "ice": "#0072B2", "water": "#009E73", "rock": "#b3a089"}
SURFACE_COLOURS = {"bare ice": "#0072B2", "debris or mixed ice": "#E69F00", "ground": "#D55E00", "ice": "#0072B2", "scene": "#4d4d4d"}
LEAST_HOURS = 1.0
"""Least height of the axis of the time of view, h: a tenth of an hour, to which times are given, is no drift."""


def slug(path: str) -> str:
    """Return a group's path as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")


def optical(path: str, told: dict[str, Any], found: Pass) -> Drawn:
    """Return the figures of an optical product: scenes by time, cover by month, NDSI by elevation."""
    drawn: Drawn = {
        f"coverage-{slug(path)}": (
            scenes(path, found.times, found.seen),
            f"{path}: share of the area that was clear in each scene; where no line stands, nothing was seen.",
        )
    }
    if told["classes"]:
        drawn[f"classes-{slug(path)}"] = (
            cover(path, told["classes"]),
            f"{path}: what the clear pixels show by calendar month, all years together, by thresholds on reflectance. Shadow, in which "
            "nothing can be told, is left out of the shares.",
        )
    if any(row["low"] is not None for row in told["ndsi"]):
        drawn[f"ndsi-{slug(path)}"] = (
            snow_by_band(path, told["ndsi"]),
            f"{path}: mean NDSI of clear pixels by elevation band and calendar month; hatched: never seen clear.",
        )
    return drawn


@style.styled
def scenes(path: str, times: np.ndarray, seen: np.ndarray) -> Figure:
    """Draw the clear share of each scene by its date."""
    figure = style.new_figure(8.0, 2.2)
    axes = figure.subplots()
    axes.vlines(times.astype("datetime64[ms]").astype(object), 0, 100 * seen, color="#0072B2", linewidth=1.2)
    axes.set(title=f"{path}: {len(times)} scenes", ylabel="clear (%)", ylim=(0, 100), xlabel="date of acquisition")
    return figure


@style.styled
def cover(path: str, told: dict[str, Any]) -> Figure:
    """Draw shares of classes by calendar month, a panel a surface."""
    figure = style.new_figure(4.2 * max(len(told), 1) + 0.8, 3.2)
    panels = figure.subplots(1, len(told), squeeze=False)[0]
    for axes, (surface, part) in zip(panels, told.items(), strict=True):
        base = np.zeros(12)
        for name, colour in COLOURS.items():
            height = np.array([100 * (month[name] or 0.0) for month in part["by_month"]])
            axes.bar(range(12), height, bottom=base, color=colour, label=name, width=0.85)
            base += height
        for k, month in enumerate(part["by_month"]):
            if month["snow"] is None:
                axes.bar(k, 100, width=0.85, **_unseen())
        axes.set(title=surface, ylabel="share of clear, lit pixels (%)", ylim=(0, 100), xlabel="calendar month")
        axes.set_xticks(range(12), MONTHS)
    handles = [*panels[0].get_legend_handles_labels()[0], style.hatch_key("month never seen")]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    figure.suptitle(f"{path}: cover")
    return figure


@style.styled
def snow_by_band(path: str, rows: list[dict[str, Any]]) -> Figure:
    """Draw mean NDSI by band and month, a panel a surface."""
    surfaces = list(dict.fromkeys(row["surface"] for row in rows))
    figure = style.new_figure(4.4 * len(surfaces) + 0.6, 3.4)
    panels = figure.subplots(1, len(surfaces), squeeze=False)[0]
    for axes, surface in zip(panels, surfaces, strict=True):
        part = [row for row in rows if row["surface"] == surface]
        image = _months_by_band(axes, part, "by_month", style.VALUE_MAP, (-0.4, 1.0))
        axes.set_title(surface)
    figure.colorbar(image, ax=list(panels), label=style.with_units("mean NDSI", "1"))
    figure.suptitle(f"{path}: snow and ice by elevation")
    return figure


def temperature(path: str, told: dict[str, Any]) -> Drawn:
    """Return the figures of a temperature product: the year, the warming, the time of view."""
    halves: list[str] = [half for half in ("day", "night") if half in told]
    drawn: Drawn = {
        f"year-{slug(path)}": (
            year(path, told, halves),
            f"{path}: mean surface temperature of clear views by calendar month. Bars: share of the views of bare ice that are saturated, "
            "that is within two errors of melting (273.15 K) or warmer; what lies beyond cannot be seen in them.",
        ),
    }
    if any("trend" in row[key] for half in halves for row in told[half]["zones"] for key in ("all_years", "without_drift")):
        drawn[f"warming-{slug(path)}"] = (
            trends(path, told, halves),
            f"{path}: trend of the surface temperature with its {100 * _level(told):.0f} % interval, of all years and of those before 2020"
            + (", from which on Terra's time of view drifts" if told["drifts"] else " (this product's own trend is that of all years)")
            + ". Bare ice: saturated views are taken as censored.",
        )
    if any(told[half]["view_time"] for half in halves):
        drawn[f"view-time-{slug(path)}"] = (
            view_time(path, told, halves),
            f"{path}: median local solar time of the clear views of each year. Where it moves, temperature moves without any warming.",
        )
    return drawn


@style.styled
def year(path: str, told: dict[str, Any], halves: list[str]) -> Figure:
    """Draw the mean temperature by calendar month with the saturated share of bare ice, a panel a half of the day."""
    figure = style.new_figure(4.4 * len(halves) + 0.4, 3.2)
    panels = figure.subplots(1, len(halves), squeeze=False, sharey=True)[0]
    for axes, half in zip(panels, halves, strict=True):
        axes.axhline(273.15, color="#666666", linewidth=0.8, linestyle=":")
        for row in _wholes(told[half]):
            values = [np.nan if value is None else value for value in row["by_month"]]
            axes.plot(range(12), values, "o-", markersize=3, color=SURFACE_COLOURS[row["surface"]], label=row["surface"])
        _saturation(axes, told[half], last=half == halves[-1])
        axes.set(title=half, xlabel="calendar month", ylabel="surface temperature (K)" if half == halves[0] else "")
        axes.set_xticks(range(12), MONTHS)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"{path}: the year of the surface")
    return figure


@style.styled
def trends(path: str, told: dict[str, Any], halves: list[str]) -> Figure:
    """Draw trends with their intervals by zone, with and without the years of drift."""
    rows = [row for half in halves for row in told[half]["zones"] if any("trend" in row[key] for key in ("all_years", "without_drift"))]
    figure = style.new_figure(4.6 * len(halves) + 0.6, 1.6 + 0.24 * max(len(rows) / len(halves), 3))
    panels = figure.subplots(1, len(halves), squeeze=False, sharex=True)[0]
    for axes, half in zip(panels, halves, strict=True):
        _trends(axes, [row for row in told[half]["zones"] if any("trend" in row[key] for key in ("all_years", "without_drift"))])
        axes.set(title=half, xlabel="trend (K per decade)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"{path}: warming")
    return figure


@style.styled
def view_time(path: str, told: dict[str, Any], halves: list[str]) -> Figure:
    """Draw the median time of view of each year."""
    figure = style.new_figure(4.2 * len(halves) + 0.4, 2.3)
    panels = figure.subplots(1, len(halves), squeeze=False)[0]
    for axes, half in zip(panels, halves, strict=True):
        rows = told[half]["view_time"]
        axes.plot([row["year"] for row in rows], [row["hour"] % 24 for row in rows], "o-", markersize=3, color="#0072B2")
        axes.set(title=half, ylabel="local solar time (h)", xlabel="year")
        middle = sum(axes.get_ylim()) / 2
        axes.set_ylim(min(axes.get_ylim()[0], middle - LEAST_HOURS / 2), max(axes.get_ylim()[1], middle + LEAST_HOURS / 2))
        axes.locator_params(axis="x", integer=True)
        if len(rows) == 1:
            axes.set_xlim(rows[0]["year"] - 2, rows[0]["year"] + 2)
        axes.grid(axis="y")
    figure.suptitle(f"{path}: time of view")
    return figure


def _trends(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for k, (key, words) in enumerate((("all_years", "all years"), ("without_drift", "years before 2020"))):
        marker, colour = (("s", "#999999"), ("o", "#0072B2"))[k]
        placed = [(place, row[key]) for place, row in enumerate(rows) if "trend" in row[key]]
        if placed:
            at = np.array([place for place, _ in placed]) - 0.16 * (1 - 2 * k)
            middle, low, high = (np.array([found[name] for _, found in placed]) for name in ("trend", "low", "high"))
            axes.errorbar(
                middle, at, xerr=[middle - low, high - middle], fmt=marker, color=colour, markersize=4, linewidth=1.2, label=words
            )
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row["zone"] for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="x")


def _saturation(axes: Axes, part: dict[str, Any], last: bool) -> None:
    """Draw the saturated share of bare ice as bars on an axis of its own."""
    bare = [row for row in _wholes(part) if row["surface"] == "bare ice"]
    if bare:
        beside = axes.twinx()
        beside.bar(range(12), [100 * (share or 0) for share in bare[0]["saturated_by_month"]], color="#0072B2", alpha=0.18, width=0.85)
        beside.set(ylim=(0, 100), ylabel="saturated views of bare ice (%)" if last else "")
        beside.spines["right"].set_visible(True)
        axes.set_zorder(beside.get_zorder() + 1)  # lines over bars
        axes.patch.set_visible(False)


def _months_by_band(axes: Axes, rows: list[dict[str, Any]], key: str, colours: str, limits: tuple[float, float]) -> Any:
    values = np.array([[np.nan if value is None else value for value in row[key]] for row in rows])
    low = min(row["low"] for row in rows)
    height = rows[0]["high"] - rows[0]["low"]
    grid = np.full((round((max(row["high"] for row in rows) - low) / height), 12), np.nan)
    for row, line in zip(rows, values, strict=True):
        grid[round((row["low"] - low) / height)] = line
    style.hatch_background(axes)
    top = low + len(grid) * height
    image = axes.imshow(
        grid,
        origin="lower",
        aspect="auto",
        extent=(-0.5, 11.5, low, top),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    axes.set(xlabel="calendar month", ylabel="elevation (m)")
    axes.set_xticks(range(12), MONTHS)
    return image


def _wholes(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of whole surfaces, without those of their bands."""
    return [row for row in part["zones"] if row["low"] is None]


def _level(told: dict[str, Any]) -> float:
    found = (row[key].get("level") for half in ("day", "night") if half in told for row in told[half]["zones"] for key in ("all_years",))
    return next((level for level in found if level), 0.95)


def _unseen() -> dict[str, Any]:
    return {"facecolor": style.UNOBSERVED_FACE, "edgecolor": style.UNOBSERVED_LINES, "hatch": "/////", "linewidth": 0.0}
