"""The source study's three experiments, honestly split, beside the table that it printed; writes the page of the docs.

Usage: python benchmarks/study.py --work runs/study [--real] [--seed 1000] [--half 1500] [--epochs 6] [--report]

1. Patches on one glacier (Parvati-like): the study's networks on 50×50 patches, scored under its random split of overlapping patches, and
   under a split by time on whole scenes. 2. Fine-tuning on another (Aletsch-like): the U-Net as it is, fine-tuned, and trained on both.
3. Full scenes, and generalisation: errors by lead and visible seams on the first glacier, and the network as it is on the second.
--real takes the glaciers Parvati and Aletsch from the archives instead (it needs a network). All lies under --work, and what is finished is
not made again: a stopped run goes on. With --report it writes benchmarks/results/study.json and docs/results/study.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import geopandas as gpd

from glaciercast import config, runs, sites, workflow

ROOT = Path(__file__).resolve().parents[1]
HOME, AWAY = "parvati", "aletsch"
PRINTED = {
    "unet_time": {"name": "U-Net", "first": (0.0658, 0.1810), "later": (0.0829, 0.1916)},
    "transformer": {"name": "Transformer", "first": (0.0668, 0.2268), "later": None},
    "lstm": {"name": "LSTM", "first": (0.0545, 0.1651), "later": (0.0543, 0.1385)},
    "vit": {"name": "ViT", "first": (0.0843, 0.2085), "later": None},
    "attention_lstm": {"name": "attention-LSTM", "first": None, "later": (0.0467, 0.1356)},
    "conv_lstm": {"name": "ConvLSTM", "first": None, "later": (0.0550, 0.1498)},
}
"""MSE and MAE of NDSI on patches of Parvati as printed, in its first and in its later runs; networks by the names that they have here."""
PROTOCOL = (
    "Its protocol: 50×50 patches every 10 pixels, windows that step by one scene, four scenes in and four out, and a random 80/20 of the "
    "unsorted listing of patch files; neighbouring patches overlap by 80 %, so what it held out had been seen. No baseline was reported."
)
TUNED = "unet_time"
"""The network that goes to the second glacier, on the residual of the climatology, which a guest's windows can depart from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for archives, cubes and runs")
    parser.add_argument("--real", action="store_true", help="the real glaciers, from the archives")
    parser.add_argument("--seed", type=int, default=1000, help="of the simulations")
    parser.add_argument("--half", type=float, default=1500.0, help="m from the middle of the simulated outline to the edge of the box")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--networks", nargs="+", default=list(PRINTED), choices=list(PRINTED))
    parser.add_argument("--report", action="store_true", help="write the results into the docs")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    cubes = {
        name: real(options.work, name) if options.real else simulated(options.work, name, options.seed, options.half)
        for name in (HOME, AWAY)
    }
    found = study(
        cubes, options.work, tuple(options.networks), {"windows": {}, "training": {"epochs": options.epochs, "patience": 2, "seed": 1}}
    )
    found["origin"] = (
        "real" if options.real else f"simulated, {2 * options.half / 1000:g} km × {2 * options.half / 1000:g} km, seed {options.seed}"
    )
    print(document(found))
    if options.report:
        runs.write_json(ROOT / "benchmarks" / "results" / "study.json", found)
        (ROOT / "docs" / "results" / "study.md").write_text(document(found), encoding="utf-8")


def study(cubes: dict[str, Path], work: Path, networks: tuple[str, ...], settings: dict) -> dict:
    """Return what the three experiments found on two aligned cubes."""
    made = [{"name": name} for name in networks]
    tables = {split: patches(cubes[HOME], work / f"patches-{split}", made, settings, split) for split in ("published", "time")}
    trained = work / "trained"
    spec = config.parse(workflow.ModelSpec, {"name": TUNED, "residual": "climatology"}, "study")
    if not runs.is_complete(trained):
        workflow.train(cubes[HOME], spec, trained, parsed(settings, [], "time"))
    return {
        "patches": {split: scores(table) for split, table in tables.items()},
        "finetuning": scores(finetuned(cubes, trained / "models" / spec.label, work / "finetuned", settings)),
        "split": {split: table["split"]["text"] for split, table in tables.items()},
        "leaks": {split: table["leaks"]["text"] for split, table in tables.items()},
        "interval_note": tables["time"]["interval_note"],
    }


def patches(cube: Path, folder: Path, models: list[dict], settings: dict, split: str) -> dict:
    """Return the results of a benchmark under a split."""
    if not runs.is_complete(folder):
        workflow.benchmark(cube, folder, parsed(settings, models, split), final=True)
    return runs.read_json(folder / "results" / "benchmark.json")


def finetuned(cubes: dict[str, Path], model: Path, folder: Path, settings: dict) -> dict:
    """Return the results of a network of the first cube on the second: as it is, fine-tuned, and trained on both."""
    if not runs.is_complete(folder):
        kept = {key: settings["windows"][key] for key in ("stride", "fractions") if key in settings["windows"]}
        tuning = config.parse(workflow.FinetuneConfig, {**kept, "training": settings["training"]}, "study")
        workflow.finetune(cubes[AWAY], model, folder, tuning, mix=cubes[HOME])
    return runs.read_json(folder / "results" / "finetune.json")["benchmark"]


def parsed(settings: dict, models: list[dict], split: str) -> workflow.BenchmarkConfig:
    windows = {**settings["windows"], "split": split}
    return config.parse(workflow.BenchmarkConfig, {"windows": windows, "models": models, "training": settings["training"]}, "study")


