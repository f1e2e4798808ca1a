"""The honest table next to the leaky one on the same data, and what the canary says of each; writes the table of the docs.

Usage: python benchmarks/leak.py --cube RUN [--cube RUN ...] --work runs/leak [--side 45] [--epochs 3] [--report]

Each cube (aligned by month) is cut to its middle, and the same models are fitted and scored twice: under the source study's random 80/20 of
overlapping windows, and under a split by time with gaps. Patches are a third of the scene and overlap by 80 %, as the study's do; errors
are those of single patches, as the study has them. The last two columns are of the very same windows: those that both splits hold out.
With --report it writes benchmarks/results/leak.json and docs/results/leak.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from glaciercast.evaluate import leaks, overlap
from glaciercast.models import registry
from glaciercast.models.memoriser import Memoriser
from glaciercast.models.task import Task
from glaciercast.patches import cache as caches
from glaciercast.patches import series as serieses
from glaciercast.patches import splits, splits_kinds
from glaciercast.patches.series import Series
from glaciercast.patches.splits import Kind, TimeSplit, WindowConfig
from glaciercast.training import networks
from glaciercast.training.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[1]
BASELINES = ("persistence", "same_season", "climatology")
NETWORKS = {"pixel_linear": "climatology", "unet_time": "none"}
"""Network → the reference that it corrects; the study's networks had none."""
COLUMNS = ("published", "time", "published, same windows", "time, same windows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cube", type=Path, action="append", required=True, help="an aligned cube, or the run folder that holds it")
    parser.add_argument("--work", type=Path, required=True, help="folder for caches and fits")
    parser.add_argument("--side", type=int, default=45, help="pixels of the middle of a scene that are kept, at most")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--report", action="store_true", help="write the results into the docs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    result = {
        "cubes": [compared(middle(cube, options.work / str(number), options.side), options.work / str(number), options.epochs)
                  for number, cube in enumerate(options.cube)],
        "cpu_seconds": time.process_time() - started,
    }  # fmt: skip
    text = document(result)
    print(text)
    if options.report:
        (ROOT / "benchmarks/results/leak.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs/results/leak.md").write_text(text + "\n", encoding="utf-8")


