"""What fetching scenes costs, against odc-stac on the same files from the same server, in one run.

Usage: python benchmarks/acquire.py [--scenario parvati-like | --archive FOLDER] [--scenes 12] [--latency 0.05] [--long 600]

Simulated Landsat scenes (or those of an archive that `glaciercast simulate` made) lie behind a file server on loopback that adds
`latency` seconds to every response. Both read the same six bands onto the same grid of 600 × 600 pixels, ours through `Fetcher` and
`warp.onto` with default settings, odc-stac through ``odc.stac.load(...).compute()``: plain, and tuned (its settings for cloud storage and
as many threads as we have connections). Each runs in a process of its own, three times, because GDAL keeps what it has read; medians
are kept. Values of scenes on the grid's lattice must be equal, of others nearly so. At last our side reads `long` scenes one after the
other, keeping none: its peak memory is that of a site with so many.
Writes benchmarks/results/acquire.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pystac

RESULTS = Path(__file__).parent / "results" / "acquire.json"
COLLECTION = "landsat-c2-l2"
BANDS = ("green", "red", "nir08", "swir16", "lwir11", "qa_pixel")
SIDE = 600
RUNS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenario", default="parvati-like")
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--long", type=int, default=600, help="scenes of the long run; 0: none")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)  # who, plan, output: one measurement in a process of its own
    options = parser.parse_args()
    if options.work:
        return work(*options.work, options.scenes)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.archive or simulated(options.scenario, options.scenes, Path(scratch))
        with serving(folder, options.latency) as server:
            result = compared(folder, options, server, Path(scratch))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def compared(folder: Path, options, server, scratch: Path) -> dict:
    items = chosen([pystac.Item.from_file(str(path)) for path in sorted(folder.glob(f"{COLLECTION}/LC0*/LC0*_T1.json"))], options.scenes)
    plan = {"items": [absolute(item, server.url) for item in items], "folder": str(folder), "url": server.url, "grid": grid_of(items)}
    touched = json.loads(run("cost", plan, scratch)[0])["bytes"]
    found = {}
    for who in ("ours", "odc", "odc-tuned"):
        runs = []
        for _ in range(RUNS):
            server.bytes = server.requests = 0
            told, arrays = run(who, plan, scratch)
            runs.append({**json.loads(told), "bytes": server.bytes, "requests": server.requests})
        found[who] = {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        found[who]["arrays"] = arrays
    agreement = agree(found, items, plan["grid"])
    long = {}
    if options.long:
        server.latency, plan["long"] = 0.0, options.long
        long = json.loads(run("ours", plan, scratch)[0])
    return {
        "scenes": len(items),
        "bands": len(BANDS),
        "pixels": [SIDE, SIDE],
        "latency_s": options.latency,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "touched_blocks_bytes": touched,
        **{who: {key: round(value, 3) for key, value in facts.items() if key != "arrays"} for who, facts in found.items()},
        "bytes_over_touched_blocks": round(found["ours"]["bytes"] / touched, 4),
        "odc_bytes_over_touched_blocks": round(found["odc"]["bytes"] / touched, 4),
        "wall_over_odc": round(found["ours"]["wall_s"] / found["odc"]["wall_s"], 3),
        "wall_over_odc_tuned": round(found["ours"]["wall_s"] / found["odc-tuned"]["wall_s"], 3),
        "values": agreement,
        "long_run": {"scenes": options.long, **{key: round(value, 1) for key, value in long.items()}},
    }


def agree(found: dict, items: list[pystac.Item], grid: dict) -> dict:
    """Compare the arrays of both; scenes of the grid's own zone must be equal in every pixel."""
    ours, theirs = (np.load(found[who]["arrays"]) for who in ("ours", "odc"))
    equal, near = 0, []
    for number, item in enumerate(items):
        if zone(item) == grid["crs"]:
            for band in BANDS:
                np.testing.assert_array_equal(ours[band][number], theirs[band][number], err_msg=f"{item.id} {band}")
            equal += 1
            continue
        a, b = (arrays["green"][number].astype(float) for arrays in (ours, theirs))
        both = (a > 0) & (b > 0)
        near.append(float(np.median(np.abs(a - b)[both] / b[both])))
        assert near[-1] < 0.01, f"{item.id}: differs by {near[-1]:.1%} in the median"  # GDAL's own positions are 0.125 pixels off
    return {"scenes_equal_in_every_pixel": equal, "scenes_of_another_zone": len(near), "median_difference_there": max(near, default=None)}


