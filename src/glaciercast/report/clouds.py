"""Clouds of points: their density, and how wide its peak is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glaciercast.motion import density
from glaciercast.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 4000
"""That are drawn at most."""
AROUND = 2.2
"""Half-widths of the peak that are drawn on either side of it."""
BOX = "#D55E00"


def cloud(figure: Figure, panel: Axes, points: tuple[np.ndarray, np.ndarray], names: tuple[str, str], unit: str, title: str) -> None:
    """Draw the density of points over its peak, the region where it exceeds e⁻², and the box about that."""
    from matplotlib.patches import Rectangle

    panel.set_xlabel(f"{names[0]} ({unit})", fontsize=8)
    panel.set_ylabel(f"{names[1]} ({unit})", fontsize=8)
    found = density.density(*points)
    if found is None:
        panel.set_title(f"{title}: too few vectors", fontsize=9)
        return
    box = density.peak(found)
    half_u, half_v = box.half_widths
    share = found.values / found.values.max()
    drawn = panel.pcolormesh(found.u, found.v, share, cmap=style.VALUE_MAP, shading="nearest", vmin=0, vmax=1)
    panel.set_facecolor(drawn.get_cmap()(0.0))
    step = -(-len(points[0]) // POINTS)
    panel.scatter(points[0][::step], points[1][::step], s=1.5, color="white", alpha=0.35, linewidths=0)
    panel.contour(found.u, found.v, share, levels=[np.exp(-2)], colors=["white"], linewidths=1.0)
    panel.add_patch(Rectangle((box.left, box.low), 2 * half_u, 2 * half_v, fill=False, edgecolor=BOX, linewidth=1.5))
    panel.axhline(0, color="white", linewidth=0.5, linestyle=":")
    panel.axvline(0, color="white", linewidth=0.5, linestyle=":")
    panel.set_xlim(box.u - AROUND * half_u, box.u + AROUND * half_u)
    panel.set_ylim(box.v - AROUND * half_v, box.v + AROUND * half_v)
    bar = figure.colorbar(drawn, ax=panel, fraction=0.046, pad=0.02)
    bar.set_label("density over its peak; line: e⁻²", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    widths = f"2 σ half-widths {half_u:.3g} and {half_v:.3g} {unit} (box)"
    panel.set_title(f"{title}: {len(points[0])} vectors\n{widths}; {box.outside(*points):.0%} outside", fontsize=9)
