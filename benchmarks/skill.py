"""Every network beside every baseline on simulated glaciers of final seeds and on real scenes; writes the table of the docs.

Usage: python benchmarks/skill.py --work runs/skill [--seeds 1000 1001 1002] [--report]

Each glacier is simulated (parvati-like, 8.7 years), fetched as a site's cube around its outline, aligned by month and benchmarked; the real
scenes are those of the demo. All of it lies under --work, and what is there is not made again: a stopped run goes on. A glacier takes about
half an hour on two cores. Seeds from 1000 on are for this table alone: nothing is tuned on them. Writes benchmarks/results/skill.json and
docs/results/skill.md with --report.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
import zarr
from pyproj import Transformer

from glaciercast import config, runs, workflow
from glaciercast.patches.splits import by_time
from glaciercast.simulate import oracle, scenario, snow, weather
from glaciercast.workflow.showcase import demo_config

ROOT = Path(__file__).resolve().parents[1]
SCENARIO, CRS = "parvati-like", "EPSG:32643"
HALF = 4500.0
"""m from the middle of the outline to the edge of the box."""
LISTED = ("persistence", "same_season", "climatology", "damped_anomaly", "linear_trend", "advection")
"""The baselines that any comparison in this field should have; `harmonic` and `season_shift` are stronger ones of our own."""
NETWORKS = (
    "lstm", "attention_lstm", "conv_lstm", "unet_recurrent", "transformer", "vit", "unet_time", "simvp", "advect_unet", "multimodal",
    "pixel_linear", "pixel_boosted",
)  # fmt: skip
DEFAULT = "unet_time+harmonic"
VARIANTS = [
    {"name": "unet_time", "residual": "climatology"},
    {"name": "unet_time", "residual": "season_shift"},
]
FEW = ("lstm", "attention_lstm", "conv_lstm", "unet_time", "pixel_linear")
"""Networks on the simulated glaciers unless all are asked for."""
BEYOND = {"noise_free": "climatology of noise-free NDSI", "oracle": "oracle"}
"""Rows that know more than images tell."""
TRAINING = {"epochs": 6, "patience": 2, "batch_size": 64, "seed": 1}
WINDOWS = {"statics": ["elevation", "slope"], "inputs": ["lst_day"], "stride": 100}
PIXELS, MEMBERS = 400, 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for archives, cubes and runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001, 1002])
    parser.add_argument("--all", action="store_true", help="every network on the simulated glaciers as well: hours")
    parser.add_argument("--report", action="store_true", help="write the results into the docs")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    found = {"real": real(options.work)}
    for seed in options.seeds:
        found[str(seed)] = simulated(options.work, seed, NETWORKS if options.all else FEW)
        print(document(found), flush=True)
    if options.report:
        (ROOT / "benchmarks/results/skill.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs/results/skill.md").write_text(document(found) + "\n", encoding="utf-8")


def simulated(work: Path, seed: int, networks: tuple[str, ...]) -> dict:
    """Return the scores on one simulated glacier, and those of its oracle."""
    made, built, scored = (work / f"{kind}-{seed}" for kind in ("simulation", "cube", f"benchmark-{len(networks)}"))
    if not runs.is_complete(made):
        workflow.simulate(SCENARIO, made, seed)
    if not runs.is_complete(built):
        recipe = work / f"cube-{seed}.yml"
        recipe.write_text(json.dumps(site(made, seed)), encoding="utf-8")
        workflow.build(recipe, built)
    workflow.align(built)
    results = benchmarked(built, scored, {"windows": WINDOWS, "models": models(networks), "training": TRAINING})
    return {"models": scores(results), "split": results["split"], **foreseen(made, built / "cube.zarr", seed)}


def real(work: Path) -> dict:
    """Return the scores on the real scenes of the demo."""
    demo = demo_config("carpathians", work, None)
    built, scored = work / "cube-real", work / "benchmark-real"
    if not runs.is_complete(built):
        workflow.build(demo.recipe, built)
    workflow.align(built, demo.align)
    windows = config.plain(demo.windows)
    settings = {"windows": windows, "models": models(NETWORKS), "training": {**TRAINING, "epochs": 12, "batch_size": 32}}
    results = benchmarked(built, scored, settings)
    return {"models": scores(results), "split": results["split"]}


def models(networks: tuple[str, ...]) -> list[dict]:
    return [*({"name": name, "residual": "harmonic"} for name in networks), *VARIANTS]


def benchmarked(cube: Path, folder: Path, settings: dict) -> dict:
    if runs.is_complete(folder):
        return runs.read_json(folder / "results" / "benchmark.json")
    return workflow.benchmark(cube, folder, config.parse(workflow.BenchmarkConfig, settings, "skill"), final=True)


def site(made: Path, seed: int) -> dict:
    """Return the recipe of a cube of 9 km around the outline, with every scene that is not wholly cloudy."""
    outline = next((made / "archive" / "outlines").glob("*.shp"))
    left, bottom, right, top = gpd.read_file(outline).to_crs(CRS).total_bounds
    x, y = (left + right) / 2, (bottom + top) / 2
    there = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    corners = [*there.transform(x - HALF, y - HALF), *there.transform(x + HALF, y + HALF)]
    place = {"name": f"parvati-like-{seed}", "title": f"Parvati-like, seed {seed}", "box": corners, "crs": CRS, "resolution": 30}
    return {
        "site": {**place, "outline": str(outline), "buffer": 300},
        "start": "2013-01-01",
        "end": "2021-12-31",
        "catalogue": str(made / "archive" / "catalog.json"),
        "products": ["dem", "landsat", "sentinel2", "modis"],
        "selection": {"max_cloud": 0.9, "max_missing": 0.9},
    }


def scores(results: dict) -> dict:
    kept = ("kind", "mse", "mse_by_lead", "skill", "skill_interval", "parameters", "train_seconds", "validation_mse")
    return {name: {key: model.get(key) for key in kept} for name, model in results["models"].items()}


def foreseen(made: Path, cube: Path, seed: int) -> dict:
    """Return the errors of two who know more than images tell, against the same composites.

    ``oracle`` knows the generator and the day's true snow; ``noise_free`` is the climatology of the training years' true NDSI.
    """
    group = xr.open_zarr(cube, group="aligned", consolidated=False)
    steps, length = group.sizes["time"], int(group.attrs["composite_length"])
    split = by_time(steps, n_input=4, n_target=4, history=12, composite_length=length)
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(0, group.sizes[dim], PIXELS) for dim in ("y", "x"))
    at = {dim: xr.DataArray(group[dim].values[picked], dims="pixel") for dim, picked in (("y", rows), ("x", columns))}
    truth = xr.open_dataset(made / "truth" / "world.nc").sel(at, method="nearest")
    fields = [truth[name].values.astype(float) for name in ("elevation", "exposure", "roughness", "debris")]
    pixels = oracle.Pixels(*fields, truth["ice"].values > 0)
    spec = scenario.load(SCENARIO)
    actual = weather.make(spec.weather, spec.start, spec.end, seed, spec.name)
    bands = np.linspace(pixels.elevation.min() - 1, pixels.elevation.max() + 1, oracle.BANDS)
    lies = snow.make(spec.snow, spec.weather, actual, bands, oracle.EXPOSURES)
    optics = oracle.Optics.of(spec.snow, snow.Lookup.of(bands, oracle.EXPOSURES, pixels.elevation, pixels.exposure), pixels)
    months = pd.PeriodIndex(group.time.values, freq="M")
    trained = list(split.training_steps)
    clean = optics.monthly(lies, months[trained])
    cycle = {month: clean[months.month[trained] == month].mean(axis=0) for month in range(1, 13)}
    opened = zarr.open_group(cube, mode="r")["aligned"]
    seen = [np.asarray(opened[name])[:, rows, columns] for name in ("ndsi", "ndsi_observed")]
    guesses = {
        # no public name: the docs' oracle scores itself
        "oracle": lambda targets: oracle._draws(optics, actual, lies, months[targets], MEMBERS).mean(axis=0),
        "noise_free": lambda targets: np.stack([cycle[month] for month in months.month[targets]]),
    }
    return {name: errors(guess, split.issues("test"), *seen) for name, guess in guesses.items()}


def errors(guess: Callable[[slice], np.ndarray], issues: np.ndarray, values: np.ndarray, observed: np.ndarray) -> dict:
    """Return the mean squared error of what `guess` says of the four steps after each issue, by lead and over all."""
    squared, weight = np.zeros(4), np.zeros(4)
    for issue in issues:
        targets = slice(int(issue) + 1, int(issue) + 5)
        share = np.where(np.isfinite(values[targets]), observed[targets], 0)
        squared += (share * (np.nan_to_num(values[targets]) - guess(targets)) ** 2).sum(axis=1)
        weight += share.sum(axis=1)
    return {"mse_by_lead": (squared / weight).tolist(), "mse": float(squared.sum() / weight.sum())}


def document(found: dict) -> str:
    seeds = [key for key in found if key != "real"]
    lines = []
    if seeds:
        text = found[seeds[0]]["split"]["text"]
        lines += [
            f"**Simulated** ({SCENARIO}, 9 km × 9 km, {which(seeds)}, on which nothing was tuned): mean squared error of "
            "NDSI against composites of months that nothing was fitted on; skill against the best of the six usual baselines"
            f"{', mean over the seeds, in brackets the lowest and the highest' if len(seeds) > 1 else ''}. {text}",
            "",
            *table([found[seed] for seed in seeds]),
            "",
            share_sentence([found[seed] for seed in seeds]),
            "",
        ]
    lines += [
        "**Real** (Carpathians, Sentinel-2, the scenes of the demo; " + found["real"]["split"]["text"] + ")",
        "",
        *table([found["real"]]),
    ]
    return "\n".join(lines)


def which(seeds: list[str]) -> str:
    return f"seeds {', '.join(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"


def table(cubes: list[dict]) -> list[str]:
    """Return a row a model, the best first: its error, its skill over all leads and by lead."""
    leads = range(len(next(iter(cubes[0]["models"].values()))["mse_by_lead"]))
    names = sorted(cubes[0]["models"], key=lambda name: np.mean([cube["models"][name]["mse"] for cube in cubes]))
    lines = ["| model | MSE | skill, all leads | " + " | ".join(f"{lead + 1}" for lead in leads) + " | training, s |"]
    lines += ["| --- | ---: " + "| ---: " * (len(leads) + 2) + "|"]
    rows = {name: cubes_of(cubes, name) for name in names}
    rows |= {f"*{label}*": [cube[key] for cube in cubes] for key, label in BEYOND.items() if key in cubes[0]}
    for name, models in rows.items():
        cells = [_spread([gain(cube, model, lead) for cube, model in zip(cubes, models, strict=True)]) for lead in (None, *leads)]
        spent = [model["train_seconds"] for model in models if model.get("train_seconds")]
        label = f"{name} (baseline)" if models[0].get("kind") == "baseline" else name
        mse = np.mean([model["mse"] for model in models])
        lines.append(f"| {label} | {mse:.4f} | {' | '.join(cells)} | {f'{np.mean(spent):.0f}' if spent else '–'} |")
    return lines


def cubes_of(cubes: list[dict], name: str) -> list[dict]:
    return [cube["models"][name] for cube in cubes]


def gain(cube: dict, model: dict, lead: int | None) -> float:
    """Return 1 − MSE / MSE of the best of the six usual baselines, at a lead or over all."""
    listed = [cube["models"][name] for name in LISTED]
    if lead is None:
        return 1 - model["mse"] / min(each["mse"] for each in listed)
    return 1 - model["mse_by_lead"][lead] / min(each["mse_by_lead"][lead] for each in listed)


def share_sentence(cubes: list[dict]) -> str:
    """Say how much of the oracle's gain the default has."""
    shares = []
    for lead in range(4):
        ours, best = (
            np.mean([gain(cube, model(cube), lead) for cube in cubes]) for model in (lambda c: c["models"][DEFAULT], lambda c: c["oracle"])
        )
        shares.append(f"{ours:.2f} of {best:.2f} at lead {lead + 1}")
    return (
        f"The oracle knows the generator and the true snow on the day of issue; most of what it leaves is the scatter of composites (a "
        f"month is seen on a few clear days). Of its gain the default, `{DEFAULT}`, has {', '.join(shares)}."
    )


def _spread(values: list[float]) -> str:
    mean = f"{np.mean(values):+.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):+.2f} … {max(values):+.2f})"


if __name__ == "__main__":
    main()
