"""The flood outlook on simulated lakes whose hazard is known: skill, share of the oracle's gain, reliability, and none where there is none.

Usage: python benchmarks/outlook.py [--lakes 24 48 96] [--elsewhere 24 48] [--seeds 1000 1001] [--modes lake season shuffled]
       [--models dates area_rule logistic boosted] [--horizons 7 30 90] [--keep FOLDER] [--report]

Each seed gives so many lakes, watched for eight years. Lakes are left out in six groups, so that each is foretold by models that never
saw it. In the mode ``lake`` floods hang on how full a lake is, in ``season`` on the day of the year alone, and in ``shuffled`` the floods
of the first are moved among lakes and years on their day of the year. ``--lakes`` are the numbers of lakes in the first mode,
``--elsewhere`` those in the others, where there is nothing to learn from lakes. Rules that learn little are run in the first mode with
the most lakes alone. With ``--keep`` a stopped run goes on from where it was. With ``--report`` also writes
benchmarks/results/outlook.json and docs/results/outlook.md. Nothing was tuned on seeds from 1000 on. Networks: outlook_network.py.
"""

from __future__ import annotations

import argparse
import itertools
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
LEARNT = ("logistic", "boosted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lakes", type=int, nargs="+", default=[24, 48, 96])
    parser.add_argument("--elsewhere", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--models", nargs="+", default=["dates", "area_rule", "logistic", "boosted"])
    parser.add_argument("--horizons", type=int, nargs="+", default=[7, 30, 90])
    parser.add_argument("--keep", type=Path, help="folder in which chances are kept")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    begun, cells = time.perf_counter(), []
    whole = options.keep is None or not options.keep.exists()
    most = max(options.lakes)
    for mode, size, seed in itertools.product(options.modes, sorted({*options.lakes, *options.elsewhere}), options.seeds):
        if size in (options.lakes if mode == "lake" else options.elsewhere):
            models = [name for name in options.models if name in LEARNT or (size, mode) == (most, "lake")]
            cells += scored(mode, size, seed, models, options.horizons, options.keep)
            print(f"{mode}, {size} lakes, {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
    seconds = round(time.perf_counter() - begun) if whole else None  # of a run that went on, the time tells nothing
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "seconds": seconds}
    result = {"machine": machine, "seeds": options.seeds, "protocol": "lakes", "cells": cells}
    page = document(result)
    print(page)
    if options.report:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page, encoding="utf-8")


def scored(mode: str, size: int, seed: int, models: list[str], horizons: list[int], keep: Path | None) -> list[dict]:
    """Return the figures of all models on one simulation of `size` lakes."""
    from glaciercast.hazard import features, records, verify
    from glaciercast.simulate import outbursts

    made = outbursts.simulate(outbursts.OutburstSpec(mode=mode, lakes=size, seen=outbursts.SeenSpec(images=0)), seed)
    lakes = records.make(made.tables, made.images)
    samples = features.make(lakes, horizons=horizons)
    folder = None if keep is None else keep / f"{mode}-{size}-{seed}"
    result = verify.verify(lakes, models, horizons, "lakes", truth=made.truth, samples=samples, keep=folder)
    return [brief(mode, size, seed, cell) for cell in result["cells"]]


def brief(mode: str, size: int, seed: int, cell: dict) -> dict:
    """Return what the tables need of a cell."""
    kept = {key: cell[key] for key in ("model", "horizon", "floods", "samples", "lakes", "lake_years", "folds", "claim")}
    known = {key: cell["known"][key] for key in KEYS}
    observed = {key: cell[key] for key in ("skill", "slope", "pr_auc")}
    return {"mode": mode, "size": size, "seed": seed, **kept, "known": known, "observed": observed}


