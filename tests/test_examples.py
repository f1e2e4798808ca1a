"""The examples run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import rasterio

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_own_scenes(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, EXAMPLES / "own_scenes.py", tmp_path / "mine"], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("40 months of NDSI, 0.")
    assert {line.split()[0] for line in lines[1:10]} == {
        "persistence",
        "same_season",
        "climatology",
        "damped_anomaly",
        "linear_trend",
        "advection",
        "harmonic",
        "season_shift",
        "unet_time+climatology",
    }
    with rasterio.open(lines[-1].split(": ")[1]) as file:
        assert file.crs.to_epsg() == 32643 and file.shape == (32, 32)
