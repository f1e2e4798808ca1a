"""Composites: monthly medians and means, and linear fill in time, against xarray in the same run, equal by value.

Usage: python benchmarks/composite.py [--small] [--repeats 3] [--report]

Scenes are random, 30 % missing. ``--small`` takes a quarter of the pixels. With ``--report`` it writes
benchmarks/results/composite.json and docs/results/composite.md. xarray takes bottleneck, numbagg and flox where they are installed; which
of them were is said. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast.align.composite import resample
from glaciercast.cube import timefill

ROOT = Path(__file__).resolve().parents[1]
SCENES = 96
MONTHS = (96, 48, 32)
"""Months over which the scenes are spread evenly: one, two and three scenes a month."""
BARS = {"median": 3.0, "fill": 10.0}
"""How many times as fast as xarray."""
FILL_SIDE = 200
"""Pixels along the side of the series that are filled: xarray's time goes by the number of pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    side = 400 if options.small else 800
    result = {
        "machine": {"cpus": len(os.sched_getaffinity(0)), "platform": platform.platform()},
        "helpers": [name for name in ("bottleneck", "numbagg", "flox") if importlib.util.find_spec(name)],
        "side": side,
        **composites(side, options.repeats),
        "fill": fill(options.repeats),
    }
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
        (ROOT / "benchmarks" / "results" / "composite.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "composite.md").write_text(page, encoding="utf-8")
    if missed := misses(result):
        sys.exit("missed: " + "; ".join(missed))


def best(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the least wall and CPU seconds of some calls."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def scenes(side: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.random((SCENES, side, side), dtype="float32")
    for scene in values:
        scene[rng.random(scene.shape, dtype="float32") < 0.3] = np.nan
    return values


def spread(months: int) -> tuple[np.ndarray, pd.DatetimeIndex]:
    """Return times of the scenes, as many in each month, and the months' edges."""
    edges = pd.date_range("2013-04-01", periods=months + 1, freq="MS")
    each = SCENES // months
    days = [edges[step] + pd.Timedelta(days=28 * (turn + 0.5) / each) for step in range(months) for turn in range(each)]
    return np.array(days, dtype="datetime64[ns]"), edges


def composites(side: int, repeats: int) -> dict:
    values = scenes(side)
    copy = best(values.copy, max(repeats, 3))[0]
    table = []
    for months in MONTHS:
        times, edges = spread(months)
        series = xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times})
        for how in ("median", "mean"):
            resample(values[:, :4, :4], times, edges, how)  # compiled before it is timed
            mine = best(lambda how=how, times=times, edges=edges: resample(values, times, edges, how), repeats)
            peer, theirs = of_xarray(series, how)
            ours = resample(values, times, edges, how).values
            check = np.testing.assert_array_equal if how == "median" else close
            check(ours, theirs.values)
            table.append({"months": months, "how": how, "ours": mine, "xarray": peer})
    return {"copy_s": copy, "composites": table, "others": others(values, repeats)}


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def of_xarray(series: xr.DataArray, how: str) -> tuple[tuple[float, float], xr.DataArray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's on months in which nothing was seen
        made: list[xr.DataArray] = []
        spent = best(lambda: made.append(getattr(series.resample(time="MS"), how)()), 1)
    return spent, made[0]


def others(values: np.ndarray, repeats: int) -> dict:
    """Return the times of what xarray has no counterpart for, with three scenes a month."""
    times, edges = spread(MONTHS[-1])
    weights = np.random.default_rng(1).random(SCENES)
    side = values.shape[1] // 2
    bands = values.reshape(SCENES, 4, side, side)
    cases = {
        "weighted median": lambda part: resample(part, times, edges, "median", weights),
        f"medoid of 4 bands of {side}×{side}": lambda _: resample(bands, times, edges, "medoid"),
    }
    spent = {}
    for name, case in cases.items():
        case(values[:, :4, :4])
        spent[name] = best(lambda case=case: case(values), repeats)
    return spent


def fill(repeats: int) -> dict:
    values = scenes(FILL_SIDE)
    times, _ = spread(SCENES)
    series = xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times})
    ours = timefill.interpolate(values, times).values
    made: list[xr.DataArray] = []
    peer = best(lambda: made.append(series.interpolate_na("time")), 1)
    np.testing.assert_allclose(ours, made[0].values, rtol=1e-6, atol=1e-7)
    return {"ours": best(lambda: timefill.interpolate(values, times), max(repeats, 3)), "xarray": peer}


def ratio(case: dict, clock: int = 0) -> float:
    return case["xarray"][clock] / case["ours"][clock]


def misses(result: dict) -> list[str]:
    cases = {f"medians of {case['months']} months": (case, "median") for case in result["composites"] if case["how"] == "median"}
    cases["linear fill"] = (result["fill"], "fill")
    return [f"{name}: {ratio(case):.1f} times as fast, bar {BARS[bar]:g}" for name, (case, bar) in cases.items() if ratio(case) < BARS[bar]]


def document(result: dict) -> str:
    helped = f"xarray with {', '.join(result['helpers'])}" if result["helpers"] else "xarray on numpy alone"
    side, line = result["side"], result["fill"]
    lines = [
        f"Made by `python benchmarks/composite.py --report` on {result['machine']['cpus']} CPUs.",
        "",
        f'Monthly composites of {SCENES}×{side}×{side} float32 pixels, 30 % missing, against `resample(time="MS")` of {helped} in the same '
        f"run: medians equal to the bit, means within 10⁻⁶. Copying the array takes {1e3 * result['copy_s']:.0f} ms.",
        "",
        "| composite | scenes a month | ms | xarray, ms | times as fast | by CPU time |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in result["composites"]:
        ours, theirs = 1e3 * case["ours"][0], 1e3 * case["xarray"][0]
        lines.append(
            f"| {case['how']} | {SCENES // case['months']} | {ours:.0f} | {theirs:.0f} | {ratio(case):.0f} | {ratio(case, 1):.0f} |"
        )
    lines += [
        "",
        f"Without a counterpart in xarray, of as many values, {SCENES // MONTHS[-1]} scenes a month:",
        "",
        "| | ms |",
        "| --- | --- |",
    ]
    lines += [f"| {name} | {1e3 * spent[0]:.0f} |" for name, spent in result["others"].items()]
    lines += [
        "",
        f"Linear fill in time of {SCENES}×{FILL_SIDE}×{FILL_SIDE} pixels: {ratio(line):.0f} times as fast as `interpolate_na` "
        f"({1e3 * line['ours'][0]:.0f} against {1e3 * line['xarray'][0]:.0f} ms; CPU time {ratio(line, 1):.0f} times), equal by value.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
