"""Layers of a map of motion: scene, colours, arrows and the edge of the ice, on axes in kilometres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver
    from odc.geo.geobox import GeoBox

SPEED_MAP, ERROR_MAP, SCENE_MAP = "viridis", "magma_r", "gray"
"""Evenly lightened; over a grey scene, unlike cividis, all of viridis is coloured."""
LARGEST_SIDE = 1200
"""Pixels along the longer side of a scene that are drawn."""
OUTLINE = (("black", 2.4), ("white", 1.0))
"""Colours and widths of the lines that mark the edge of the ice, one over the other."""


def extent_km(at: GeoBox) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a north-up grid, km."""
    box = at.boundingbox
    return box.left / 1000, box.right / 1000, box.bottom / 1000, box.top / 1000


def centres_km(at: GeoBox, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the centres of pixels at `rows` and `columns`, km, of their shape."""
    across, down, affine = columns + 0.5, rows + 0.5, at.affine
    return (affine.a * across + affine.b * down + affine.c) / 1000, (affine.d * across + affine.e * down + affine.f) / 1000


def limit(values: np.ndarray) -> float:
    """Return the value that 1 % of the finite ones exceed; 1 where that is not above 0."""
    known = values[np.isfinite(values)]
    high = float(np.percentile(known, 99)) if known.size else 0.0
    return high if high > 0 else 1.0


def contrast(images: np.ndarray) -> tuple[float, float]:
    """Return the values that 2 % of the finite ones are below, and as many above."""
    known = images[np.isfinite(images)]
    low, high = (float(end) for end in np.percentile(known, [2, 98])) if known.size else (0.0, 1.0)
    return low, high if high > low else low + 1


def scene(panel: Axes, image: np.ndarray, at: GeoBox, limits: tuple[float, float] | None = None) -> AxesImage:
    """Draw a scene in grey, NaN hatched, from black to white between `limits` (default: its own `contrast`)."""
    step = max(1, -(-max(image.shape) // LARGEST_SIDE))
    low, high = contrast(image) if limits is None else limits
    style.hatch_background(panel)
    look: Any = {"cmap": SCENE_MAP, "vmin": low, "vmax": high, "interpolation": "nearest", "origin": "upper"}
    drawn = panel.imshow(np.ma.masked_invalid(image[::step, ::step]), extent=extent_km(at), **look)
    plain_axes(panel)
    return drawn


def layer(figure: Figure, panel: Axes, values: np.ndarray, at: GeoBox, colours: str, label: str, alpha: float = 1.0) -> AxesImage:
    """Draw values from 0 on with their colour bar; NaN lets through what lies below."""
    high = limit(values)
    look: Any = {"cmap": colours, "vmin": 0.0, "vmax": high, "interpolation": "nearest", "origin": "upper", "alpha": alpha}
    drawn = panel.imshow(np.ma.masked_invalid(values), extent=extent_km(at), **look)
    above = bool((values[np.isfinite(values)] > high).any())
    bar = figure.colorbar(drawn, ax=panel, extend="max" if above else "neither", fraction=0.046, pad=0.02)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    plain_axes(panel)
    return drawn


def arrows(
    panel: Axes,
    places: tuple[np.ndarray, np.ndarray],
    parts: tuple[np.ndarray, np.ndarray],
    length: float,
    speed: float,
    colour: str = "white",
) -> Quiver:
    """Draw arrows with a dark edge, of which one of the length of `speed` in the unit of `parts` is `length` km long.

    Parameters
    ----------
    places
        x and y, km, (arrow,).
    parts
        Components along x and y, upwards, (arrow,).
    """
    look: Any = {"angles": "xy", "scale_units": "xy", "units": "inches", "color": colour, "edgecolor": "black", "linewidth": 0.3}
    return panel.quiver(*places, *parts, scale=speed / length, width=0.025, **look)


def outline(panel: Axes, ice: np.ndarray | None, at: GeoBox) -> None:
    """Draw the edge of the ice, bool on `at`, where there is one: white on black, as no colour shows on every map."""
    if ice is None or ice.all() or not ice.any():
        return
    x, y = centres_km(at, *np.indices(ice.shape))
    for colour, width in OUTLINE:
        panel.contour(x, y, ice.astype("float32"), levels=[0.5], colors=[colour], linewidths=width)


def outline_key(ice: np.ndarray | None) -> list[Line2D]:
    """Return the entry of a legend for the edge of the ice, or none where it is not known."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import Normal, Stroke

    (under, wide), (over, narrow) = OUTLINE
    effects = [Stroke(linewidth=wide, foreground=under), Normal()]
    return [] if ice is None else [Line2D([], [], color=over, linewidth=narrow, path_effects=effects, label="edge of the ice")]


def plain_axes(panel: Axes) -> None:
    """Give a map small labels and few of them."""
    panel.locator_params(nbins=5)
    panel.tick_params(labelsize=7, length=2)
