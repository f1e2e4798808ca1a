"""The outlook's networks beside logistic regression and boosted trees, on simulated lakes whose hazard is known.

Usage: python benchmarks/outlook_network.py [--seeds 1000 1001] [--horizons 30 7 90] [--lakes 24] [--keep FOLDER] [--report]

Lakes, folds and figures are those of benchmarks/outlook.py. The networks of images and of series alone are measured at 30 days; and on
the first seed ``network`` is in the modes in which lakes tell nothing. With ``--keep`` a stopped run goes on from where it was. With
``--report`` also writes benchmarks/results/outlook_network.json and docs/results/outlook_network.md. Nothing was tuned on
seeds from 1000 on.
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
RESULT, PAGE = ROOT / "benchmarks" / "results" / "outlook_network.json", ROOT / "docs" / "results" / "outlook_network.md"
MODELS = ("logistic", "boosted", "network", "network_images", "network_series")
ALONE, NONE = 30, 0.02
"""Days at which each part of the network is measured alone; the bar where lakes tell nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001])
    parser.add_argument("--horizons", type=int, nargs="+", default=[30, 7, 90])
    parser.add_argument("--lakes", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="folder in which measured cells are kept")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    cells = []
    for mode, seed, horizon, names in plan(options.seeds, options.horizons):
        cells += scored(mode, seed, options.lakes, horizon, names, options.keep)
    machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
    result = {"machine": machine, "seeds": options.seeds, "lakes": options.lakes, "protocol": "lakes", "cells": cells}
    page = document(result)
    print(page)
    if options.report:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page, encoding="utf-8")


def plan(seeds: list[int], horizons: list[int]) -> list[tuple[str, int, int, tuple[str, ...]]]:
    """Return what is measured: mode, seed, horizon and models, the most telling first."""
    nothing = [(mode, seed, ALONE, ("network",)) for seed in seeds[:1] for mode in ("season", "shuffled")]
    lake = [("lake", seed, days, MODELS[:3]) for days in horizons for seed in seeds]
    return [*lake[: len(seeds)], *nothing, *lake[len(seeds) :], *[("lake", seed, ALONE, MODELS[3:]) for seed in seeds]]


def scored(mode: str, seed: int, lakes: int, horizon: int, names: tuple[str, ...], keep: Path | None) -> list[dict]:
    """Return the figures of models at one horizon on one simulation."""
    from glaciercast.hazard import features, records
    from glaciercast.simulate import outbursts

    paths = {name: None if keep is None else keep / f"{mode}-{seed}-{lakes}-{horizon}-{name}.json" for name in names}
    found, given = [], None
    for name, path in paths.items():
        if path is not None and path.exists():
            found.append(json.loads(path.read_text(encoding="utf-8")))
            continue
        if given is None:
            made = outbursts.simulate(outbursts.OutburstSpec(mode=mode, lakes=lakes), seed)
            read = records.make(made.tables, made.images)
            given = (read, features.make(read, horizons=[horizon]), made.truth)
        found.append(measured(mode, seed, horizon, name, given))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found[-1]), encoding="utf-8")
    return found


def measured(mode: str, seed: int, horizon: int, name: str, given: tuple) -> dict:
    """Return the figures of one model; the season's fits are in its seconds too, and small beside them."""
    from glaciercast.hazard import verify

    read, samples, truth = given
    apart = verify.embargo_days(read, [horizon], verify.VerifyConfig(), MODELS)
    begun, used = time.perf_counter(), time.process_time()
    cell = verify.verify(read, [name], [horizon], "lakes", truth=truth, samples=samples, embargo=apart)["cells"][-1]
    seconds = {"wall": round(time.perf_counter() - begun, 1), "processor": round(time.process_time() - used, 1)}
    known = {key: cell["known"][key] for key in ("skill", "skill_oracle", "share", "slope")}
    print(f"{mode} {seed} {horizon} {name}: {known['skill']['value']:.3f}, {seconds}", flush=True)
    return {"mode": mode, "seed": seed, "model": name, "horizon": horizon, "floods": cell["floods"], "known": known, "seconds": seconds}


