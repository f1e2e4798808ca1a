"""What a data set tells of itself: attributes of its Zarr groups, ``dataset.json``, the JSON of a window and the table of windows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from glaciercast import config, export, grid
from glaciercast.dataset import tar_form
from glaciercast.dataset.plan import Place, Plan
from glaciercast.patches.splits import PARTS, Part
from glaciercast.schema import ALIGNED

FORMAT = 1
"""Version of the layout; another one counts as other content."""
FILE, WINDOWS = "dataset.json", "windows.csv"
COLUMNS = (
    "key", "part", "number", "cube", "copy", "first_input", "first_target", "last_target", "available_at", "row", "column", "x", "y",
    "longitude", "latitude", "inputs_observed", "targets_observed", "shard",
)  # fmt: skip


def attributes(plan: Plan, statistics: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return what a reader of arrays needs, plain JSON types: names in their order, units, mean and standard deviation."""
    shape = plan.shape
    return {
        "variables": list(shape.variables),
        "targets": list(shape.targets),
        "statics": list(plan.windows.statics),
        "units": {name: ALIGNED.variables[name].units for name in shape.variables},
        "mean": statistics["mean"],
        "std": statistics["std"],
        "cubes": [place.name for place in plan.places],
        "crs": [grid.crs_name(place.series.geobox) for place in plan.places],
        "season": ["sin", "cos"],
    }


def whole(plan: Plan, statistics: Mapping[str, list[float]], log: Mapping[Part, list[dict[str, Any]]], identity: str) -> dict[str, Any]:
    """Return ``dataset.json``: everything that the data sheet and the catalogues are made from."""
    settings, first = plan.settings, plan.places[0]
    titles = list(dict.fromkeys(str(place.series.attributes.get("title") or place.name) for place in plan.places))
    return {
        "format": FORMAT,
        "identity": identity,
        "title": settings.title or f"{', '.join(titles)}: windows of {', '.join(plan.shape.variables)}",
        "settings": config.plain(settings),
        **attributes(plan, statistics),
        "long_names": {name: ALIGNED.variables[name].long_name for name in (*plan.shape.variables, *plan.windows.statics)},
        "statistics": dict(statistics),
        "cadence": first.series.attributes["cadence"],
        "resolution": abs(first.series.geobox.resolution.x),
        "n_input": settings.n_input,
        "n_target": settings.n_target,
        "patch": settings.patch,
        "split": _split(plan),
        "parts": {part: _part(plan, part, log[part]) for part in PARTS},
        "places": [_place(place) for place in plan.places],
        "forms": list(settings.forms),
        "licence": settings.licence,
    }


def _split(plan: Plan) -> dict[str, Any]:
    home = next((place for place in plan.places if getattr(place.split, "held_out", False)), plan.places[0])
    split = home.split
    return {
        "kind": split.name,
        "gap_steps": split.gap,
        "composite_length": split.composite_length,
        "sentence": split.sentence,
        "left_out": home.name if split.name == "glacier" else None,
    }


def _part(plan: Plan, part: Part, log: list[dict[str, Any]]) -> dict[str, Any]:
    """Return counts, dates and observed shares of a part."""
    spans = []
    for number, windows in plan.pieces[part]:
        series = plan.places[number].series
        spans.append([_day(series.starts[windows.issues.min() + 1]), _day(series.ends[windows.issues.max() + plan.shape.n_target])])
    shares = {kind: np.concatenate([np.array(one[kind]) for one in log]).mean(0).round(6).tolist() for kind in ("inputs", "targets")}
    windows_of = {plan.places[number].name: len(windows) for number, windows in plan.pieces[part]}
    return {
        "windows": plan.count(part),
        "varied_copies": plan.copies(part),
        "by_cube": {name: count * (1 + plan.copies(part)) for name, count in windows_of.items()},
        "shards": len(log),
        "targets_from": min(span[0] for span in spans),
        "targets_to": max(span[1] for span in spans),
        "inputs_observed": dict(zip(plan.shape.variables, shares["inputs"], strict=True)),
        "targets_observed": dict(zip(plan.shape.targets, shares["targets"], strict=True)),
    }


def _place(place: Place) -> dict[str, Any]:
    series = place.series
    box = series.geobox.extent.to_crs("EPSG:4326").boundingbox
    return {
        "name": place.name,
        "title": str(series.attributes.get("title") or place.name),
        "comment": str(series.attributes.get("comment") or ""),
        "is_glacier": bool(series.attributes.get("is_glacier", 1)),
        "grid": grid.describe(series.geobox),
        "bbox": [round(float(edge), 6) for edge in box],
        "from": _day(series.starts[0]),
        "to": _day(series.ends[series.n_steps - 1]),
        "steps": series.n_steps,
        "content": series.fingerprint,
        **place.credits,
    }


def window(plan: Plan, part: Part, tables: Mapping[str, np.ndarray], number: int) -> dict[str, Any]:
    """Return what the JSON of one window tells, plain JSON types."""
    row = {name: values[number] for name, values in tables.items()}
    place = plan.places[int(row["cube"])]
    return {
        "cube": place.name,
        "copy": int(row["copy"]),
        "input_time": [_stamp(time) for time in row["input_time"]],
        "target_time": [_stamp(time) for time in row["target_time"]],
        "available_at": _stamp(row["available_at"]),
        "row": int(row["row"]),
        "column": int(row["column"]),
        "x": float(row["x"]),
        "y": float(row["y"]),
        "longitude": round(float(row["longitude"]), 7),
        "latitude": round(float(row["latitude"]), 7),
        "crs": grid.crs_name(place.series.geobox),
        "variables": list(plan.shape.variables),
        "targets": list(plan.shape.targets),
        "statics": list(plan.windows.statics),
    }


def table(plan: Plan, tables: Mapping[Part, Mapping[str, np.ndarray]], log: Mapping[Part, list[dict[str, Any]]]) -> str:
    """Return ``windows.csv``: a line a window, in the order of the parts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in PARTS:
        shares = {kind: [float(np.mean(one)) for block in log[part] for one in block[kind]] for kind in ("inputs", "targets")}
        for number in range(plan.count(part)):
            told = window(plan, part, tables[part], number)
            writer.writerow([
                tar_form.key(part, number), part, number, told["cube"], told["copy"], told["input_time"][0], told["target_time"][0],
                told["target_time"][-1], told["available_at"], told["row"], told["column"], told["x"], told["y"], told["longitude"],
                told["latitude"], f"{shares['inputs'][number]:.4f}", f"{shares['targets'][number]:.4f}",
                tar_form.name(part, number // plan.settings.shard) if "tar" in plan.settings.forms else "",
            ])  # fmt: skip
    return out.getvalue()


def write_table(path: Any, text: str) -> None:
    """Write a text file, whole or not at all."""
    with export.atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}"


def _stamp(seconds: Any) -> str:
    return f"{np.datetime64(int(seconds), 's')}Z"
