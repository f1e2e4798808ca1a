"""Inversion of image pairs: error and speed beside TICOI and means on a synthetic cube, and what it makes of two real glaciers.

Usage: python benchmarks/inversion.py [--data FOLDER] [--ticoi PYTHON] [--pixels 16] [--repeats 3] [--report]

FOLDER holds the real data (default: GLACIERCAST_DATA, or shared/data beside the checkout). PYTHON is an interpreter in whose environment
TICOI is installed (``pip install ticoi``; GPL: it is run, and nothing of it is copied); without it, its rows are left out. Runs of both
take turns, so that they share the machine's load. Prints the tables; with --report it writes benchmarks/results/inversion.json and
docs/results/inversion.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.interpolate import CubicSpline

from glaciercast.align.weighted import error_weighted
from glaciercast.motion.annual import invert_with_season
from glaciercast.motion.inversion import InversionConfig, invert
from glaciercast.motion.network import YEAR, edges_of, network
from glaciercast.motion.surge import SurgeRule, detect

ROOT = Path(__file__).resolve().parents[1]
EDGES = pd.date_range("2018-01-01", "2021-01-01", freq="MS")
ORIGIN, DAY = np.datetime64("2018-01-01", "ns"), np.timedelta64(1, "D")
PAIRS, NOISE, BLUNDERS = 400, 3.0, 0.1
LONGEST = 400
INNER = slice(1, -1)
"""Months that are compared: the first and last are seen from one side."""
SETTINGS = InversionConfig(max_span_days=LONGEST)
FAST = 25.0
MEANS = "error-weighted mean of each year"
TICOI = """
import sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from ticoi.core import process
from ticoi.cube_data_classxr import CubeDataClass
path, regu, solver, weighted, out = sys.argv[1:]
cube = CubeDataClass()
cube.load(path, proj="EPSG:32643", conf=False)
prior, _ = cube.filter_cube_before_inversion(regu=regu, solver=solver, proj="EPSG:32643", delete_outliers={"mz_score": 3.5})
found, began = [], time.process_time()
for y in cube.ds.y.values:
    for x in cube.ds.x.values:
        found.append(process(cube, float(x), float(y), None, solver=solver, regu=regu, coef=100, obs_filt=prior, conf=False,
                             apriori_weight=weighted == "True", returned=["invert"], proj="EPSG:32643"))
