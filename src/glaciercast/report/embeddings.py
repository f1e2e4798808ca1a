"""A network's view of the windows: two axes of its latents, coloured by season, by what the window shows and by the forecast's error."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import InputError
from glaciercast.report import style
from glaciercast.schema import ALIGNED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PART_MARKERS = {"train": "o", "validation": "s", "test": "^"}
PART_WORDS = {"train": "training", "validation": "validation", "test": "test"}
SEASON_MAP = "twilight"
"""Cyclic and of even lightness steps: December meets January, and the hues tell spring from autumn."""
RMSE_MAP = "magma_r"
ERROR_PERCENTILE = 98
"""Of the errors, where the colours end: one failed window must not make all others look alike."""
EDGE = "#404040"
"""Pale colours need an outline on white."""


@style.styled
def latent_space(points: NDArray[Any], facts: pd.DataFrame, axes: tuple[str, str], variables: tuple[str, str], model: str) -> Figure:
    """Draw windows in the plane of two latent axes three times, each with its colour bar; marker shapes tell the parts.

    Parameters
    ----------
    points
        (window, 2).
    facts
        A row a window, with ``part``, ``season`` (0 … 1), ``mean_<variable>`` and ``rmse``, NaN where not known, which is grey.
    axes
        Labels of both axes, as "PC1 (61 % of the variance)".
    variables
        Whose mean colours the second panel, and what is forecast, which gives errors their unit.
    model
        For the title.

    Raises
    ------
    InputError
        If there is not one point a row.
    """
    if points.shape != (len(facts), 2):
        raise InputError(f"latent space: expected (window, 2) points for {len(facts)} windows, found {points.shape}")
    (variable, target), units = variables, {name: ALIGNED.variables[name].units or "1" for name in variables}
    name, target_name = style.label(variable), style.label(target)
    season, state, errors = (facts[column].to_numpy() for column in ("season", f"mean_{variable}", "rmse"))
    state_label = style.with_units(f"mean {name} of the last frame, filled values too", units[variable])
    error_label = style.with_units(f"RMSE of {target_name} over all leads", units[target])
    shown = (
        _Colours("Season of issue", "month of the issue step", season, SEASON_MAP, (0.0, 1.0)),
        _Colours(f"{name} at issue", state_label, state, style.VALUE_MAP, _limits(state, 0, 100)),
        _Colours("Error of the forecast", error_label, errors, RMSE_MAP, _limits(errors, 0, ERROR_PERCENTILE)),
    )
    figure = style.new_figure(11.5, 4.9)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    parts = facts["part"].to_numpy()
    for panel, colours in zip(panels, shown, strict=True):
        _scatter(panel, points, parts, colours)
        _bar(figure, panel, colours)
        panel.set_title(colours.title)
        panel.set_xlabel(axes[0])
    panels[0].set_ylabel(axes[1])
    figure.suptitle(f"How {model} sees the windows: what enters its last layer", fontsize=11, x=0.01, ha="left")
    figure.legend(handles=_keys(parts, [each for each in shown if not np.isfinite(each.values).all()]), loc="outside lower left", ncols=4)
    return figure


class _Colours(NamedTuple):
    """What colours the points of a panel: a value each, NaN where there is none, its colour map and limits."""

    title: str
    label: str
    values: NDArray[Any]
    map: str
    limits: tuple[float, float]


def _scatter(panel: Axes, points: NDArray[Any], parts: NDArray[Any], colours: _Colours) -> None:
    """Draw the points part by part, and of each part those without a value first."""
    known = np.isfinite(colours.values)
    low, high = colours.limits
    panel.grid(True)
    for part, marker in PART_MARKERS.items():
        size = 16 if part == "train" else 24
        grey, inside = (chosen & (parts == part) for chosen in (~known, known))
        look: Any = {"s": size, "marker": marker, "edgecolors": EDGE, "linewidths": 0.35}
        panel.scatter(points[grey, 0], points[grey, 1], c=style.UNOBSERVED_FACE, **look)
        panel.scatter(points[inside, 0], points[inside, 1], c=colours.values[inside], cmap=colours.map, vmin=low, vmax=high, **look)


def _bar(figure: Figure, panel: Axes, colours: _Colours) -> None:
    """Add the colour bar below a panel; that of the season bears the initials of the months."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    above = bool((colours.values[np.isfinite(colours.values)] > colours.limits[1]).any())
    scale = ScalarMappable(Normalize(*colours.limits), colours.map)
    extend = "max" if above else "neither"
    bar = figure.colorbar(scale, ax=panel, location="bottom", extend=extend, fraction=0.06, pad=0.03, aspect=28)
    bar.set_label(colours.label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if colours.map == SEASON_MAP:
        bar.set_ticks([(month + 0.5) / 12 for month in range(12)], labels=[month[0] for month in calendar.month_abbr[1:]])


def _limits(values: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """Return percentiles of the finite values, apart from each other."""
    finite = values[np.isfinite(values)]
    bottom, top = (float(end) for end in np.percentile(finite, [low, high])) if finite.size else (0.0, 0.0)
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 0.5)


def _keys(parts: NDArray[Any], unknown: list[_Colours]) -> list[Line2D]:
    """Return the legend's entries: the parts with their numbers of windows, and what grey means where there is any."""
    from matplotlib.lines import Line2D

    def key(words: str, marker: str, face: str) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, markerfacecolor=face, markeredgecolor=EDGE, label=words)

    counts = {part: int(np.count_nonzero(parts == part)) for part in PART_MARKERS}
    keys = [key(f"{PART_WORDS[part]} ({counts[part]} windows)", marker, "white") for part, marker in PART_MARKERS.items()]
    panels = " and ".join(f"“{colours.title}”" for colours in unknown)
    return [*keys, key(f"grey in {panels}: not known", "o", style.UNOBSERVED_FACE)] if unknown else keys
