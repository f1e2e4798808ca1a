"""What a simulated scene costs, against the time that GDAL needs for nothing but writing the same files, in one run.

Usage: python benchmarks/simulate.py [--scenario parvati-like] [--scenes 6]

Rendering, masks and packing are ours; the limit is writing the packed bands of one scene as COGs. One process. Writes
benchmarks/results/simulate.json. The whole archive: ``time glaciercast simulate parvati-like --out FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import rasterio
from odc.geo.geobox import GeoBox

from glaciercast.simulate import render, scenario, visits, world
from glaciercast.simulate.products import landsat
from glaciercast.simulate.products.cog import write_cog

RESULTS = Path(__file__).parent / "results" / "simulate.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenario", default="parvati-like")
    parser.add_argument("--scenes", type=int, default=6)
    options = parser.parse_args()
    start = time.perf_counter()
    made = world.make(scenario.load(options.scenario), 0)
    ready = time.perf_counter() - start
    plan = [visit for visit in visits.plan(made) if visit.product == "landsat" and visit.part == (0.0, 1.0)][: options.scenes + 1]
    with tempfile.TemporaryDirectory() as folder:
        times = [measure(made, visit, Path(folder)) for visit in plan][1:]  # the first compiles
    rendering, whole, writing = (statistics.median(column) for column in zip(*times, strict=True))
    result = {
        "scenario": options.scenario,
        "scenes": len(times),
        "machine": platform.processor() or platform.machine(),
        "world_s": round(ready, 2),
        "render_s": round(rendering, 3),
        "encode_s": round(whole, 3),
        "gdal_alone_s": round(writing, 3),
        "scene_over_gdal_alone": round((rendering + whole) / writing, 2),
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def measure(made: world.World, visit, folder: Path) -> tuple[float, float, float]:
    """Return the seconds of rendering a scene, of encoding it, and of GDAL's writing of the same rasters alone."""
    start = time.perf_counter()
    seen = render.scene(made, visit, *visits.grids(made, visit))
    drawn = time.perf_counter()
    item = landsat.write(seen, folder, made.scenario, made.seed)
    encoded = time.perf_counter()
    rasters = []
    for path in sorted((folder / landsat.COLLECTION / item).glob("*.TIF")):
        with rasterio.open(path) as file:
            rasters.append((path.name, file.read(1), GeoBox(file.shape, file.transform, str(file.crs)), file.nodata))
    again = time.perf_counter()
    for name, values, grid, nodata in rasters:
        write_cog(folder / name, values, grid, nodata=nodata)
    return drawn - start, encoded - drawn, time.perf_counter() - again


if __name__ == "__main__":
    main()
