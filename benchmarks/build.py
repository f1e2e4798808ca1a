"""A site's build: against a plain odc-stac and xarray version, against decoding the same blocks, its memory, and two workers against one.

Usage: python benchmarks/build.py --archive RUN [--from 2013-01-01] [--to 2021-12-31] [--report]

RUN is what ``glaciercast simulate`` made (``parvati-like``). Every measurement is a process of its own; wall times hold what it imports on
its way and, with workers, the start of their processes.

- ours: ``build`` of Landsat and Sentinel-2, then ``align``; peer: the same items and grid by ``odc.stac.load``, masked by their quality
  bands, NDSI and NDWI as in ours, monthly means, linear in time, carried forward, written as Zarr. Reflectance of scenes on the grid's
  lattice must be equal.
- floor: every block of the same files that the grid touches, decoded and copied into the output array, one file after the other.
- peak memory of the build of half of the record and of all of it; wall time with one worker process and with two.

Writes benchmarks/results/build.json and, with --report, docs/results/build.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

ROOT = Path(__file__).resolve().parents[1]
LANDSAT = ("green", "red", "nir08", "swir16", "lwir11", "qa_pixel")
SENTINEL2 = ("B03", "B04", "B08", "B11", "SCL")
CLEAR = (2, 4, 5, 6, 7, 11)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--from", dest="start", default="2013-01-01")
    parser.add_argument("--to", dest="end", default="2021-12-31")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)  # who, folder: one measurement in a process of its own
    options = parser.parse_args()
    if options.work:
        print(json.dumps(WORK[options.work[0]](options.archive, options.start, options.end, Path(options.work[1]))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        result = compared(options, Path(scratch))
    (ROOT / "benchmarks" / "results" / "build.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(page := document(result))
    if options.report:
        (ROOT / "docs" / "results" / "build.md").write_text(page, encoding="utf-8")


def compared(options, scratch: Path) -> dict:
    middle = str((pd.Timestamp(options.start) + (pd.Timestamp(options.end) - pd.Timestamp(options.start)) / 2).date())
    found = {who: run(who, options, scratch / who) for who in ("floor", "ours", "peer", "one", "two")}
    half = run("half", options, scratch / "half", end=middle)
    checked = agree(scratch / "ours" / "run" / "cube.zarr", scratch / "peer" / "peer.zarr")
    return {
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        **found,
        "half": half,
        "scenes_equal": checked,
        "peer_over_ours": found["peer"]["wall_s"] / found["ours"]["wall_s"],
        "build_over_floor": found["ours"]["scenes_s"] / found["floor"]["wall_s"],
        "one_over_two": found["one"]["scenes_s"] / found["two"]["scenes_s"],
    }


def run(who: str, options, folder: Path, end: str | None = None) -> dict:
    """Measure in a new process: one hands the peak of its memory on to those that it starts."""
    folder.mkdir()
    command = [
        sys.executable,
        __file__,
        "--archive",
        options.archive,
        "--from",
        options.start,
        "--to",
        end or options.end,
        "--work",
        who,
        folder,
    ]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{who} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def settings_of(archive: Path, start: str, end: str):
    """Return the build of all scenes of an archive on a grid in its middle."""
    from glaciercast.cube.settings import SiteBuild

    west, south, east, north = box_of(archive)
    site = {"name": "bench", "title": "Benchmark", "box": [west, south, east, north], "crs": crs_of(archive), "buffer": 300.0}
    site["outline"] = str(next((archive / "archive" / "outlines").glob("*.shp")))
    everything = {"max_cloud": 1.0, "max_missing": 1.0}
    keys = {"site": site, "start": start, "end": end, "catalogue": str(archive / "archive" / "catalog.json"), "selection": everything}
    return SiteBuild.model_validate({**keys, "products": ["landsat", "sentinel2"]})


def items_of(archive: Path, collection: str, start: str = "1980", end: str = "2100") -> list:
    import pystac

    paths = [path for path in sorted((archive / "archive" / collection).glob("*/*.json")) if path.stem == path.parent.name]
    found = [pystac.Item.from_file(str(path)) for path in paths]
    stop = pd.Timestamp(end, tz="UTC") + pd.Timedelta(days=1)
    return [item for item in found if pd.Timestamp(start, tz="UTC") <= pd.Timestamp(item.datetime) < stop]


def zone(item) -> int:
    return int(str(item.properties.get("proj:code") or item.properties["proj:epsg"]).rpartition(":")[2])


def crs_of(archive: Path) -> str:
    codes = [zone(item) for item in items_of(archive, "landsat-c2-l2")]
    return f"EPSG:{max(set(codes), key=codes.count)}"


def box_of(archive: Path) -> tuple[float, ...]:
    """Return a box (degrees) inside of the scenes of the most common zone."""
    code = int(crs_of(archive)[5:])
    first = next(item for item in items_of(archive, "landsat-c2-l2") if zone(item) == code)
    west, south, east, north = first.bbox
    margin = 0.03
    return west + margin * (east - west), south + margin * (north - south), east - margin * (east - west), north - margin * (north - south)


def target_of(archive: Path, start: str, end: str):
    from glaciercast import grid

    return grid.make(settings_of(archive, start, end).site.grid)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(archive: Path, start: str, end: str, folder: Path, scheduler: str = "none", align: bool = True) -> dict:
    from glaciercast import workflow

    settings = settings_of(archive, start, end)
    fetching = workflow.read_fetching({"cache": str(folder / "cache"), "scheduler": scheduler})
    began = time.perf_counter()
    result = workflow.build(settings, folder / "run", fetching)
    built = time.perf_counter()
    if align:
        workflow.align(folder / "run" / "cube.zarr")
    products = result["products"].values()
    return {
        "wall_s": time.perf_counter() - began,
        "scenes_s": built - began,
        "scenes": sum(facts["scenes"] for facts in products),
        "peak_mib": peak(),
    }


def floor(archive: Path, start: str, end: str, folder: Path) -> dict:
    """Decode every block that the grid touches and copy it into the array of its band."""
    from glaciercast.sources import cog, fetch
    from glaciercast.sources.access import Reader

    target = target_of(archive, start, end)
    count, began = 0, time.perf_counter()
    with Reader() as reader:
        for collection, bands in (("landsat-c2-l2", LANDSAT), ("sentinel-2-l2a", SENTINEL2)):
            for item in items_of(archive, collection, start, end):
                for band in bands:
                    name = "lwir" if band == "lwir11" and band not in item.assets else band
                    raw = cog.read(reader, fetch.locate(item, name), target)
                    count += 0 if raw is None else raw.values.size
    return {"wall_s": time.perf_counter() - began, "pixels": count, "peak_mib": peak()}


def peer(archive: Path, start: str, end: str, folder: Path) -> dict:
    """Do the same as a user would who has odc-stac and xarray."""
    import odc.stac

    target = target_of(archive, start, end)
    began = time.perf_counter()
    series = []
    for collection, bands in (("landsat-c2-l2", LANDSAT), ("sentinel-2-l2a", SENTINEL2)):
        items = items_of(archive, collection, start, end)
        if not items:
            continue
        how = {"*": "average" if bands == SENTINEL2 else "bilinear", bands[-1]: "nearest"}
        data = odc.stac.load(items, bands=bands, geobox=target, groupby="solar_day", resampling=how, chunks={"time": 1})
        scale, offset = (2.75e-5, -0.2) if bands == LANDSAT else (1e-4, -0.1)
        quality = data[bands[-1]]
        clear = (quality & 0b11111) == 0 if bands == LANDSAT else quality.isin(CLEAR)
        reflectance = {
            name: (data[name] * scale + offset).where(data[name] > 0).astype("float32") for name in bands[:-1] if name != "lwir11"
        }
        if "lwir11" in data:
            reflectance["lwir11"] = (data["lwir11"] * 0.00341802 + 149.0).where(data["lwir11"] > 0).astype("float32")
        cube = xr.Dataset({**reflectance, "clear": clear})
        cube.to_zarr(folder / "peer.zarr", group=collection, mode="a", zarr_format=3, consolidated=False)
        cube = xr.open_zarr(folder / "peer.zarr", group=collection, consolidated=False)
        green, nir, swir = (cube[name] for name in (("green", "nir08", "swir16") if bands == LANDSAT else ("B03", "B08", "B11")))
        indices = {"ndsi": (green - swir) / (green + swir), "ndwi": (green - nir) / (green + nir)}
        series.append(xr.Dataset(indices).where(cube["clear"]))
    monthly = xr.concat(series, "time").sortby("time").chunk(time=-1, y=128, x=128).resample(time="MS").mean()
    filled = monthly.chunk(time=-1).interpolate_na("time").map(forward)
    filled.to_zarr(folder / "peer.zarr", group="aligned", mode="a", zarr_format=3, consolidated=False)
    return {"wall_s": time.perf_counter() - began, "peak_mib": peak()}


def forward(series: xr.DataArray) -> xr.DataArray:
    """Carry forward, as ``ffill`` does; that wants bottleneck or numbagg, which a benchmark must not install."""

    def carried(values):
        seen = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(values.shape[-1])), axis=-1)
        return np.take_along_axis(values, seen, axis=-1)

    return xr.apply_ufunc(
        carried, series, input_core_dims=[["time"]], output_core_dims=[["time"]], dask="parallelized", output_dtypes=[series.dtype]
    ).transpose("time", "y", "x")


def agree(cube: Path, other: Path) -> int:
    """Compare green of the scenes that lie on the grid's lattice and are one item; return how many are equal."""
    from glaciercast import store

    mine = store.open_cube(cube)["optical/landsat"].to_dataset()
    theirs = xr.open_zarr(other, group="landsat-c2-l2", consolidated=False)
    days = theirs.time.values.astype("datetime64[D]")
    entries = [entry for entry in store.read_manifest(cube) if entry["kind"] == "region" and entry["group"] == "/optical/landsat"]
    equal = 0
    for step, entry in enumerate(entries):
        names = {fact["item"] for fact in entry["items"]}
        at = np.flatnonzero(days == mine.time.values[step].astype("datetime64[D]"))
        shape = next(fact["shape"] for fact in entry["items"])
        if len(names) == 1 and len(at) == 1 and shape == list(mine.green.shape[1:]):
            np.testing.assert_allclose(mine.green[step].values, theirs.green[at[0]].values, rtol=1e-6, atol=1e-7)
            equal += 1
    assert equal > 0, "no scene to compare"
    return equal


