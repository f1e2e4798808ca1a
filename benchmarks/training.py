"""Training: samples a second against the published loop in the same run, and what memory format, threads, compiling and bfloat16 do.

Usage: python benchmarks/training.py [--quick] [--repeats 2] [--report]

The published loop (Müller 2023, the code on GitHub): a file for the input and one for the target of each sample, opened one by one by a
DataLoader without workers that collates 100 of them, anomaly detection on, a plain loop of AdamW with clipped values. Ours is
`training.fit`. ``--quick`` takes two networks, fewer and smaller steps, and compiles nothing. With ``--report`` it writes
benchmarks/results/training.json and docs/results/training.md. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from glaciercast.models import conv_lstm, lstm, registry, residual
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task
from glaciercast.patches import cache as caches
from glaciercast.patches import normalise, sampling
from glaciercast.patches.sampling import Batch, PatchDataset
from glaciercast.training import processes
from glaciercast.training.config import TrainingConfig
from glaciercast.training.fit import fit

ROOT = Path(__file__).resolve().parents[1]
TASK = Task(n_input=4, n_target=4, history=12, period=12, variables=("ndsi",), patch=50)
BATCH = 100
"""Samples in a batch, the published scripts' number, on both sides."""
RATIO = 3.0
"""Bar: samples a second over those of the published loop."""
STEPS = {
    ("transformer", "small"): 10, ("lstm", "small"): 10, ("lstm", "paper"): 2, ("unet_time", "small"): 6, ("conv_lstm", "small"): 1,
}  # fmt: skip
"""Networks that are trained in both ways, and timed steps of a run; one more goes before."""
QUICK = {("lstm", "small"): 2, ("unet_time", "small"): 2}
CHOICES = ("unet_time", "conv_lstm", "simvp", "lstm")
FLAT = ("lstm",)
"""Those without an image inside, which have no memory format to choose."""
SAME = 0.03
"""Shares of time closer to 1 than this decide nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "machine": machine(),
            "quick": options.quick,
            "speed": speed(Path(folder), QUICK if options.quick else STEPS, repeats),
            "choices": choices(("unet_time", "lstm") if options.quick else CHOICES, 16 if options.quick else 32, not options.quick),
        }
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
        (ROOT / "benchmarks" / "results" / "training.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "training.md").write_text(page, encoding="utf-8")
    if missed := misses(result):
        sys.exit("missed: " + "; ".join(missed))


def machine() -> dict:
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "platform": platform.platform(),
        "torch": torch.__version__,
    }


def speed(folder: Path, networks: dict[tuple[str, str], int], repeats: int) -> dict:
    """Return the samples a second of each network in each way, the best of alternating runs, and how the files were read when dropped."""
    windows = made_windows(folder / "cache")
    files = Files(folder / "files", windows, BATCH * (2 + max(networks.values())))
    made: dict = {"samples": len(files), "megabytes": files.size / 1e6, "networks": {}}
    for (name, preset), steps in networks.items():
        check_the_same(name, preset, windows)
        rates: dict[str, list[float]] = {}
        for _ in range(repeats):
            rates.setdefault("ours", []).append(ours(name, preset, windows, steps, folder / "fit", "cpu"))
            rates.setdefault("published", []).append(published(name, preset, files, steps, "cpu"))
            with plain():
                rates.setdefault("plain", []).append(published(name, preset, files, steps, "cpu"))
        files.drop()
        before = bytes_read()
        rates["dropped"] = [published(name, preset, files, steps, "cpu")]
        wanted = files.size * BATCH * (steps + 2) / len(files)
        read = None if before is None else (bytes_read() - before) / wanted  # type: ignore[operator]
        if torch.cuda.is_available():
            rates["ours, GPU"] = [ours(name, preset, windows, 10 * steps, folder / "fit", "cuda") for _ in range(repeats)]
            rates["published, GPU"] = [published(name, preset, files, steps, "cuda") for _ in range(repeats)]
        made["networks"][f"{name}/{preset}"] = {"steps": steps, "read": read, **{way: max(found) for way, found in rates.items()}}
        print(name, preset, made["networks"][f"{name}/{preset}"], file=sys.stderr, flush=True)
    return made


def made_windows(folder: Path, side: int = 400, steps: int = 40) -> PatchDataset:
    """Return windows every 10 pixels of random frames; what they show does not change the time."""
    rng = np.random.default_rng(0)
    frames = (np.stack([rng.random((side, side), "float32"), np.ones((side, side), "float32")]) for _ in range(steps))
    cache = caches.write(folder, frames, steps, ("ndsi", "ndsi_observed"), (side, side), "made")
    index = np.arange(steps) % TASK.period
    phase = 2 * np.pi * index / TASK.period
    season = np.stack([np.sin(phase), np.cos(phase)], axis=1).astype("float32")
    issues, origins = np.arange(TASK.history - 1, steps - TASK.n_target), sampling.patch_origins((side, side), TASK.patch, 10)
    return PatchDataset(cache, issues, origins, TASK, season, index, (TASK.patch, TASK.patch))


class Files(Dataset):
    """The published layout, two files of float64 a sample; plain arrays, where it has pickled tensors, which take longer to open."""

    def __init__(self, folder: Path, windows: PatchDataset, number: int) -> None:
        folder.mkdir(parents=True)
        self.paths = [(folder / f"{n}.input.npy", folder / f"{n}.target.npy") for n in range(number)]
        chosen = np.random.default_rng(0).choice(len(windows), number, replace=False)
        for paths, which in zip(self.paths, chosen.tolist(), strict=True):
            for path, frames in zip(paths, sample(windows[which]), strict=True):
                np.save(path, frames[0].double().numpy())
        self.size = sum(path.stat().st_size for path in chain(*self.paths))

    def drop(self) -> None:
        """Take the files out of the system's cache, so that they must be read from the disk."""
        os.sync()
        for path in chain(*self.paths):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(np.load(path)) for path in self.paths[number])


