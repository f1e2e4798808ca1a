"""Latents of a network on the cube that it was trained on: the files, what they hold, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.made import SceneFolder

from glaciercast import runs, store, workflow
from glaciercast.errors import InputError, RunFolderError
from glaciercast.evaluate import embeddings
from glaciercast.evaluate.projection import fit_pca
from glaciercast.models import registry
from glaciercast.patches.splits import PARTS, WindowConfig
from glaciercast.training import networks, saving
from glaciercast.workflow.inspection import InspectionConfig, plot_embeddings
from glaciercast.workflow.workbench import Workbench

pytestmark = pytest.mark.slow  # cubes are built and networks trained

SETTINGS = workflow.BenchmarkConfig(windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)), models=())


def aligned(folder: Path, months: int) -> Path:
    """Return a run folder with a cube of made scenes."""
    scenes = SceneFolder(folder)
    scenes.add_months(months)
    workflow.build(scenes.save(), folder / "run")
    workflow.align(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Workbench:
    """Return a workbench on a cube, in whose folder a network with fresh weights is kept as if it had been trained."""
    folder = tmp_path_factory.mktemp("inspected")
    opened = Workbench.open(aligned(folder, 40), folder / "bench", SETTINGS)
    network = networks.fresh("unet_time", opened.task, opened.data, 3, residual="climatology")
    saving.save(network, folder / "model", networks.describe(opened.series, opened.split))
    return opened


@pytest.fixture(scope="module")
def made(bench) -> dict[str, Any]:
    """Return what `plot_embeddings` returned, of up to 20 windows a part."""
    place = bench.folder.parent
    return plot_embeddings(place / "run", place / "model", place / "out", InspectionConfig(windows=20, seed=4))


def test_the_table_holds_what_the_network_sees_in_each_part(bench, made):
    network, _ = saving.load(made["model"])
    found = embeddings.collect(network, bench.series, bench.task, bench.split, 20, 4)
    axes = fit_pca(found.of("train"))
    table = pd.read_csv(made["csv"])
    np.testing.assert_allclose(table[["pc1", "pc2"]], axes.transform(found.latents), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(table["mean_ndsi"], found.facts["mean_ndsi"], rtol=1e-6)
    assert table["issue_time"].tolist() == [f"{time:%Y-%m-%dT%H:%M:%S}" for time in found.facts["issue_time"]]
    assert made["windows"] == {part: min(20, 4 * len(bench.split.issues(part))) for part in PARTS}
    assert made["numbers"] == found.latents.shape[1] == 16  # channels of the U-Net's finest level
    np.testing.assert_allclose(made["variance_shares"], axes.shares[:10])
    assert made["units"] == {column: "m" if column in {"x", "y", "elevation"} else "1" for column in table.columns[2:]}
    assert made["split"] == bench.describe_split()


def test_the_run_folder_tells_where_all_is_from_and_is_never_overwritten(bench, made):
    folder, cube, model = (bench.folder.parent / name for name in ("out", "run", "model"))
    assert runs.is_complete(folder) and runs.read_json(folder / "results" / "embeddings.json") == made
    assert made["weights_sha256"] == saving.weights_sha256(model)
    assert made["content"] == store.fingerprint(cube / "cube.zarr", "/aligned")
    assert "packages" in runs.read_json(folder / "provenance.json")
    figure = Path(made["figure"])
    assert figure.read_bytes().startswith(b"\x89PNG") and figure == folder / "figures" / "embeddings.png"
    before = figure.stat().st_mtime_ns
    with pytest.raises(RunFolderError, match="holds a finished 'plot embeddings' run"):
        plot_embeddings(cube, model, folder, InspectionConfig(windows=20, seed=4))
    assert figure.stat().st_mtime_ns == before


def test_a_model_of_another_cube_is_refused_before_anything_is_written(bench, tmp_path):
    other = aligned(tmp_path, 3)
    with pytest.raises(InputError, match="run: the model was trained on another cube, or before this one changed"):
        plot_embeddings(other, bench.folder.parent / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_baseline_has_no_latent(bench, tmp_path):
    baseline = registry.create("persistence", bench.task).fit(bench.data)
    saving.save(baseline, tmp_path / "model", networks.describe(bench.series, bench.split))
    with pytest.raises(InputError, match="expected a network, found persistence, which has no latent"):
        plot_embeddings(bench.folder.parent / "run", tmp_path / "model", tmp_path / "out")


def test_a_training_part_of_too_few_windows_is_refused(bench, tmp_path):
    facts = networks.describe(bench.series, bench.split)
    first = facts["split"]["train"][0]
    facts["split"]["train"] = [first, first]  # a part of no targets
    network = networks.fresh("unet_time", bench.task, bench.data, 3)
    saving.save(network, tmp_path / "model", facts)
    with pytest.raises(InputError, match="expected at least 3 windows to fit axes on, found 0"):
        plot_embeddings(bench.folder.parent / "run", tmp_path / "model", tmp_path / "out")
