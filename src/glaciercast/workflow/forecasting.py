"""Forecasts of whole scenes as files: from a trained model, and at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import runs
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.workflow import workbench as benches

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.workflow.workbench import Workbench


def forecast(
    cube: str | Path, model: str | Path, out: str | Path, issue_time: str | None = None, leads: int | None = None, device: str = "auto"
) -> dict[str, Any]:
    """Forecast the scenes after `issue_time` (default: the latest possible) with a trained model.

    Only steps that were available at the issue time are read. Beyond the trained leads the model goes on from its own forecasts. Inputs
    that the cube lacks, or of which nothing was observed in the steps that are read, are missing: the results name them in
    ``missing_inputs``, and so do the files. Writes NetCDF, Zarr and one Cloud-Optimized GeoTIFF a step, with quantiles where the model
    states them. `device` is ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    InputError
        If model, cube and issue time do not go together, an input is missing without which the model cannot do, or there is no such device.
    """
    from glaciercast.forecast import absent
    from glaciercast.forecast.scenes import check_model, issue_step
    from glaciercast.training import processes, saving

    model = saving.locate(model)
    settings = benches.identity(cube, Config(), {"model": str(model), "issue_time": issue_time, "leads": leads})
    with runs.run_folder(out, "forecast", settings) as folder:
        forecaster, meta = saving.load(model)
        forecaster.to(processes.device(device))
        task = forecaster.task
        series = absent.load(cube, folder / "cache", forecaster, -(-(leads or 1) // task.n_target) * task.n_target)
        issue = issue_step(series, task.history, issue_time)
        check_model(meta, forecaster.recipe()["residual"], series, issue)
        series = absent.at(forecaster, series, task, issue)
        summary = write_forecast(forecaster, model.name, series, task, issue, folder, leads)
        runs.write_json(folder / "results" / "forecast.json", summary)
    return summary


def write_forecast(
    forecaster: nn.Module, name: str, series: Series, task: Task, issue: int, folder: Path, leads: int | None = None
) -> dict[str, Any]:
    """Write one forecast as NetCDF, as Zarr and as one Cloud-Optimized GeoTIFF a step into `folder`.

    Quantiles are written too where the model states them, but not beyond its trained leads; `leads` are those of the task if None.
    """
    from glaciercast.forecast import export, scenes, traits
    from glaciercast.forecast.dataset import MISSING

    levels = traits.stated_levels(forecaster) if leads is None or leads <= task.n_target else ()
    if levels:
        values, quantiles = scenes.forecast_bands(forecaster, series, task, issue, levels)
        dataset = scenes.to_dataset(values, series, issue, task, name, quantiles, levels).isel(time=slice(leads))
    else:
        dataset = scenes.to_dataset(scenes.forecast_scene(forecaster, series, task, issue, n_target=leads), series, issue, task, name)
    netcdf = export.write_netcdf(dataset, folder / "forecast" / "forecast.nc")
    zarr = export.write_zarr(dataset, folder / "forecast" / "forecast.zarr")
    cogs = export.write_cogs(dataset, folder / "forecast")
    return {
        "model": name,
        "issue_time": str(dataset.issue_time.values)[:19],
        "valid": [str(time)[:10] for time in dataset.time.values],
        "quantiles": list(levels),
        "missing_inputs": series.attributes.get(MISSING),
        "netcdf": str(netcdf),
        "zarr": str(zarr),
        "geotiffs": [str(path) for path in cogs],
    }


def operational(workbench: Workbench, results: dict[str, Any]) -> dict[str, Any]:
    """Forecast beyond the last step with the model that is best on the validation part (never chosen on the test part)."""
    from glaciercast.forecast import absent

    scored = [spec for spec in workbench.specs() if results["models"][spec.label]["validation_mse"] is not None]
    if not scored:
        raise InputError("the validation part has no observed pixel; no model can be chosen for the forecast")
    chosen = min(scored, key=lambda spec: results["models"][spec.label]["validation_mse"])
    forecaster, _ = workbench.model(chosen)
    issue = workbench.series.n_steps - 1
    series = absent.at(forecaster, workbench.series, workbench.task, issue)
    summary = write_forecast(forecaster, chosen.label, series, workbench.task, issue, workbench.folder)
    runs.write_json(workbench.folder / "results" / "forecast.json", summary)
    return summary
