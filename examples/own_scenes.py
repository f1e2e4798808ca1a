"""From a folder of GeoTIFF scenes to a forecast, in a script or notebook; the tests execute it.

Usage: python examples/own_scenes.py FOLDER

It writes 40 small made scenes into FOLDER, so that it runs anywhere; replace that part by a recipe of your own.
"""

import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from glaciercast import store, workflow

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)

# Scenes: green, swir16 and a mask (1 = clear) of a made snow season, one a month.
rng = np.random.default_rng(0)
for month in range(40):
    ndsi = 0.2 + 0.4 * np.cos(2 * np.pi * month / 12) + 0.05 * rng.normal() + np.linspace(-0.1, 0.1, 32)[:, None] * np.ones((32, 32))
    bands = np.stack([5000 * (1 + ndsi), 5000 * (1 - ndsi), rng.random((32, 32)) > 0.2]).astype("uint16")
    path = folder / f"scene_{2018 + month // 12}{month % 12 + 1:02d}15.tif"
    transform = from_origin(500000, 4000000, 30, 30)
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=32, width=32, dtype="uint16", crs="EPSG:32643", transform=transform
    ) as file:
        file.write(bands)

# What the numbers in the files mean.
recipe = folder / "scenes.yml"
recipe.write_text("""
name: my-glacier
title: My glacier
files: scene_{date:%Y%m%d}.tif
bands: {green: 1, swir16: 2}
scale: 0.0001
nodata: 0
mask: {band: 3, clear: [1]}
""")

workflow.build(recipe, folder / "cube")
workflow.align(folder / "cube")
series = store.open_cube(folder / "cube")["aligned"].ndsi
print(f"{series.sizes['time']} months of NDSI, {float(series.isel(time=0).mean()):.2f} in the first")

settings = workflow.BenchmarkConfig.model_validate(
    {"windows": {"n_input": 2, "n_target": 1, "patch": 16, "stride": 8}, "models": [{"name": "unet_time", "residual": "climatology"}]}
)
results = workflow.benchmark(folder / "cube", folder / "benchmark", settings)
for name, model in results["models"].items():
    print(f"{name:<24} MSE {model['mse']:.4f}  skill {model['skill']:+.2f}")

made = workflow.forecast(folder / "cube", folder / "benchmark" / "models" / "unet_time+climatology", folder / "forecast")
print(f"forecast for {made['valid'][0]}: {made['geotiffs'][0]}")
