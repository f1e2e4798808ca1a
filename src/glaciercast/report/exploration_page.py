"""The page of an exploration: one HTML file that holds everything, loads nothing and runs no script."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast.explore.classes import CLASSES, SHADOW
from glaciercast.report import exploration_places, html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = dict[str, Any]


def save_figures(drawn: Mapping[str, tuple[Figure, str]], folder: Path) -> list[dict[str, str]]:
    """Write the figures as PNG; return ``name``, ``file`` and ``caption`` of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (figure, _) in drawn.items():
        partial = folder / f"{name}.png.partial"
        figure.savefig(partial, format="png", dpi=150, facecolor="white", metadata={"Software": None})
        partial.replace(folder / f"{name}.png")
    return [{"name": name, "file": str(folder / f"{name}.png"), "caption": caption} for name, (_, caption) in drawn.items()]


def write_page(path: Path, result: Mapping[str, Any], provenance: Mapping[str, Any]) -> Path:
    """Write the page from the result of `workflow.explore` and the figures that it names."""
    text = html.render(
        "exploration.html",
        title=result["title"],
        cube=result["cube"],
        terrain=result["terrain"],
        missing=result["missing"],
        sections=list(_sections(result)),
        lines=summary(result),
        provenance={"made": provenance.get("created", ""), **provenance.get("packages", {})},
    )
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def summary(result: Mapping[str, Any]) -> list[str]:
    """Return what an exploration found, a line a product, and what is missing."""
    lines = [_optical_line(path, told) for path, told in result["optical"].items()]
    for path, told in result["velocity"].items():
        lines += exploration_places.lines(path, told) if "paired" in told else [_velocity_line(path, told)]
    lines += [line for path, told in result["temperature"].items() for line in _warming_lines(path, told)]
    return lines + [f"missing: {entry['section']}: {entry['reason']}" for entry in result["missing"]]


def _optical_line(path: str, told: Mapping[str, Any]) -> str:
    seen = told["coverage"]
    gap = "" if seen["longest_gap_days"] is None else f", longest gap {seen['longest_gap_days']:.0f} days"
    without = f"{len(seen['months_without'])} of {seen['months']} months without"
    return f"{path}: {seen['seen']} scenes {seen['first']} … {seen['last']}{gap}, {without}"


def _velocity_line(path: str, told: Mapping[str, Any]) -> str:
    sure = [row for row in told["zones"] if row["seasonal"] and row["surface"] != "ground"]
    if not sure:
        return f"{path}: {told['pairs']} pairs; no zone of ice has a season beyond chance"
    most = max(sure, key=lambda row: row["amplitude"])
    return (
        f"{path}: {told['pairs']} pairs; season of {most['zone']}: {most['amplitude']:.1f} ± {most['amplitude_error']:.1f} m/yr, "
        f"fastest on day {most['peak_day']:.0f} ± {most['peak_day_error']:.0f}"
    )


def _warming_lines(path: str, told: Mapping[str, Any]) -> Iterator[str]:
    key = "without_drift" if told["drifts"] else "all_years"
    for half in ("day", "night"):
        for row in told.get(half, {"zones": []})["zones"]:
            if row["low"] is None:
                yield f"{path} {half}, {row['zone']}: {warming_words(row[key])}" + (" (before 2020)" if told["drifts"] else "")


def warming_words(found: Mapping[str, Any]) -> str:
    """Return a trend with its interval in words, or why there is none."""
    if "trend" not in found:
        return f"no trend: {found['reason'].removeprefix('warming: ')}"
    return f"{found['trend']:+.2f} K per decade ({found['low']:+.2f} to {found['high']:+.2f})"


