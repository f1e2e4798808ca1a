"""Full-scene forecasts: time against the published way in the same run, how to cut a scene, seams, the denoiser, and memory.

Usage: python benchmarks/forecast.py [--small] [--repeats 3] [--seconds 30] [--report]

The published way passes the 256 patches of an 800×800 scene one by one: a torch file a patch, read by a DataLoader, a forward pass, the
result pasted in its place. Seams and errors are those of networks that are trained here for `--seconds` CPU seconds on the first years of
a made series and forecast later ones. ``--small`` takes a scene of 200×200 pixels and a tenth of the training, and leaves the published
network and the scene of 3000×3000 pixels out. With ``--report`` it writes benchmarks/results/forecast.json and docs/results/forecast.md.
Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter
from torch.utils.data import DataLoader, Dataset

from glaciercast.align import seasons
from glaciercast.forecast import denoise, scenes
from glaciercast.models import registry, residual
from glaciercast.models.base import TrainingData, parameter_count
from glaciercast.models.residual import ResidualForecaster
from glaciercast.models.task import Task
from glaciercast.patches import cache as caches
from glaciercast.patches import normalise, sampling
from glaciercast.patches.sampling import Batch, PatchDataset
from glaciercast.patches.series import Series
from glaciercast.patches.tiling import Tiling
from glaciercast.stats.seams import seam_index, strongest_line

ROOT = Path(__file__).resolve().parents[1]
PATCH, YEAR = 50, 12
TASK = Task(4, 4, YEAR, YEAR, ("ndsi",), PATCH)
SECONDS, RATIO, SEAM, PASTED_SEAM = 2.0, 20.0, 1.05, 2.0
"""Bars: seconds of the default model for a scene, times the published way, seam index of blended and of pasted patches."""
BLENDED = "blended, overlap 12"
NORMS = ("none", "group", "layer")
"""Normalisations of `unet_time`, the default first."""
NETWORKS = {
    "unet_time": ("unet_time", "climatology", {}),
    "unet_time, group": ("unet_time", "climatology", {"norm": "group"}),
    "unet_time, group, no reference": ("unet_time", "none", {"norm": "group"}),
    "lstm, no reference": ("lstm", "none", {}),
}
"""Networks whose seams are measured: the default, and without a reference forecast, as the study has them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30, help="CPU seconds of training for each network")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(peak_memory(options.memory)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "machine": {"cpus": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "platform": platform.platform()},
            "speed": speed(Path(folder) / "speed", 200 if options.small else 800, options.repeats, not options.small),
            "seams": seams(Path(folder) / "seams", options.seconds / (10 if options.small else 1)),
            "memory": None if options.small else in_a_process_of_its_own(3000),
        }
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
        (ROOT / "benchmarks" / "results" / "forecast.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "forecast.md").write_text(page, encoding="utf-8")
    if missed := misses(result):
        sys.exit("missed: " + "; ".join(missed))


def best(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the least wall and CPU seconds of some calls."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def made_frames(side: int, steps: int) -> np.ndarray:
    """Return months of a snow line that goes up and down a rough relief, with anomalies that fade over months, (step, 1, y, x)."""
    rng = np.random.default_rng(0)
    relief = sum(size * gaussian_filter(rng.normal(size=(side, side)), size, mode="wrap") for size in (1.5, 3, 6, 12))
    relief = (relief - relief.mean()) / relief.std()
    anomaly, frames = np.zeros((side, side)), []
    for step in range(steps):
        fresh = 20 * gaussian_filter(rng.normal(size=(side, side)), 15, mode="wrap") * 1.5 + 0.3 * rng.normal()
        anomaly = 0.7 * anomaly + 0.7 * fresh
        line = -1.5 * np.cos(2 * np.pi * (step - 1) / YEAR)
        frames.append(0.4 + 0.4 * np.tanh(2 * (relief - line) + anomaly) + 0.03 * rng.normal(size=(side, side)))
    return np.stack(frames)[:, None].astype("float32")


def made_series(folder: Path, frames: np.ndarray) -> Series:
    steps, shape = len(frames), frames.shape[-2:]
    edges = pd.date_range("2013-01-01", periods=steps + YEAR + 1, freq="MS")
    starts, ends = edges[:-1], edges[1:]
    middles = starts + (ends - starts) / 2
    stack = (np.concatenate([frame, np.ones_like(frame)]) for frame in frames)
    return Series(
        cache=caches.write(folder, stack, steps, ("ndsi", "ndsi_observed"), shape, "made"),
        variables=("ndsi",),
        starts=starts,
        ends=ends,
        available_at=ends[:steps].to_numpy().astype("datetime64[ns]"),
        season=np.stack(seasons.encode(middles), axis=1),
        season_index=seasons.season_index(middles, YEAR),
        statics=np.zeros((0, *shape), "float32"),
        period=YEAR,
        composite_length=1,
        geobox=GeoBox.from_bbox((500010, 4000020, 500010 + 30 * shape[1], 4000020 + 30 * shape[0]), "EPSG:32643", resolution=30),
        attributes={"cadence": "MS", "title": "made"},
        fingerprint="made",
    )


def built(series: Series, steps: int, name: str = "unet_time", reference: str = "climatology", **options: object) -> ResidualForecaster:
    """Return a fresh network on top of what the first `steps` steps tell."""
    values, observed = series.frames(range(steps))
    data = TrainingData(values, observed, series.season_index[:steps], np.arange(steps), YEAR)
    climatology = registry.create("climatology", TASK).fit(data) if reference == "climatology" else None
    return residual.build(name, TASK, reference, normalise.fit(values, observed), climatology, **options)


class Files(Dataset):
    """The published layout: a torch file for each patch."""

    def __init__(self, folder: Path, windows: PatchDataset) -> None:
        folder.mkdir(parents=True)
        self.paths = [folder / f"{number}.pt" for number in range(len(windows))]
        for number, path in enumerate(self.paths):
            torch.save({key: part for key, part in windows[number]._asdict().items() if part is not None}, path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return {key: part[0] for key, part in torch.load(self.paths[number], weights_only=True).items()}


def published(forecaster: ResidualForecaster, files: Files, shape: tuple[int, int], patches: int | None = None) -> np.ndarray:
    """Forecast patch by patch and paste; only the first `patches` if given."""
    scene = np.full((TASK.n_target, 1, *shape), np.nan, "float32")
    forecaster.eval()
    with torch.no_grad():
        for number, sample in enumerate(DataLoader(files, batch_size=1)):
            if number == patches:
                break
            batch = Batch(**sample, target=None, target_weight=None)
            row, column = batch.origin[0].tolist()
            scene[:, :, row : row + PATCH, column : column + PATCH] = forecaster(batch)[0].numpy()
    return scene


def speed(folder: Path, side: int, repeats: int, paper: bool) -> dict:
    series = made_series(folder / "cache", made_frames(side, YEAR + 2))
    issue, shape = YEAR, series.shape
    pasting = Tiling(shape, (PATCH, PATCH), 0)
    windows = PatchDataset(
        series.cache, np.array([issue]), pasting.origins, TASK, series.season, series.season_index, (PATCH, PATCH), series.statics,
        with_target=False,
    )  # fmt: skip
    files = Files(folder / "files", windows)
    made = {"side": side, "patches": len(files), "ways": {}, "cuts": []}
    for norm in NORMS:
        forecaster = awake(built(series, YEAR, norm=norm))
        pasted = published(forecaster, files, shape)
        np.testing.assert_allclose(scenes.forecast_scene(forecaster, series, TASK, issue, tiling=pasting), pasted, atol=1e-4)
        made["ways"][norm] = {
            "published": best(lambda f=forecaster: published(f, files, shape), repeats),
            "ours": best(lambda f=forecaster: scenes.forecast_scene(f, series, TASK, issue), repeats),
        }
        made["cuts"] += [{"norm": norm, **cut} for cut in cuts(forecaster, series, issue, repeats)]
    if paper:
        made["paper"] = of_paper(series, files, issue)
    return made


def awake(forecaster: ResidualForecaster) -> ResidualForecaster:
    """Draw the last layer, which starts at zero, so that a network's forecast depends on all of its weights."""
    torch.nn.init.normal_(forecaster.network.readout.weight, 0, 0.05, generator=torch.Generator().manual_seed(0))
    return forecaster.eval()


def cuts(forecaster: ResidualForecaster, series: Series, issue: int, repeats: int) -> list[dict]:
    """Return the time of ways to cut a scene, and how far they are from tiles of the trained size that overlap by half."""
    usual = scenes.forecast_scene(forecaster, series, TASK, issue, tiling=Tiling(series.shape, (PATCH, PATCH), PATCH // 2))
    choices = [(tile, overlap, scenes.PIXELS) for tile, overlap in ((PATCH, 0), (PATCH, 12), (PATCH, 25), (96, 25), (240, 25), (416, 25))]
    choices += [(tile, overlap, pixels) for tile, overlap in ((PATCH, 12), (184, 25)) for pixels in (10_000, 40_000, 160_000)]
    kept, found = scenes.PIXELS, []
    for tile, overlap, scenes.PIXELS in sorted({choice for choice in choices if choice[0] <= min(series.shape)}):
        tiling = Tiling(series.shape, (tile, tile), overlap)
        spent = best(lambda t=tiling: scenes.forecast_scene(forecaster, series, TASK, issue, tiling=t), repeats)
        apart = scenes.forecast_scene(forecaster, series, TASK, issue, tiling=tiling) - usual
        rms = float(np.sqrt((apart**2).mean()) / usual.std())
        found.append({"tile": tile, "overlap": overlap, "at_once": max(scenes.PIXELS, tile * tile), "spent": spent, "apart": rms})
    scenes.PIXELS = kept
    return found


def of_paper(series: Series, files: Files, issue: int) -> dict:
    """Return seconds a scene of the study's U-Net (23 layers, recurrent) in the published way, from a few patches."""
    forecaster = awake(built(series, YEAR, "unet_recurrent", preset="paper"))
    published(forecaster, files, series.shape, 1)
    few = 4
    wall, cpu = best(lambda: published(forecaster, files, series.shape, few), 1)
    return {"parameters": parameter_count(forecaster), "patches": few, "published": [spent * len(files) / few for spent in (wall, cpu)]}


def trained(series: Series, steps: int, seconds: float, label: str) -> tuple[ResidualForecaster, int]:
    """Return a network trained on the first `steps` steps for some CPU seconds, and how many batches it saw."""
    torch.manual_seed(0)
    name, reference, options = NETWORKS[label]
    forecaster = built(series, steps, name, reference, **options).train()
    issues = np.arange(YEAR - 1, steps - TASK.n_target)
    origins = sampling.patch_origins(series.shape, PATCH, 10)
    windows = PatchDataset(series.cache, issues, origins, TASK, series.season, series.season_index, (PATCH, PATCH), series.statics)
    optimiser = torch.optim.AdamW(forecaster.network.parameters(), lr=2e-3)
    begin, seen = time.process_time(), 0
    for batch in sampling.loader(windows, 16):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * max(0.02, 1 - (time.process_time() - begin) / seconds)
        losses, weight = forecaster.loss(batch)
        optimiser.zero_grad()
        (losses / weight).backward()
        optimiser.step()
        seen += 1
        if time.process_time() - begin > seconds:
            break
    return forecaster.eval(), seen


def seams(folder: Path, seconds: float) -> dict:
    side, train, steps = 300, 5 * YEAR, 8 * YEAR
    series = made_series(folder, made_frames(side, steps))
    tests = range(train + YEAR, steps - TASK.n_target, 2)
    pasting = denoise.pasting(series.shape, PATCH)
    truth = {issue: series.frames(range(issue + 1, issue + 1 + TASK.n_target))[0] for issue in tests}
    reference = registry.create("climatology", TASK)
    values, observed = series.frames(range(train))
    reference.fit(TrainingData(values, observed, series.season_index[:train], np.arange(train), YEAR))
    table = [row("", "the truth", truth, truth, pasting, pasting)]
    table.append(row("", "climatology", {i: scenes.forecast_scene(reference, series, TASK, i) for i in tests}, truth, pasting, pasting))
    facts = {}
    for label in NETWORKS:
        forecaster, batches = trained(series, train, seconds, label)
        cuts = {"pasted": pasting, **{f"blended, overlap {n}": Tiling(series.shape, (PATCH, PATCH), n) for n in (6, 12, 16, 25)}}
        if "unet" in label:
            cuts["blended, tiles of 168"] = Tiling(series.shape, (168, 168), 25)
            cuts["whole"] = Tiling(series.shape, series.shape, 0)
        made = {}
        for name, cut in cuts.items():
            made[name] = {issue: scenes.forecast_scene(forecaster, series, TASK, issue, tiling=cut) for issue in tests}
            table.append(row(label, name, made[name], truth, cut if len(cut) > 1 else pasting, pasting))
        begin = time.process_time()
        pairs = denoise.pairs(forecaster, series, TASK, np.arange(YEAR - 1, train - TASK.n_target))
        fitted = denoise.fit(pairs, denoise.DenoisingConfig(steps=max(20, int(300 * min(1, seconds / 30)))))
        facts[label] = {"batches": batches, "denoiser_s": time.process_time() - begin}
        for name in ("pasted", BLENDED):
            cleaned = {issue: fitted.clean(scene) for issue, scene in made[name].items()}
            table.append(row(label, f"{name}, denoised", cleaned, truth, cuts[name], pasting))
    return {"table": table, "networks": facts, "seconds": seconds, "windows": len(tests)}


def row(network: str, way: str, forecast: dict, truth: dict, cut: Tiling, pasting: Tiling) -> dict:
    """Return the seam index across the borders of its own tiles and of pasted patches, the strongest line, and the mean squared error."""
    scene = np.stack(list(forecast.values()))
    error = float(((scene - np.stack(list(truth.values()))) ** 2).mean())
    own, pasted = (seam_index(scene, *tiling.borders) for tiling in (cut, pasting))
    return {"network": network, "way": way, "own": own, "pasted": pasted, "line": strongest_line(scene, 12), "mse": error}


def in_a_process_of_its_own(side: int) -> dict:
    command = [sys.executable, __file__, "--memory", str(side)]
    found: dict = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def peak_memory(side: int) -> dict:
    """Return how much a forecast of a large scene adds to the peak memory of a process, beside the size of what it returns, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        frame = np.random.default_rng(0).random((1, side, side), dtype="float32")
        series = made_series(Path(folder), np.broadcast_to(frame, (TASK.n_input, *frame.shape)))
        task = Task(TASK.n_input, TASK.n_target, TASK.n_input, YEAR, ("ndsi",), PATCH)
        series.cache.tiles.max()  # brings the mapped file into memory
        stats = normalise.Stats(np.array([0.5], "float32"), np.array([0.3], "float32"))
        found = {"side": side}
        for norm in NORMS:
            forecaster = residual.build("unet_time", task, "none", stats, norm=norm)
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before = memory("VmRSS")
            spent = best(lambda f=forecaster: scenes.forecast_scene(f, series, task, TASK.n_input - 1), 1)
            added = memory("VmHWM") - before
            found[norm] = {"added": added, "scene": 4 * task.n_target * side**2, "spent": spent}
    return found


def memory(key: str) -> int:
    """Return a line of this process's status, bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[key].split()[0])


def misses(result: dict) -> list[str]:
    found = []
    speed, table = result["speed"], result["seams"]["table"]
    if speed["side"] == 800:
        ours = speed["ways"][NORMS[0]]["ours"][0]
        if ours > SECONDS:
            found.append(f"a scene of the default model takes {ours:.2f} s, bar {SECONDS:g}")
        ratio = speed["paper"]["published"][0] / ours
        if ratio < RATIO:
            found.append(f"{ratio:.1f} times as fast as the published way with the published network, bar {RATIO:g}")
    for label in (label for label in NETWORKS if "unet" in label):
        rows = {each["way"]: each for each in table if each["network"] == label}
        if rows[BLENDED]["own"] > SEAM:
            found.append(f"seam index of {label}, {BLENDED}: {rows[BLENDED]['own']:.3f}, bar {SEAM:g}")
    if max(each["own"] for each in table if each["way"] == "pasted") < PASTED_SEAM:
        found.append(f"no pasted patches with a seam index of {PASTED_SEAM:g}")
    return found


def document(result: dict) -> str:
    speed, seams = result["speed"], result["seams"]
    machine = result["machine"]
    lines = [
        f"Made by `python benchmarks/forecast.py --report` on {machine['cpus']} CPUs, {machine['threads']} threads.",
        "",
        f"One {speed['side']}×{speed['side']} scene, 4 steps in, 4 out, `unet_time` small on climatology; the published way passes the "
        f"{speed['patches']} patches one by one, each from a file of its own, and pastes them. Least of some repeats.",
        "",
        "| norm | published way, s (CPU) | ours, s (CPU) | times as fast |",
        "| --- | --- | --- | --- |",
    ]
    for norm, way in speed["ways"].items():
        lines.append(f"| {norm} | {_spent(way['published'])} | {_spent(way['ours'])} | {way['published'][0] / way['ours'][0]:.1f} |")
    if "paper" in speed:
        paper, ours = speed["paper"], speed["ways"][NORMS[0]]["ours"][0]
        lines += [
            "",
            f"The study's own U-Net (`unet_recurrent` at its published size, {paper['parameters'] / 1e6:.0f} million weights) in its own "
            f"way takes {paper['published'][0]:.0f} s a scene ({paper['patches']} patches measured): {paper['published'][0] / ours:.0f} "
            "times as long as our default.",
        ]
    lines += [
        "",
        "How a scene is cut. *Apart* is the RMS difference from tiles of 50 pixels that overlap by half, in standard deviations of the "
        "forecast.",
        "",
        "| norm | tile | overlap | pixels at once | s (CPU) | apart |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for cut in speed["cuts"]:
        lines.append(
            f"| {cut['norm']} | {cut['tile']} | {cut['overlap']} | {cut['at_once']} | {_spent(cut['spent'])} | {cut['apart']:.4f} |"
        )
    lines += [
        "",
        f"Seams and errors: a made series of 300×300 pixels, networks trained for {seams['seconds']:.0f} CPU seconds on 5 years, "
        f"{seams['windows']} windows of later years. The seam index is the mean gradient across borders over that of the interior: across "
        "those of a forecast's own tiles, and across those of patches pasted every 50 pixels; the strongest line is the largest mean "
        "gradient across any row or column over the median one. The `lstm` is rough from pixel to pixel: where two of its tiles are "
        "averaged it is smoother, and the lines where one counts alone stand out from that without a step.",
        "",
        "| network | scene | seam index, own borders | seam index, pasted borders | strongest line | MSE |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['network']} | {r['way']} | {r['own']:.3f} | {r['pasted']:.3f} | {r['line']:.2f} | {r['mse']:.5f} |" for r in seams["table"]
    ]
    lines += ["", denoiser_sentence(seams), ""]
    if result["memory"]:
        lines += [memory_sentence(result["memory"]), ""]
    return "\n".join(lines)


def denoiser_sentence(seams: dict) -> str:
    """Say by its numbers whether the denoiser beats plain blending."""
    parts = []
    for label in NETWORKS:
        rows = {each["way"]: each for each in seams["table"] if each["network"] == label}
        denoised, blended = rows["pasted, denoised"], rows[BLENDED]
        seam = "fewer" if denoised["pasted"] < blended["pasted"] else "more"
        error = 100 * (denoised["mse"] / blended["mse"] - 1)
        parts.append(f"{label}: {seam} seams than plain blending and an MSE {abs(error):.1f} % {'lower' if error < 0 else 'higher'}")
    spent = max(fact["denoiser_s"] for fact in seams["networks"].values())
    return f"The denoiser on pasted patches ({spent:.0f} CPU seconds of fitting) leaves, " + "; ".join(parts) + "."


def memory_sentence(found: dict) -> str:
    parts = [
        f"{norm}: {found[norm]['added'] / 2**20:.0f} MB in {found[norm]['spent'][0]:.0f} s, {found[norm]['scene'] / 2**20:.0f} MB of "
        "which are the forecast"
        for norm in NORMS
    ]
    return f"A forecast of {found['side']}×{found['side']} pixels adds to the peak memory of a process, with norm " + "; ".join(parts) + "."


def _spent(spent: list[float] | tuple[float, float]) -> str:
    return f"{spent[0]:.2f} ({spent[1]:.2f})"


if __name__ == "__main__":
    main()