def run(who: str, plan: dict, scratch: Path) -> tuple[str, Path]:
    """Measure in a new process; return what it tells, and where its arrays lie."""
    place, out = scratch / "plan.json", scratch / f"{who}.npz"
    place.write_text(json.dumps(plan), encoding="utf-8")
    done = subprocess.run([sys.executable, __file__, "--work", who, place, out], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{who} failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1], out


def work(who: str, place: str, out: str, number: int) -> None:
    if who == "simulate":
        return simulate(place, Path(out), number)
    plan = json.loads(Path(place).read_text(encoding="utf-8"))
    items = [pystac.Item.from_dict(item) for item in plan["items"]]
    from affine import Affine
    from odc.geo.geobox import GeoBox

    target = GeoBox(plan["grid"]["shape"], Affine(*plan["grid"]["transform"]), plan["grid"]["crs"])
    if who == "cost":
        return tell({"bytes": cost(items, target)})
    if "long" in plan:
        return tell(long_run(items, target, plan["long"]))
    prepared = ours if who == "ours" else odc
    prepared(items[:1], target, who, dry=True)  # imports
    start = time.perf_counter()
    arrays = prepared(items, target, who)
    wall = time.perf_counter() - start
    np.savez(out, **arrays)
    return tell({"wall_s": wall, "peak_mib": peak()})


def tell(facts: dict) -> None:
    print(json.dumps(facts))


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(items, target, who, dry=False) -> dict[str, np.ndarray]:
    """Read all bands of all scenes into arrays (scene, y, x)."""
    import odc.geo.warp  # noqa: F401
    import tifffile  # noqa: F401
    import urllib3  # noqa: F401

    if dry:
        return {}
    arrays = {band: np.empty((len(items), *target.shape), "uint16") for band in BANDS}
    for number, band, values in scenes(items, target):
        arrays[band][number] = values
    return arrays


def scenes(items, target):
    from glaciercast.sources import warp
    from glaciercast.sources.access import Reader
    from glaciercast.sources.fetch import Fetcher

    with Reader() as reader:
        fetcher = Fetcher(reader)

        def one(pair):
            number, band = pair
            raw = fetcher.fetch(items[number], band, target).band
            assert raw is not None
            how = "class" if band == "qa_pixel" else "continuous"
            return number, band, warp.onto(raw.values, raw.geobox, target, how, raw.nodata)

        yield from reader.map(one, ((number, band) for number in range(len(items)) for band in BANDS))


def odc(items, target, who, dry=False) -> dict[str, np.ndarray]:
    import dask
    import odc.stac
    import rasterio.warp  # noqa: F401

    if who == "odc-tuned":
        odc.stac.configure_rio(cloud_defaults=True)
        dask.config.set(scheduler="threads", num_workers=16)
    resampling = {"*": "bilinear", "qa_pixel": "nearest"}
    data = odc.stac.load(items, bands=BANDS, geobox=target, groupby="id", chunks={}, resampling=resampling)
    if dry:
        return {}
    data = data.compute()
    return {band: data[band].values for band in BANDS}


def cost(items, target) -> int:
    from glaciercast.sources.access import Reader
    from glaciercast.sources.fetch import Fetcher

    with Reader() as reader:
        fetcher = Fetcher(reader)
        return sum(fetcher.estimate(item, band, target) for item in items for band in BANDS)


