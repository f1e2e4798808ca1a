"""What each network costs in training: weights, arithmetic and time of a step, beside the machine's rate of matrix products.

Usage: python benchmarks/models.py [--threads 1] [--report]

Steps (forward and backward) of 16 patches of 50×50 pixels, four frames in and out, one variable over a climatology; what is solved for and
not trained is timed forward, if it can be. Writes benchmarks/results/models.json and, with --report, docs/results/models.md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from glaciercast.models import costs, registry

ROOT = Path(__file__).resolve().parents[1]
PAPER = ("lstm",)
"""Presets `paper` that are timed too; the others take minutes a step on a CPU."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = {"threads": options.threads, "product_gflops": product_rate(), "models": {}}
    for name in registry.names("network"):
        for preset in registry.presets(name):
            facts: dict = {"parameters": costs.parameters(name, preset)}
            if name != "pixel_boosted" and (preset == "small" or name in PAPER):  # it has no trees before it is solved for
                cost = costs.measure(name, preset, batch=64 if preset == "paper" else 16)
                facts |= {"batch": cost.batch, "gflop": cost.gflop, "seconds": cost.seconds}
            result["models"][f"{name}/{preset}"] = facts
            print(name, preset, facts, flush=True)
    (ROOT / "benchmarks" / "results" / "models.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.report:
        (ROOT / "docs" / "results" / "models.md").write_text(document(result), encoding="utf-8")


def product_rate(size: int = 2048, repeats: int = 5) -> float:
    """Return 10⁹ operations a second of products of square matrices, the best of several."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    torch.mm(left, right)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        torch.mm(left, right)
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times) / 1e9


def document(result: dict) -> str:
    lines = [
        f"Made by `python benchmarks/models.py --report`: {result['threads']} CPU thread(s), products of 2048×2048 matrices at "
        f"{result['product_gflops']:.0f} GFLOP/s. A step is forward and backward; `pixel_linear` is solved for, and timed forward.",
        "",
        "| network | weights | patches | GFLOP a step | s a step | patches a second | of the products' rate, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, facts in result["models"].items():
        if "seconds" not in facts:
            lines.append(f"| `{name}` | {facts['parameters']:,} | | | | | |")
            continue
        rate = facts["gflop"] / facts["seconds"]
        lines.append(
            f"| `{name}` | {facts['parameters']:,} | {facts['batch']} | {facts['gflop']:.2f} | {facts['seconds']:.3f} | "
            f"{facts['batch'] / facts['seconds']:.0f} | {100 * rate / result['product_gflops']:.0f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
