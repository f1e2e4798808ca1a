"""The fixed small task of the accuracy regression: snow whose departures from its season differ from place to place and last for months.

Run as a script it measures the default network anew from several seeds and writes ``data/accuracy.json``:
``python -m tests.accuracy --work FOLDER``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.made import SceneFolder

from glaciercast import runs, workflow
from glaciercast.patches.splits import WindowConfig
from glaciercast.training.config import TrainingConfig

KEPT = Path(__file__).parent / "data" / "accuracy.json"
MODEL = "unet_time+harmonic"
"""The default network of `BenchmarkConfig`."""
SIDE, BLOCK, MONTHS = 32, 4, 96
PERSISTENCE, SPREAD, WEATHER = 0.85, 0.2, 0.03
"""Departures are AR(1) in time, of one value a block of pixels; weather is noise of each pixel."""
SETTINGS = workflow.BenchmarkConfig(
    windows=WindowConfig(n_input=3, n_target=2, patch=16, stride=8),
    models=(workflow.parse_model(MODEL),),
    training=TrainingConfig(epochs=12, batch_size=32, patience=4, learning_rate=0.003, threads=1, device="cpu"),
)


def build(folder: Path) -> Path:
    """Build and align the cube: a season, lasting departures of each block, and noise."""
    made, random = SceneFolder(folder, (SIDE, SIDE)), np.random.default_rng(11)
    departure = random.normal(0, SPREAD, (SIDE // BLOCK, SIDE // BLOCK))
    for number, month in enumerate(pd.period_range("2010-01", periods=MONTHS, freq="M")):
        departure = PERSISTENCE * departure + random.normal(0, SPREAD * np.sqrt(1 - PERSISTENCE**2), departure.shape)
        ndsi = 0.1 + 0.3 * np.cos(2 * np.pi * number / 12) + np.kron(departure, np.ones((BLOCK, BLOCK)))
        made.add(f"{month.year}{month.month:02d}15", np.clip(ndsi + random.normal(0, WEATHER, ndsi.shape), -0.9, 0.9))
    workflow.build(made.save(), folder / "run")
    workflow.align(folder / "run")
    return folder / "run"


def measure(cube: Path, out: Path, seed: int) -> dict[str, float]:
    """Return the test MSE of every model when the network is fitted from a seed."""
    settings = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"seed": seed})})
    results = workflow.benchmark(cube, out, settings, final=True)
    return {name: model["mse"] for name, model in results["models"].items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    cube = build(options.work)
    found = {seed: measure(cube, options.work / f"seed-{seed}", seed) for seed in options.seeds}
    by_seed = [found[seed][MODEL] for seed in options.seeds]
    spread = float(np.std(by_seed, ddof=1))
    kept: dict[str, Any] = {
        "how": "python -m tests.accuracy --work FOLDER; test MSE of NDSI on the task of tests/accuracy.py, one CPU thread",
        "model": MODEL,
        "seeds": options.seeds,
        "mse_by_seed": by_seed,
        "spread": spread,
        "margin": 3 * spread,
        "why": "the margin is three standard deviations over seeds, as another machine's rounding acts as another seed at most",
        "baselines": {name: mse for name, mse in found[options.seeds[0]].items() if name != MODEL},
    }
    KEPT.parent.mkdir(exist_ok=True)
    runs.write_json(KEPT, kept)
    print(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