seconds = (time.process_time() - began) / len(found)
names = {"first": "date1", "second": "date2", "dx": "result_dx", "dy": "result_dy"}
np.savez(out, seconds=seconds, **{f"{key}_{n}": one[name].values for n, one in enumerate(found) for key, name in names.items()})
"""
TICOI_RUNS = {
    "TICOI, acceleration from a smoothed prior, weights by error": ("1accelnotnull", "LSMR_ini", "True"),
    "TICOI, acceleration from a smoothed prior": ("1accelnotnull", "LSMR_ini", "False"),
    "TICOI, Tikhonov of order 1, weights by error": ("1", "LSMR", "True"),
    "TICOI, Tikhonov of order 1": ("1", "LSMR", "False"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GLACIERCAST_DATA") or ROOT.parent / "shared" / "data"))
    parser.add_argument("--ticoi", type=Path)
    parser.add_argument("--pixels", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    side = int(np.sqrt(options.pixels))
    result = {
        "cpus": len(os.sched_getaffinity(0)),
        "synthetic": {
            f"{share:.0%} of blunders": compared(synthetic(side, share), options.ticoi, options.repeats) for share in (0.0, BLUNDERS)
        },
        "calibration": calibration(),
    }
    cube = options.data / "itslive_hma" / "itslive_RGI15-16257_compact.nc"
    result["speed"] = speed(cube)
    result["held back"] = held_back(cube)
    result["lowell"] = lowell(options.data / "lowell_surge" / "Lowell_example_interp.nc")
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results" / "inversion.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "inversion.md").write_text(page, encoding="utf-8")


def path_of(days: np.ndarray, side: int) -> np.ndarray:
    """Return the true displacement along x, m (time, y, x): 200 m/yr that grow, a season of ±80 m/yr and a spring peak, later eastward."""
    row, column = np.indices((side, side)) / max(side, 1)
    year = np.asarray(days, float)[:, None, None] / YEAR
    turn = 2 * np.pi
    season = -80 * np.cos(turn * (year - 0.1 * column)) / turn + 15 * np.sin(2 * turn * (year - 0.1)) / (2 * turn)
    return 200 * (1 + 0.2 * row) * year + 10 * year**2 + season


def synthetic(side: int, blunders: float, seed: int = 0) -> xr.Dataset:
    """Return 400 pairs over 3 years whose displacements have 3 m of noise, and wrong matches; vy is −vx/2."""
    rng = np.random.default_rng(seed)
    total = (EDGES[-1] - EDGES[0]).days
    images = np.unique(np.r_[0, rng.integers(0, total, 150), total])
    later, earlier = np.nonzero((images[:, None] - images >= 10) & (images[:, None] - images <= LONGEST))
    odds = 1 / np.maximum(images[later] - images[earlier], 16)
    chosen = rng.choice(len(later), PAIRS, replace=False, p=odds / odds.sum())
    begin, end = images[earlier[chosen]], images[later[chosen]]
    order = np.argsort(begin + end, kind="stable")
    begin, end = begin[order], end[order]
    years, shape = ((end - begin) / YEAR)[:, None, None], (PAIRS, side, side)
    moved = path_of(end, side) - path_of(begin, side)
    vx, vy = ((part * moved + rng.normal(0, NOISE, shape)) / years for part in (1.0, -0.5))
    wrong = rng.random(shape) < blunders
    vx[wrong], vy[wrong] = rng.uniform(-2000, 2000, (2, int(wrong.sum())))
    error = np.broadcast_to(NOISE / years, shape)[:, 0, 0]
    first, second = ORIGIN + begin * DAY, ORIGIN + end * DAY
    return xr.Dataset(
        {"vx": (("mid_date", "y", "x"), vx), "vy": (("mid_date", "y", "x"), vy)}
        | {name: ("mid_date", values) for name, values in {"date1": first, "date2": second, "errorx": error, "errory": error}.items()},
        coords={"mid_date": first + (second - first) / 2, "y": -120.0 * np.arange(side), "x": 120.0 * np.arange(side)},
        attrs={"author": "synthetic", "proj4": "+proj=utm +zone=43 +datum=WGS84"},
    )


def true_months(side: int) -> np.ndarray:
    days = ((EDGES - EDGES[0]) / pd.Timedelta("1D")).to_numpy()
    return np.diff(path_of(days, side), axis=0) / (np.diff(days) / YEAR)[:, None, None]


def rms(vx: np.ndarray, vy: np.ndarray, true: np.ndarray) -> float:
    """Return the root mean square error of both components, m/yr."""
    return float(np.sqrt(np.nanmean([(vx - true)[INNER] ** 2, (vy + 0.5 * true)[INNER] ** 2])))


def compared(cube: xr.Dataset, python: Path | None, repeats: int) -> dict:
    """Return error and CPU time a pixel of every method on one cube; the least time of some runs, in turn."""
    side = cube.sizes["x"]
    true = true_months(side)
    vx, vy, first, second = (cube[name].values for name in ("vx", "vy", "date1", "date2"))
    error = np.broadcast_to(cube["errorx"].values[:, None, None], vx.shape)
    years = ((second - first) / DAY / YEAR)[:, None, None]
    mean = (path_of((second - ORIGIN) / DAY, side) - path_of((first - ORIGIN) / DAY, side)) / years
    raw = np.sqrt(np.mean([(vx - mean) ** 2, (vy + 0.5 * mean) ** 2]))
    month = EDGES.searchsorted(first + (second - first) / 2, side="right") - 1
    weighted = error_weighted(vx, vy, error, month)
    table = {
        "pairs, against their own mean": {"rms": float(raw)},
        "error-weighted mean of each month": {"rms": rms(weighted.vx, weighted.vy, true)},
        "least squares (not robust)": ours(vx, vy, error, first, second, true, SETTINGS.model_copy(update={"robust": False})),
        "this": ours(vx, vy, error, first, second, true, SETTINGS),
    }
    for _ in range(repeats if python else 0):
        for name in ("least squares (not robust)", "this"):
            again = ours(vx, vy, error, first, second, true, SETTINGS.model_copy(update={"robust": name == "this"}))
            table[name]["ms"] = min(table[name]["ms"], again["ms"])
        for name, how in TICOI_RUNS.items():
            found = theirs(cube, true, python, how)
            table[name] = found | {"ms": min(found["ms"], table.get(name, found)["ms"])}
    return table


def ours(vx: np.ndarray, vy: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, true: np.ndarray, settings) -> dict:
    """Return error and CPU time a pixel, of all threads together, on the cube repeated to some thousand pixels."""
    times = -(-2000 // true[0].size)
    many = [np.tile(values, (1, times, 1)) for values in (vx, vy, error)]
    invert(*(values[:, :2] for values in many), first, second, EDGES, settings)  # compiles
    began = time.process_time()
    found = invert(*many, first, second, EDGES, settings)
    seconds = time.process_time() - began
    rows = true.shape[1]
    scores = [(found.vx[:, :rows] - true) / found.error_x[:, :rows], (found.vy[:, :rows] + 0.5 * true) / found.error_y[:, :rows]]
    return {
        "rms": rms(found.vx[:, :rows], found.vy[:, :rows], true),
        "ms": 1e3 * seconds / many[0][0].size,
        "scores": float(np.std(np.array(scores)[:, INNER])),
    }


def theirs(cube: xr.Dataset, true: np.ndarray, python: Path, how: tuple[str, str, str]) -> dict:
    """Return error and CPU time a pixel of TICOI; a cubic spline takes its displacements to the edges of months, as it does itself."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "cube.nc", Path(folder) / "out.npz"
        cube.to_netcdf(path)
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([python, "-c", TICOI, path, *how, out], check=True, env=one_thread, capture_output=True)
        with np.load(out) as found:
            arrays = dict(found)
    days = ((EDGES - EDGES[0]) / pd.Timedelta("1D")).to_numpy()
    months = np.full((2, *true.shape), np.nan)
    for number in range(true[0].size):
        knots = np.r_[arrays[f"first_{number}"][0], arrays[f"second_{number}"]]
        at = (knots - ORIGIN) / DAY
        for component, name in enumerate(("dx", "dy")):
            path_ = CubicSpline(at, np.r_[0, np.cumsum(arrays[f"{name}_{number}"])])(np.clip(days, at[0], at[-1]))
            months[component, :, *divmod(number, true.shape[2])] = np.diff(path_) / (np.diff(days) / 365)  # its year has 365 days
    return {"rms": rms(*months, true), "ms": 1e3 * float(arrays["seconds"])}