def document(result: dict) -> str:
    """Return the page of results."""
    cells = result["cells"]
    lines = [
        f"Made by `python benchmarks/outlook_network.py --report`. Each seed gives {result['lakes']} simulated lakes; folds, skill and "
        "intervals are those of the table above. `network_images` reads images and the dates of past floods, `network_series` what "
        "`logistic` reads, `network` both. Each holds a logistic regression and four small networks on the same numbers, and is the "
        "regression, the networks, or the mean of their log odds: whichever foretells left-out lakes and years best. Images enter as "
        "shares of water, read off their pixels: convolutions over images and over series were tried on other seeds, and foretold lakes "
        "that were left out worse. Nothing was tuned on these seeds.",
        "",
        "| days | seed | model | floods | skill | oracle's | share of its gain | slope | processor time, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    own = [cell for cell in cells if cell["mode"] == "lake"]
    lines += [_row(cell) for cell in sorted(own, key=lambda each: (each["horizon"], each["seed"], MODELS.index(each["model"])))]
    lines += ["", *[_compared(own, days) for days in sorted({cell["horizon"] for cell in own})], "", *_nothing(cells), "", *_worth(own), ""]
    lines.append(
        "Processor time is that of six folds of seven fits each, of the season's, and of the intervals of the figures, on "
        f"{result['machine']['cpus']} cores that other work shared."
    )
    return "\n".join(lines) + "\n"


def _row(cell: dict) -> str:
    known = cell["known"]
    low, high = known["skill"]["interval"] or (float("nan"), float("nan"))
    skill = f"{known['skill']['value']:.3f} ({low:.3f} – {high:.3f})"
    slope = known["slope"]["value"]
    tilt = "none" if slope is None else f"{slope:.2f}"
    return (
        f"| {cell['horizon']} | {cell['seed']} | {cell['model']} | {cell['floods']} | {skill} "
        f"| {known['skill_oracle']['value']:.3f} | {known['share']['value']:.2f} | {tilt} "
        f"| {cell['seconds']['processor']:.0f} |"
    )


def _compared(cells: list[dict], horizon: int) -> str:
    """Return mean skills at one horizon, the best first."""
    names = [name for name in MODELS if any((cell["model"], cell["horizon"]) == (name, horizon) for cell in cells)]
    means = {
        name: float(np.mean([cell["known"]["skill"]["value"] for cell in cells if (cell["model"], cell["horizon"]) == (name, horizon)]))
        for name in names
    }
    told = ", ".join(f"{name} {mean:.3f}" for name, mean in sorted(means.items(), key=lambda each: -each[1]))
    return f"- {horizon} days, mean skill over seeds: {told}."


def _worth(cells: list[dict]) -> list[str]:
    """Return what the network is worth beside logistic regression, held against how sure their skills are."""
    skills = {(cell["model"], cell["horizon"], cell["seed"]): cell["known"]["skill"] for cell in cells}
    pairs = [
        (skill, skills["logistic", *key[1:]]) for key, skill in skills.items() if key[0] == "network" and ("logistic", *key[1:]) in skills
    ]
    known = [(network, other) for network, other in pairs if network["interval"] and other["interval"]]
    if not known:
        return []
    gains = [network["value"] - other["value"] for network, other in known]
    apart = any(network["interval"][0] > other["interval"][1] or network["interval"][1] < other["interval"][0] for network, other in known)
    told = "some intervals lie apart" if apart else "all intervals overlap by far more: nothing shows that either is better"
    return [f"`network` less `logistic`: from {min(gains):+.3f} to {max(gains):+.3f}, {np.mean(gains):+.3f} on average; {told}."]


def _nothing(cells: list[dict]) -> list[str]:
    """Return what was found where lakes tell nothing."""
    own = [cell for cell in cells if cell["mode"] != "lake"]
    if not own:
        return []
    largest = max(abs(cell["known"]["skill"]["value"]) for cell in own)
    told = ", ".join(f"{cell['mode']} {cell['seed']}: {cell['known']['skill']['value']:+.4f}" for cell in own)
    verdict = "within" if largest < NONE else "NOT within"
    return [f"Where lakes tell nothing, the skill of `network` at {ALONE} days is {verdict} ±{NONE} ({told})."]


if __name__ == "__main__":
    main()