def middle(cube: Path, work: Path, side: int) -> Series:
    """Return the series of the middle of a cube's scenes."""
    whole = serieses.load(cube, work / "whole", horizon=4)
    size = tuple(min(side, extent) for extent in whole.shape)
    row, column = ((extent - kept) // 2 for extent, kept in zip(whole.shape, size, strict=True))
    zero = np.zeros(1, "int64")
    frames = (whole.cache.gather(zero + step, zero + row, zero + column, 1, *size)[0, 0] for step in range(whole.n_steps))
    digest = f"{whole.fingerprint}-{size}"
    kept = caches.open(work / "middle", digest) or caches.write(work / "middle", frames, whole.n_steps, whole.cache.channels, size, digest)
    box = whole.geobox[row : row + size[0], column : column + size[1]]
    return dataclasses.replace(whole, cache=kept, geobox=box, statics=np.zeros((0, *size), "float32"), fingerprint=digest)


@dataclass(frozen=True)
class Bench:
    """A series under one split."""

    series: Series
    task: Task
    split: TimeSplit
    stride: int

    @classmethod
    def of(cls, series: Series, kind: Kind) -> Bench:
        """Cut patches of a third of the scene, four-fifths over each other."""
        patch = min(series.shape) // 15 * 5
        windows = WindowConfig(split=kind, patch=patch, stride=patch // 5)
        split = splits_kinds.make(windows, series.n_steps, series.shape, series.period, series.composite_length)
        task = Task(windows.n_input, windows.n_target, series.period, series.period, ("ndsi",), patch)
        return cls(series, task, split, windows.stride)

    def models(self, folder: Path, epochs: int) -> dict[str, nn.Module]:
        """Fit all models on the training part."""
        data = networks.training_data(self.series, self.split)
        made: dict[str, nn.Module] = {name: registry.create(name, self.task).fit(data) for name in BASELINES}
        settings = TrainingConfig(epochs=epochs, patience=epochs, batch_size=64, seed=1, threads=1, device="cpu")
        for name, residual in NETWORKS.items():
            place = folder / self.split.name / name
            made[name], _ = networks.fit_network(
                name, self.series, self.task, self.split, data, place, settings, residual=residual, stride=self.stride
            )
        seen = overlap.shown(self.series, self.task, self.split, self.stride)
        made["memoriser"] = Memoriser(self.task, self.split.composite_length).fit(leaks.frames_of(self.series, seen))
        return made

    def windows(self) -> networks.sampling.PatchDataset:
        """Return the windows that are held out."""
        return networks.windows(self.series, self.task, self.split, "test", self.stride)


def compared(series: Series, folder: Path, epochs: int) -> dict:
    """Return the scores of all models under both splits, and the leak checks of all splits."""
    published, honest = (Bench.of(series, kind) for kind in ("published", "time"))
    models = {bench.split.name: bench.models(folder / "models", epochs) for bench in (published, honest)}
    windows = published.windows()
    issues, _ = windows.places(np.arange(len(windows)))
    both = np.flatnonzero(np.isin(issues, honest.split.issues("test")))
    table = {
        name: dict(zip(COLUMNS, (
            leaks.score_windows(models["published"][name], windows).mse(),
            leaks.score_windows(models["time"][name], honest.windows()).mse(),
            leaks.score_windows(models["published"][name], windows, both).mse(),
            leaks.score_windows(models["time"][name], windows, both).mse(),
        ), strict=True))
        for name in models["time"]
    }  # fmt: skip
    checks = {}
    for kind in splits.KINDS:
        bench = Bench.of(series, kind)
        checks[kind] = leaks.report(series, bench.task, bench.split, bench.stride).to_json()
    about = {"title": series.attributes["title"], "shape": series.shape, "steps": series.n_steps, "patch": published.task.patch}
    return {
        **about,
        "windows": {"published": len(windows), "time": len(honest.windows()), "both": len(both)},
        "table": table,
        "checks": checks,
    }


def document(result: dict) -> str:
    """Return the page."""
    lines = []
    for cube in result["cubes"]:
        lines += [*table(cube), "", *canary(cube), ""]
    lines += [
        "MSE over single patches of 4 → 4 monthly steps, as the source study scores, not over blended scenes as all other tables here do. "
        "*Same windows*: the windows that both splits hold out, forecast by the models that were fitted under each. The memoriser learns "
        "nothing: it repeats what training windows show of a pixel on a date, and is the climatology where they show nothing. Parts of a "
        "split by space alone are of the same dates: they share no pixel, but their weather. Under the published split models also "
        "learn from more years, later ones among them; not all that they gain is remembered.",
        "",
        f"Made by `python benchmarks/leak.py --report` in {result['cpu_seconds']:.0f} CPU seconds.",
    ]
    return "\n".join(lines)


def table(cube: dict) -> list[str]:
    """Return the scores of one cube."""
    height, width = cube["shape"]
    lines = [
        f"**{cube['title']}**, {height}×{width} pixels, {cube['steps']} steps, patches of {cube['patch']} every {cube['patch'] // 5}:",
        "",
        "| MSE | published split (leaks) | split by time | same windows, fitted under published | same windows, fitted under time |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in cube["table"].items():
        lines.append(f"| {name} | {' | '.join(f'{row[column]:.4f}' for column in COLUMNS)} |")
    windows, rows = cube["windows"], cube["table"]
    best = min(rows[name]["time, same windows"] for name in BASELINES)
    network = rows["unet_time"]
    said = (
        f"On the same windows the U-Net fitted under the published split has an MSE of {network['published, same windows']:.4f}, fitted "
        f"before them {network['time, same windows']:.4f}; the best baseline fitted before them {best:.4f}."
    )
    counts = (windows[name] for name in ("published", "time", "both", "both"))
    return [*lines, f"| windows held out | {' | '.join(f'{count:,}' for count in counts)} |", "", said]


def canary(cube: dict) -> list[str]:
    """Return what the leak checker says of each split."""
    lines = [
        "| split | test target pixel-dates | that are training targets | that are read in training | that the canary finds |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, check in cube["checks"].items():
        shared, read = check["targets"]["train-test"], check["read"]
        cells = [f"{read['pixel_dates']:,}", f"{shared['share']:.1%}", f"{read['share']:.1%}", f"{check['canary']['found']:.1%}"]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
