"""What all figures share: fonts, colour-blind-safe colours, units in words, and how "not observed" looks."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

P = ParamSpec("P")
R = TypeVar("R")

# Okabe & Ito (2008), without the yellow that is too pale on white: told apart with every common colour vision.
NETWORK_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BASELINE_COLOURS = ("#4d4d4d", "#666666", "#808080", "#999999")
DASHES = ("--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
VALUE_MAP = "cividis"
ERROR_MAP = "RdBu_r"
UNOBSERVED_FACE, UNOBSERVED_LINES = "#dcdcdc", "#8c8c8c"
POINTS_PER_INCH = 120
"""Characters of 1 pt that are written in an inch; of 8 pt an eighth of that."""

# Labels come from users' files: "$" is a character here, not the start of a formula.
RC: Any = {
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#e3e3e3",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.dpi": 150,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the style of the report; the caller's own matplotlib settings stay as they were."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(RC):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Figure:
    """Return an empty figure of `width` × `height` inches that no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def wrapped(words: str, width: float, size: float) -> str:
    """Return words in lines that fit `width` inches at a font size of `size` points."""
    return "\n".join(textwrap.wrap(words, int(POINTS_PER_INCH * width / size)))


def label(variable: str) -> str:
    """Return a variable's name as a reader would write it: indices in capitals, words without underscores."""
    return variable.upper() if variable in {"ndsi", "ndwi"} else variable.replace("_", " ")


def with_units(name: str, units: str) -> str:
    """Return ``"name (units)"``; CF's unit "1" is written as "dimensionless"."""
    return f"{name} ({unit_words(units)})"


def unit_words(units: str) -> str:
    """Return the unit as a reader would write it."""
    return "dimensionless" if units in {"1", ""} else units


def squared(units: str) -> str:
    """Return the unit of a squared value."""
    if units in {"1", ""}:
        return "dimensionless"
    return f"({units})²" if any(mark in units for mark in " /-^") else f"{units}²"


def hatch_background(axes: Axes) -> None:
    """Hatch the ground below an image, so that pixels without a value show the hatching."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=-1, **_hatching()))


def hatch_key(words: str) -> Patch:
    """Return the legend entry for the hatching."""
    from matplotlib.patches import Patch

    return Patch(label=words, **_hatching())


def _hatching() -> dict[str, Any]:
    return {"facecolor": UNOBSERVED_FACE, "edgecolor": UNOBSERVED_LINES, "hatch": "/////", "linewidth": 0.0}
