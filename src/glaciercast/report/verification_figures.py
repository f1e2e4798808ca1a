"""Figures of an outlook's verification; each names the number of floods that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.hazard.pairs import Pairs
from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cells = Sequence[Mapping[str, Any]]
BASELINES = ("season", "base_rate", "dates", "area_rule")
MOST_LAKES = 40
"""Lakes that the timeline shows."""
COLOURS = (*style.NETWORK_COLOURS, "#882255", "#117733")


def look(model: str, models: Sequence[str]) -> dict[str, Any]:
    """Return colour and dashes of a model's line: baselines are grey and dashed, the others coloured and whole."""
    if model in BASELINES:
        number = BASELINES.index(model)
        return {"color": style.BASELINE_COLOURS[number], "linestyle": style.DASHES[number], "linewidth": 1.3}
    others = [name for name in models if name not in BASELINES]
    return {"color": COLOURS[others.index(model) % len(COLOURS)], "linestyle": "-", "linewidth": 1.6}


def floods_words(cells: Cells) -> str:
    """Return ``"34 floods"``, or ``"7 days: 30 floods, 30 days: 34 floods"`` where horizons differ."""
    found = {cell["horizon"]: cell["floods"] for cell in cells}
    if len(set(found.values())) == 1:
        return _floods(next(iter(found.values())))
    return ", ".join(f"{horizon} days: {_floods(floods)}" for horizon, floods in found.items())


@style.styled
def reliability(cells: Cells) -> Figure:
    """Draw observed frequency against chance above, and how many outlooks gave it below, a column a horizon."""
    horizons, models = _axes_of(cells)
    figure = style.new_figure(3.6 * max(2, len(horizons)), 5.2)
    axes = figure.subplots(2, len(horizons), squeeze=False, height_ratios=[3, 1], sharex="col")
    for column, horizon in enumerate(horizons):
        top, bottom = axes[0, column], axes[1, column]
        own = [cell for cell in cells if cell["horizon"] == horizon and "reliability" in cell]
        most = max((max(*cell["reliability"]["chance"], *cell["reliability"]["frequency"]) for cell in own), default=1.0)
        top.plot([0, most], [0, most], color="#b0b0b0", linewidth=0.8)
        for cell in own:
            found = cell["reliability"]
            drawn = look(cell["model"], models)
            top.plot(found["chance"], found["frequency"], marker="o", markersize=3.5, label=cell["model"], **drawn)
            bottom.plot(found["chance"], found["count"], marker=".", **drawn)
        top.set_title(f"{horizon} days, {_floods_of(own)}")
        bottom.set_yscale("log")
        bottom.set_xlabel("Chance of a flood (dimensionless)")
        for panel in (top, bottom):
            panel.grid(True)
    axes[0, 0].set_ylabel("Share followed by a flood\n(dimensionless)")
    axes[1, 0].set_ylabel("Outlooks\n(count)")
    _legend(figure, axes[0, 0])
    return figure