def calibration() -> dict[str, float]:
    """Return the spread of (series − truth)/error for histories of other kinds, 20 × 20 pixels each: 1 where errors hold."""
    rng = np.random.default_rng(0)
    base, shape = synthetic(1, 0.0), (20, 20)
    first, second = base["date1"].values, base["date2"].values
    fine = np.linspace(0, (EDGES[-1] - EDGES[0]).days, 1097)
    phase = rng.uniform(0, 1, shape)
    year = fine[:, None, None] / YEAR
    histories = {
        "constant": np.full((len(fine), *shape), 50.0),
        "season of ±80 m/yr": 200 + 80 * np.sin(2 * np.pi * (year + phase)),
        "season of ±3 m/yr, below the noise": 30 + 3 * np.sin(2 * np.pi * (year + phase)),
        "spring peak of 150 m/yr, 6 weeks wide": 200 + 150 * np.exp(-((((year + phase) % 1 - 0.5) / 0.06) ** 2)),
    }
    for change in (20, 60, 150):
        steps = rng.normal(0, change * np.sqrt(fine[1] / YEAR), (len(fine), *shape))
        histories[f"random walk, {change} m/yr over a year"] = 100 + np.cumsum(steps, axis=0)
    return {name: spread(values, fine, first, second, rng) for name, values in histories.items()}


