"""The page of the source study's experiments: its printed numbers beside ours, each from its own protocol."""

import importlib.util
from pathlib import Path

import pytest
from tests.workflow.test_comparison import build

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("benchmarks_study", ROOT / "benchmarks" / "study.py")
study = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(study)


def model(mse, kind="network", skill=0.0, **more):
    return {
        "kind": kind,
        "mse": mse,
        "mae": 2 * mse,
        "mse_by_lead": [mse, mse],
        "skill": skill,
        "skill_interval": None,
        "seam_index": None,
        **more,
    }


LSTM = model(0.06, skill=-0.5, skill_interval=[-0.7, -0.3], seam_index=1.25)
FOUND = {
    "origin": "made",
    "patches": {
        "published": {"best_baseline": "climatology", "models": {"climatology": model(0.02, "baseline"), "lstm": model(0.01)}},
        "time": {
            "best_baseline": "climatology",
            "models": {"climatology": model(0.04, "baseline"), "lstm": LSTM},
        },
    },
    "finetuning": {
        "best_baseline": "climatology",
        "models": {"climatology": model(0.03, "baseline"), "zero-shot": model(0.05, skill=-2 / 3)},
    },
    "split": {"published": "The published split.", "time": "Split by time."},
    "leaks": {"published": "It leaks.", "time": "No leak."},
    "interval_note": "No interval.",
}  # fmt: skip


def test_printed_and_measured_numbers_stand_in_one_row():
    lines = study.document(FOUND).splitlines()
    assert "| LSTM (`lstm`) | 0.0545 / 0.1651 | 0.0543 / 0.1385 | 0.0100 / 0.0200 | 0.0600 / 0.1200 | -0.500 (-0.70 … -0.30) |" in lines
    assert "| climatology (baseline) | – | – | 0.0200 / 0.0400 | 0.0400 / 0.0800 | +0.000 |" in lines
    assert "| lstm | 0.0600 | 0.0600 | 0.0600 | -0.500 (-0.70 … -0.30) | 1.25 |" in lines
    assert "| zero-shot | 0.0500 | 0.0500 | 0.0500 | -0.667 |" in lines
    assert study.PROTOCOL in lines[0] and "- It leaks." in lines


def test_the_printed_numbers_are_those_of_the_study():
    printed = {(each["name"], run): each[run] for each in study.PRINTED.values() for run in ("first", "later") if each[run]}
    assert printed["U-Net", "first"] == (0.0658, 0.1810) and printed["U-Net", "later"] == (0.0829, 0.1916)
    assert printed["Transformer", "first"] == (0.0668, 0.2268) and printed["ViT", "first"] == (0.0843, 0.2085)
    assert printed["attention-LSTM", "later"] == (0.0467, 0.1356) and printed["ConvLSTM", "later"] == (0.0550, 0.1498)
    assert len(printed) == 8


@pytest.mark.slow
def test_the_three_experiments_run_on_two_cubes_and_go_on_after_a_stop(tmp_path, monkeypatch):
    cubes = {study.HOME: build(tmp_path, "home", "2014-01"), study.AWAY: build(tmp_path, "away", "2013-06")}
    windows = {"n_input": 2, "n_target": 1, "patch": 8, "stride": 4, "fractions": [0.5, 0.2, 0.3]}
    settings = {"windows": windows, "training": {"epochs": 1, "batch_size": 16, "threads": 1, "device": "cpu"}}
    monkeypatch.setattr(study, "finetuned", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study.study(cubes, tmp_path / "work", ("lstm",), settings)
    monkeypatch.undo()
    found = study.study(cubes, tmp_path / "work", ("lstm",), settings)
    assert "LEAKS" in found["leaks"]["published"] and "LEAKS" not in found["leaks"]["time"]
    assert {"zero-shot", "fine-tuned", "mixed", "climatology"} <= set(found["finetuning"]["models"])
    assert found["patches"]["time"]["models"]["lstm"]["seam_index"] > 0
    page = study.document({**found, "origin": "made"})
    assert f"{found['patches']['published']['models']['lstm']['mse']:.4f}" in page


def interrupted(*arguments):
    raise KeyboardInterrupt
