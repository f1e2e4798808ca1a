"""Motion: error, time and calibration of the tracker on pairs with known displacement, beside other trackers; writes the docs' tables.

Usage: python benchmarks/motion.py --pairs FOLDER [FOLDER …] [--peers-python PYTHON] [--large N] [--report]

Each FOLDER holds A.npz … D.npz with `im1`, `im2` and the forward displacement `dx`, `dy` at the pixels of `im1` (columns, rows), pixels:
A clean, to 5 px; B to 5 px, noisy, decorrelated, under other light; C to 0.5 px and D to 15 px with some noise. PYTHON is one in which
numpy, scipy, opencv-python-headless and, where they are to be compared, openpiv, scikit-image and pysteps are installed (default: this
one); what is not installed is named. --large N times scenes of N×N pixels, laid out of the pairs C. With --report writes
benchmarks/results/motion.json and docs/results/motion.md. Exits with 1 if a bar is missed.
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
from scipy.ndimage import map_coordinates

from glaciercast.motion import chips as motion_chips
from glaciercast.motion import coarse, filters, matching, peaks
from glaciercast.motion.tracking import TrackingConfig, Tracks, track

ROOT = Path(__file__).resolve().parents[1]
BARS = {"A": 0.016, "B": 0.070, "C": 0.028, "D": 0.060}
EDGE, MOVING = 40, 0.1
"""Pixels left out along edges, and share of the peak displacement above which ground counts as moving."""
OURS = "glaciercast"
PEERS = {
    "template": "cv2.matchTemplate, 32 px, high-passed, bicubic peaks",
    "openpiv": "OpenPIV window deformation 64-32-32, high-passed",
    "dis": "OpenCV DIS, finest scale 0, patch 16, high-passed",
    "ilk": "scikit-image ILK, radius 24, high-passed",
    "lucas_kanade": "pysteps Lucas–Kanade",
    "farneback": "Farnebäck, the study's parameters, 8 bits",
    "farneback_float": "Farnebäck on floats as published",
}
FAST = {
    "32 px, one pass": TrackingConfig(chips=(32,), search=10, passes=1),
    "48 px, two passes": TrackingConfig(chips=(48,), search=10, passes=2),
}
LARGE_PEERS = {
    "template_fast": "cv2.matchTemplate, 32 px, high-passed, threaded, peaks by parabolas",
    "template_fine": "the same, peaks by bicubic interpolation",
    "openpiv": PEERS["openpiv"],
}
TIMES = {"template_fast": 1.0, "template_fine": 1.0, "openpiv": 3.0}
MOST_GB = 2.0
WITHIN = (0.60, 0.75)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, nargs="+", required=True)
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--large", type=int)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    pairs = {name: [dict(np.load(folder / f"{name}.npz")) for folder in options.pairs] for name in BARS}
    track(*(pairs["A"][0][image][:256, :256] for image in ("im1", "im2")))  # compiles
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
    if options.large:
        results["large"] = large(pairs["C"], options.large, options.peers_python)
    text = tables(results)
    print(text)
    if options.report:
        (ROOT / "benchmarks" / "results" / "motion.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "motion.md").write_text(text, encoding="utf-8")
    if missed := misses(results):
        sys.exit("missed: " + "; ".join(missed))


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


def misses(results: dict) -> list[str]:
    own = results["methods"][OURS]
    missed = [f"{name} {own[name]['error']:.4f} px, at most {bar}" for name, bar in BARS.items() if own[name]["error"] > bar]
    missed += [f"{name} {own[name]['valid']:.1%} valid" for name in BARS if own[name]["valid"] < 0.95]
    for name, row in own.items():
        missed += [f"{name} {row[key]:.0%} {key}" for key in ("within_x", "within_y") if not WITHIN[0] <= row[key] <= WITHIN[1]]
    if "large" in results:
        rows = results["large"]["rows"]
        own_rows = [row for title, row in rows.items() if title.startswith(OURS)]
        for peer, times in TIMES.items():
            row = rows.get(LARGE_PEERS[peer])
            if row and not any(one["error"] <= row["error"] and times * one["seconds"] <= row["seconds"] for one in own_rows):
                missed.append(f"{LARGE_PEERS[peer]}: not {times:g} times as fast at equal or lower error")
        if results["large"]["memory_gb"] > MOST_GB:
            missed.append(f"{results['large']['memory_gb']:.1f} GB")
    return missed


def tables(results: dict) -> str:
    lines = [
        "# Motion: measured",
        "",
        f"Made by `python benchmarks/motion.py --pairs FOLDER … --report` on {results['cpus']} CPUs, {results['seeds']} pairs of 1024×1024 "
        "pixels a class. Everything here is simulated.",
        "",
        "## Pairs with known displacement",
        "",
        "Mean end-point error over moving ground (more than 10 % of the peak; 40 px along the edges left out), px, and seconds a pair.",
        "",
        "| method | A | B | C | D | s | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, row in results["methods"].items():
        errors = " | ".join(f"{row[name]['error']:.4f}" for name in BARS)
        seconds, cpu = (np.mean([row[name][key] for name in BARS]) for key in ("seconds", "cpu"))
        lines.append(f"| {title} | {errors} | {seconds:.1f} | {cpu:.1f} |")
    if results["lacking"]:
        lines += ["", f"Not installed, so not compared: {', '.join(results['lacking'])}."]
    lines += [
        "",
        "The same settings for all classes; what follows is of the tracker alone. Chips of one size each (three passes) would give:",
        "",
        "| chips | A | B | C | D |",
        "|---|---|---|---|---|",
    ]
    for title, row in results["chips"].items():
        lines.append(f"| {title} | " + " | ".join(f"{row[name]:.4f}" for name in BARS) + " |")
    lines += [
        "",
        "Sub-pixel estimators on half-whitened texture, chips of 31 px, classes A and C: "
        + "; ".join(f"{name} {error:.4f} px" for name, error in results["estimators"].items())
        + ". The coarse search takes the Gaussian, the tracker goes on by least squares.",
        "",
        "## Errors that vectors tell of themselves",
        "",
        "| class | valid | error told, px | dx within it | dy within it | mean chip, px |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results["methods"][OURS].items():
        lines.append(
            f"| {name} | {row['valid']:.1%} | {row['told']:.4f} | {row['within_x']:.0%} | {row['within_y']:.0%} | {row['chip']:.0f} |"
        )
    if "large" in results:
        size = results["large"]["size"]
        lines += [
            "",
            f"## Speed: {size}×{size} pixels, vectors every 16 px, ±10 px search, pairs of class C",
            "",
            f"The process that tracked took {results['large']['memory_gb']:.2f} GB at most, with the scenes.",
            "",
            "| method | s | CPU s | error, px | valid |",
            "|---|---|---|---|---|",
        ]
        for title, row in results["large"]["rows"].items():
            lines.append(f"| {title} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['error']:.4f} | {row['valid']:.1%} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
