"""A grid of sites, models and seeds: killed, it goes on with the missing cells; a cell of another hash is made anew."""

import json

import numpy as np
import pytest
from tests.made import SceneFolder

from glaciercast import config, runs, workflow
from glaciercast.errors import InputError, RunFolderError
from glaciercast.evaluate import cells, scoring, sealing
from glaciercast.patches.splits import WindowConfig
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import ModelSpec, site_cells
from glaciercast.workflow.workbench import BASELINES

pytestmark = pytest.mark.slow  # cubes are built and networks trained

SMALL = ModelSpec(name="unet_time", options={"widths": (4, 8)}, title="small")
PAIR = ModelSpec(name="unet_time", residual="climatology", options={"widths": (4, 8)}, title="pair", members=2)
SETTINGS = workflow.BenchmarkConfig(
    windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=8, fractions=(0.5, 0.2, 0.3)),
    models=(SMALL,),
    training=TrainingConfig(epochs=1, batch_size=16, threads=1, device="cpu", learning_rate=0.01),
)
SEEDS = (3, 4)
N_CELLS = 2 * (len(BASELINES) + len(SEEDS))


def build(folder, name, first):
    made = SceneFolder(folder / "scenes" / name)
    made.add_months(40, first=first)
    workflow.build(made.save(), folder / name)
    workflow.align(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cubes")
    return [build(folder, "north", "2014-01"), build(folder, "south", "2013-06")]


@pytest.fixture(scope="module")
def grid(cubes, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "grid"
    return out, workflow.compare(cubes, out, SETTINGS, SEEDS)


def counted(monkeypatch, stop_after=None):
    """Count what is scored, and press Ctrl-C before a certain cell."""
    score, done = scoring.score, []

    def counting(forecaster, name, *more):
        if len(done) == stop_after:
            raise KeyboardInterrupt
        done.append(name)
        return score(forecaster, name, *more)

    monkeypatch.setattr(scoring, "score", counting)
    return done


def test_the_table_is_the_mean_of_the_benchmarks_of_each_site_and_seed(cubes, grid, tmp_path):
    _, results = grid
    alone = {
        (cube.name, seed): workflow.benchmark(
            cube, tmp_path / f"{cube.name}-{seed}",
            SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"seed": seed})}),
        )["models"]
        for cube in cubes for seed in SEEDS
    }  # fmt: skip
    for name in ("persistence", "harmonic", "small"):
        assert results["models"][name]["mse"] == pytest.approx(np.mean([models[name]["mse"] for models in alone.values()])), name
    small = results["models"]["small"]
    assert small["by_site"]["south"] == pytest.approx([alone["south", seed]["small"]["mse"] for seed in SEEDS])
    by_seed = [np.mean([alone[name, seed]["small"]["mse"] for name in ("north", "south")]) for seed in SEEDS]
    assert small["mse_spread"] == pytest.approx(np.std(by_seed, ddof=1)) and small["mse_spread"] > 0
    assert results["part"] == "validation" and "sealed" in (grid[0] / "card.md").read_text()
    assert not any(sealing.log_of(cube).exists() for cube in cubes)


def test_each_cell_is_a_file_that_fits_the_schema_and_names_its_data_code_and_config(cubes, grid):
    out, results = grid
    files = sorted(out.glob("*/cells/*.json"))
    found = [config.parse(cells.Cell, runs.read_json(path), str(path)) for path in files]
    assert len(found) == N_CELLS and {cell.key.code for cell in found} == {cells.code_identity()}
    one = next(cell for cell in found if cell.model == "small" and cell.site == "south" and cell.seed == 4)
    assert one.key.config["training"]["seed"] == 4 and one.key.config["models"][0]["title"] == "small"
    assert one.result.errors.mse() == results["models"]["small"]["by_site"]["south"][1]
    kept = json.loads((out / "results" / "benchmark.json").read_text())
    assert kept == json.loads(json.dumps(results))


