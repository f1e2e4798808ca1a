"""Figures over time: what was observed when and which part it went to, and the snow year."""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glaciercast.errors import InputError
from glaciercast.report import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PART_COLOURS = {"train": "#cfe3f1", "validation": "#fbe3b5", "test": "#f3cfe2"}
GAP_COLOUR = "#ececec"


@style.styled
def coverage(time: ArrayLike, observed: ArrayLike, split: Mapping[str, Sequence[str]], scene_counts: ArrayLike | None = None) -> Figure:
    """Draw the observed share of each step, with the parts of the split shaded and the share seen in each part.

    Parameters
    ----------
    time
        The cube's regular times, (step,), datetimes.
    observed
        Share of the scene's pixels that was observed in each step, (step,), 0..1.
    split
        First and last step of each part, ISO months or dates, both included: ``{"train": ("2016-01", "2020-12"), …}``. What lies
        between two parts is shaded as gap.
    scene_counts
        Number of scenes in each step, (step,); drawn below if given.

    Raises
    ------
    InputError
        If lengths differ, shares lie outside 0..1, or a part holds no step.
    """
    import pandas as pd

    times = pd.DatetimeIndex(np.asarray(time))
    shares = np.asarray(observed, dtype=np.float64)
    if len(times) < 2 or shares.shape != times.shape:
        raise InputError(f"coverage: expected one observed share a step and 2 steps or more, found {shares.shape} for {len(times)} steps")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise InputError("coverage: observed shares must lie between 0 and 1")
    parts = _parts(times, split)
    figure = style.new_figure(9.0, 3.4 if scene_counts is None else 4.6)
    rows = figure.subplots(
        1 if scene_counts is None else 2, sharex=True, squeeze=False, height_ratios=[3] if scene_counts is None else [3, 1]
    )[:, 0]
    # Bars stop halfway to their neighbours; whole numbers of nanoseconds become days, the unit of matplotlib's dates.
    width = float(np.median(np.diff(times.to_numpy()).astype("timedelta64[s]").astype(float))) / 86400
    for axes in rows:
        _shade(axes, times, parts, width)
    top = rows[0]
    top.bar(times.to_numpy(), 100 * shares, width=0.85 * width, color="#2b5d80")
    top.set_ylim(0, 122)
    top.set_yticks([0, 25, 50, 75, 100])
    top.set_ylabel("Observed share of pixels (%)")
    top.set_title("What was observed, and which part of the split it belongs to")
    for name, (first, last) in parts.items():
        middle = times[first] + (times[last] - times[first]) / 2
        words = f"{name}\n{100 * shares[first : last + 1].mean():.0f} % seen"
        top.text(middle.to_pydatetime(), 120, words, ha="center", va="top", fontsize=8, fontweight="bold" if name == "test" else None)
    if scene_counts is not None:
        counts = np.asarray(scene_counts)
        if counts.shape != times.shape:
            raise InputError(f"coverage: expected one scene count a step, found {counts.shape} for {len(times)} steps")
        rows[1].bar(times.to_numpy(), counts, width=0.85 * width, color="#555555")
        rows[1].set_ylabel("Scenes (count)")
    rows[-1].set_xlabel("Time")
    rows[-1].set_xlim(*(_days(edge) for edge in (times[0] - pd.Timedelta(days=width), times[-1] + pd.Timedelta(days=width))))
    figure.legend(handles=_part_keys(parts), loc="outside lower center", ncols=5)
    return figure


@style.styled
def season(months: Sequence[int], fractions: Mapping[str, ArrayLike], region: str = "observed pixels") -> Figure:
    """Draw the share of snow by calendar month, one line for each choice of mask.

    Parameters
    ----------
    months
        Calendar months, 1..12, in the order of the values.
    fractions
        Share of `region` that is snow, 0..1, one value a month, by the label of the mask; NaN where a month was never observed.
    region
        What the share is of, for the axis label.

    Raises
    ------
    InputError
        If months are not 1..12, lengths differ, or shares lie outside 0..1.
    """
    if not months or not all(1 <= int(month) <= 12 for month in months):
        raise InputError(f"season: expected calendar months 1..12, found {list(months)}")
    figure = style.new_figure(7.6, 3.6)
    axes = figure.subplots()
    for index, (label, values) in enumerate(fractions.items()):
        shares = np.asarray(values, dtype=np.float64)
        if shares.shape != (len(months),):
            raise InputError(f"season: '{label}' needs {len(months)} values, found shape {shares.shape}")
        if (shares[np.isfinite(shares)] < 0).any() or (shares[np.isfinite(shares)] > 1).any():
            raise InputError(f"season: shares of '{label}' must lie between 0 and 1")
        look: dict[str, Any] = {
            "color": style.NETWORK_COLOURS[index % 6],
            "marker": style.MARKERS[index % 8],
            "linestyle": ("-", *style.DASHES)[index % 5],
        }
        axes.plot(np.arange(len(months)), 100 * shares, label=label, **look)
    axes.set_xticks(np.arange(len(months)), [calendar.month_abbr[int(month)] for month in months])
    axes.set_ylim(0, 100)
    axes.grid(axis="y")
    axes.set_xlabel("Calendar month")
    axes.set_ylabel(f"Snow, share of {region} (%)")
    axes.set_title("The snow year: share of snow by calendar month")
    figure.legend(loc="outside right upper", title="Snow where", alignment="left")
    return figure


def _parts(times: pd.DatetimeIndex, split: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Return first and last step (indices, both included) of each part."""
    import pandas as pd

    parts = {}
    for name, (first, last) in split.items():
        inside: NDArray[np.bool_] = (times >= pd.Period(first).start_time) & (times <= pd.Period(last).end_time)
        if not inside.any():
            raise InputError(f"coverage: part '{name}' ({first} to {last}) holds no step between {times[0]:%Y-%m} and {times[-1]:%Y-%m}")
        steps = np.flatnonzero(inside)
        parts[name] = (int(steps[0]), int(steps[-1]))
    return dict(sorted(parts.items(), key=lambda part: part[1]))


def _shade(axes: Axes, times: pd.DatetimeIndex, parts: Mapping[str, tuple[int, int]], width: float) -> None:
    for name, (first, last) in parts.items():
        axes.axvspan(
            _days(times[first]) - width / 2, _days(times[last]) + width / 2, color=PART_COLOURS.get(name, "#dddddd"), zorder=0, linewidth=0
        )
    order = list(parts.values())
    for (_, last), (first, _) in itertools.pairwise(order):
        if first > last + 1:
            start, end = _days(times[last]) + width / 2, _days(times[first]) - width / 2
            axes.axvspan(start, end, facecolor=GAP_COLOUR, edgecolor="#a0a0a0", hatch="xxx", zorder=0, linewidth=0)


def _part_keys(parts: Mapping[str, tuple[int, int]]) -> list[Any]:
    from matplotlib.patches import Patch

    keys = [Patch(facecolor=PART_COLOURS.get(name, "#dddddd"), label=name) for name in parts]
    words = "gap: used for inputs at most, never as a target"
    return [*keys, Patch(facecolor=GAP_COLOUR, edgecolor="#a0a0a0", hatch="xxx", linewidth=0, label=words)]


def _days(time: Any) -> float:
    from matplotlib.dates import date2num

    return float(date2num(time.to_numpy()))  # type: ignore[no-untyped-call]
