"""The figure of an issued outlook: the chance of each lake with its interval, the season's beside it, and the cost ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError
from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 30
"""Lakes that are drawn: those of the highest chance."""
FLOOR = 1e-4
"""Chances below are drawn there."""


@style.styled
def outlook(result: Mapping[str, Any], most: int = MOST) -> Figure:
    """Draw an outlook: one panel a horizon, one row a lake, those of the highest chance at the top.

    Parameters
    ----------
    result
        What `hazard.issued.issue` returns.
    most
        Lakes drawn at most.

    Raises
    ------
    InputError
        If the outlook holds no lake.
    """
    lakes = sorted(result["lakes"], key=lambda lake: -max(row["chance"] for row in lake["outlook"]))[:most]
    if not lakes:
        raise InputError("outlook: expected at least one lake to draw, found none")
    figure = style.new_figure(2.0 + 2.6 * len(result["horizons"]), 2.1 + 0.24 * len(lakes))
    panels = figure.subplots(1, len(result["horizons"]), sharey=True, squeeze=False)[0]
    for axes, horizon in zip(panels, result["horizons"], strict=True):
        _panel(axes, [_of(lake, horizon) for lake in lakes], result["cost_ratio"], result["level"])
        axes.set_title(f"within {horizon} days")
    panels[0].set_yticks(range(len(lakes)), [lake["lake"] for lake in lakes])
    panels[0].set_ylim(len(lakes) - 0.5, -0.5)
    panels[len(panels) // 2].set_xlabel("Chance of an outburst flood (%, logarithmic)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    left_out = "" if len(lakes) == len(result["lakes"]) else f"; {len(lakes)} of {len(result['lakes'])} lakes, those of the highest chance"
    few = "" if len(result["claims"]) < 1 else f"\n{style.wrapped(result['claims'][0], figure.get_figwidth() - 0.5, 9)}"
    figure.suptitle(f"Outlook issued {result['issue']}, model {result['model']}{left_out}{few}", fontsize=9, x=0.02, ha="left")
    figure.get_layout_engine().set(w_pad=0.08)  # type: ignore[union-attr,call-arg]
    return figure


def _of(lake: Mapping[str, Any], horizon: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(row for row in lake["outlook"] if row["horizon"] == horizon)
    return found


def _panel(axes: Axes, rows: list[Mapping[str, Any]], cost_ratio: float | None, level: float) -> None:
    places = range(len(rows))
    percent = {key: [100 * max(FLOOR, row[key]) for row in rows] for key in ("chance", "low", "high", "season")}
    colours = ["#D55E00" if row["alert"] else "#0072B2" for row in rows]
    axes.hlines(places, percent["low"], percent["high"], color=colours, lw=1.4)
    axes.scatter(percent["season"], places, marker="|", s=70, color=style.BASELINE_COLOURS[0], label="season", zorder=3)
    axes.scatter(percent["chance"], places, s=22, c=colours, zorder=4)
    axes.scatter([], [], s=22, color="#0072B2", label=f"model, with its {100 * level:.0f} % interval")
    if cost_ratio is not None:
        axes.axvline(100 * cost_ratio, color="#D55E00", ls=":", lw=1.2, label="cost ratio")
        axes.scatter([], [], s=22, color="#D55E00", label="alert")
    axes.set_xscale("log")
    axes.set_xlim(100 * FLOOR, 110)
    axes.set_xticks([0.01, 0.1, 1, 10, 100], ["≤ 0.01", "0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.grid(axis="x")