def _sections(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    makers = {
        "optical": ("Cover", _optical_tables),
        "velocity": ("Velocity", _velocity_tables),
        "temperature": ("Temperature", _warming_tables),
    }
    for section, (heading, tables) in makers.items():
        for path, told in result[section].items():
            yield {
                "heading": heading, "path": path, "id": path.strip("/").replace("/", "-"), "coverage": _coverage_words(told["coverage"]),
                "tables": list(tables(told)), "figures": _figures(result["figures"], path), "note": told.get("note", ""),
            }  # fmt: skip


def _figures(figures: list[dict[str, str]], path: str) -> list[dict[str, Any]]:
    from glaciercast.report.exploration import slug

    shown = []
    for figure in figures:
        if figure["name"].endswith(f"-{slug(path)}"):
            png = Path(figure["file"]).read_bytes()
            size = [int.from_bytes(png[start : start + 4], "big") for start in (16, 20)]  # the header of a PNG
            shown.append({**figure, "data": base64.b64encode(png).decode("ascii"), "size": size})
    return shown


def _coverage_words(found: Mapping[str, Any]) -> str:
    if not found["seen"]:
        return f"{found['dates']} dates, none of which saw anything."
    without = found["months_without"]
    gap = (
        "" if found["longest_gap"] is None else f" Longest gap: {found['longest_gap_days']:.0f} days, {' to '.join(found['longest_gap'])}."
    )
    never = f" Months without any: {len(without)} of {found['months']}" + (f" ({', '.join(without)})." if 0 < len(without) <= 24 else ".")
    return (
        f"{found['seen']} of {found['dates']} dates saw something, {found['first']} to {found['last']}; "
        f"on average {_percent(found['mean_share'], 0)} of the area.{gap}{never}"
    )


def _optical_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    if told["classes"] is None:
        return
    head = ["zone", *CLASSES[:SHADOW], "in shadow"]
    rows = []
    for surface, part in told["classes"].items():
        rows.append([surface, *(_percent(part["all"][name]) for name in CLASSES)])
        rows += [[row["zone"], *(_percent(row[name]) for name in CLASSES)] for row in part["by_band"] if row["low"] is not None]
    yield {
        "caption": "Cover of clear pixels, all dates: shares of what is told, and the share in which nothing can be told",
        "head": head,
        "rows": rows,
    }


def _velocity_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    if "paired" in told:  # a file of velocities, and no cube
        yield from exploration_places.tables(told)
        return
    head = [
        "zone",
        "pixels",
        "vx, vy (m/yr)",
        "pairs",
        "along the flow (m/yr)",
        "trend (m/yr per yr)",
        "amplitude (m/yr)",
        "fastest on day",
        "seen",
    ]
    rows = [
        [
            row["zone"], str(row["pixels"]), _both(row["vx"], row["vy"]), str(row["observations"]),
            _with_error(row["mean"], row["mean_error"]),
            _with_error(row["trend"], row["trend_error"]), _with_error(row["amplitude"], row["amplitude_error"]),
            _with_error(row["peak_day"], row["peak_day_error"], 0) if row["seasonal"] else "–",
            {True: "yes", False: "no", None: "–"}[row["seasonal"]],
        ]
        for row in told["zones"]
    ]  # fmt: skip
    yield {
        "caption": "Velocity along the mean flow by zone: mean, trend and first harmonic of the year with 1 σ errors",
        "head": head,
        "rows": rows,
    }


def _warming_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    head = ["zone", "cells", "clear views", "saturated", "all years (K per decade)", "before 2020 (K per decade)", "p", "method"]
    for half in ("day", "night"):
        if half in told:
            rows = [_warming_row(row, told["drifts"]) for row in told[half]["zones"]]
            yield {"caption": f"Warming by {half}, with intervals widened for autocorrelation", "head": head, "rows": rows}


def _warming_row(row: Mapping[str, Any], drifts: bool) -> list[str]:
    first = row["without_drift" if drifts else "all_years"]
    months = [share for share in row["saturated_by_month"] if share is not None]
    saturated = _percent(first["saturated"] / first["clear"], 0) if first.get("saturated") else ("–" if not months else "0 %")
    words = [
        "–" if "trend" not in row[key] else warming_words(row[key]).replace(" K per decade", "") for key in ("all_years", "without_drift")
    ]
    return [
        row["zone"], str(row["cells"]), f"{row['clear']:,} ({_percent(row['clear_share'], 0)})", saturated, *words,
        "–" if "p_value" not in first else f"{first['p_value']:.2g}",
        {"theil-sen": "Theil–Sen", "censored": "censored"}.get(first.get("method", ""), first.get("reason", "").removeprefix("warming: ")),
    ]  # fmt: skip


def _both(vx: float | None, vy: float | None) -> str:
    return "–" if vx is None or vy is None else f"{vx:z.1f}, {vy:z.1f}"


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def _with_error(value: float | None, error: float | None, digits: int = 1) -> str:
    return "–" if value is None or error is None else f"{value:z.{digits}f} ± {error:.{digits}f}"
