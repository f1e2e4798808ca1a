"""How well movement can be forecast: a real surge (Lowell) and fourteen glaciers of High Mountain Asia, against every baseline.

Usage: python benchmarks/movement.py [--data ../shared/data] [--threads 1] [--report]

Lowell every 5 days and every 30, each split twice by time: late (the shares 0.75, 0.1, 0.15, so that training or validation see the ice
speed up) and before the surge (all that was available by 2020-05-11 trains and validates). The glaciers' quarters by time, and with each
glacier left out. Settings are fixed here; the autoregression of changes joined after a first look at the tables,
and the trees' and the U-Net's settings were cut for time after it. What is absent is skipped with a reason. Writes
benchmarks/results/movement.json and, with --report, docs/results/movement.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from glaciercast.evaluate import movement, movement_series
from glaciercast.evaluate.movement import Learner, MovementConfig
from glaciercast.patches import series as serieses
from glaciercast.sources import velocity_series, velocity_table
from glaciercast.sources.velocity_series import VelocitySeriesConfig
from glaciercast.sources.velocity_table import VelocityTableConfig
from glaciercast.training.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[1]
LOWELL, GLACIERS = "lowell_surge/Lowell_example_interp.nc", "itslive_hma/regional_quarterly_velocity.csv.gz"
SURGE = "2020-05-11"
LATE = (0.75, 0.1, 0.15)
TREES = {"samples": 30_000, "rounds": 100, "learning_rate": 0.1, "pixels": 50}
FIELDS = MovementConfig(
    patch=12, stride=12, learners=(Learner(name="pixel_boosted", options=TREES), Learner(name="unet_time")),
    training=TrainingConfig(epochs=6, patience=3, batch_size=32),
)  # fmt: skip
MONTHS = {"n_input": 4, "n_target": 4, "training": TrainingConfig(epochs=40, patience=8, batch_size=32)}
EVERY = {1: FIELDS, 6: FIELDS.model_copy(update=MONTHS)}
"""Steps of five days that are one step → settings."""
FOREST = Learner(name="pixel_boosted", options={**TREES, "pixels": 20, "around": 1})
QUARTERS = MovementConfig(
    n_input=8, n_target=4, patch=1, stride=1, orders=tuple(range(1, 9)), clusters="place",
    learners=(FOREST, Learner(name="lstm", residual="climatology", options={"hidden": 32})), training=TrainingConfig(epochs=20, patience=5),
)  # fmt: skip
NOTES = {
    "late": "Shares of training, validation and test: " + ", ".join(f"{share:g}" for share in LATE) + ".",
    "before the surge": f"All that was available by {SURGE} trains and validates; after a gap, what came later tests.",
    "left out": "Models are fitted on the other glaciers' training part and know of a glacier only the window that they read: its "
    "climatology is the mean of the others, and so are trend and anomaly about it.",
}
REACH = 90.0
"""Days that the image pairs behind a quarter's value are taken to reach beyond it; the table does not tell."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in ((LOWELL, lowell), (GLACIERS, glaciers)):
            if (options.data / name).is_file():
                results |= measure(options.data / name, Path(folder))
            else:
                print(f"skipped {name}: not in {options.data} (--data)", file=sys.stderr)
    if not results:
        return
    (ROOT / "benchmarks" / "results" / "movement.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.report:
        (ROOT / "docs" / "results" / "movement.md").write_text(document(results), encoding="utf-8")


def lowell(path: Path, folder: Path) -> dict:
    """Return the results of Lowell at both cadences and both splits."""
    title = VelocitySeriesConfig(title="Lowell Glacier", attribution="ticoi examples, inverted from ITS_LIVE (Charrier et al.)")
    whole, results = velocity_series.read(path, title), {}
    for every, settings in EVERY.items():
        thinned = velocity_series.thinned(whole, every)
        cube = movement_series.write_cube(thinned, folder / f"lowell-{every}.zarr")
        series = serieses.load(cube, folder / f"cache-{every}", movement_series.COMPONENTS, settings.n_target)
        shape = settings.n_input, settings.n_target, movement.history_of(series, settings)
        parts = {"late": LATE, "before the surge": movement_series.shares_before(series, SURGE, *shape)}
        for label, fractions in parts.items():
            name = f"Lowell, steps of {thinned.attrs['step_days']:g} days, {label}"
            where = folder / f"{every}-{label[:4]}"
            results[name] = timed(name, lambda s=series, c=settings, f=fractions, w=where: movement.assess(s, changed(c, fractions=f), w))
            results[name] |= {"span_days": thinned.attrs["span_days"], "note": NOTES[label]}
    return results


def glaciers(path: Path, folder: Path) -> dict:
    """Return the results of the glaciers' quarters, by time and with each glacier left out."""
    table = velocity_table.read(path, VelocityTableConfig(title="Fourteen glaciers of High Mountain Asia", attribution="NASA ITS_LIVE"))
    series = movement_series.of_table(table, folder / "quarters", QUARTERS.n_target, REACH)
    by_time, left_out = "Fourteen glaciers, quarters, by time", "Fourteen glaciers, quarters, each left out"
    results = {by_time: timed(by_time, lambda: movement.assess(series, QUARTERS, folder / "glaciers"))}
    alone = changed(QUARTERS, learners=(FOREST,))
    results[left_out] = timed(left_out, lambda: movement.leave_one_out(series, alone, folder / "left-out"))
    results[by_time]["noise"] = noise(table)
    results[left_out]["note"] = NOTES["left out"]
    return results


def changed(settings: MovementConfig, **keys: object) -> MovementConfig:
    return settings.model_copy(update=keys)


def timed(name: str, measure) -> dict:
    began, used = time.perf_counter(), time.process_time()
    found = {**measure(), "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    print(f"{name}: {found['seconds']:.0f} s", file=sys.stderr, flush=True)
    return found


def noise(table: xr.Dataset) -> dict:
    """Return medians of early and late years, winters and summers, m/yr: stated error, mean magnitude, magnitude of the mean vector."""
    year, month = table["time"].dt.year.values, table["time"].dt.month.values
    columns = {"v_error": table["v_error"].values, "v": table["v"].values, "vector": np.hypot(table["vx"], table["vy"]).values}
    chosen = {
        f"{year.min()}–{year.min() + 9}": year < year.min() + 10,
        f"{year.max() - 9}–{year.max()}": year > year.max() - 10,
        "October to March": (month >= 10) | (month <= 3),
        "April to September": (month >= 4) & (month <= 9),
    }
    return {label: {name: float(np.nanmedian(values[rows])) for name, values in columns.items()} for label, rows in chosen.items()}


def document(results: dict) -> str:
    """Return the page."""
    lines = [
        "Made by `python benchmarks/movement.py --report`. Errors are those of vx and vy together (root of their mean square, m/yr), in "
        "brackets the skill against the best baseline at that lead; a baseline is also what is regressed linearly on the last values "
        "(`linear_ar`: levels, departures from the climatology, changes). The best baselines are in bold.",
        "",
    ]
    spans = {found["span_days"] for found in results.values() if "span_days" in found}
    for span in spans:
        lines += [
            f"**Lowell is a hindcast.** Its series was inverted from image pairs on both sides of each value, and a value spans {span:g} "
            f"days: at leads below {span:g} days the target shares its images with the last value that is read, so those skills are of an "
            f"interpolation; steps of {span:g} days share none. The surge is one event: whatever the number of windows, the test parts "
            "hold one surge, and an interval over its blocks of time says nothing of another surge.",
            "",
        ]
    for found in results.values():
        if "noise" in found:
            lines += [sensors(found["noise"]), ""]
    for name, found in results.items():
        lines += [f"## {name}", "", f"{found['note']} {said(found)}" if "note" in found else said(found), "", *table(found), ""]
    return "\n".join(lines)


def sensors(found: dict) -> str:
    (first, early), (last, late), (winter, cold), (summer, warm) = found.items()
    return (
        f"**The glaciers' early quarters are noisy because sensors changed.** The median stated error was {early['v_error']:.0f} m/yr in "
        f"{first} and {late['v_error']:.0f} in {last}; {winter} {cold['v_error']:.0f}, {summer} {warm['v_error']:.0f}: peaks in winter are "
        f"noise as well. The table's mean magnitudes fell with it from {early['v']:.0f} to {late['v']:.0f} m/yr ({cold['v']:.0f} in "
        f"winter, {warm['v']:.0f} in summer) where the mean vectors' went from {early['vector']:.0f} to {late['vector']:.0f}. So it is "
        "components that are forecast and scored, and speed is made from them."
    )


def said(found: dict) -> str:
    """Return what the table says, in words made from its numbers."""
    split, models = found["split"], found["models"]
    best, networks = found["best_baseline"], [name for name, model in models.items() if model["kind"] == "network"]
    windows = split["windows"]
    top = max(networks, key=lambda name: models[name]["skill"])
    ahead = score(models[top]["skill"]) + interval(models[top]["interval"])
    winning = [lead for lead in range(len(found["leads"])) if max(models[name]["skill_by_lead"][lead] for name in networks) >= 0.005]
    where = "at no lead" if not winning else "at " + ", ".join(lead_name(found, lead) for lead in winning)
    regressed = min((name for name in models if name.startswith("linear_ar")), key=lambda name: models[name]["mse"])
    gain = models[regressed]["against"]["persistence"]
    sentence = split["text"][0].upper() + split["text"][1:]
    return (
        f"{sentence}; {windows['train']}, {windows['validation']} and {windows['test']} windows. Over all leads the best baseline is "
        f"`{best}`, and the best network `{top}` has skill {ahead}; a network has a "
        f"lower error than the best baseline {where}. The best autoregression is `{regressed}`, with skill {score(gain['skill'])}"
        f"{interval(gain['interval'])} against persistence. {found['interval_note']}"
    )


def table(found: dict) -> list[str]:
    models, leads = found["models"], range(len(found["leads"]))
    heads = [lead_name(found, lead) for lead in leads]
    lines = [
        f"| model | {' | '.join(heads)} | skill, all leads | RMSE of speed, last lead |",
        "| --- |" + " ---: |" * (len(heads) + 2),
    ]
    for name, model in models.items():
        cells = []
        for lead in leads:
            cell = f"{number(model['mse_by_lead'][lead] ** 0.5)} ({score(model['skill_by_lead'][lead])})"
            cells.append(f"**{cell}**" if found["best_baseline_by_lead"][lead] == name else cell)
        overall = f"{score(model['skill'])}{interval(model['interval'])}"
        lines.append(f"| `{name}` | {' | '.join(cells)} | {overall} | {number(model['speed_by_lead'][-1] ** 0.5)} |")
    return lines


def lead_name(found: dict, lead: int) -> str:
    if found["cadence"] == "QS":
        return f"{lead + 1} quarter{'s' if lead else ''}"
    return f"{found['lead_days'][lead]} days"


def interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f" ({score(bounds[0])} … {score(bounds[1])})"


def score(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{round(value, 2) + 0.0:.2f}"  # + 0.0: no −0


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    main()
