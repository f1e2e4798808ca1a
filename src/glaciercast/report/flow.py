"""Flow of forecast scenes beside the flow of the true ones: arrows on scenes, a row a source and a column a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import flow as flows
from glaciercast.motion.flow import SPACING, Flow
from glaciercast.report import style, vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from odc.geo.geobox import GeoBox

STEPS = 4
"""Columns at most: the first steps."""
ARROW = "#D55E00"


class FlowRow(NamedTuple):
    """What a row shows.

    Attributes
    ----------
    frames
        Scenes that flows start from, (step, y, x).
    flows
        One a step.
    lengths
        Of each step, pixels: the mean length of the truth's flow, the end-point error of a forecast's; None: nothing was observed in
        both frames.
    observed
        Whether a value was seen, bool (step + 1, y, x): what was not is hatched, and arrows start where it was before and after the step.
        None: a forecast, which is whole.
    """

    frames: np.ndarray
    flows: Sequence[Flow]
    lengths: Sequence[float | None]
    observed: np.ndarray | None = None

    def seen(self) -> FlowRow:
        """Return the row with NaN in frames and flows where nothing was observed."""
        if self.observed is None:
            return self
        both = self.observed[:-1] & self.observed[1:]
        kept = [Flow(*(np.where(where, part, np.nan) for part in (one.dx, one.dy))) for one, where in zip(self.flows, both, strict=True)]
        return self._replace(frames=np.where(self.observed[:-1], self.frames, np.nan), flows=kept)


@style.styled
def flow_figure(rows: Mapping[str, FlowRow], at: GeoBox, steps: Sequence[str], label: str, title: str, note: str) -> Figure:
    """Draw flow as arrows every `SPACING` pixels on the scene that it starts from; all arrows and all scenes have one scale.

    Parameters
    ----------
    rows
        By name, the truth first.
    at
        Grid of the scenes, metres.
    steps
        Words for each step, such as ``2019-10-01 → 2019-11-01``.
    label
        Of the scenes' values, with their unit.
    title
        Of the figure.
    note
        What the flow is and is not, told below the figure as a sentence.

    Raises
    ------
    InputError
        If a row has another number of flows, frames or observed frames than there are steps.
    """
    for name, row in rows.items():
        _check(name, row, len(steps))
    rows = {name: row.seen() for name, row in rows.items()}
    shown = min(len(steps), STEPS)
    height, width = at.shape
    tall = float(np.clip(2.6 * height / width, 1.5, 3.6))
    figure = style.new_figure(max(2.7 * shown + 1.3, 6.5), (tall + 0.45) * len(rows) + 1.7, layout="compressed")
    panels = figure.subplots(len(rows), shown, sharex=True, sharey=True, squeeze=False)
    limits = vectors.contrast(np.concatenate([row.frames[:shown] for row in rows.values()]))
    longest = _longest(rows, shown)
    for number, (line, (name, row)) in enumerate(zip(panels, rows.items(), strict=True)):
        what = "end-point error" if number else "mean flow"
        line[0].set_ylabel(f"{name}\nNorthing (km)", fontsize=8)
        for step, panel in enumerate(line):
            image = vectors.scene(panel, row.frames[step], at, limits)
            _arrows(panel, row.flows[step], at, longest)
            panel.set_title(f"{steps[step]}\n{_told(what, row.lengths[step], at)}", fontsize=8)
    for panel in panels[-1]:
        panel.set_xlabel("Easting (km)", fontsize=8)
    figure.colorbar(image, ax=panels, fraction=0.03, pad=0.02).set_label(label, fontsize=8)
    figure.suptitle(f"{title}\nlongest arrow: {_length(longest, at)} a step", fontsize=11, x=0.01, ha="left")
    figure.legend(handles=[style.hatch_key("not observed")], loc="outside upper right", fontsize=8)
    figure.supxlabel(style.wrapped(note[:1].upper() + note[1:] + ".", figure.get_figwidth(), 8), fontsize=8, x=0.01, ha="left")
    return figure


def _check(name: str, row: FlowRow, steps: int) -> None:
    if not len(row.flows) == len(row.frames) == steps:
        raise InputError(f"flow figure: expected {steps} flows of {name}, found {len(row.flows)} and {len(row.frames)} frames")
    if row.observed is not None and len(row.observed) != steps + 1:
        raise InputError(f"flow figure: expected {steps + 1} observed frames of {name}, found {len(row.observed)}")


def _longest(rows: Mapping[str, FlowRow], shown: int) -> float:
    """Return the length of the longest arrow, pixels; 1 where there is none."""
    drawn = [flows.arrows(each) for row in rows.values() for each in row.flows[:shown]]
    lengths = np.concatenate([np.hypot(arrows.dx, arrows.dy) for arrows in drawn])
    return float(lengths.max(initial=0.0)) or 1.0


def _arrows(panel: Axes, found: Flow, at: GeoBox, longest: float) -> None:
    """Draw the arrows of a flow; the longest of the figure is as long as they are apart."""
    drawn = flows.arrows(found)
    places = vectors.centres_km(at, drawn.y, drawn.x)
    vectors.arrows(panel, places, (drawn.dx, -drawn.dy), SPACING * abs(at.resolution.x) / 1000, longest, ARROW)


def _told(what: str, length: float | None, at: GeoBox) -> str:
    return "nothing observed in both" if length is None else f"{what} {_length(length, at)}"


def _length(pixels: float, at: GeoBox) -> str:
    return f"{pixels:.2f} px = {pixels * abs(at.resolution.x):,.0f} m"
