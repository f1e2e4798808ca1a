"""What the benchmarks of motion measured, as the docs' tables, and which bars it misses."""

from __future__ import annotations

import numpy as np
from motion_terrain import CLASSES, SCENARIO, WRONG

BARS = {"A": 0.016, "B": 0.070, "C": 0.028, "D": 0.060}
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
LARGE_PEERS = {
    "template_fast": "cv2.matchTemplate, 32 px, high-passed, threaded, peaks by parabolas",
    "template_fine": "the same, peaks by bicubic interpolation",
    "openpiv": PEERS["openpiv"],
}
TIMES = {"template_fast": 1.0, "template_fine": 1.0, "openpiv": 3.0}
MOST_GB = 2.0
WITHIN = (0.60, 0.75)


def misses(results: dict) -> list[str]:
    """Return the bars that the results miss, one line each."""
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
    """Return the page of results."""
    lines = ["Made by `python benchmarks/motion.py --report` on {} CPUs.".format(results["cpus"])]
    for name, section in SECTIONS.items():
        if name in results:
            lines += ["", *section(results)]
    return "\n".join([*lines, ""])


def methods(results: dict) -> list[str]:
    lines = [
        "## Pairs with known displacement",
        "",
        f"{results['seeds']} simulated pairs of 1024×1024 pixels a class: A clean, to 5 px; B to 5 px, noisy, decorrelated, under other "
        "light; C to 0.5 px and D to 15 px with some noise. Mean end-point error over moving ground (more than 10 % of the peak; 40 px "
        "along the edges left out), px, and seconds a pair.",
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
    return lines


def chips(results: dict) -> list[str]:
    lines = [
        "The same settings for all classes; what follows is of the tracker alone. Chips of one size each (three passes) would give:",
        "",
        "| chips | A | B | C | D |",
        "|---|---|---|---|---|",
    ]
    for title, row in results["chips"].items():
        lines.append(f"| {title} | " + " | ".join(f"{row[name]:.4f}" for name in BARS) + " |")
    errors = "; ".join(f"{name} {error:.4f} px" for name, error in results["estimators"].items())
    return [
        *lines,
        "",
        f"Sub-pixel estimators on half-whitened texture, chips of 31 px, classes A and C: {errors}. The coarse search takes the Gaussian, "
        "the tracker goes on by least squares.",
        "",
        "### Errors that vectors tell of themselves",
        "",
        "| class | valid | error told, px | dx within it | dy within it | mean chip, px |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {row['valid']:.1%} | {row['told']:.4f} | {row['within_x']:.0%} | {row['within_y']:.0%} | {row['chip']:.0f} |"
            for name, row in results["methods"][OURS].items()
        ),
    ]


def terrain(results: dict) -> list[str]:
    lines = [
        "## A simulated glacier",
        "",
        f"Cloudless 10 m scenes of the scenario `{SCENARIO}`. Vectors every 160 m by what lies at the surface of their smallest chip; "
        f"error in px; *wrong*: believed, but more than {WRONG} px and three of its errors off.",
    ]
    for title, classes in results["terrain"].items():
        lines += [
            "",
            f"{title[0].upper()}{title[1:]}:",
            "",
            "| surface | vectors | true motion, px | valid | mean error | median | within 1 σ | wrong |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [of_class(name, classes[name]) for name in CLASSES if classes[name]["vectors"] > 0]
    return lines


def of_class(name: str, row: dict[str, float]) -> str:
    start = f"| {name} | {row['vectors']:.0f} | {row['moved']:.2f} |"
    if "valid" not in row:
        return f"{start} 0 % | | | | |"
    return f"{start} {row['valid']:.0%} | {row['error']:.3f} | {row['median']:.3f} | {row['within']:.0%} | {row['wrong']:.1%} |"


def real(results: dict) -> list[str]:
    lines = [
        "## Perito Moreno, 2020-02-05 to 2020-02-20",
        "",
        "Real, 10 m. *Moved scene*: that of 02-05 moved by the smoothed field that the tracker found, with noise: the truth is known.",
        "Medians over the ice and over the banks where a tracker has vectors, px; *beside*: median by which glaciercast's vectors of the",
        "same ground differ.",
        "",
        "| tracker | valid | dx (true) | dy (true) | error | beside | banks dx ± NMAD | banks dy ± NMAD |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, row in results["real"].items():
        true = [f" ({row[key]:.2f})" if key in row else "" for key in ("true_dx", "true_dy")]
        error = f"{row['error']:.3f}" if "error" in row else ""
        beside = f"{row['apart_dx']:.3f}, {row['apart_dy']:.3f}" if "apart_dx" in row else ""
        banks = " | ".join(f"{row[key]:.3f} ± {row[f'{key}_nmad']:.3f}" for key in ("bank_dx", "bank_dy"))
        lines.append(
            f"| {title} | {row['valid']:.0%} | {row['dx']:.2f}{true[0]} | {row['dy']:.2f}{true[1]} | {error} | {beside} | {banks} |"
        )
    return lines


def large(results: dict) -> list[str]:
    size = results["large"]["size"]
    return [
        f"## Speed: {size}×{size} pixels, vectors every 16 px, ±10 px search, pairs of class C",
        "",
        f"The process that tracked took {results['large']['memory_gb']:.2f} GB at most, with the scenes.",
        "",
        "| method | s | CPU s | error, px | valid |",
        "|---|---|---|---|---|",
        *(
            f"| {title} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['error']:.4f} | {row['valid']:.1%} |"
            for title, row in results["large"]["rows"].items()
        ),
    ]


SECTIONS = {"methods": methods, "chips": chips, "terrain": terrain, "real": real, "large": large}
