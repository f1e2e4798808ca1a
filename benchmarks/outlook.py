"""The flood outlook on simulated lakes whose hazard is known: skill, share of the oracle's gain, reliability, and none where there is none.

Usage: python benchmarks/outlook.py [--seeds 1000 1001] [--modes lake season shuffled] [--models dates area_rule logistic boosted]
       [--horizons 7 30 90] [--network] [--keep FOLDER] [--report]

Each seed gives 24 lakes watched for eight years. Lakes are left out in six groups, so that each is foretold by models that never saw it.
In the mode ``lake`` floods hang on how full a lake is, in ``season`` on the day of the year alone, and in ``shuffled`` the floods of the
first are moved among lakes and years on their day of the year. ``--network`` adds the network of images and series at 30 days, on the
first seed in the mode ``lake``. With ``--keep`` a stopped run goes on from where it was. With ``--report`` also writes
benchmarks/results/outlook.json and docs/results/outlook.md. Nothing was tuned on seeds from 1000 on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULT, PAGE = ROOT / "benchmarks" / "results" / "outlook.json", ROOT / "docs" / "results" / "outlook.md"
MODES = {
    "lake": "floods hang on how full the lake is",
    "season": "floods hang on the day of the year alone",
    "shuffled": "floods moved among lakes and years on their day of the year",
}
SLOPES, SHARE, NONE = (0.8, 1.2), 0.5, 0.02
"""The bars: reliability slope, share of the oracle's gain, skill where there is none."""
KEYS = ("brier", "brier_season", "brier_oracle", "skill", "skill_oracle", "share", "slope")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--models", nargs="+", default=["dates", "area_rule", "logistic", "boosted"])
    parser.add_argument("--horizons", type=int, nargs="+", default=[7, 30, 90])
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder in which chances are kept")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    begun, cells = time.perf_counter(), []
    whole = options.keep is None or not options.keep.exists()
    for mode in options.modes:
        for seed in options.seeds:
            network = options.network and mode == "lake" and seed == options.seeds[0]
            cells += scored(mode, seed, options.models, options.horizons, network, options.keep)
            print(f"{mode} {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
    seconds = round(time.perf_counter() - begun) if whole else None  # of a run that went on, the time tells nothing
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "seconds": seconds}
    result = {"machine": machine, "seeds": options.seeds, "protocol": "lakes", "cells": cells}
    page = document(result)
    print(page)
    if options.report:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page, encoding="utf-8")


def scored(mode: str, seed: int, models: list[str], horizons: list[int], network: bool, keep: Path | None) -> list[dict]:
    """Return the figures of all models on one simulation."""
    from glaciercast.hazard import features, records, verify
    from glaciercast.simulate import outbursts

    made = outbursts.simulate(outbursts.OutburstSpec(mode=mode), seed)
    lakes = records.make(made.tables, made.images)
    samples = features.make(lakes, horizons=horizons)
    found = []
    for names, days in ((models, horizons), (["network"] if network else [], [30])):
        if names:
            folder = None if keep is None else keep / f"{mode}-{seed}"
            result = verify.verify(lakes, names, days, "lakes", truth=made.truth, samples=samples, keep=folder)
            found += [brief(mode, seed, cell) for cell in result["cells"] if cell["model"] != "season" or names is models]
    return found


def brief(mode: str, seed: int, cell: dict) -> dict:
    """Return what the tables need of a cell."""
    kept = {key: cell[key] for key in ("model", "horizon", "floods", "samples", "lakes", "lake_years", "folds", "claim")}
    known = {key: cell["known"][key] for key in KEYS}
    return {"mode": mode, "seed": seed, **kept, "known": known, "observed": {key: cell[key] for key in ("skill", "slope", "pr_auc")}}


