"""A forecast as a CF dataset: values, bands, valid times with their bounds, lead, issue time, CRS and units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.schema import ALIGNED, CONVENTIONS, GRID

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series

QUANTILE = "_quantile"
"""Suffix of the variable that holds the quantiles of another."""
MISSING = "missing_inputs"
"""Attribute of a series, and of forecasts from it, that says which inputs are missing, and why."""
LEVELS = "quantile"
"""Dimension and coordinate of quantiles."""


def to_dataset(
    values: np.ndarray,
    series: Series,
    issue: int,
    task: Task,
    model: str,
    quantiles: np.ndarray | None = None,
    levels: Sequence[float] = (),
) -> xr.Dataset:
    """Return a forecast as a dataset.

    Parameters
    ----------
    values
        (target step, target, y, x), physical units.
    quantiles, levels
        (quantile, target step, target, y, x) and their levels, which become ``<name>_quantile`` along the coordinate ``quantile``.
    """
    import xarray as xr

    steps = np.arange(issue + 1, issue + 1 + values.shape[0])
    coords: dict[str, Any] = {
        **grid.coordinates(series.geobox),
        "time": ("time", series.starts[steps].to_numpy(), {"standard_name": "time", "bounds": "time_bounds"}),
        "lead": ("time", np.arange(1, len(steps) + 1), {"long_name": "lead time in steps", "units": "1"}),
        "issue_time": ((), series.available_at[issue], {"standard_name": "forecast_reference_time"}),
    }
    data: dict[str, Any] = {name: (GRID, values[:, i], ALIGNED.variables[name].attributes()) for i, name in enumerate(task.targets)}
    if quantiles is not None:
        coords[LEVELS] = (LEVELS, np.asarray(levels, "float64"), {"long_name": "probability of a value below", "units": "1"})
        for i, name in enumerate(task.targets):
            described = ALIGNED.variables[name].attributes()
            described["long_name"] = f"quantiles of {described['long_name']}"
            data[name][2]["ancillary_variables"] = name + QUANTILE
            data[name + QUANTILE] = ((LEVELS, *GRID), quantiles[:, :, i], described)
    data["time_bounds"] = (("time", "bounds"), np.stack([series.starts[steps].to_numpy(), series.ends[steps].to_numpy()], axis=1))
    attributes: dict[str, object] = {
        "Conventions": CONVENTIONS,
        "model": model,
        **{key: series.attributes[key] for key in ("title", "attribution", "comment", MISSING) if key in series.attributes},
    }
    return xr.Dataset(data, coords=coords, attrs=attributes)
