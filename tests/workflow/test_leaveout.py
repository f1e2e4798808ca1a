"""One glacier left out: its networks know the others alone, and only what needs no fit on it is scored beside them."""

import numpy as np
import pandas as pd
import pytest
from tests.made import SceneFolder, seasonal_ndsi

from glaciercast import workflow
from glaciercast.errors import InputError
from glaciercast.patches import normalise
from glaciercast.patches.splits import WindowConfig
from glaciercast.training import networks, saving
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import ModelSpec, leaveout

pytestmark = pytest.mark.slow  # cubes are built and networks trained

SPEC = ModelSpec(name="unet_time", residual="last", options={"widths": (4, 8)}, title="net")
SETTINGS = workflow.BenchmarkConfig(
    windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=8, fractions=(0.5, 0.2, 0.3)),
    models=(SPEC,),
    training=TrainingConfig(epochs=1, batch_size=16, threads=1, device="cpu", learning_rate=0.01),
)


def build(folder, name, east, side, scale):
    made = SceneFolder(folder / "scenes" / name, (side, side))
    for number, month in enumerate(pd.period_range("2014-01", periods=40, freq="M")):
        made.add(f"{month.year}{month.month:02d}15", scale * seasonal_ndsi(number, made.shape), origin=(east, 4000000.0))
    workflow.build(made.save(), folder / name)
    workflow.align(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cubes")
    return [build(folder, "north", 500000.0, 16, 1.0), build(folder, "south", 600000.0, 24, 0.5), build(folder, "west", 400000.0, 16, 0.8)]


@pytest.fixture(scope="module")
def grid(cubes, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "grid"
    return out, workflow.compare(cubes, out, SETTINGS, final=True, by_glacier=True)


@pytest.fixture(scope="module")
def stranger(cubes, tmp_path_factory):
    rest = {"south": cubes[1] / "cube.zarr", "west": cubes[2] / "cube.zarr"}
    return leaveout.LeftOut("north", cubes[0] / "cube.zarr", tmp_path_factory.mktemp("rest") / "north", SETTINGS, ("test",), rest).workbench


def test_what_is_not_fitted_scores_as_under_the_split_by_time(cubes, grid, tmp_path):
    _, results = grid
    alone = workflow.benchmark(cubes[0], tmp_path / "alone", SETTINGS.model_copy(update={"models": ()}), final=True)
    assert set(results["models"]) == {*leaveout.BASELINES, "net"}
    for name in leaveout.BASELINES:
        assert results["models"][name]["by_site"]["north"] == pytest.approx([alone["models"][name]["mse"]]), name


def test_the_normaliser_is_that_of_the_others_training_frames(grid, stranger):
    forecaster, meta = saving.load(grid[0] / "north" / "seed-0" / "models" / "net")
    frames = [networks.training_data(stranger.glaciers[name], stranger.splits[name]) for name in ("south", "west")]
    values = np.concatenate([each.values.ravel() for each in frames])
    seen = np.concatenate([each.observed.ravel() for each in frames]) > 0
    assert float(forecaster.mean[0]) == pytest.approx(values[seen].mean(), rel=1e-4)
    assert float(forecaster.std[0]) == pytest.approx(values[seen].std(), rel=1e-4)
    assert {name: each["data"] for name, each in meta["glaciers"].items()} == {
        name: stranger.glaciers[name].fingerprint for name in ("south", "west")
    }
    own = normalise.fit(stranger.series.frames(range(12))[0], stranger.series.frames(range(12))[1])
    assert abs(float(forecaster.std[0]) - own.std[0]) > 0.02


def test_the_split_says_so_and_no_leak_is_found(grid):
    _, results = grid
    assert results["split"]["name"] == "glacier" and "was left out of training" in results["split"]["text"]
    for place in results["sites"].values():
        assert place["leaks"]["read"]["shared"] == 0 and place["opening"]["count"] >= 1
        assert place["leaks"]["apart"] == 2 + 1 - 1 + 1
        assert place["leaks"]["text"].endswith("read in training; targets of the other glaciers end 3 steps before its test part.")
    assert set(results["sites"]["north"]["leaks"]["provenance"]) == {"south", "west"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"final": False}, "split by glacier: only the test part"),
        ({"cubes": 1}, "split by glacier: expected at least two sites, found 1"),
        ({"split": "published"}, "expected no other split in 'windows.split', found 'published'"),
        ({"spec": ModelSpec(name="unet_time", residual="climatology")}, r"takes single networks on the residual none, last, same_season"),
    ],
)
def test_what_cannot_be_left_out_is_refused(cubes, tmp_path, change, message):
    windows = SETTINGS.windows.model_copy(update={"split": change.get("split", "time")})
    settings = SETTINGS.model_copy(update={"models": (change.get("spec", SPEC),), "windows": windows})
    with pytest.raises(InputError, match=message):
        workflow.compare(cubes[: change.get("cubes", 3)], tmp_path / "out", settings, final=change.get("final", True), by_glacier=True)


def test_two_cubes_of_the_same_ground_are_refused(cubes, tmp_path):
    copy = build(tmp_path, "copy", 500000.0, 16, 1.0)
    with pytest.raises(InputError, match="show the same ground"):
        workflow.compare([cubes[0], copy], tmp_path / "out", SETTINGS, final=True, by_glacier=True)