def document(result: dict) -> str:
    """Return the page of results."""
    cells = result["cells"]
    years = {(cell["mode"], cell["seed"]): cell for cell in cells}
    lines = [
        "Made by `python benchmarks/outlook.py --report`. Each seed gives 24 simulated lakes, watched for eight years, whose true "
        "chance of a flood is known for every day. Lakes are left out in six groups: each is foretold by models that never saw it. Skill "
        "is what the expected Brier score, mean((p − q)² + q(1 − q)) with the true chance q, gains on the seasonal base rate of the same "
        "fold; the oracle foretells q itself. Brackets hold 95 % intervals by bootstrap over lakes and their years. Nothing was tuned on "
        "these seeds.",
        "",
    ]
    for mode, meaning in MODES.items():
        own = [cell for cell in cells if cell["mode"] == mode]
        if own:
            lines += [f"### {mode.capitalize()}: {meaning}", "", *_table(own), ""]
    lines += ["### Against the bars", "", *_verdicts(cells), ""]
    total = sum(each["lake_years"] for each in years.values()) / max(1, len(years))
    machine = result["machine"]
    took = "" if machine["seconds"] is None else f" All took {machine['seconds']} s on {machine['cpus']} cores."
    lines.append(f"Each simulation holds {total:.0f} scored lake-years on average.{took}")
    return "\n".join(lines) + "\n"


def _table(cells: list[dict]) -> list[str]:
    rows = ["| days | seed | model | floods | skill | oracle's | share of its gain | slope |", "|---|---|---|---|---|---|---|---|"]
    for cell in sorted(cells, key=lambda each: (each["horizon"], each["seed"])):
        known, base = cell["known"], cell["model"] == "season"
        told = ("0 by definition", "") if base else (_figure(known["skill"]), _number(known["share"]["value"], 2))
        if cell["mode"] != "lake":
            told = (told[0], "")
        slope = _number(known["slope"]["value"], 2)
        oracle = _number(known["skill_oracle"]["value"], 3)
        rows.append(
            f"| {cell['horizon']} | {cell['seed']} | {cell['model']} | {cell['floods']} | {told[0]} | {oracle} | {told[1]} | {slope} |"
        )
    return rows


def _verdicts(cells: list[dict]) -> list[str]:
    learnt = [cell for cell in cells if cell["model"] in {"logistic", "boosted", "network"}]
    lines = []
    for cell in sorted(learnt, key=lambda each: (each["mode"], each["horizon"], each["seed"])):
        missed = misses(cell)
        if missed:
            lines.append(f"- {cell['model']}, {cell['mode']}, {cell['horizon']} days, seed {cell['seed']}: {'; '.join(missed)}")
    best = [_best(cells, mode, horizon) for mode in ("lake",) for horizon in sorted({cell["horizon"] for cell in cells})]
    head = [line for line in best if line]
    bars = f"slope {SLOPES[0]} – {SLOPES[1]}, half of the oracle's gain, below {NONE} in size where lakes tell nothing"
    return [
        *head,
        "",
        f"Missed of the bars ({bars}) by learnt models:" if lines else f"All learnt models hold the bars ({bars}).",
        "",
        *lines,
    ]


def misses(cell: dict) -> list[str]:
    """Return which bars a learnt model misses."""
    known, found = cell["known"], []
    slope = known["slope"]["value"]
    if slope is None or not SLOPES[0] <= slope <= SLOPES[1]:
        found.append(f"slope {_number(slope, 2)}")
    if cell["mode"] == "lake" and known["share"]["value"] < SHARE:
        found.append(f"{known['share']['value']:.0%} of the oracle's gain")
    if cell["mode"] != "lake" and abs(known["skill"]["value"]) >= NONE:
        found.append(f"skill {known['skill']['value']:+.3f}")
    return found


def _best(cells: list[dict], mode: str, horizon: int) -> str:
    """Return the line of the best model at one horizon: means over seeds."""
    own = [cell for cell in cells if (cell["mode"], cell["horizon"]) == (mode, horizon) and cell["model"] not in {"season", "network"}]
    if not own:
        return ""
    means = {
        name: np.mean([cell["known"]["skill"]["value"] for cell in own if cell["model"] == name])
        for name in {cell["model"] for cell in own}
    }
    name = max(means, key=lambda each: means[each])
    oracle = np.mean([cell["known"]["skill_oracle"]["value"] for cell in own if cell["model"] == name])
    floods = sum(cell["floods"] for cell in own if cell["model"] == name)
    return (
        f"- {horizon} days: best is {name} with a skill of {means[name]:.3f}, {means[name] / oracle:.0%} of the oracle's {oracle:.3f} "
        f"(means over seeds, {floods} floods)."
    )


def _figure(figure: dict) -> str:
    if figure["interval"] is None:
        return _number(figure["value"], 3)
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.3f} – {high:.3f})"


def _number(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
