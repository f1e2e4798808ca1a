"""The flood outlook on real floods: what the dates of past floods alone foretell, beside the seasonal base rate.

Usage: python benchmarks/outlook_real.py --catalogue HMAGLOFDB.csv [--horizons 30 90] [--protocols forward lake] [--report]

No satellite series of these lakes is read, only the catalogue: this tests the season, the date climatology and what models make of when a
lake last drained, not the features of images. Lakes and their watch follow from one rule, `watched`. With ``--report`` also writes
benchmarks/results/outlook_real.json and docs/results/outlook_real.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.hazard import catalogue, events, features, verify

ROOT = Path(__file__).resolve().parents[1]
RESULT, PAGE = ROOT / "benchmarks" / "results" / "outlook_real.json", ROOT / "docs" / "results" / "outlook_real.md"
MODELS = ("base_rate", "dates", "logistic", "boosted")
FEWEST, APART, DATED, SINCE = 4, 12, 14, 1950
"""Floods that a lake must have, years that two of them may lie apart, days to which they are dated, first year."""
KEYS = ("protocol", "model", "horizon", "floods", "lake_years", "brier", "skill", "slope", "claim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--horizons", type=int, nargs="+", default=[30, 90])
    parser.add_argument("--protocols", nargs="+", default=["forward", "lake"])
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    lakes, cells = scored(options.catalogue, options.horizons, options.protocols, MODELS)
    result = {"lakes": lakes.astype(str).to_dict("records"), "cells": cells}
    page = document(result)
    print(page)
    if options.report:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page, encoding="utf-8")


def scored(file: Path, horizons: list[int], protocols: list[str], models: tuple[str, ...]) -> tuple[pd.DataFrame, list[dict]]:
    """Return the lakes with their watch and number of floods, and the figures of each model."""
    floods = catalogue.read(file).events
    lakes = watched(floods)
    records, _ = events.to_records(floods, lakes)
    samples = features.make(records, None, horizons=horizons)
    found = verify.verify(records, models, horizons, protocols, samples=samples)
    return lakes, [{key: cell[key] for key in KEYS} for cell in found["cells"]]


def watched(floods: pd.DataFrame) -> pd.DataFrame:
    """Return lakes held by ice that a catalogue follows from flood to flood, with the days on which it would have told of one.

    Of each lake the longest run of floods since 1950 that are dated to 14 days, no two more than 12 years apart; four at least. The watch
    begins in January after the first, without which nobody would look at the lake, and ends with the year of the last.
    """
    dated = floods[(floods["type"] == "ice") & ((floods["latest"] - floods["earliest"]).dt.days <= DATED)]
    dated = dated.assign(name=dated["lake"].where(dated["lake"] != "", dated["glacier"]), year=dated["earliest"].dt.year)
    rows = []
    for name, own in dated[(dated["name"] != "") & (dated["year"] >= SINCE)].groupby("name"):
        ordered = own.sort_values("earliest")
        runs = np.split(np.arange(len(ordered)), np.flatnonzero(np.diff(ordered["year"]) > APART) + 1)
        run = ordered.iloc[max(runs, key=len)]
        if len(run) >= FEWEST:
            first, last, place = run["year"].iloc[0], run["year"].iloc[-1], run.iloc[0]
            watch = {"watched_from": pd.Timestamp(first + 1, 1, 1), "watched_to": pd.Timestamp(last, 12, 31)}
            rows.append({"lake": name, "lon": place["lon"], "lat": place["lat"], "dam": "ice", **watch, "floods": len(run) - 1})
    return pd.DataFrame(rows)


def document(result: dict) -> str:
    """Return the page of results."""
    lines = [
        "Made by `python benchmarks/outlook_real.py --catalogue HMAGLOFDB.csv --report`. Real floods, of lakes held by ice: of each lake "
        f"the longest run of floods since {SINCE} dated to {DATED} days, no two more than {APART} years apart, {FEWEST} at least. The "
        "watch begins in January after the first flood and ends with the year of the last. A year without an entry counts as one without a "
        "flood, and the last year always has one: both are guesses that no catalogue can avoid. Nothing is known of the lakes but their "
        "floods, so that the features of images are not tested here.",
        "",
        "| lake | watched | floods dated to 14 days |",
        "|---|---|---|",
        *(f"| {lake['lake']} | {lake['watched_from'][:4]} – {lake['watched_to'][:4]} | {lake['floods']} |" for lake in result["lakes"]),
        "",
        "Skill of the Brier score against the seasonal base rate of the same fold, with 95 % intervals by bootstrap over lakes and years.",
        "",
        "| protocol | days | model | floods | Brier score | skill | slope |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in result["cells"]:
        skill = "0 by definition" if cell["model"] == "season" else _figure(cell["skill"], 3)
        names = f"| {cell['protocol']} | {cell['horizon']} | {cell['model']} | {cell['floods']} "
        lines.append(f"{names}| {cell['brier']['value']:.4f} | {skill} | {_figure(cell['slope'], 2)} |")
    return "\n".join(lines) + "\n"


def _figure(figure: dict, digits: int) -> str:
    if figure["value"] is None:
        return "none"
    if figure["interval"] is None:
        return f"{figure['value']:.{digits}f}"
    low, high = figure["interval"]
    return f"{figure['value']:.{digits}f} ({low:.{digits}f} – {high:.{digits}f})"


if __name__ == "__main__":
    main()
