"""A cube without an input: a network that learnt to do without forecasts as from arrays without it, and says so; others are refused."""

import numpy as np
import pytest
import rasterio
import torch
import xarray as xr
from tests.made import SceneFolder

from glaciercast import workflow
from glaciercast.errors import InputError
from glaciercast.forecast import scenes
from glaciercast.models import residual
from glaciercast.models.task import Task
from glaciercast.patches import cache as caches
from glaciercast.patches import series as serieses
from glaciercast.patches import splits
from glaciercast.patches.normalise import Stats
from glaciercast.training import networks, saving

pytestmark = pytest.mark.slow  # cubes are built and networks trained

TASK = Task(2, 1, 12, 12, ("ndsi", "lst_day"), 8, ("ndsi",))


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    made = SceneFolder(tmp_path_factory.mktemp("cube"))
    made.add_months(30)
    workflow.build(made.save(), made.folder / "run")
    workflow.align(made.folder / "run")
    return made.folder / "run"


@pytest.fixture
def ndsi(cube, tmp_path):
    return serieses.load(cube, tmp_path / "ndsi")


def saved(folder, series, name="multimodal", asked=TASK, **options):
    """Save a network of random weights that reads temperature too, as if it had been trained on a cube that has it."""
    made = residual.build(
        name, asked, "last", Stats(np.array([0.2, 270], "float32"), np.array([0.4, 10], "float32")), widths=(4, 8), **options
    )
    torch.nn.init.normal_(made.network.readout.weight, generator=torch.Generator().manual_seed(0))
    split = splits.by_time(series.n_steps, n_input=2, n_target=1, history=12)
    saving.save(made.eval(), folder, networks.describe(series, split))
    return folder


def test_the_forecast_is_that_of_a_series_in_which_it_is_nan_and_0(cube, ndsi, tmp_path):
    made = workflow.forecast(cube, saved(tmp_path / "model", ndsi), tmp_path / "forecast")
    assert made["missing_inputs"] == "lst_day (not in the cube)"
    values, observed = ndsi.frames(range(ndsi.n_steps))
    stack = np.concatenate([values, np.full_like(values, np.nan), observed, np.zeros_like(values)], axis=1)
    channels = ("ndsi", "lst_day", "ndsi_observed", "lst_day_observed")
    whole = caches.write(tmp_path / "whole", stack, len(stack), channels, ndsi.shape, "made")
    series = serieses.Series(**{**vars(ndsi), "cache": whole, "variables": TASK.variables})
    forecaster, _ = saving.load(tmp_path / "model")
    expected = scenes.forecast_scene(forecaster, series, TASK, ndsi.n_steps - 1)
    with xr.open_dataset(made["netcdf"]) as dataset:
        np.testing.assert_array_equal(dataset.ndsi.values, expected[:, 0])
        assert dataset.attrs["missing_inputs"] == "lst_day (not in the cube)"
    with rasterio.open(made["geotiffs"][0]) as file:
        assert file.tags()["missing_inputs"] == "lst_day (not in the cube)"


def test_a_network_that_cannot_do_without_is_refused(cube, ndsi, tmp_path):
    for name, options in (("unet_time", {}), ("multimodal", {"drop": 0.0})):
        with pytest.raises(InputError, match=rf"/aligned has no 'lst_day', which {name} reads and was not trained to do without"):
            workflow.forecast(cube, saved(tmp_path / f"of-{name}", ndsi, name, **options), tmp_path / name)


def test_a_target_that_the_cube_lacks_is_refused(cube, ndsi, tmp_path):
    asked = Task(2, 1, 12, 12, ("speed",), 8)
    forecaster = residual.build("multimodal", asked, "last", Stats(np.zeros(1, "float32"), np.ones(1, "float32")), widths=(4, 8))
    split = splits.by_time(ndsi.n_steps, n_input=2, n_target=1, history=12)
    saving.save(forecaster, tmp_path / "model", networks.describe(ndsi, split))
    with pytest.raises(InputError, match="unknown variable 'speed'"):
        workflow.forecast(cube, tmp_path / "model", tmp_path / "forecast")
