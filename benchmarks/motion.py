"""Motion: error, time and calibration of the tracker on simulated and real pairs, beside other trackers; writes the docs' tables.

Usage: python benchmarks/motion.py [--only PART …] [--pairs FOLDER …] [--peers-python PYTHON] [--large N] [--perito FOLDER] [--report]

Parts: `pairs` (of known displacement, all trackers), `speed` (one scene of N×N pixels laid out of the pairs C), `terrain` (a simulated
glacier) and `real` (Perito Moreno; FOLDER holds its images). Parts that are not run keep what benchmarks/results/motion.json says of them.

Each FOLDER of --pairs holds A.npz … D.npz with `im1`, `im2` and the forward displacement `dx`, `dy` at the pixels of `im1` (columns,
rows), pixels: A clean, to 5 px; B to 5 px, noisy, decorrelated, under other light; C to 0.5 px and D to 15 px with some noise. PYTHON is
one in which numpy, scipy, opencv-python-headless and, where they are to be compared, openpiv, scikit-image and pysteps are installed
(default: this one); what is not installed is named. With --report writes benchmarks/results/motion.json and docs/results/motion.md. Exits
with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from motion_real import real
from motion_report import BARS, LARGE_PEERS, OURS, PEERS, misses, tables
from motion_terrain import terrain
from scipy.ndimage import map_coordinates

from glaciercast.motion import chips as motion_chips
from glaciercast.motion import coarse, filters, matching, peaks
from glaciercast.motion.tracking import TrackingConfig, Tracks, track

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "motion.json"
EDGE, MOVING = 40, 0.1
"""Pixels left out along edges, and share of the peak displacement above which ground counts as moving."""
FAST = {
    "32 px, one pass": TrackingConfig(chips=(32,), search=10, passes=1),
    "48 px, two passes": TrackingConfig(chips=(48,), search=10, passes=2),
    "the default, 32 to 96 px, three passes": TrackingConfig(search=10),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--pairs", type=Path, nargs="+")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--large", type=int, default=4096)
    parser.add_argument("--perito", type=Path)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    for part, key in NEEDS.items():
        if part in options.only and getattr(options, key) is None:
            parser.error(f"{part}: expected --{key}")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for part in options.only:
        results |= PARTS[part](options)
    text = tables(results)
    print(text)
    if options.report:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "motion.md").write_text(text, encoding="utf-8")
    if missed := misses(results):
        sys.exit("missed: " + "; ".join(missed))


def pairs_part(options: argparse.Namespace) -> dict:
    pairs = read(options.pairs)
    results: dict = {"seeds": len(options.pairs), "cpus": len(os.sched_getaffinity(0)), "lacking": [], "methods": {}}
    results["methods"][OURS] = {name: mean_of([ours(pair) for pair in some]) for name, some in pairs.items()}
    for peer, title in PEERS.items():
        found = {name: [of_peer(options.peers_python, peer, pair) for pair in some] for name, some in pairs.items()}
        if any(one is None for some in found.values() for one in some):
            results["lacking"].append(title)
        else:
            results["methods"][title] = {name: mean_of(some) for name, some in found.items()}
    results["chips"] = chips(pairs)
    results["estimators"] = mean_of([estimators(pair) for some in (pairs["A"], pairs["C"]) for pair in some])
    return results


def speed_part(options: argparse.Namespace) -> dict:
    return {"large": large(read(options.pairs)["C"], options.large, options.peers_python)}


def terrain_part(_: argparse.Namespace) -> dict:
    return {"terrain": terrain()}


def real_part(options: argparse.Namespace) -> dict:
    return {"real": real(options.perito)}


PARTS = {"pairs": pairs_part, "speed": speed_part, "terrain": terrain_part, "real": real_part}
NEEDS = {"pairs": "pairs", "speed": "pairs", "real": "perito"}


def read(folders: list[Path]) -> dict[str, list[dict]]:
    """Return the pairs of each class; the tracker is compiled on the way."""
    pairs = {name: [dict(np.load(folder / f"{name}.npz")) for folder in folders] for name in BARS}
    track(*(pairs["A"][0][image][:256, :256] for image in ("im1", "im2")))
    return pairs


def truth_at(pair: dict, x: np.ndarray, y: np.ndarray, halfway: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the displacement of the ground that lies at (x, y) in the first scene, or halfway."""
    at_x, at_y = x.astype("float64"), y.astype("float64")
    for _ in range(20 if halfway else 1):
        dx, dy = (map_coordinates(pair[key].astype("float64"), [at_y, at_x], order=1, mode="nearest") for key in ("dx", "dy"))
        at_x, at_y = x - dx / 2, y - dy / 2
    return dx, dy