def sample(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the input and the target frames of a batch, (b, 4, y, x) each."""
    assert batch.target is not None
    return batch.past[:, -TASK.n_input :, 0], batch.target[:, :, 0]


def bytes_read() -> int | None:
    """Return what this process has had read from disks so far; None where the system does not tell."""
    counts = Path("/proc/self/io")
    return int(counts.read_text().split("\nread_bytes: ")[1].split("\n")[0]) if counts.is_file() else None


def published(name: str, preset: str, files: Files, steps: int, device: str) -> float:
    """Return the samples a second of the published loop over `steps` steps after a first one."""
    network = fresh(name, preset).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-3)
    criterion, moments = nn.MSELoss(), []
    with torch.autograd.set_detect_anomaly(True):
        for given, target in DataLoader(files, BATCH, shuffle=True):
            moments.append(time.perf_counter())
            if len(moments) == steps + 2:
                break
            network.train()
            given, target = given.to(device).float(), target.to(device).float()
            optimiser.zero_grad()
            loss = criterion(network(inputs(given))[:, :, 0], target)
            loss.backward()
            nn.utils.clip_grad_value_(network.parameters(), 3.0)
            optimiser.step()
            loss.item()
    return rate(moments)


def fresh(name: str, preset: str) -> Network:
    torch.manual_seed(0)
    network: Network = registry.create(name, TASK, preset=preset, ports=Ports.of(TASK))
    return network


def inputs(given: Tensor) -> Inputs:
    """Return what our networks read of input frames (b, 4, y, x) where all is observed and nothing else is known."""
    n, size = len(given), given.shape[-2:]
    return Inputs(
        frames=torch.stack([given, torch.ones_like(given)], dim=2),
        future=given.new_zeros(n, TASK.n_target, 1, *size),
        statics=given.new_zeros(n, 0, *size),
        season=given.new_zeros(n, TASK.n_input + TASK.n_target, 2),
    )


def ours(name: str, preset: str, windows: PatchDataset, steps: int, folder: Path, device: str) -> float:
    """Return the samples a second of `training.fit` over `steps` steps after a first one."""
    stats = normalise.Stats(np.array([0.5], "float32"), np.array([0.3], "float32"))
    forecaster = residual.build(name, TASK, "none", stats, preset=preset)
    train = Stamped(sampling.loader(windows, BATCH), steps + 2)
    config = TrainingConfig(epochs=1, batch_size=BATCH, device=device)
    fit(forecaster, train, Stamped(sampling.loader(windows, 8), 1), folder, config, {})
    shutil.rmtree(folder)
    return rate(train.moments)


class Stamped:
    """The first batches of a loader's epoch, and the moments at which they were handed over."""

    def __init__(self, loader: DataLoader, batches: int) -> None:
        self.loader, self.batches = loader, batches
        self.moments: list[float] = []

    def set_epoch(self, epoch: int) -> None:
        """Order the batches of an epoch."""
        processes.set_epoch(self.loader, epoch)

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        for batch in islice(self.loader, self.batches):
            self.moments.append(time.perf_counter())
            yield batch


def rate(moments: list[float]) -> float:
    """Return samples a second between the second batch and the last, each with its step and the reading of the next."""
    return BATCH * (len(moments) - 2) / (moments[-1] - moments[1])


@contextmanager
def plain() -> Iterator[None]:
    """Let networks compute the same without what ours do for speed: frames as they lie, gates on slices, a product for each step."""
    with ExitStack() as stack:
        for holder, attribute, new in (
            (torch, "channels_last", torch.contiguous_format),
            (lstm, "Repeated", plain_product),
            (lstm, "gated", plain_gates),
            (conv_lstm, "gated", plain_gates),
        ):
            stack.enter_context(patch.object(holder, attribute, new))
        yield


def plain_product(weight: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda drive, x: drive + nn.functional.linear(x, weight)


def plain_gates(drive: Tensor, c: Tensor, peephole: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = drive.chunk(4, dim=1)
    c_new = torch.sigmoid(f + peephole[1] * c) * c + torch.sigmoid(i + peephole[0] * c) * torch.tanh(g)
    return torch.sigmoid(o + peephole[2] * c_new) * torch.tanh(c_new), c_new


def check_the_same(name: str, preset: str, windows: PatchDataset) -> None:
    """Check that the plain network computes what ours does, and has the same gradients."""
    found = []
    for way in (ExitStack(), plain()):
        with way:
            network = fresh(name, preset)
            nn.init.normal_(network.readout.weight, 0, 0.05)  # type: ignore[arg-type,union-attr]  # it starts at zero
            out = network(inputs(sample(windows.__getitems__([0, 1]))[0]))
            out.square().mean().backward()
            found.append([out.detach(), *(weight.grad for weight in network.parameters())])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def choices(names: tuple[str, ...], batch: int, compile_too: bool) -> dict:
    """Return milliseconds of a training step by network and choice; compiling apart, in seconds."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    made: dict = {"batch": batch, "compiled": compile_too, "compiler": compiler, "networks": {}}
    threads = torch.get_num_threads()
    given = inputs(torch.rand(batch, TASK.n_input, TASK.patch, TASK.patch))
    for name in names:
        facts = {}
        for number in sorted({1, threads}):
            torch.set_num_threads(number)
            facts[in_threads(number)] = least(fresh(name, "small"), given)
            if name not in FLAT:
                with patch.object(torch, "channels_last", torch.contiguous_format):
                    facts[f"{in_threads(number)}, contiguous"] = least(fresh(name, "small"), given)
        facts["bfloat16"] = least(fresh(name, "small"), given, half=True)
        if compile_too and compiler:
            compiled = torch.compile(fresh(name, "small"))
            facts["compiling"] = spent(compiled, given) / 1e3
            facts["compiled"] = least(compiled, given)
        made["networks"][name] = facts
        print(name, facts, file=sys.stderr, flush=True)
    return made


def in_threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def least(network: nn.Module, given: Inputs, half: bool = False, repeats: int = 2) -> float:
    """Return the milliseconds of a step, the least of some after a first one."""
    return min([spent(network, given, half) for _ in range(repeats + 1)][1:])


def spent(network: nn.Module, given: Inputs, half: bool = False) -> float:
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = network(given).float().square().mean()
    loss.backward()
    network.zero_grad(set_to_none=True)
    return 1e3 * (time.perf_counter() - began)


def misses(result: dict) -> list[str]:
    networks = result["speed"]["networks"]
    ratios = {name: facts["ours"] / facts["published"] for name, facts in networks.items()}
    return [
        f"{name}: {ratio:.1f} times the samples a second of the published loop, bar {RATIO:g}"
        for name, ratio in ratios.items()
        if ratio < RATIO
    ]


def document(result: dict) -> str:
    machine = result["machine"]
    lines = [
        f"Made by `python benchmarks/training.py --report{' --quick' if result['quick'] else ''}` on {machine['cpus']} CPUs "
        f"({machine['capability']}), {machine['threads']} thread(s), torch {machine['torch']}.",
        "",
        *speed_lines(result["speed"], machine["gpu"]),
        "",
        *choice_lines(result["choices"], machine["threads"]),
        "",
    ]
    return "\n".join(lines)


def speed_lines(speed: dict, gpu: str | None) -> list[str]:
    lines = [
        f"Samples a second in training, batches of {BATCH} samples of 4×50×50 pixels in and out; the best of alternating runs, from the "
        "second step on: neither the start nor the end of an epoch (validation, checkpoint) counts on either side. *Ours*: `training.fit`, "
        "windows from the memory map, with the twelve steps of history that baselines read. *Published loop*: the same network in the "
        "loop of the published scripts (Müller 2023): two files a sample, anomaly detection, AdamW with clipped values. Its "
        f"{2 * speed['samples']} files ({speed['megabytes']:.0f} MB) hold plain float64 arrays and lie in the system's cache; the "
        "study's are pickled and, with 26 GB, larger than most caches: both favour the published loop here. *Dropped*: the files were "
        "dropped from the cache before. *Plain network*: files in the cache, and the network written without what ours does for speed "
        "(`channels_last`, copied gates, one product for all steps); it is checked to compute the same.",
        "",
        "| network | ours | published loop | times as fast | dropped | times | plain network | times |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, facts in speed["networks"].items():
        cells = [f"{facts['ours']:.0f}"]
        for way in ("published", "dropped", "plain"):
            cells += [f"{facts[way]:.0f}", f"{facts['ours'] / facts[way]:.1f}"]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return [*lines, "", bar_sentence(speed["networks"]), "", disk_sentence(speed["networks"]), "", *gpu_lines(speed["networks"], gpu)]


def bar_sentence(networks: dict) -> str:
    """Say by the numbers which networks reach the bar, and what the published loop adds to a step."""
    reached = [name for name, facts in networks.items() if facts["ours"] / facts["published"] >= RATIO]
    bar = f"The bar of {RATIO:g} times the published loop " + (f"holds for {named(reached)}" if reached else "holds for none of them")
    own = {name: 1e3 * BATCH / facts["ours"] for name, facts in networks.items()}
    added = {name: 1e3 * BATCH / facts["published"] - own[name] for name, facts in networks.items()}
    each = ", ".join(f"`{name}` {own[name]:.0f} + {added[name]:.0f}" for name in networks)
    return f"{bar}. The arithmetic is the same on both sides: milliseconds of a step of ours + what the published loop adds are {each}."


def disk_sentence(networks: dict) -> str:
    shares = [facts["read"] for facts in networks.values() if facts["read"] is not None]
    if not shares:
        return "Whether dropped files came from the disk, this system does not tell."
    if min(shares) < 0.5:
        share = 100 * min(shares)
        return f"The files could not be dropped: only {share:.0f} % of their bytes came from the disk again."
    return "The dropped files did come from the disk again."


def gpu_lines(networks: dict, gpu: str | None) -> list[str]:
    if gpu is None:
        return ["No GPU was at hand."]
    lines = [f"On a GPU ({gpu}):", "", "| network | ours | published loop | times as fast |", "| --- | ---: | ---: | ---: |"]
    for name, facts in networks.items():
        own, theirs = facts["ours, GPU"], facts["published, GPU"]
        lines.append(f"| `{name}` | {own:.0f} | {theirs:.0f} | {own / theirs:.1f} |")
    return lines


def choice_lines(found: dict, threads: int) -> list[str]:
    usual = in_threads(threads)
    columns = {f"{text}{end}": f"{text}{end}" for text in dict.fromkeys((in_threads(1), usual)) for end in (", contiguous", "")}
    columns |= {f"{usual}, bfloat16": "bfloat16", f"{usual}, compiled": "compiled"}
    lines = [
        f"Milliseconds of a training step (forward and backward) of {found['batch']} samples, networks in preset `small`, the least of "
        "some; `channels_last` unless it says contiguous (an `lstm` has no images inside); compiled by `torch.compile`, seconds of "
        "compiling in brackets; bfloat16 by autocast.",
        "",
        "| network | " + " | ".join(columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for name, facts in found["networks"].items():
        cells = [f"{facts[key]:.0f}" if key in facts else "" for key in columns.values()]
        if "compiling" in facts:
            cells[-1] += f" ({facts['compiling']:.0f})"
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    lines += ["", *verdicts(found["networks"], usual)]
    if not found["compiled"]:
        lines.append("- `torch.compile` is left out of a quick run.")
    elif not found["compiler"]:
        lines.append("- `torch.compile` could not be tried: there is no C++ compiler.")
    return lines


def verdicts(networks: dict, usual: str) -> list[str]:
    """Return what the numbers say of each choice, beside what the code does."""
    compared = (
        ("`channels_last`", usual, f"{usual}, contiguous", True),
        (f"{usual} for one", usual, in_threads(1), True),
        ("bfloat16", "bfloat16", usual, False),
        ("`torch.compile`", "compiled", usual, False),
    )
    lines = []
    for what, key, instead, default in compared:
        shares = {
            name: facts[key] / facts[instead] for name, facts in networks.items() if key != instead and {key, instead} <= facts.keys()
        }
        if shares:
            lines.append(f"- {verdict(what, shares, default)}")
    return lines


def verdict(what: str, shares: dict[str, float], default: bool) -> str:
    mean = math.exp(sum(map(math.log, shares.values())) / len(shares))
    exceptions = [name for name, share in shares.items() if (share > 1 + SAME if mean < 1 else share < 1 - SAME)]
    each = ", ".join(f"{share:.2f} `{name}`" for name, share in shares.items())
    if abs(mean - 1) <= SAME:
        said = "it decides little"
    else:
        said = "it pays" if mean < 1 else "it does not pay"
    here = "it is the default" if default else "it is not used"
    fits = "" if default == (mean < 1) or abs(mean - 1) <= SAME else ", against these numbers"
    return (
        f"{what} takes {each} of the time without: {said}" + (f", but for {named(exceptions)}" if exceptions else "") + f"; {here}{fits}."
    )


def named(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
