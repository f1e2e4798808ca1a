"""``glaciercast plot embeddings`` as a user meets it."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cli.test_cli import call, refused
from tests.workflow.test_flowing import MODELS, benchmark

from glaciercast.motion.flow import CAVEAT
from glaciercast.workflow.flowing import WHOLE

TRAINING = ("windows.n_input=2", "windows.n_target=1", "windows.patch=8", "windows.stride=4", "training.epochs=2", "training.batch_size=16")


@pytest.mark.slow
def test_embeddings_of_a_trained_network(scenes, tmp_path):
    scenes.add_months(44)
    run, out = tmp_path / "run", tmp_path / "out"
    assert call("build", scenes.save(), "--out", run).returncode == 0 and call("align", run).returncode == 0
    settings = [word for key in TRAINING for word in ("--set", key)]
    model = json.loads(call("train", run, "lstm", "--out", tmp_path / "train", *settings, "--json").stdout)["model"]
    made = call("plot", "embeddings", run, model, "--out", out, "--windows", 30, "--seed", 1, "--json")
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)
    table = pd.read_csv(result["csv"])
    train = table[table["part"] == "train"]
    assert result["numbers"] == 128 and len(train) == 30 == result["windows"]["train"]
    np.testing.assert_allclose(train[["pc1", "pc2"]].mean(), 0, atol=1e-8)  # axes are centred on the training part
    ratio = train["pc2"].var() / train["pc1"].var()
    assert ratio == pytest.approx(result["variance_shares"][1] / result["variance_shares"][0], rel=1e-6)
    assert Path(result["figure"]).stat().st_size > 10_000
    refused(call("plot", "embeddings", run, model, "--out", out), "holds a finished 'plot embeddings' run; choose another --out")
    text = call("plot", "embeddings", run, model, "--out", tmp_path / "text", "--windows", 30, "--seed", 1)
    assert text.returncode == 0 and f"PC1 {result['variance_shares'][0]:.1%}, PC2" in text.stdout and "embeddings.png" in text.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--windows", 2], "options: key 'windows': Input should be greater than or equal to 3, found 2"),
        (["--method", "tsne"], "options: key 'method': Input should be 'pca' or 'umap', found 'tsne'"),
        (["--method", "umap"], "expected the package umap-learn, found none; pip install 'glaciercast[umap]', or use 'pca'"),
        ([], "expected a trained model (model.json there or under models/), found none"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_writes_nothing(tmp_path, monkeypatch, options, message):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "umap" else found(name, *rest))
    refused(call("plot", "embeddings", tmp_path / "run", tmp_path / "model", "--out", tmp_path / "out", *options), message)
    assert not (tmp_path / "out").exists()


def test_flow_of_a_benchmark_is_told_beside_no_flow_with_what_it_is_not(tmp_path):
    run = benchmark(tmp_path / "run", MODELS)
    made = call("plot", "flow", run, "--out", tmp_path / "out")
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert lines[0].endswith("end-point error of flow over 2 steps; skill against no flow")
    assert [line.split()[0] for line in lines[1:6]] == ["no", "unet", "climatology", "lstm", "persistence"]
    assert lines[2].endswith("0.000 px a step  0 m  +1.000") and lines[5].endswith("+0.000")
    assert lines[6] == f"note: {CAVEAT}; {WHOLE}" and lines[7].endswith("flow.png")
    result = json.loads(call("plot", "flow", run, "--out", tmp_path / "again", "--json").stdout)
    assert result["note"] == f"{CAVEAT}; {WHOLE}" and result["models"]["unet"]["skill"] == 1
    refused(call("plot", "flow", run, "--out", tmp_path / "out"), "holds a finished 'plot flow' run; choose another --out")
    refused(
        call("plot", "flow", tmp_path, "--out", tmp_path / "none"), "expected the folder of a finished benchmark, with results/window.nc"
    )


def test_plot_has_help_and_names_its_figures():
    help_text = call("plot", "--help").stdout
    assert "embeddings" in help_text and "flow" in help_text
    assert "--json" in call("plot", "embeddings", "--help").stdout
