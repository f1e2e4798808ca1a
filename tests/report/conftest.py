"""A made-up but realistic benchmark, and small arrays, for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr


def model(kind: str, mse: tuple[float, float], mae: tuple[float, float], reference: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "mse": sum(mse) / 2,
        "mae": sum(mae) / 2,
        "mse_by_lead": list(mse),
        "mae_by_lead": list(mae),
        "skill": 1 - sum(mse) / sum(reference),
        "skill_by_lead": [1 - ours / theirs for ours, theirs in zip(mse, reference, strict=True)],
        "skill_interval": None,
        "parameters": 0,
        "train_seconds": None,
        "residual": None,
        **more,
    }


def results(network_wins: bool = True, intervals: bool = False) -> dict[str, Any]:
    best = (0.0452, 0.0522)
    network = (0.0401, 0.0497) if network_wins else (0.0489, 0.0602)
    return {
        "site": {
            "name": "parvati",
            "title": "Parvati glacier, Himachal Pradesh",
            "note": "",
            "attribution": "Landsat 8 image courtesy of the U.S. Geological Survey; contains modified Copernicus Sentinel data.",
            "crs": "EPSG:32643",
            "resolution": 30,
            "is_glacier": True,
        },
        "variable": "ndsi",
        "units": "1",
        "split": {
            "text": "Split by time: train, gap, validation, gap, test; targets never cross parts.",
            "train": ["2014-01", "2019-12"],
            "validation": ["2020-06", "2021-05"],
            "test": ["2021-11", "2023-12"],
            "gap_steps": 5,
        },
        "leads": [1, 2],
        "lead_label": "months",
        "clusters": 26 if intervals else 5,
        "interval_note": "95 % intervals by bootstrap over time blocks." if intervals else "No intervals: 5 time blocks are too few.",
        "best_baseline": "damped_anomaly",
        "models": {
            "persistence": model("baseline", (0.0731, 0.1204), (0.171, 0.238), best, skill_interval=[-1.32, -0.71] if intervals else None),
            "same_season": model("baseline", (0.0688, 0.0701), (0.172, 0.175), best, skill_interval=[-0.55, -0.3] if intervals else None),
            "climatology": model("baseline", (0.0511, 0.0533), (0.158, 0.161), best, skill_interval=[-0.11, -0.02] if intervals else None),
            "damped_anomaly": model("baseline", best, (0.149, 0.158), best, parameters=2),
            "convlstm": model(
                "network", network, (0.135, 0.152), best, parameters=312_514, train_seconds=412.7, residual="climatology",
                skill_interval=[-0.03, 0.17] if intervals else None,
            ),
            "unet": model(
                "network", (0.0468, 0.0571), (0.148, 0.163), best, parameters=1_946_882, train_seconds=95.25, residual="none",
                skill_interval=[-0.12, 0.05] if intervals else None,
            ),
        },
    }  # fmt: skip


def scene(n_leads: int = 2, height: int = 60, width: int = 80) -> tuple[xr.DataArray, xr.DataArray, dict[str, xr.DataArray]]:
    """A slope whose snow line climbs, with a cloud that hides a corner, and two forecasts of it."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:height, :width]
    relief = rows / height + 0.25 * np.sin(columns / 9) * np.cos(rows / 13)
    coords = {
        "lead": np.arange(1, n_leads + 1),
        "y": 3_562_015.0 - 30.0 * np.arange(height),
        "x": 677_015.0 + 30.0 * np.arange(width),
    }

    def cube(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values.astype("float32"), dims=("lead", "y", "x"), coords=coords)

    truth = np.stack([0.7 * np.tanh(5 * (0.4 + 0.12 * lead - relief)) for lead in range(n_leads)])
    truth += 0.05 * random.standard_normal(truth.shape)
    observed = np.ones_like(truth)
    observed[0, :20, 50:] = 0
    observed[-1, 35:, :30] = 0
    smooth = np.stack([np.tanh(3 * (0.45 - relief)) * 0.6] * n_leads)
    return cube(truth), cube(observed), {"damped_anomaly": cube(smooth), "convlstm": cube(0.3 * smooth + 0.7 * truth)}


@pytest.fixture
def make_results() -> Callable[..., dict[str, Any]]:
    """Return the maker of benchmark results."""
    return results


@pytest.fixture
def make_scene() -> Callable[..., tuple[xr.DataArray, xr.DataArray, dict[str, xr.DataArray]]]:
    """Return the maker of truth, observed fraction and forecasts."""
    return scene