def test_a_stopped_grid_goes_on_with_the_missing_cells_and_ends_the_same(cubes, grid, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        first = counted(patch, stop_after=N_CELLS // 2 + 1)
        with pytest.raises(KeyboardInterrupt):
            workflow.compare(cubes, tmp_path / "grid", SETTINGS, SEEDS)
    rest = counted(monkeypatch)
    again = workflow.compare(cubes, tmp_path / "grid", SETTINGS, SEEDS)
    assert len(first) + len(rest) == N_CELLS and len(first) == N_CELLS // 2 + 1
    _, straight = grid
    for name, model in straight["models"].items():
        assert again["models"][name]["mse"] == model["mse"], name
    with pytest.raises(RunFolderError, match="holds a finished 'benchmark' run"):
        workflow.compare(cubes, tmp_path / "grid", SETTINGS, SEEDS)


def test_a_cell_of_another_hash_is_made_anew(cubes, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        counted(patch, stop_after=3)
        with pytest.raises(KeyboardInterrupt):
            workflow.compare(cubes[:1], tmp_path / "grid", SETTINGS, SEEDS)
    files = sorted((tmp_path / "grid" / "north" / "cells").glob("*.json"))
    other = runs.read_json(files[0])
    other["key"]["code"] = "0.0.1+other"
    other["digest"] = config.digest(other["key"])
    other["scores"]["sums"]["squared"] = (1000 + np.array(other["scores"]["sums"]["squared"])).tolist()
    runs.write_json(files[0], other)
    done = counted(monkeypatch)
    results = workflow.compare(cubes[:1], tmp_path / "grid", SETTINGS, SEEDS)
    assert other["model"] in done and len(done) == N_CELLS // 2 - 2
    assert results["models"][other["model"]]["mse"] < 1


def test_the_opened_test_part_is_logged_once_a_site_however_often_the_run_is_stopped(cubes, tmp_path, monkeypatch):
    few = SETTINGS.model_copy(update={"models": ()})
    with monkeypatch.context() as patch:
        counted(patch, stop_after=5)
        with pytest.raises(KeyboardInterrupt):
            workflow.compare(cubes, tmp_path / "grid", few, final=True)
    results = workflow.compare(cubes, tmp_path / "grid", few, final=True)
    assert results["part"] == "test" and [place["opening"]["count"] for place in results["sites"].values()] == [1, 1]
    assert all(len(sealing.log_of(cube).read_text().splitlines()) == 1 for cube in cubes)
    again = workflow.compare(cubes, tmp_path / "again", few, final=True)
    assert [place["opening"]["count"] for place in again["sites"].values()] == [2, 2]
    assert "opened 2 times" in (tmp_path / "again" / "card.md").read_text()


def test_ensembles_of_neighbouring_seeds_share_no_member(cubes):
    site = site_cells.SiteCells("north", cubes[0], cubes[0], SETTINGS, ("validation",))
    first = [site._seeded(PAIR, seed).training.seed for seed in (0, 1, 2)]
    members = [range(start, start + PAIR.members) for start in first]
    assert [list(each) for each in members] == [[0, 1], [2, 3], [4, 5]]


def test_two_cubes_of_one_name_and_seeds_that_repeat_are_refused(cubes, tmp_path):
    with pytest.raises(InputError, match="a cube of the name 'north' is there already"):
        workflow.compare([cubes[0], cubes[0] / "cube.zarr"], tmp_path / "a", SETTINGS)
    with pytest.raises(InputError, match="seeds: expected different ones, found 1, 1"):
        workflow.compare(cubes, tmp_path / "b", SETTINGS, seeds=(1, 1))


def test_a_grid_has_a_report(grid):
    out, results = grid
    html = (out / "report.html") if workflow.report(out) else None
    text = html.read_text(encoding="utf-8")
    assert "These are scores for choosing" in text and "north, south" not in results["split"]["text"] and "small" in text


def test_a_grid_of_the_published_split_ends_with_a_table_without_intervals(cubes, tmp_path):
    windows = SETTINGS.windows.model_copy(update={"split": "published"})
    settings = SETTINGS.model_copy(update={"models": (), "windows": windows})
    results = workflow.compare(cubes, tmp_path / "grid", settings)
    assert results["clusters"] == 0 and "the windows of this split overlap" in results["interval_note"]
    pairs = {(each["model"], each["other"]): each for each in results["differences"]}
    mse = {name: model["mse"] for name, model in results["models"].items()}
    assert len(pairs) == len(BASELINES) * (len(BASELINES) - 1) / 2 and {each["interval"] for each in pairs.values()} == {None}
    assert pairs["persistence", "harmonic"]["mse"] == pytest.approx(mse["persistence"] - mse["harmonic"])
    assert all(model["mse_interval"] is None and "interval" not in model["figures"] for model in results["models"].values())
    found = [
        runs.read_json(tmp_path / "grid" / site / "cells" / "harmonic.validation.json")["scores"]["sums"] for site in ("north", "south")
    ]
    assert mse["harmonic"] == pytest.approx(np.mean([np.sum(each["squared"]) / np.sum(each["weight"]) for each in found]))


def test_a_grid_tells_every_figure_that_a_single_benchmark_tells(cubes, grid, tmp_path):
    results, few = grid[1], SETTINGS.model_copy(update={"models": ()})
    alone = {cube.name: workflow.benchmark(cube, tmp_path / cube.name, few)["models"]["harmonic"] for cube in cubes}
    told = results["models"]["harmonic"]
    assert set(alone["north"]) <= set(told) and set(told["figures"]) == set(alone["north"]["figures"])
    assert set(told["figures"]["all"]) == set(alone["north"]["figures"]["all"]) >= {"iou", "ssim", "fss_5px", "area_error_km2"}
    assert told["bias"] == pytest.approx(np.mean([each["bias"] for each in alone.values()]))
    between = sorted(each["figures"]["all"]["iou"] for each in alone.values())
    assert between[0] <= told["figures"]["all"]["iou"] <= between[1]