def spread(speed_: np.ndarray, fine: np.ndarray, first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    path_ = np.concatenate([0 * speed_[:1], np.cumsum((speed_[1:] + speed_[:-1]) / 2 * (fine[1] - fine[0]) / YEAR, axis=0)])

    def at(times: np.ndarray) -> np.ndarray:
        return path_[np.round((times - ORIGIN) / DAY / (fine[1] - fine[0])).astype(int)]

    edges = EDGES.to_numpy("datetime64[ns]")
    true = np.diff(at(edges), axis=0) / (np.diff(edges) / DAY / YEAR)[:, None, None]
    years = ((second - first) / DAY / YEAR)[:, None, None]
    vx = (at(second) - at(first) + rng.normal(0, NOISE, (len(first), *true.shape[1:]))) / years
    vy = rng.normal(0, NOISE, vx.shape) / years
    found = invert(vx, vy, np.broadcast_to(NOISE / years, vx.shape), first, second, EDGES, SETTINGS)
    return float(np.std((found.vx - true) / found.error_x))


def real(path: Path) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Return vx, vy, v_error (pair, y, x), both times of each pair and which pixels are ice, of the ITS_LIVE cube."""
    with xr.open_dataset(path, decode_timedelta=False) as cube:
        cube.load()
    first, second = (cube[f"acquisition_date_img{image}"].values for image in "12")
    return [cube[name].values for name in ("vx", "vy", "v_error")], first, second, cube.landice.values == 1


def speed(path: Path) -> dict:
    """Return seconds for the whole raw cube in months, and what is found on the ice."""
    arrays, first, second, ice = real(path)
    edges = edges_of(first, second, "MS")
    table = {}
    for longest in (128, 546):
        settings = InversionConfig(max_span_days=longest)
        invert(*(values[:, :1, :2] for values in arrays), first, second, edges, settings)
        wall, cpu = time.perf_counter(), time.process_time()
        found = invert(*arrays, first, second, edges, settings)
        table[str(longest)] = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "pixels": int(arrays[0][0].size),
            "pairs": len(first),
            "steps": len(edges) - 1,
            "error": float(np.nanmedian(found.error[:, ice])),
            "closure": float(np.nanmedian(found.closure[ice])),
            "scale": float(np.nanmedian(found.scale[ice])),
        }
    return table


def held_back(path: Path) -> dict:
    """Return the scatter of a fifth of the pairs, held back, about what the others say, on the trunk (faster than 25 m/yr)."""
    arrays, first, second, ice = real(path)
    days = (second - first) / DAY
    mean = error_weighted(*(values[days <= 128] for values in arrays), np.zeros((days <= 128).sum()))
    trunk = ice & (np.hypot(mean.vx[0], mean.vy[0]) > FAST)
    arrays = [values[:, trunk][:, None] for values in arrays]
    held = np.random.default_rng(0).random(len(first)) < 0.2
    return {str(longest): held_back_up_to(longest, arrays, first, second, held) for longest in (128, 546)}


def held_back_up_to(longest: float, arrays: list[np.ndarray], first: np.ndarray, second: np.ndarray, held: np.ndarray) -> dict:
    """Return the same for pairs that span at most `longest` days, and the gain on the mean of years with its interval."""
    days = (second - first) / DAY
    learn, test = (np.flatnonzero((days <= longest) & which) for which in (~held, held))
    years, months = (edges_of(first, second, cadence) for cadence in ("YS", "MS"))
    by_year, by_month = (network(first[test], second[test], edges).by_step() for edges in (years, months))
    learnt, settings = (*(values[learn] for values in arrays), first[learn], second[learn]), InversionConfig(max_span_days=longest)
    group = error_weighted(*learnt[:3], pd.DatetimeIndex(learnt[3] + (learnt[4] - learnt[3]) / 2).year.to_numpy())
    weighted = np.full((2, len(years) - 1, *arrays[0].shape[1:]), np.nan)
    weighted[:, np.searchsorted(years.year, group.groups)] = group.vx, group.vy
    plain, fine = (invert(*learnt, edges, settings) for edges in (years, months))
    seen = {
        MEANS: told(weighted, by_year),
        "inverted, years": told((plain.vx, plain.vy), by_year),
        "inverted, years and a season": invert_with_season(*learnt, years, settings).seen(first[test], second[test], years),
        "inverted, months": told((fine.vx, fine.vy), by_month),
    }
    usable = np.einsum("pk,kyx->pyx", by_year, np.isfinite(weighted).all(axis=0)) > 0.999
    lengths = {name: np.where(usable, np.hypot(*(np.stack(arrays[:2])[:, test] - values)), np.nan) for name, values in seen.items()}
    rows = {name: scatter(away, days[test], arrays[2][test]) | gain(away, lengths[MEANS]) for name, away in lengths.items()}
    return {"pairs": len(test), **rows}


def told(components, shares: np.ndarray) -> np.ndarray:
    """Return what a series of steps says of pairs, (2, pair, y, x)."""
    return np.stack([np.einsum("pk,kyx->pyx", shares, np.nan_to_num(values)) for values in components])


def scatter(away: np.ndarray, days: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """Return the median length of the difference, in m/yr, in m and in stated errors."""
    by = {"velocity": away, "displacement": away * (days / YEAR)[:, None, None], "errors": away / np.maximum(error, 0.5)}
    return {name: float(np.nanmedian(values)) for name, values in by.items()}


def gain(away: np.ndarray, base: np.ndarray, draws: int = 500) -> dict[str, list[float]]:
    """Return by how much the median is smaller than that of `base`, %, with the 95 % interval of a bootstrap over pairs."""
    rng = np.random.default_rng(0)
    some = np.flatnonzero(np.isfinite(base).any(axis=(1, 2)))
    samples = [some, *(rng.choice(some, len(some)) for _ in range(draws))]
    gains = [100 * (1 - np.nanmedian(away[sample]) / np.nanmedian(base[sample])) for sample in samples]
    return {"gain": [float(value) for value in (gains[0], *np.percentile(gains[1:], [2.5, 97.5]))]}


def lowell(path: Path) -> dict:
    """Return the surge of Lowell Glacier, of the spatial median speed."""
    with xr.open_dataset(path) as cube:
        speeds = np.hypot(cube.vx, cube.vy).stack(pixel=("y", "x")).dropna("mid_date", how="all").median("pixel")
    times, values = speeds.mid_date.values, speeds.values
    table = {}
    for name, rule in {"2013–2017": SurgeRule(quiet=("2013-01-01", "2017-12-31")), "found by itself": SurgeRule()}.items():
        found = detect(times, values, rule)
        table[name] = [
            {
                "onset": [str(day)[:10] for day in (one.onset, *one.onset_interval)],
                "peak": [str(day)[:10] for day in (one.peak, *one.peak_interval)],
                "end": "ongoing" if one.ongoing else str(one.end)[:10],
                "peak_speed": one.peak_speed,
                "quiet_speed": one.quiet_speed,
            }
            for one in found
        ]
    return table


def document(result: dict) -> str:
    lines = [
        f"Made by `python benchmarks/inversion.py --ticoi PYTHON --report` on {result['cpus']} CPUs.",
        "",
        f"## A synthetic cube: {PAIRS} pairs over 3 years, {NOISE:g} m of noise in each displacement, months",
        "",
        "200 m/yr with a trend, a season of ±80 m/yr and a second harmonic; baselines of 10 to 400 days. Root mean square error of monthly",
        "vx and vy, and CPU time, which for TICOI is that of one thread.",
        "",
        "| method | error, m/yr | ms a pixel | error with 10 % of blunders, m/yr | ms a pixel |",
        "|---|---:|---:|---:|---:|",
    ]
    clean, wrong = result["synthetic"].values()
    for name, one in clean.items():
        cells = [f"{part['rms']:.1f} | {part['ms']:.2f}" if "ms" in part else f"{part['rms']:.1f} | " for part in (one, wrong[name])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Errors that hold",
        "",
        "Spread of (series − truth) over the stated error on the same network; 1 where errors hold, less where they are too large.",
        "",
        "| history | spread |",
        "|---|---:|",
        *(f"| {name} | {value:.2f} |" for name, value in result["calibration"].items()),
        "",
        "## A raw ITS_LIVE cube",
        "",
        "RGI2000-v7.0-G-15-16257, months of 1986–2024; error, closure and scale are medians over the ice.",
        "",
        "| longest span, days | pairs | pixels | steps | wall, s | CPU, s | error, m/yr | closure, m | residuals/errors |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for longest, one in result["speed"].items():
        cells = [f"{one[name]:,}" for name in ("pairs", "pixels", "steps")] + [f"{one[name]:.0f}" for name in ("wall", "cpu", "error")]
        lines.append(f"| {longest} | {' | '.join(cells)} | {one['closure']:.1f} | {one['scale']:.2f} |")
    lines += [
        "",
        "A fifth of the pairs held back, on the trunk: median length of their difference to what the other pairs say of their span, and",
        "how much smaller it is than that of the error-weighted mean of each year, with the 95 % interval of a bootstrap over these pairs.",
        "",
        "| longest span, days | series | m/yr | m | stated errors | smaller by, % |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for longest, table in result["held back"].items():
        for name, one in table.items():
            if name != "pairs":
                better = "" if name == MEANS else "{:.1f} ({:.1f} to {:.1f})".format(*one["gain"])
                numbers = f"{one['velocity']:.1f} | {one['displacement']:.2f} | {one['errors']:.2f}"
                lines.append(f"| {longest} | {name} | {numbers} | {better} |")
    lines += [
        "",
        "Steps of a year are inverted together with a season. Without it, years of pairs of at most 128 days (the default) are no",
        "better than the means: both miss the season about which the pairs that are held back scatter, and the means, which fall on the",
        "days of the pairs, take part of it in.",
    ]
    lines += [
        "",
        "## Lowell Glacier's surge",
        "",
        "| quiet time | onset | peak | end | peak, m/yr | quiet, m/yr |",
        "|---|---|---|---|---:|---:|",
    ]
    for name, found in result["lowell"].items():
        for one in found:
            days = [f"{one[part][0]} ({one[part][1]} to {one[part][2]})" for part in ("onset", "peak")]
            lines.append(f"| {name} | {' | '.join(days)} | {one['end']} | {one['peak_speed']:.0f} | {one['quiet_speed']:.1f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