def document(result: dict) -> str:
    """Return the page of results."""
    cells = result["cells"]
    sizes = sorted({cell["size"] for cell in cells})
    lines = [
        f"Made by `python benchmarks/outlook.py --report`. Each seed gives {_listed(sizes)} simulated lakes, watched for eight "
        "years, whose true chance of a flood is known for every day. Lakes are left out in six groups: each is foretold by models that "
        "never saw it. Skill is what the expected Brier score, mean((p − q)² + q(1 − q)) with the true chance q, gains on the seasonal "
        "base rate of the same fold; the oracle foretells q itself. Brackets hold 95 % intervals by bootstrap over lakes and their years. "
        "Nothing was tuned on these seeds.",
        "",
    ]
    if any(cell["mode"] == "lake" for cell in cells):
        lines += ["### How many lakes it takes", "", *_curve(cells, sizes), ""]
    lines += ["### Against the bars", "", *_verdicts(cells, sizes), ""]
    for mode, size in itertools.product(MODES, sizes[::-1]):
        own = [cell for cell in cells if (cell["mode"], cell["size"]) == (mode, size)]
        if own:
            lines += [f"### {mode.capitalize()}: {MODES[mode]}, {size} lakes", "", *_table(own), ""]
    years = {(cell["mode"], cell["size"], cell["seed"]): cell["lake_years"] for cell in cells}
    total = ", ".join(f"{np.mean([number for key, number in years.items() if key[1] == size]):.0f} of {size} lakes" for size in sizes)
    machine = result["machine"]
    took = "" if machine["seconds"] is None else f" All took {machine['seconds']} s on {machine['cpus']} cores that other work shared."
    lines.append(f"Scored lake-years of a simulation, on average: {total}.{took}")
    return "\n".join(lines) + "\n"


def _listed(sizes: list[int]) -> str:
    *first, last = (str(size) for size in sizes)
    return f"{', '.join(first)} or {last}" if first else last


def _curve(cells: list[dict], sizes: list[int]) -> list[str]:
    """Return the share of the oracle's gain by number of lakes: means over seeds, each seed in brackets."""
    rows = ["| lakes | days | floods | oracle's skill | logistic's share of its gain | boosted's |", "|---|---|---|---|---|---|"]
    for size, horizon in itertools.product(sizes, sorted({cell["horizon"] for cell in cells})):
        own = [cell for cell in cells if (cell["mode"], cell["size"], cell["horizon"]) == ("lake", size, horizon)]
        shares = [_shares([cell for cell in own if cell["model"] == name]) for name in ("logistic", "boosted")]
        season = [cell for cell in own if cell["model"] == "season"]
        floods = ", ".join(str(cell["floods"]) for cell in season)
        oracle = np.mean([cell["known"]["skill_oracle"]["value"] for cell in season])
        rows.append(f"| {size} | {horizon} | {floods} | {oracle:.3f} | {' | '.join(shares)} |")
    return rows


def _shares(cells: list[dict]) -> str:
    found = [cell["known"]["share"]["value"] for cell in cells]
    return f"{np.mean(found):.0%} ({', '.join(f'{each:.0%}' for each in found)})" if found else ""


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


def _verdicts(cells: list[dict], sizes: list[int]) -> list[str]:
    bars = f"slope {SLOPES[0]} – {SLOPES[1]}, half of the oracle's gain, below {NONE} in size where lakes tell nothing"
    lines = [f"The bars: {bars}.", ""]
    for size in sizes[::-1]:
        learnt = [cell for cell in cells if cell["model"] in LEARNT and cell["size"] == size]
        missed = [(cell, misses(cell)) for cell in sorted(learnt, key=lambda each: (each["mode"], each["horizon"], each["seed"]))]
        told = [
            f"  - {cell['model']}, {cell['mode']}, {cell['horizon']} days, seed {cell['seed']}: {'; '.join(why)}"
            for cell, why in missed
            if why
        ]
        modes = ", ".join(mode for mode in MODES if any(cell["mode"] == mode for cell in learnt))
        said = f"{len(told)} of {len(learnt)} learnt models miss them:" if told else f"all {len(learnt)} learnt models hold them."
        lines += [f"- With **{size} lakes** ({modes}) {said}", *told]
    return lines


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


def _figure(figure: dict) -> str:
    if figure["interval"] is None:
        return _number(figure["value"], 3)
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.3f} – {high:.3f})"


def _number(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