def document(result: dict) -> str:
    rows = {
        "plain odc-stac and xarray, over ours (build and align)": ("peer_over_ours", "2 or more"),
        "build over decoding and copying the same blocks": ("build_over_floor", "2 or less"),
        "build with one worker process, over two": ("one_over_two", "1.6 or more"),
    }
    lines = [
        f"Made by `python benchmarks/build.py --archive RUN --report` on {result['machine']['cpus']} CPUs.",
        "",
        "| ratio of wall times | found | wanted |",
        "| --- | --- | --- |",
        *(f"| {name} | {result[key]:.2f} | {wanted} |" for name, (key, wanted) in rows.items()),
        "",
        f"Build and align {result['ours']['wall_s']:.1f} s, of which the build {result['ours']['scenes_s']:.1f} s; the plain version "
        f"{result['peer']['wall_s']:.1f} s; decoding and copying {result['floor']['wall_s']:.1f} s. Reflectance of "
        f"{result['scenes_equal']} scenes on the grid's lattice is equal.",
        "",
        f"Peak memory of build and align: {result['half']['peak_mib']:.0f} MiB for {result['half']['scenes']} scenes, "
        f"{result['ours']['peak_mib']:.0f} MiB for {result['ours']['scenes']}; the plain version {result['peer']['peak_mib']:.0f} MiB.",
        "",
    ]
    return "\n".join(lines)


WORK = {
    "ours": ours,
    "half": ours,
    "one": lambda *told: ours(*told, scheduler="1", align=False),
    "two": lambda *told: ours(*told, scheduler="2", align=False),
    "floor": floor,
    "peer": peer,
}

if __name__ == "__main__":
    main()