def scores(results: dict) -> dict:
    """Return what the page tells of a table."""
    kept = ("kind", "mse", "mae", "mse_by_lead", "skill", "skill_interval")
    models = {name: {key: model[key] for key in kept} for name, model in results["models"].items()}
    for name, model in results["models"].items():
        models[name]["seam_index"] = model.get("figures", {}).get("all", {}).get("seam_index")
    return {"best_baseline": results["best_baseline"], "models": models}


def simulated(work: Path, name: str, seed: int, half: float) -> Path:
    """Return the aligned cube of a simulated glacier like the one of that name."""
    made, built, recipe = work / f"simulation-{name}", work / name, work / f"{name}.yml"
    if not runs.is_complete(made):
        workflow.simulate(f"{name}-like", made, seed)
    if not runs.is_complete(built):
        recipe.write_text(json.dumps(recipe_of(made, name, half)), encoding="utf-8")
        workflow.build(recipe, built)
    workflow.align(built)
    return built


def recipe_of(made: Path, name: str, half: float) -> dict:
    """Return the build of a square around the middle of a simulated outline."""
    outline = next((made / "archive" / "outlines").glob("*.shp"))
    crs = sites.find(name).crs
    left, bottom, right, top = gpd.read_file(outline).to_crs(crs).total_bounds
    middle = gpd.points_from_xy([(left + right) / 2], [(bottom + top) / 2], crs=crs)
    box = gpd.GeoSeries(middle).buffer(half, cap_style="square").to_crs("EPSG:4326").total_bounds
    place = {"name": f"{name}-like", "title": f"{name.capitalize()}-like (simulated)", "box": box.tolist(), "crs": crs, "resolution": 30}
    return {
        "site": {**place, "outline": str(outline), "buffer": 300},
        "start": "2013-04-01",
        "end": "2021-12-31",
        "catalogue": str(made / "archive" / "catalog.json"),
        "products": ["dem", "landsat", "sentinel2"],
        "selection": {"max_cloud": 0.9, "max_missing": 0.9},
    }


def real(work: Path, name: str) -> Path:
    """Return the aligned cube of a glacier from the archives."""
    built = work / f"{name}-real"
    if not runs.is_complete(built):
        workflow.build(workflow.read_source(name, {"start": "2013-04-01", "end": "2021-12-31"}), built)
    workflow.align(built)
    return built


def document(found: dict) -> str:
    """Return the page of the docs."""
    best = {split: table["best_baseline"] for split, table in found["patches"].items()}
    honest, leaky = (found["patches"][split]["models"] for split in ("time", "published"))
    lines = [
        f"Glaciers: {found['origin']}. {PROTOCOL}",
        "",
        "**1. Patches on one glacier.** MSE / MAE of NDSI. The published split on overlapping patches, the split by time on whole scenes.",
        "",
        "| network | printed, first runs | printed, later runs | published split | split by time | skill there |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, honest, leaky) for name in PRINTED if name in honest),
        *(
            f"| {name} (baseline) | – | – | {pair(leaky[name])} | {pair(honest[name])} | {skill(honest[name])} |"
            for name in baselines(honest)
        ),
        "",
        f"Best baseline: {best['published']} under the published split, {best['time']} under that by time. {found['interval_note']}",
        "",
        *(f"- {text}" for text in (*found["split"].values(), *found["leaks"].values())),
        "",
        "**2. Fine-tuning on another glacier.** The same U-Net on the residual of the climatology, on whole scenes of the second glacier.",
        "",
        *by_lead(found["finetuning"], lambda model: False),
        "",
        "**3. Full scenes and generalisation.** By lead on the first glacier; the index of seams is 1 where no tile shows. How the "
        "network does on a glacier that it has not seen is `zero-shot` above.",
        "",
        *by_lead(found["patches"]["time"], lambda model: model["seam_index"] is not None),
        "",
    ]
    return "\n".join(lines)


def row(name: str, honest: dict, leaky: dict) -> str:
    printed = PRINTED[name]
    told = [f"{values[0]:.4f} / {values[1]:.4f}" if (values := printed[run]) else "–" for run in ("first", "later")]
    return f"| {printed['name']} (`{name}`) | {' | '.join(told)} | {pair(leaky[name])} | {pair(honest[name])} | {skill(honest[name])} |"


def by_lead(table: dict, seams) -> list[str]:
    """Return a row a model, the best first: MSE over all leads and at each, and the index of seams where it is told."""
    models = table["models"]
    told = any(seams(model) for model in models.values())
    leads = range(len(next(iter(models.values()))["mse_by_lead"]))
    lines = ["| model | MSE | " + " | ".join(f"lead {lead + 1}" for lead in leads) + " | skill |" + (" seam index |" if told else "")]
    lines += ["| --- " + "| ---: " * (len(leads) + 2 + told) + "|"]
    for name in sorted(models, key=lambda name: models[name]["mse"]):
        model = models[name]
        cells = [f"{model['mse']:.4f}", *(f"{value:.4f}" for value in model["mse_by_lead"]), skill(model)]
        label = f"{name} (baseline)" if model["kind"] == "baseline" else name
        lines.append(f"| {label} | {' | '.join(cells)} |" + (f" {number(model['seam_index'])} |" if told else ""))
    return lines


def baselines(models: dict) -> list[str]:
    """Return the names of the baselines, the best first."""
    return sorted((name for name in models if models[name]["kind"] == "baseline"), key=lambda name: models[name]["mse"])


def pair(model: dict) -> str:
    return f"{model['mse']:.4f} / {model['mae']:.4f}"


def skill(model: dict) -> str:
    between = model["skill_interval"]
    return f"{model['skill']:+.3f}" + (f" ({between[0]:+.2f} … {between[1]:+.2f})" if between else "")


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