def long_run(items, target, number: int) -> dict:
    """Read many scenes and keep none, as a build does."""
    start = time.perf_counter()
    marks = []
    for count, _ in enumerate(scenes([items[i % len(items)] for i in range(number)], target), 1):
        if count == number * len(BANDS) // 10:
            marks.append(peak())
    return {"wall_s": time.perf_counter() - start, "peak_mib_after_a_tenth": marks[0], "peak_mib": peak()}


def grid_of(items: list[pystac.Item]) -> dict:
    """Return a grid in the middle of the first scene, on its lattice."""
    properties = items[0].properties
    rows, columns = properties["proj:shape"]
    a, b, x, d, e, y = properties["proj:transform"][:6]
    side = (min(SIDE, rows), min(SIDE, columns))
    top, left = (rows - side[0]) // 2, (columns - side[1]) // 2
    return {"shape": side, "transform": [a, b, x + left * a, d, e, y + top * e], "crs": zone(items[0])}


def zone(item: pystac.Item) -> str:
    return item.properties.get("proj:code") or f"EPSG:{item.properties['proj:epsg']}"


def chosen(items: list[pystac.Item], number: int) -> list[pystac.Item]:
    """Return scenes of the zone that most have, and of others up to a third."""
    common = statistics.mode(map(zone, items))
    own, other = ([item for item in items if (zone(item) == common) is same] for same in (True, False))
    other = other[: number // 3]
    return [*own[: number - len(other)], *other]


def absolute(item: pystac.Item, url: str) -> dict:
    for asset in item.assets.values():
        asset.href = f"{url}/{COLLECTION}/{item.id}/{asset.href.rsplit('/')[-1]}"
    item.clear_links()
    item.set_self_href(f"{url}/{COLLECTION}/{item.id}/{item.id}.json")
    return item.to_dict(transform_hrefs=False)


def simulated(name: str, number: int, scratch: Path) -> Path:
    """Render scenes in another process: a process hands the peak of its memory on to those that it starts."""
    folder = scratch / "archive"
    subprocess.run([sys.executable, __file__, "--work", "simulate", name, folder, "--scenes", str(number)], check=True)
    return folder


def simulate(name: str, folder: Path, number: int) -> None:
    """Render scenes of a scenario: of one path, and a third from its neighbour in another zone where there is one."""
    from glaciercast.simulate import render, scenario, visits, world
    from glaciercast.simulate.products import landsat

    made = world.make(scenario.load(name), 0)
    plan = [visit for visit in visits.plan(made) if visit.platform == "landsat-8" and visit.part == (0.0, 1.0)]
    own = [visit for visit in plan if visit.crs == made.scenario.area.crs]
    other = [visit for visit in plan if visit.crs != made.scenario.area.crs][: number // 3]
    for visit in [*own[: number - len(other)], *other]:
        landsat.write(render.scene(made, visit, *visits.grids(made, visit)), folder, made.scenario, made.seed)


class Handler(BaseHTTPRequestHandler):
    """Files with ranges; counts what it sends."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave together

    def do_HEAD(self):
        """Answer without a body."""
        self.do_GET()

    def do_GET(self):
        """Answer with a file or a part of it."""
        time.sleep(self.server.latency)
        path = self.server.folder / self.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            return self._answer(404, b"")
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._answer(200, content)
        start, stop = int(asked[1]), min(int(asked[2] or len(content)) + 1, len(content))
        return self._answer(206, content[start:stop], f"bytes {start}-{stop - 1}/{len(content)}")

    def _answer(self, status: int, body: bytes, span: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        sent = body if self.command == "GET" else b""
        self.wfile.write(sent)
        self.wfile.flush()
        with self.server.lock:
            self.server.bytes += len(sent)
            self.server.requests += 1

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def serving(folder: Path, latency: float):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder, server.latency, server.lock, server.bytes, server.requests = folder, latency, threading.Lock(), 0, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