def scored(pair: dict, x, y, dx, dy, halfway: bool, blocks: int = 0) -> dict[str, np.ndarray]:
    """Return errors along both axes over moving ground; with `blocks`, edges of blocks of so many pixels are left out too."""
    true_x, true_y = truth_at(pair, x, y, halfway)
    height, width = pair["dx"].shape
    if blocks:
        x, y, height, width = x % blocks, y % blocks, blocks, blocks
    inside = (x >= EDGE) & (x < width - EDGE) & (y >= EDGE) & (y < height - EDGE)
    moving = inside & (np.hypot(true_x, true_y) > MOVING * np.hypot(pair["dx"], pair["dy"]).max())
    valid = moving & np.isfinite(dx)
    return {"x": (dx - true_x)[valid], "y": (dy - true_y)[valid], "valid": valid[moving], "used": valid}


def ours(pair: dict, settings: TrackingConfig | None = None) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.process_time()
    found = track(pair["im1"], pair["im2"], settings=settings)
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return spent | summary(pair, found)


def summary(pair: dict, found: Tracks, blocks: int = 0) -> dict[str, float]:
    score = scored(pair, found.x, found.y, found.dx, found.dy, True, blocks)
    within = [np.mean(np.abs(score[key]) < error[score["used"]]) for key, error in (("x", found.error_x), ("y", found.error_y))]
    chip = float(np.mean(found.chip[score["used"]]))
    return {
        "error": float(np.hypot(score["x"], score["y"]).mean()),
        "valid": float(score["valid"].mean()),
        "within_x": float(within[0]),
        "within_y": float(within[1]),
        "told": float(np.mean(found.error_x[score["used"]])),
        "chip": chip,
    }


def of_peer(python: str, peer: str, pair: dict, blocks: int = 0) -> dict[str, float] | None:
    """Return a peer's error and time, or None if it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder, "pair.npz"), Path(folder, "out.npz")
        np.savez(here, im1=pair["im1"], im2=pair["im2"])
        threads = str(len(os.sched_getaffinity(0)))
        script = str(Path(__file__).with_name("motion_peers.py"))
        done = subprocess.run([python, script, peer, str(here), str(there), threads], check=False, capture_output=True, text=True)
        if done.returncode == 3:
            return None
        if done.returncode:
            sys.exit(f"{peer}: {done.stderr.strip().splitlines()[-1]}")
        with np.load(there) as out:
            score = scored(pair, out["x"], out["y"], out["dx"], out["dy"], bool(out["halfway"]), blocks)
            spent = {key: float(out[key]) for key in ("seconds", "cpu")}
    return spent | {"error": float(np.hypot(score["x"], score["y"]).mean()), "valid": float(score["valid"].mean())}


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def chips(pairs: dict) -> dict[str, dict[str, float]]:
    """Return the error of chips of one size each, to show what the choice among them is worth."""
    every = TrackingConfig().chips
    return {
        f"{chip} px": {
            name: float(np.mean([ours(pair, TrackingConfig(chips=(chip,)))["error"] for pair in some])) for name, some in pairs.items()
        }
        for chip in every
    }


def estimators(pair: dict) -> dict[str, float]:
    """Return the error of sub-pixel estimators on the same half-whitened texture, chips of 31 px, searched from rest."""
    everywhere = np.ones(pair["im1"].shape, bool)
    images = filters.filled(pair["im1"], everywhere), filters.filled(pair["im2"], everywhere)
    texture = coarse.textured(images, (everywhere, everywhere))
    nodes = matching.lattice(everywhere.shape, 16, 48)
    reach = 8
    surface = matching.surfaces(texture, nodes, 15, np.arange(-reach, reach + 1))
    fields = {name: np.stack(peaks.refined(surface, name)) - reach for name in ("parabola", "gaussian")}
    found, _ = motion_chips.converge(texture, fields["gaussian"].astype("float32"), nodes, 32, 2, 0.4)
    fields["least squares, two passes of deformation"] = found.field
    y, x = np.meshgrid(nodes.rows, nodes.columns, indexing="ij")
    errors = {}
    for name, field in fields.items():
        score = scored(pair, x, y, field[0], field[1], name not in ("parabola", "gaussian"))
        errors[name] = float(np.hypot(score["x"], score["y"]).mean())
    return errors


def large(pairs: list[dict], size: int, python: str) -> dict[str, dict[str, float]]:
    """Return time and error on a scene of `size`² pixels laid out of pairs."""
    side = pairs[0]["im1"].shape[0]
    number = -(-size // side)
    order = [[pairs[(i * number + j) % len(pairs)] for j in range(number)] for i in range(number)]
    whole = {key: np.block([[pair[key] for pair in line] for line in order])[:size, :size] for key in ("im1", "im2", "dx", "dy")}
    rows = {}
    for name, settings in FAST.items():
        start, cpu = time.perf_counter(), time.process_time()
        found = track(whole["im1"], whole["im2"], settings=settings)
        spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        rows[f"{OURS}, {name}"] = spent | summary(whole, found, side)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    for peer, title in LARGE_PEERS.items():
        found_ = of_peer(python, peer, whole, side)
        if found_ is not None:
            rows[title] = found_
    return {"size": size, "rows": rows, "memory_gb": memory}  # type: ignore[dict-item]


if __name__ == "__main__":
    main()
