"""A data set as Zarr v3: one group a part, one chunk a window, one file a block of windows; xarray opens a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import store
from glaciercast.dataset.plan import Plan
from glaciercast.patches.splits import PARTS, Part

NAME = "windows.zarr"
DIMS = {
    "inputs": ("window", "input_step", "variable", "y", "x"),
    "inputs_observed": ("window", "input_step", "variable", "y", "x"),
    "targets": ("window", "target_step", "target", "y", "x"),
    "targets_observed": ("window", "target_step", "target", "y", "x"),
    "statics": ("window", "static", "y", "x"),
    "input_time": ("window", "input_step"),
    "target_time": ("window", "target_step"),
    "inputs_season": ("window", "input_step", "season"),
    "targets_season": ("window", "target_step", "season"),
}
"""Dimensions of each array; all others have one number a window."""
TIMES = ("input_time", "target_time", "available_at")
SINCE = {"units": "seconds since 1970-01-01", "calendar": "standard", "dtype": "int64"}


def field_shapes(plan: Plan) -> dict[str, tuple[int, ...]]:
    """Return the shape of each field of one window; `statics` is there only where the data set has some."""
    shape, side, n_statics = plan.shape, (plan.windows.patch,) * 2, len(plan.windows.statics)
    inputs = (shape.history, len(shape.variables), *side)
    targets = (shape.n_target, len(shape.targets), *side)
    statics = {"statics": (n_statics, *side)} if n_statics else {}
    return {"inputs": inputs, "inputs_observed": inputs, "targets": targets, "targets_observed": targets, **statics}


def lay_out(folder: Path, plan: Plan, attributes: Mapping[str, Any], tables: Mapping[Part, Mapping[str, np.ndarray]]) -> None:
    """Create the store in `folder` with all that is small; fields come block by block (see `write`)."""
    import zarr

    root = zarr.open_group(folder / NAME, mode="w", zarr_format=3, attributes=dict(attributes))
    for part in PARTS:
        group = root.create_group(part, attributes=dict(attributes))
        for name, shape in field_shapes(plan).items():
            group.create_array(
                name, shape=(plan.count(part), *shape), chunks=(1, *shape), shards=(plan.settings.shard, *shape), dtype="float32",
                fill_value=0.0 if name.endswith("observed") else np.nan, dimension_names=DIMS[name], **store.packing(),
            )  # fmt: skip
        for name, values in tables[part].items():
            array = group.create_array(
                name, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=DIMS.get(name, ("window",)),
                attributes={key: SINCE[key] for key in ("units", "calendar")} if name in TIMES else {}, **store.packing(),
            )  # fmt: skip
            array[...] = values


def write(folder: Path, part: Part, block: int, first: int, fields: Mapping[str, np.ndarray]) -> None:
    """Write the fields of a block of windows, whose first is number `first` of the part; what a kill left of it goes first."""
    import zarr

    group = zarr.open_group(folder / NAME, mode="r+", zarr_format=3)
    for name, values in fields.items():
        array = group[f"{part}/{name}"]
        assert isinstance(array, zarr.Array)
        file = folder / NAME / part / name / "c" / "/".join([str(block), *["0"] * (values.ndim - 1)])
        file.unlink(missing_ok=True)
        array[first : first + len(values)] = values


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of the store, sorted."""
    yield from sorted(path for path in (folder / NAME).rglob("*") if path.is_file())
