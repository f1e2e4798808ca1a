"""Figures of motion: the velocity of a pair on its scene, a regular series, and the quality of a map of velocity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.motion import quality
from glaciercast.report import style, vectors
from glaciercast.report.clouds import cloud
from glaciercast.training.saving import whole

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from odc.geo.geobox import GeoBox

    from glaciercast.motion.velocity import Velocity

UNIT = "m/yr"
WIDTH, TITLE = 11.5, 11
"""Inches of a figure, points of its title."""
ARROWS = 24
"""Along the longer side of a map at most."""
EMPTY = "no colour: no vector that is believed"


@style.styled
def pair_figure(
    path: Path,
    image: np.ndarray,
    scene: GeoBox,
    velocity: Velocity,
    at: GeoBox,
    ice: np.ndarray | None,
    dates: tuple[Any, Any],
    note: str = "",
) -> Figure:
    """Draw the velocity of a pair over its scene, and its error beside it; write a PNG and return the figure.

    Parameters
    ----------
    path
        Of the PNG.
    image
        The scene, any unit, (y, x); NaN is hatched.
    scene
        Its grid, metres.
    velocity
        m/yr, on `at`; NaN is left without colour and arrow.
    at
        Grid of the vectors.
    ice
        Ice, bool on `at`, whose edge is drawn; or None.
    dates
        Of both acquisitions; what `pandas.Timestamp` reads.
    note
        Below the title, such as what speaks against the pair; wrapped to the width of the figure.

    Raises
    ------
    InputError
        If shapes do not go together.
    """
    for name, values, box in (("the scene", image, scene), ("the velocity", velocity.vx, at)):
        _check(name, values, box)
    height, width = image.shape
    head = [_title(dates, velocity), *([style.wrapped(note, WIDTH, TITLE)] if note else [])]
    tall = float(np.clip(5.0 * height / width, 2.4, 7.0)) + 1.4 + 0.2 * len("\n".join(head).splitlines())
    figure = style.new_figure(WIDTH, tall, layout="compressed")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    shown = (
        (velocity.speed, vectors.SPEED_MAP, f"speed ({UNIT})", "Velocity"),
        (velocity.error, vectors.ERROR_MAP, f"1 σ of a component ({UNIT})", "Its error"),
    )
    for panel, (values, colours, label, title) in zip(panels, shown, strict=True):
        vectors.scene(panel, image, scene)
        vectors.layer(figure, panel, values, at, colours, label, alpha=0.85)
        vectors.outline(panel, ice, at)
        panel.set_title(title)
        panel.set_xlabel("Easting (km)", fontsize=8)
    _arrows(panels[0], velocity, at)
    panels[0].set_ylabel("Northing (km)", fontsize=8)
    figure.suptitle("\n".join(head), fontsize=TITLE, x=0.01, ha="left")
    figure.legend(
        handles=[_empty_key(), style.hatch_key("no data in the scene"), *vectors.outline_key(ice)], loc="outside lower left", ncols=3
    )
    return _written(figure, path)


@style.styled
def series_figure(path: Path, series: xr.Dataset, fit: xr.Dataset, ice: np.ndarray | None, title: str) -> Figure:
    """Draw a regular series of velocity by time and in space; write a PNG and return the figure.

    Parameters
    ----------
    path
        Of the PNG.
    series, fit
        ``/velocity/<source>_series`` and ``…_series_fit`` of a cube.
    ice
        Ice on the grid of the series, bool (y, x); None: every pixel that has a series.
    title
        Of the figure.

    Raises
    ------
    InputError
        If shapes do not go together, or no pixel of the ice has a series.
    """
    at = grid.of(series, "series")
    vx, vy = (series[name].values.astype("float64") for name in ("vx", "vy"))
    if ice is not None:
        _check("the ice", ice, at)
    chosen = np.isfinite(vx).all(axis=0) & (True if ice is None else ice)
    if not chosen.any():
        raise InputError("series figure: expected pixels of the ice that have a series, found none")
    figure = style.new_figure(WIDTH, 7.8)
    parts = figure.subplot_mosaic([["speed", "speed"], ["seen", "seen"], ["mean", "closure"]], height_ratios=[2.2, 0.7, 3.6])
    where = "over all pixels" if ice is None else "over the ice"
    error = (np.hypot(series["vx_error"], series["vy_error"]) / np.sqrt(2)).values[:, chosen]
    bounds = series["time_bounds"].values
    _by_time(parts["speed"], bounds, np.median(np.hypot(vx, vy)[:, chosen], axis=1), _medians(error), where)
    _seen(parts["seen"], parts["speed"], bounds, series["vx_observed"].values[:, chosen].mean(axis=1), where)
    mean = np.hypot(vx.mean(axis=0), vy.mean(axis=0))
    for panel, values, colours, label, words in (
        (parts["mean"], mean, vectors.SPEED_MAP, f"speed ({UNIT})", "Speed of the mean velocity"),
        (parts["closure"], fit["closure"].values, vectors.ERROR_MAP, "closure (m)", "Spread of the pairs' displacements about the series"),
    ):
        style.hatch_background(panel)
        vectors.layer(figure, panel, values, at, colours, label)
        vectors.outline(panel, ice, at)
        panel.set_title(words, fontsize=9)
        panel.set_xlabel("Easting (km)", fontsize=8)
    parts["mean"].set_ylabel("Northing (km)", fontsize=8)
    figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
    figure.legend(handles=[style.hatch_key("too few pairs for a series"), *vectors.outline_key(ice)], loc="outside lower left", ncols=2)
    return _written(figure, path)


@style.styled
def quality_figure(
    path: Path, velocity: Velocity, at: GeoBox, ice: np.ndarray | None, stable: np.ndarray | None, valid: np.ndarray, title: str
) -> Figure:
    """Draw the scatter of vectors on stable ground and of strain rates on ice, each with the region and box of its 2 σ half-widths.

    Parameters are those of `glaciercast.motion.quality.measure`, the path of the PNG and the title. Writes the PNG and returns the figure.

    Raises
    ------
    InputError
        If shapes do not go together.
    """
    _check("the velocity", velocity.vx, at)
    known = quality.believed(velocity, valid)
    figure = style.new_figure(11.0, 5.2)
    left, right = figure.subplots(1, 2)
    cloud(figure, left, quality.on_stable(velocity, known, stable), ("vx", "vy"), UNIT, "Stable ground")
    strain = quality.along_flow_strain(velocity, at, known, ice)
    cloud(figure, right, strain, ("strain rate along the flow", "shear strain rate"), "1/yr", "Ice")
    figure.suptitle(f"{title}: {1 - known.mean():.1%} of {known.size} vectors are invalid", fontsize=11, x=0.01, ha="left")
    return _written(figure, path)


def _check(name: str, values: np.ndarray, at: GeoBox) -> None:
    if values.shape != tuple(at.shape):
        raise InputError(f"figure: expected {name} of shape {tuple(at.shape)}, found {values.shape}")


def _written(figure: Figure, path: Path) -> Figure:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        figure.savefig(partial, format="png", facecolor="white", metadata={"Software": None})
    return figure


def _arrows(panel: Axes, velocity: Velocity, at: GeoBox) -> None:
    """Draw arrows on a lattice of vectors; the fastest is about as long as the lattice is wide."""
    step = max(1, -(-max(at.shape) // ARROWS))
    rows, columns = np.meshgrid(*(np.arange(step // 2, size, step) for size in at.shape), indexing="ij")
    known = np.isfinite(velocity.vx[rows, columns]) & np.isfinite(velocity.vy[rows, columns])
    rows, columns = rows[known], columns[known]
    fast = float(f"{vectors.limit(velocity.speed):.1g}")
    parts = velocity.vx[rows, columns], velocity.vy[rows, columns]
    shown = vectors.arrows(panel, vectors.centres_km(at, rows, columns), parts, step * abs(at.resolution.x) / 1000, fast)
    panel.quiverkey(shown, 0.72, 1.04, fast, f"{fast:,.12g} {UNIT}", labelpos="E", fontproperties={"size": 8}, color="black")


def _title(dates: tuple[Any, Any], velocity: Velocity) -> str:
    import pandas as pd

    first, second = (pd.Timestamp(date) for date in dates)
    days = (second - first) / pd.Timedelta("1D")
    return f"{first:%Y-%m-%d} to {second:%Y-%m-%d} ({days:.3g} days): {np.isfinite(velocity.vx).mean():.0%} of vectors are believed"


def _empty_key() -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor="#808080", edgecolor="black", linewidth=0.5, label=EMPTY)


def _medians(values: np.ndarray) -> np.ndarray:
    """Return the median over the finite values of each step, (step, pixel) → (step,); NaN where there is none."""
    finite = np.where(np.isfinite(values), values, np.nan)
    known = np.isfinite(finite).any(axis=1)
    medians = np.full(len(values), np.nan)
    medians[known] = np.nanmedian(finite[known], axis=1)
    return medians


def _by_time(panel: Axes, bounds: np.ndarray, speed: np.ndarray, error: np.ndarray, where: str) -> None:
    """Draw a median speed at the middle of its steps, with a band of 1 σ where an error is known."""
    middle = bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) / 2
    band = "± 1 σ of a component of a pixel (median)"
    panel.fill_between(middle, speed - error, speed + error, color=style.NETWORK_COLOURS[5], alpha=0.4, linewidth=0, label=band)
    panel.plot(middle, speed, color=style.NETWORK_COLOURS[0], linewidth=1.4, label=f"median speed {where}")
    most = np.max(speed + error, where=np.isfinite(error), initial=speed.max())
    highest = min(float(most), 2 * float(speed.max()))  # a step without pairs may have any error
    panel.set_ylim(0, 1.1 * highest or 1.0)
    panel.set_ylabel(f"speed ({UNIT})", fontsize=8)
    panel.tick_params(labelsize=7, labelbottom=False)
    panel.grid(True)
    panel.legend(fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _seen(panel: Axes, above: Axes, bounds: np.ndarray, share: np.ndarray, where: str) -> None:
    """Draw the share of each step that pairs span as bars, on the time axis of the panel above."""
    panel.sharex(above)
    panel.bar(bounds[:, 0], 100 * share, width=bounds[:, 1] - bounds[:, 0], align="edge", color=style.BASELINE_COLOURS[2])
    panel.set_ylim(0, 100)
    panel.set_ylabel("observed (%)", fontsize=8)
    panel.set_title(f"Share of the step that pairs span, {where}: where it is 0, the smoothing alone fills it", fontsize=8)
    panel.tick_params(labelsize=7)
