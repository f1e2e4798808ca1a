"""Maps: forecasts beside what was observed, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import InputError
from glaciercast.report import style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
NO_FORECAST = "#a8dba8"  # green: in neither colour map


@style.styled
def forecast_panel(
    truth: xr.DataArray,
    observed: xr.DataArray,
    forecasts: Mapping[str, xr.DataArray],
    issue_time: Any,
    variable_label: str,
    units: str,
    lead_label: str = "months",
) -> Figure:
    """Draw the truth, then each forecast and its error, one column a lead time.

    Parameters
    ----------
    truth
        What was later measured, (lead, y, x), in `units`, with ``x`` and ``y`` coordinates in metres (pixel centres). A coordinate
        ``time`` along ``lead`` names the target steps; without it, leads count calendar months if `lead_label` is "months".
    observed
        Fraction of each value that was seen, (lead, y, x), 0..1. Pixels with 0 are hatched and enter neither errors nor colour scales.
    forecasts
        Forecasts by name, each (lead, y, x) in `units` on the grid of `truth`.
    issue_time
        When the forecasts were issued; anything that `pandas.Timestamp` reads.
    variable_label, units
        For titles and colour bars, as "NDSI" and "1".

    Returns
    -------
    Figure
        1 + 2 × forecasts rows. Values share one colour scale, errors (forecast − truth) share one that is symmetric about 0; each
        error map bears its MSE, weighted by `observed`.

    Raises
    ------
    InputError
        If nothing is to be drawn, shapes differ, or coordinates are missing or not in metres.
    """
    truth_values, weight, values = _arrays(truth, observed, forecasts)
    left, right, bottom, top = extent = _extent_km(truth)
    seen = weight > 0
    shown_truth = np.where(seen, truth_values, np.nan)
    errors = {name: np.where(seen, forecast - truth_values, np.nan) for name, forecast in values.items()}
    value_limits = _value_limits([shown_truth, *values.values()])
    error_limit = _error_limit(list(errors.values()))

    n_leads, n_rows = len(truth_values), 1 + 2 * len(values)
    width, height = _panel_size(n_leads, (top - bottom) / (right - left))
    figure = style.new_figure(max(width * n_leads + 2.4, 5.0), (height + 0.28) * n_rows + 1.5, layout="compressed")
    axes = figure.subplots(n_rows, n_leads, sharex=True, sharey=True, squeeze=False)

    def draw(row: int, values: Array, limits: tuple[float, float], colours: str, label: str, ground: str = "") -> None:
        for axis, frame in zip(axes[row], values, strict=True):
            image = _draw(axis, frame, extent, colours, limits, ground)
        bar = figure.colorbar(image, ax=axes[row], extend="both", fraction=0.05, pad=0.02, aspect=16)
        bar.set_label(style.with_units(label, units), fontsize=8)
        bar.ax.tick_params(labelsize=7)

    draw(0, shown_truth, value_limits, style.VALUE_MAP, variable_label)
    for row, (name, forecast) in enumerate(values.items()):
        draw(1 + 2 * row, forecast, value_limits, style.VALUE_MAP, variable_label, NO_FORECAST)
        draw(2 + 2 * row, errors[name], (-error_limit, error_limit), style.ERROR_MAP, "Error")
        for column, axis in enumerate(axes[2 + 2 * row]):
            _mark(axis, seen[column] & ~np.isfinite(forecast[column]), extent)
            axis.set_title(_mse_text(errors[name][column], weight[column], units), fontsize=8)
    for column, title in enumerate(_lead_titles(truth, issue_time, lead_label)):
        axes[0, column].set_title(f"{title}\n{100 * seen[column].mean():.0f} % observed", fontsize=9)
        axes[-1, column].set_xlabel("Easting (km)", fontsize=8)
    for axis, words in zip(axes[:, 0], _row_labels(values), strict=True):
        axis.set_ylabel("Northing (km)", fontsize=8)
        place = {"xy": (0, 0.5), "xycoords": axis.yaxis.label, "xytext": (-4, 0), "textcoords": "offset points"}
        axis.annotate(words, rotation=90, ha="right", va="center", fontweight="bold", fontsize=8.5, multialignment="center", **place)
    if width < 1.6:  # three labels would run into those of the neighbour
        for axis in axes.flat:
            axis.locator_params(axis="x", nbins=2)
    issued = _timestamp(issue_time)
    figure.suptitle(f"{variable_label}: forecasts issued in {issued:%B %Y}\nagainst what was then observed", fontsize=11, x=0.01, ha="left")
    figure.legend(handles=_keys(list(values.values())), loc="outside lower left", ncols=2)
    return figure


def _arrays(truth: xr.DataArray, observed: xr.DataArray, forecasts: Mapping[str, xr.DataArray]) -> tuple[Array, Array, dict[str, Array]]:
    if not forecasts:
        raise InputError("forecast panel: expected at least one forecast, found none")
    values = {}
    for name, array in {"truth": truth, "observed": observed, **{f"forecast '{k}'": v for k, v in forecasts.items()}}.items():
        if set(array.dims) != {"lead", "y", "x"}:
            raise InputError(f"forecast panel: {name} needs dimensions (lead, y, x), found {tuple(array.dims)}")
        values[name] = np.asarray(array.transpose("lead", "y", "x").values, dtype=np.float64)
        if values[name].shape != values["truth"].shape:
            raise InputError(f"forecast panel: {name} has shape {values[name].shape}, the truth {values['truth'].shape}")
    weight = np.where(np.isfinite(values["truth"]), np.nan_to_num(values["observed"]), 0.0)
    return values["truth"], weight, {name: values[f"forecast '{name}'"] for name in forecasts}


def _extent_km(truth: xr.DataArray) -> tuple[float, float, float, float]:
    edges = []
    for name in ("x", "y"):
        if name not in truth.coords:
            raise InputError(f"forecast panel: truth has no coordinate '{name}'; expected pixel centres in metres")
        unit = str(truth.coords[name].attrs.get("units", "m"))
        if unit not in {"m", "metre", "metres", "meter", "meters"}:
            raise InputError(f"forecast panel: coordinate '{name}' must be in metres, found units '{unit}'")
        centres = np.asarray(truth.coords[name].values, dtype=np.float64)
        if len(centres) < 2:
            raise InputError(f"forecast panel: coordinate '{name}' needs at least 2 pixels, found {len(centres)}")
        half = (centres[-1] - centres[0]) / (len(centres) - 1) / 2
        edges += [(centres[0] - half) / 1000, (centres[-1] + half) / 1000]
    left, right, first_row, last_row = edges
    return left, right, last_row, first_row  # imshow's order; its first row lies at the top whichever way y runs


def _draw(
    axes: Axes, values: Array, extent: tuple[float, float, float, float], colours: str, limits: tuple[float, float], ground: str = ""
) -> Any:
    if ground:
        axes.set_facecolor(ground)
    else:
        style.hatch_background(axes)
    image = axes.imshow(
        np.ma.masked_invalid(values), extent=extent, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest", origin="upper"
    )
    axes.locator_params(nbins=3)
    axes.tick_params(labelsize=7, length=2)
    # Northing grows upwards and easting to the right, whichever way the array runs.
    axes.set_xlim(min(extent[:2]), max(extent[:2]))
    axes.set_ylim(min(extent[2:]), max(extent[2:]))
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
    return image


def _panel_size(n_leads: int, aspect: float) -> tuple[float, float]:
    """Return width and height of one map in inches; `aspect` is the scene's height over its width."""
    width = float(np.clip(11.0 / n_leads, 1.3, 2.7))
    if aspect * width > 3.0:
        return max(3.0 / aspect, 1.1), 3.0
    if aspect * width < 1.3:
        width = min(1.3 / aspect, max(11.0 / n_leads, 1.3))
    return width, max(aspect * width, 1.3)


