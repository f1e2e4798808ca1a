"""The demo: the whole chain on a simulated glacier, then on real scenes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from glaciercast import runs
from glaciercast.config import Config
from glaciercast.progress import note
from glaciercast.workflow import steps
from glaciercast.workflow.settings import RunConfig, read_run_config


class DemoTask(Config):
    """What identifies a demo."""

    scenario: str
    seed: int
    simulated: RunConfig
    real: RunConfig


def demo(out: str | Path, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the whole chain twice: on a simulated glacier, whose truth is known, and on real Sentinel-2 scenes of mountains.

    `overrides` are those of `read_run_config`, for both. The real scenes come with the Python package ``nrt``; the simulated
    glacier, which comes first, needs nothing but this package.
    """
    from glaciercast.report import front

    target = runs.unused(out)
    simulated, real = (demo_config(name, target, overrides) for name in ("simulated", "carpathians"))
    task = DemoTask(scenario="small", seed=1, simulated=simulated, real=real)
    with runs.run_folder(target, "demo", task) as folder:
        note("1 of 2: a simulated glacier")
        if not runs.is_complete(folder / "simulation"):
            steps.simulate(task.scenario, folder / "simulation", task.seed)
        summary: dict[str, Any] = {"simulated": _run_or_read(simulated, folder / "simulated")}
        note("2 of 2: real scenes")
        summary["real"] = _run_or_read(real, folder / "real")
        summary["report"] = str(front.write_front(folder))
    return summary


def demo_config(name: str, folder: Path, overrides: dict[str, Any] | None) -> RunConfig:
    """Return the config of one part of the demo, its relative files seen from the demo's run folder."""
    with resources.as_file(resources.files("glaciercast") / "demos" / f"{name}.yml") as path:
        return read_run_config(path, overrides, folder)


def _run_or_read(settings: RunConfig, folder: Path) -> dict[str, Any]:
    """Return the summary of a run that has finished, or else do what is left of it."""
    return runs.read_json(folder / "results" / "run.json") if runs.is_complete(folder) else steps.run(settings, folder)
