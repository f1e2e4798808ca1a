"""Figures of explored files of velocities: series with what was fitted, seasons and trends of all places, looks by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.report import exploration_velocity, style
from glaciercast.report.exploration import MONTHS, Drawn, slug
from glaciercast.stats.seasonal import YEAR, years

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from glaciercast.explore.velocities import Read, Told

MOST_SERIES, MOST_CYCLES = 16, 6
"""Places that one figure shows."""
WIDE = 6.0
"""Times the median reach of intervals of trends that the axis shows."""
BLUE, RED, GREY = "#0072B2", "#D55E00", "#999999"
MANY = 400
"""Looks from which on their errors would hide them: means of quarters are drawn with errors instead."""
STEEP = 20.0
"""Times the median speed that a series has to reach for a logarithmic axis."""
SERIES = (
    "{path}: every look at the middle of its span, with its stated 1 σ error where there is one (of many looks: means of quarters, with "
    "errors scaled by the fit); line: mean, trend and season; grey: left out of these (outliers and surges); red: a surge, from onset to "
    "end, with its peak."
)
SEASONS = (
    "{path}: amplitude of the season, day on which it is fastest, and trend, with {level} intervals. Open: a season that chance may have "
    "made; its day says nothing and is not drawn. Wide intervals of trends are cut."
)
CYCLES = (
    "{path}: what lies above mean and trend in each calendar month, with an error from what the years moved it by, and the fitted season "
    "with the 1 σ error of its amplitude. Dashed: not beyond chance."
)
LOOKS = "{path}: looks by the calendar month of their middle; hatched: none."


def drawn(path: str, found: Read, told: Sequence[Told], level: float) -> Drawn:
    """Return the figures of a file, name → figure and caption."""
    figures: Drawn = {}
    if found.motion is not None and found.zones is not None and found.axes is not None:
        caption = (
            f"{path}: speed of the mean velocity of all looks; amplitude of the seasonal cycle along the flow outside surges; the day on "
            "which it is fastest. Hatched: too few looks, or (season) an amplitude of less than three errors."
        )
        figures[f"velocity-{slug(path)}"] = exploration_velocity.maps(path, found.motion, found.zones, found.axes, _words(found)), caption
    shown = [one for one in told if np.isfinite(one.place.values).any()]
    if shown:
        figures[f"series-{slug(path)}"] = series(path, shown), SERIES.format(path=path)
    fitted = [one for one in shown if one.row["amplitude"] is not None]
    if len(fitted) > 1:
        figures[f"seasons-{slug(path)}"] = seasons(path, fitted), SEASONS.format(path=path, level=f"{100 * level:.0f} %")
    if fitted:
        figures[f"cycle-{slug(path)}"] = cycles(path, fitted), CYCLES.format(path=path)
    if shown:
        figures[f"looks-{slug(path)}"] = looks(path, shown), LOOKS.format(path=path)
    return figures


@style.styled
def series(path: str, told: Sequence[Told]) -> Figure:
    """Draw each place's looks with what was fitted to them."""
    part = told[:MOST_SERIES]
    columns = 1 if len(part) < 4 else 2
    rows = -(-len(part) // columns)
    figure = style.new_figure(8.0 if columns == 1 else 11.0, 0.6 + (2.6 if rows < 4 else 1.5) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for panel, one in zip(panels.T.ravel(), part, strict=False):
        _series(panel, one)
    for panel in panels.T.ravel()[len(part) :]:
        panel.set_visible(False)
    for panel in panels.T.ravel()[len(part) - 1 :: -rows][:1]:
        panel.tick_params(labelbottom=True)
    figure.supylabel("velocity along the flow (m/yr)" if part[0].place.mean else "speed (m/yr)", fontsize=9)
    figure.suptitle(path if len(told) == len(part) else f"{path}: {len(part)} of {len(told)} places")
    return figure


@style.styled
def seasons(path: str, told: Sequence[Told]) -> Figure:
    """Draw amplitude, day of the maximum and trend of each place with their intervals."""
    figure = style.new_figure(10.0, 1.3 + 0.26 * len(told))
    panels = figure.subplots(1, 3, sharey=True, width_ratios=[1, 1.2, 1])
    for place, one in enumerate(told):
        row, face = one.row, BLUE if one.row["seasonal"] else "white"
        _bar(panels[0], place, row["amplitude"], row["amplitude_interval"], face)
        if row["seasonal"] and row["peak_day_interval"] is not None:
            for shift in (-YEAR, 0, YEAR):  # an interval may reach beyond New Year
                _bar(panels[1], place, row["peak_day"] + shift, [end + shift for end in row["peak_day_interval"]], face)
        if "slope" in (found := row["long_term"]):
            _bar(panels[2], place, found["slope"], [found["low"], found["high"]], BLUE)
    panels[0].set(xlabel="amplitude (m/yr)", title="season", xlim=(0, None))
    panels[1].set(xlabel="month", title="fastest on", xlim=(0, YEAR))
    panels[1].set_xticks(np.arange(12) * YEAR / 12 + YEAR / 24, MONTHS)
    panels[2].set(xlabel="m/yr per year", title="trend")
    panels[2].axvline(0, color="#333333", linewidth=0.8)
    if slopes := [max(abs(found[key]) for key in ("low", "high")) for one in told if "slope" in (found := one.row["long_term"])]:
        reach = min(1.1 * max(slopes), WIDE * float(np.median(slopes)))  # one wide interval does not hide the others
        panels[2].set_xlim(-reach, reach)
    panels[0].set_yticks(range(len(told)), [one.place.name for one in told])
    panels[0].invert_yaxis()
    for panel in panels:
        panel.grid(axis="both")
    figure.suptitle(path)
    return figure


@style.styled
def cycles(path: str, told: Sequence[Told]) -> Figure:
    """Draw what is above mean and trend by calendar month, with the fitted season, of the places with the largest amplitudes."""
    part = sorted(told, key=lambda one: (not one.row["seasonal"], -one.row["amplitude"]))[:MOST_CYCLES]
    columns = min(len(part), 3)
    rows = -(-len(part) // columns)
    figure = style.new_figure(1.0 + 3.4 * max(columns, 1.6), 0.9 + 2.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for panel, one in zip(panels.ravel(), part, strict=False):
        _cycle(panel, one.row)
    for panel in panels.ravel()[len(part) :]:
        panel.set_visible(False)
    figure.supylabel("above mean and trend (m/yr)", fontsize=9)
    figure.suptitle(f"{path}: season" + ("" if len(part) == len(told) else f" ({len(part)} of {len(told)} places)"))
    return figure


@style.styled
def looks(path: str, told: Sequence[Told]) -> Figure:
    """Draw the number of looks by calendar month: a row a year of a single place, else a row a place."""
    if len(told) == 1:
        middle = _middles(told[0])[np.isfinite(told[0].place.values)]
        year, month = middle.astype("datetime64[Y]").astype(int) + 1970, middle.astype("datetime64[M]").astype(int) % 12
        names = [str(number) for number in range(year.min(), year.max() + 1)]
        counts = np.zeros((len(names), 12))
        np.add.at(counts, (year - year.min(), month), 1)
    else:
        names = [one.place.name for one in told]
        months = [_middles(one)[np.isfinite(one.place.values)].astype("datetime64[M]").astype(int) % 12 for one in told]
        counts = np.array([np.bincount(month, minlength=12) for month in months], float)
    figure = style.new_figure(6.5, 1.3 + 0.16 * max(len(names), 6))
    panel = figure.subplots()
    style.hatch_background(panel)
    image = panel.imshow(np.where(counts > 0, counts, np.nan), aspect="auto", cmap=style.VALUE_MAP, vmin=0, interpolation="nearest")
    every = -(-len(names) // 30)
    panel.set_yticks(range(0, len(names), every), names[::every], fontsize=7)
    panel.set_xticks(range(12), MONTHS)
    panel.set(xlabel="calendar month", title=f"{path}: looks")
    figure.colorbar(image, ax=panel, label="looks")
    return figure


def _series(panel: Axes, one: Told) -> None:
    place, row = one.place, one.row
    middle, seen = _middles(one), np.isfinite(one.place.values)
    moment = 2000 + years(middle)
    stated = bool(np.ptp(place.error[seen]) > 0)
    if seen.sum() > MANY:
        size, alpha = (2.0, 0.35) if stated else (4.0, 0.8)
        panel.plot(moment[one.kept], place.values[one.kept], ".", color=BLUE, markersize=size, alpha=alpha, markeredgewidth=0)
        if stated:
            panel.errorbar(*_quarters(one, moment), fmt="o", color="#003f66", markersize=3, linewidth=1)
    else:
        error = place.error[one.kept] if stated else None
        panel.errorbar(moment[one.kept], place.values[one.kept], error, fmt="o", color=BLUE, markersize=3, ecolor="#b5d3e7", elinewidth=0.8)
    panel.plot(moment[seen & ~one.kept], place.values[seen & ~one.kept], ".", color=GREY, markersize=3, markeredgewidth=0)
    _limits(panel, one, seen)
    if row["amplitude"] is not None:
        fine = np.arange(moment[one.kept].min(), moment[one.kept].max(), 1 / 50)
        season = row["amplitude"] * np.cos(2 * np.pi * (fine - row["peak_day"] / YEAR))
        panel.plot(fine, row["mean"] + row["trend"] * (fine - 2000 - row["centre"]) + season, color="black", linewidth=0.7, zorder=4)
    for event in one.events:
        end = moment.max() if event.ongoing else 2000 + float(years(np.array([event.end]))[0])
        begin, peak = (2000 + float(years(np.array([time]))[0]) for time in (event.onset, event.peak))
        panel.axvspan(begin, end, color=RED, alpha=0.12, linewidth=0)
        panel.plot([peak], [event.peak_speed], "v", color=RED, markersize=6)
    panel.set_title(place.name, fontsize=9)
    panel.grid(axis="y")


def _quarters(one: Told, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, error-weighted means and their errors, scaled by the fit, of the quarters of a year."""
    values, error, at = one.place.values[one.kept], one.place.error[one.kept], moment[one.kept]
    number = np.unique(np.floor(4 * at), return_inverse=True)[1]
    weight = np.bincount(number, 1 / error**2)
    time, mean = (np.bincount(number, part / error**2) / weight for part in (at, values))
    return time, mean, (one.row["scale"] or 1.0) / np.sqrt(weight)


def _limits(panel: Axes, one: Told, seen: np.ndarray) -> None:
    """Show what is common; what a surge reaches on a logarithmic axis."""
    values = one.place.values[seen]
    if one.events and values.max() > STEEP * np.median(values) > 0:
        panel.set_yscale("log")
        panel.set_ylim(max(values.min(), np.median(values) / STEEP), 1.5 * values.max())
        return
    low, high = np.quantile(values, [0.005, 0.995])
    reach = max(high - low, 1e-6)
    panel.set_ylim(low - 0.15 * reach, high + 0.15 * reach)


def _cycle(panel: Axes, row: dict[str, Any]) -> None:
    day = np.arange(0, YEAR, 2.0)
    curve = np.cos(2 * np.pi * (day - row["peak_day"]) / YEAR)
    panel.plot(day, row["amplitude"] * curve, color="black", linewidth=1, linestyle="-" if row["seasonal"] else "--")
    if np.isfinite(row["amplitude_error"] or np.inf):
        low, high = ((row["amplitude"] + sign * row["amplitude_error"]) * curve for sign in (-1, 1))
        panel.fill_between(day, low, high, color="black", alpha=0.15, linewidth=0)
    at = np.array([number for number in range(12) if row["by_month"][number]["value"] is not None], int)
    values = [row["by_month"][number]["value"] for number in at]
    errors = [row["by_month"][number]["error"] or 0.0 for number in at]
    panel.errorbar((at + 0.5) * YEAR / 12, values, errors, fmt="o", color=BLUE, markersize=4, linewidth=1)
    panel.axhline(0, color="#666666", linewidth=0.6)
    panel.set_xticks(np.arange(12) * YEAR / 12 + YEAR / 24, MONTHS)
    panel.set_xlim(0, YEAR)
    panel.set_title(f"{row['zone']}: {row['amplitude']:.1f} ± {row['amplitude_error'] or float('nan'):.1f} m/yr", fontsize=8)


def _bar(panel: Axes, place: float, value: float, interval: list[float] | None, face: str) -> None:
    if interval is not None:
        panel.plot(interval, [place, place], color=BLUE, linewidth=1.4)
    panel.plot([value], [place], "o", color=BLUE, markerfacecolor=face, markersize=4.5)


def _middles(one: Told) -> np.ndarray:
    middle: np.ndarray = one.place.first + (one.place.second - one.place.first) / 2
    return middle


def _words(found: Read) -> str:
    return f"{len(found.places[0].values)} {'image pairs' if found.paired else 'steps'}"
