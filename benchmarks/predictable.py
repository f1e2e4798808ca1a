"""How much of each scenario's monthly NDSI an oracle can foresee, pooled over seeds of the weather; writes the table of the docs.

Usage: python benchmarks/predictable.py [--seeds 8] [--scenarios parvati-like aletsch-like shisper-like small]

Terrain and pixels are those of seed 0; only the weather changes, with seeds below 1000. Writes benchmarks/results/predictable.json and
docs/results/predictable.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from glaciercast.simulate import oracle, scenario, truth, weather, world

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ("parvati-like", "aletsch-like", "shisper-like", "small")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    options = parser.parse_args()
    results = {name: pooled(name, options.seeds) for name in options.scenarios}
    (ROOT / "benchmarks" / "results" / "predictable.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    text = table(results, options.seeds)
    (ROOT / "docs" / "results" / "predictable.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def pooled(name: str, seeds: int) -> dict:
    """Return the oracle's scores of one scenario over `seeds` seeds of its weather, with each seed's share at the first lead."""
    spec = scenario.load(name)
    pixels = truth.sample(world.make(spec, 0))
    found = [
        oracle.assess(spec, seed, pixels, weather=weather.make(spec.weather, spec.start, spec.end, seed, name)) for seed in range(seeds)
    ]
    spread = [[result["leads"][lead]["predictable_share"] for result in found] for lead in range(len(found[0]["leads"]))]
    return {**oracle.pooled(found), "spread": [[float(np.min(values)), float(np.max(values))] for values in spread]}


def table(results: dict, seeds: int) -> str:
    """Return the Markdown table."""
    lines = [
        "| share of the variance about climatology that the oracle foresees | 1 month | 2 | 3 | 4 | season and place explain | issues |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        cells = [
            f"{row['predictable_share']:.2f} ({low:.2f} – {high:.2f})"
            for row, (low, high) in zip(result["leads"], result["spread"], strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {result['season_and_place']:.2f} | {result['issues']} |")
    lines += ["", f"In brackets the lowest and the highest of {seeds} seeds: one simulation has few test years, and its share is noisy."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