def _mark(axes: Axes, missing: NDArray[np.bool_], extent: tuple[float, float, float, float]) -> None:
    """Cover pixels that were observed but not forecast, so that they don't look unobserved."""
    from matplotlib.colors import ListedColormap

    if missing.any():
        ones = np.ma.masked_where(~missing, np.ones(missing.shape))
        axes.imshow(ones, extent=extent, cmap=ListedColormap([NO_FORECAST]), interpolation="nearest", origin="upper")


def _value_limits(arrays: list[Array]) -> tuple[float, float]:
    finite = np.concatenate([array[np.isfinite(array)] for array in arrays])
    if not finite.size:
        raise InputError("forecast panel: neither the truth nor the forecasts hold a finite value")
    low, high = np.percentile(finite, [1, 99])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(high) + 0.5)


def _error_limit(errors: list[Array]) -> float:
    finite = np.concatenate([np.abs(error[np.isfinite(error)]) for error in errors])
    limit = float(np.percentile(finite, 99)) if finite.size else 0.0
    return limit if limit > 0 else 1.0


def _mse_text(error: Array, weight: Array, units: str) -> str:
    scored = np.where(np.isfinite(error), weight, 0.0)
    if not scored.sum():
        return "nothing observed, no score"
    unit = "" if units in {"1", ""} else f" {style.squared(units)}"
    return f"MSE {np.nansum(scored * np.nan_to_num(error) ** 2) / scored.sum():.3g}{unit}"


def _lead_titles(truth: xr.DataArray, issue_time: Any, lead_label: str) -> list[str]:
    import pandas as pd

    leads = truth.coords["lead"].values if "lead" in truth.coords else np.arange(1, truth.sizes["lead"] + 1)
    unit = {step: lead_label.removesuffix("s") if step == 1 else lead_label for step in leads}
    if "time" in truth.coords and truth.coords["time"].dims == ("lead",):
        targets = [pd.Timestamp(time) for time in truth.coords["time"].values]
    elif lead_label == "months":
        targets = [_timestamp(issue_time) + pd.DateOffset(months=int(step)) for step in leads]
    else:
        return [f"lead {step} {unit[step]}" for step in leads]
    return [f"{target:%b %Y}\nlead {step} {unit[step]}" for step, target in zip(leads, targets, strict=True)]


def _timestamp(time: Any) -> Any:
    import pandas as pd

    try:
        return pd.Timestamp(time)
    except (ValueError, TypeError) as error:
        raise InputError(f"forecast panel: issue time must be a date, found {time!r}") from error


def _row_labels(values: Mapping[str, Array]) -> list[str]:
    return ["observed", *(label for name in values for label in (name, f"{name}\n− observed"))]


def _keys(values: list[Array]) -> list[Any]:
    from matplotlib.patches import Patch

    keys: list[Any] = [style.hatch_key("not observed: no truth, left out of the scores")]
    if any(not np.isfinite(forecast).all() for forecast in values):
        keys.append(Patch(facecolor=NO_FORECAST, edgecolor="black", linewidth=0.5, label="no forecast"))
    return keys
