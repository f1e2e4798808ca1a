"""What the benchmark's table does not show: shape, area, seams and stated uncertainty of the forecasts, a row a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from glaciercast.report.tables import NONE, Cell, Table, ranked


class _Column(NamedTuple):
    """A figure of `evaluate.figures`, what it is called, how it is written, and how far from the best value one lies."""

    figure: str
    title: str
    form: str
    distance: Callable[[float], float]


def _higher(value: float) -> float:
    return -value


def _from_one(value: float) -> float:
    return abs(value - 1)


COLUMNS = (
    _Column("iou", "Snow IoU", ".3f", _higher),
    _Column("f1", "Snow F1", ".3f", _higher),
    _Column("area_error_km2", "Snow area error, km²", ".2f", abs),
    _Column("snow_line_error_m", "Snow line error, m", ".0f", abs),
    _Column("ssim", "SSIM", ".3f", _higher),
    _Column("fss_5px", "FSS, 5 px", ".3f", _higher),
    _Column("power_2_4px", "Power, 2–4 px", ".2f", _from_one),
    _Column("power_8_16px", "Power, 8–16 px", ".2f", _from_one),
    _Column("seam_index", "Seam index", ".2f", _from_one),
    _Column("crps", "CRPS", ".4f", abs),
    _Column("coverage_90", "Within 90 %", ".0%", lambda share: abs(share - 0.9)),
)
"""SSIM is that of Wang et al. (2004), FSS that of Roberts & Lean (2008); power is that of the forecast over that of the truth."""


def table(results: Mapping[str, Any]) -> Table | None:
    """Return the figures that at least one model has, over all leads, or None where there are none (results of an older version)."""
    names = [name for name in ranked(results) if "figures" in results["models"][name]]
    known = {name: results["models"][name]["figures"]["all"] for name in names}
    shown = [column for column in COLUMNS if any(known[name].get(column.figure) is not None for name in names)]
    if not shown:
        return None
    columns = [_cells(column, [known[name].get(column.figure) for name in names]) for column in shown]
    rows = tuple((Cell(name), *cells) for name, *cells in zip(names, *columns, strict=True))
    return Table(("Model", *(column.title for column in shown)), rows)


def _cells(column: _Column, values: list[float | None]) -> list[Cell]:
    """Return the formatted values; those that are written like the best are marked."""
    written = [NONE if value is None else format(value, column.form) for value in values]
    best = min((column.distance(value), text) for value, text in zip(values, written, strict=True) if value is not None)[1]
    return [Cell(text, text == best) for text in written]