@style.styled
def precision_recall(cells: Cells) -> Figure:
    """Draw precision against recall, with the prevalence as a line."""

    def draw(axes: Axes, own: Cells, models: Sequence[str]) -> None:
        for cell in own:
            axes.plot(cell["curve"]["recall"], cell["curve"]["precision"], label=cell["model"], **look(cell["model"], models))
        axes.axhline(own[0]["prevalence"], color="#000000", linewidth=0.8, label="prevalence")
        axes.annotate(
            f"prevalence {own[0]['prevalence']:.3f}", (0.98, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=8,
        )  # fmt: skip
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("Recall: share of such outlooks found (dimensionless)", fontsize=8)

    return _panels(cells, draw, "Precision (dimensionless)")


@style.styled
def economic_value(cells: Cells) -> Figure:
    """Draw the relative economic value of acting where the chance reaches the cost ratio."""

    def draw(axes: Axes, own: Cells, models: Sequence[str]) -> None:
        for cell in own:
            value = [np.nan if each is None else each for each in cell["value"]["value"]]
            axes.plot(cell["value"]["ratios"], value, label=cell["model"], **look(cell["model"], models))
        axes.axhline(0, color="#000000", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_ylim(-0.25, 1)
        axes.set_xlabel("Cost of acting over the loss avoided (dimensionless)", fontsize=8)

    return _panels(cells, draw, "Relative economic value\n(1: perfect, 0: base rate; dimensionless)")


@style.styled
def skill(cells: Cells) -> Figure:
    """Draw the Brier skill against the season with its intervals, and the oracle's expected skill where it is known."""
    horizons, models = _axes_of(cells)
    shown = [name for name in models if name != "season"] or list(models)
    figure = style.new_figure(max(5.5, 1.1 + 0.55 * len(horizons) * len(shown)), 3.6)
    axes = figure.subplots()
    step = 0.8 / len(shown)
    for cell in cells:
        if cell["model"] not in shown or "skill" not in cell or cell["skill"]["value"] is None:
            continue
        value, interval = cell["skill"]["value"], cell["skill"]["interval"]
        place = horizons.index(cell["horizon"]) - 0.4 + step * (shown.index(cell["model"]) + 0.5)
        axes.bar(place, value, 0.9 * step, color=look(cell["model"], models)["color"])
        if interval is not None:
            axes.plot([place, place], interval, color="#000000", linewidth=1.1)
        elif not value:
            axes.plot(place, 0, marker="_", color="#000000")
    _oracles(axes, cells, horizons)
    axes.axhline(0, color="#000000", linewidth=0.8)
    labels = [f"{horizon} days\n{_floods_of([cell for cell in cells if cell['horizon'] == horizon])}" for horizon in horizons]
    axes.set_xticks(range(len(horizons)), labels)
    axes.set_xlim(-0.6, len(horizons) - 0.4)
    axes.set_ylabel("Brier skill over the season\n(dimensionless)")
    axes.grid(axis="y")
    from matplotlib.patches import Patch

    keys: list[Any] = [Patch(label=name, color=look(name, models)["color"]) for name in shown]
    figure.legend(handles=[*keys, *axes.get_legend_handles_labels()[0]], loc="outside lower left", ncols=5, fontsize=8)
    return figure


def _oracles(axes: Axes, cells: Cells, horizons: Sequence[int]) -> None:
    for number, horizon in enumerate(horizons):
        known = [cell["known"] for cell in cells if cell["horizon"] == horizon and cell.get("known")]
        if known:
            words: dict[str, Any] = {"label": "oracle, expected"} if number == 0 else {}
            axes.plot([number - 0.4, number + 0.4], [known[0]["skill_oracle"]["value"]] * 2, color="#000000", linestyle=":", **words)


@style.styled
def lead_times(cells: Cells) -> Figure:
    """Draw how long before each flood its first alert came: a dot a flood, with the floods that were missed."""

    def draw(axes: Axes, own: Cells, models: Sequence[str]) -> None:
        told = [(cell, alerts) for cell in own if (alerts := cell["alerts"] or cell["fixed_hit_rate"])]
        for row, (cell, alerts) in enumerate(told):
            days = sorted(alerts["lead_days"].values())
            spread = np.linspace(-0.28, 0.28, len(days)) if len(days) > 1 else np.zeros(len(days))
            axes.plot(days, row + spread, "o", markersize=3, alpha=0.7, color=look(cell["model"], models)["color"])
            axes.annotate(
                f"{alerts['hits']} of {alerts['hits'] + alerts['misses']}", (1.01, row), xycoords=("axes fraction", "data"), va="center",
                fontsize=7,
            )  # fmt: skip
        axes.set_yticks(range(len(told)), [cell["model"] for cell, _ in told])
        axes.set_ylim(len(told) - 0.5, -0.5)
        axes.set_xlim(-0.5, own[0]["horizon"])
        axes.set_xlabel("Days from first alert to the flood (d)")

    return _panels(cells, draw, "Model", legend=False)


@style.styled
def timeline(pairs: Mapping[str, Pairs], starts: Mapping[str, np.datetime64], cost_ratio: float | None = None) -> Figure:
    """Draw the chances of each lake through the years, with its floods as triangles; lakes with floods first.

    Parameters
    ----------
    pairs
        By model, all of one protocol and horizon.
    starts
        Days on which floods began, by name.
    cost_ratio
        Drawn as a line: chances above it are alerts.
    """
    first = next(iter(pairs.values()))
    flooded = {str(lake) for lake in first.lake[first.label == 1]}
    lakes = sorted({str(lake) for lake in first.lake}, key=lambda name: (name not in flooded, name))
    shown = lakes[:MOST_LAKES]
    figure = style.new_figure(10.5, 1.2 + 0.55 * len(shown))
    rows = figure.subplots(len(shown), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for axes, lake in zip(rows, shown, strict=True):
        for model, each in pairs.items():
            own = each.lake == lake
            axes.plot(each.issue[own], each.chance[own], label=model, **{**look(model, list(pairs)), "linewidth": 0.9})
        names = {str(name) for name in first.flood[(first.lake == lake) & (first.label == 1)]}
        days = [starts[name] for name in sorted(names)]
        if days:  # an empty line that is not clipped has no bounds to lay out
            axes.plot(days, np.full(len(days), 1.02), "v", color="#000000", markersize=5, clip_on=False, label="flood")
        if cost_ratio is not None:
            axes.axhline(cost_ratio, color="#b35c00", linewidth=0.7, label="cost ratio")
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 1])
        axes.set_ylabel(lake, rotation=0, ha="right", va="center", fontsize=7)
    rows[-1].set_xlabel("Day of issue (UTC); vertical axes: chance of a flood (dimensionless)")
    left = f"; {len(lakes) - len(shown)} more lakes are not shown" if len(lakes) > len(shown) else ""
    figure.suptitle(f"Chances within {first.horizon} days at each lake, {_floods(len(first.floods))}{left}", fontsize=10, x=0.01, ha="left")
    _legend(figure, rows[0])
    return figure


def _panels(cells: Cells, draw: Callable[[Axes, Cells, Sequence[str]], None], label: str, legend: bool = True) -> Figure:
    """Draw a panel a horizon."""
    horizons, models = _axes_of(cells)
    figure = style.new_figure(3.6 * max(2, len(horizons)), 3.7)
    axes = figure.subplots(1, len(horizons), squeeze=False, sharey=True)[0]
    for panel, horizon in zip(axes, horizons, strict=True):
        own = [cell for cell in cells if cell["horizon"] == horizon and "curve" in cell]
        if own:
            draw(panel, own, models)
        panel.set_title(f"{horizon} days, {_floods_of(own)}")
        panel.grid(True)
    axes[0].set_ylabel(label)
    if legend:
        _legend(figure, axes[0])
    return figure


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=6, fontsize=8)


def _axes_of(cells: Cells) -> tuple[list[int], list[str]]:
    return list(dict.fromkeys(cell["horizon"] for cell in cells)), list(dict.fromkeys(cell["model"] for cell in cells))


def _floods_of(cells: Cells) -> str:
    return _floods(cells[0]["floods"] if cells else 0)


def _floods(number: int) -> str:
    return f"{number} flood{'s' if number != 1 else ''}"
