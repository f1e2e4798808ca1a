"""Writing a whole simulated archive: every product in its provider's encoding, and beside it the truth."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from glaciercast import config, progress, runs
from glaciercast.config import Config
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.simulate import render, truth, visits
from glaciercast.simulate import world as worlds
from glaciercast.simulate.products import dem, itslive, landsat, modis, outline, sentinel2, stac
from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.scene import Overpass
from glaciercast.simulate.seeds import FINAL_SEEDS
from glaciercast.simulate.world import World

Job = int | str
PRODUCTS: tuple[Job, ...] = ("temperature", "velocity", "foreseeable", "terrain")
SCENES_A_WORKER = 25
"""Fewer scenes are not worth the start of another process."""


class Task(Config):
    """What identifies a simulation."""

    scenario: Scenario
    seed: int


def simulate(scenario: Scenario, out: str | Path, seed: int = 0, workers: int | None = None) -> dict[str, Any]:
    """Write the archive and the truth of a simulated glacier into the run folder `out`.

    Parameters
    ----------
    scenario
        What to simulate.
    out
        Gets ``archive/`` (a STAC catalogue of all products, and outlines) and ``truth/``. What a killed run left is kept; the same
        call goes on from there.
    seed
        0 or more; the same seed gives the same arrays, with any number of workers.
    workers
        Processes that render scenes (default: one a CPU, where there is enough to do).

    Returns
    -------
    dict
        Paths, and how many items of each collection there are.

    Raises
    ------
    InputError
        If the seed is negative or `workers` is below 1.
    RunFolderError
        If `out` holds something else.
    GlaciercastError
        If a worker process is killed.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers {workers}: expected 1 or more")
    if seed < 0:
        raise InputError(f"seed {seed}: expected 0 or more")
    with runs.run_folder(out, "simulate", Task(scenario=scenario, seed=seed)) as folder:
        archive, known = folder / "archive", folder / "truth"
        progress.note(f"{scenario.title}, seed {seed}: terrain, ice and weather")
        if seed >= FINAL_SEEDS:
            progress.note(f"seeds from {FINAL_SEEDS} on are kept for final tables: tune nothing on this one")
        world = worlds.make(scenario, seed)
        _check_items(world)
        truth.write_static(world, known)
        _make_all(world, archive, known, workers)
        truth.write_scenes([row for overpass in visits.plan(world) for row in truth.row(overpass, _items(world, overpass))], known)
        stac.write_catalog(archive, scenario.title)
        summary = _summary(scenario, seed, folder)
        runs.write_json(folder / "results" / "simulate.json", summary)
    return summary


def _check_items(world: World) -> None:
    """Refuse a plan in which two scenes would have one name, before anything is written."""
    names = [item for overpass in visits.plan(world) for item in _items(world, overpass)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"scenario '{world.scenario.name}': two visits make the same scene {twice[0]}; give sensors other paths or dates")
    if world.scenario.velocity is not None:
        itslive.layout(world)  # refuses a grid that does not fit its pixels


def _make_all(world: World, archive: Path, known: Path, workers: int | None) -> None:
    """Make every product and every optical scene that is not there yet, in this process or in several."""
    scenes = visits.plan(world)
    missing = [
        index
        for index, overpass in enumerate(scenes)
        if not all(_exists(archive, known, overpass, item) for item in _items(world, overpass))
    ]
    jobs: list[Job] = [*PRODUCTS, *missing]  # the long ones first, so that all processes end together
    processes = min(workers or max(1, min(len(os.sched_getaffinity(0)), len(missing) // SCENES_A_WORKER)), len(jobs))
    if processes == 1:
        for job in progress.track(jobs, "products and scenes"):
            _do(world, scenes, job, archive, known)
        return
    for _ in progress.track(_in_processes(world, jobs, archive, known, processes), "products and scenes", len(jobs)):
        pass


def _in_processes(world: World, jobs: list[Job], archive: Path, known: Path, processes: int) -> Iterator[None]:
    """Do the jobs in several processes, each of which makes the world for itself; yields as they are done."""
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of numerical libraries hold
    task = config.plain(Task(scenario=world.scenario, seed=world.seed))
    with ProcessPoolExecutor(processes, context, _Worker.start, (task, str(archive), str(known))) as pool:
        waiting = [pool.submit(_Worker.do, job) for job in jobs]
        try:
            for finished in as_completed(waiting):
                yield finished.result()
        except BrokenProcessPool as error:
            raise GlaciercastError(
                "a process of the simulation was killed, perhaps for want of memory; the same command goes on (--workers 1 needs least)"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """One process's own copy of the world."""

    world: World
    scenes: list[Overpass]
    archive: Path
    known: Path

    @classmethod
    def start(cls, task: dict[str, Any], archive: str, known: str) -> None:
        parsed = config.parse(Task, task, "task")
        cls.world = worlds.make(parsed.scenario, parsed.seed)
        cls.scenes, cls.archive, cls.known = visits.plan(cls.world), Path(archive), Path(known)

    @classmethod
    def do(cls, job: Job) -> None:
        _do(cls.world, cls.scenes, job, cls.archive, cls.known)


def _do(world: World, scenes: list[Overpass], job: Job, archive: Path, known: Path) -> None:
    """Do one job: a scene by its position, or a product by its name."""
    scenario, seed = world.scenario, world.seed
    if isinstance(job, int):
        _write(world, scenes[job], archive, known)
    elif job == "velocity" and scenario.velocity is not None:
        _velocity(world, archive, known)
    elif job == "temperature" and scenario.temperature is not None and not (known / "temperature.nc").exists():
        modis.write(world, archive, scenario, seed)
        truth.write_temperature(modis.truth(world, scenario), known)
    elif job == "foreseeable" and not (known / "oracle.json").exists():
        truth.write_oracle(truth.assess(world), known)
    elif job == "terrain":
        dem.write(world, archive, scenario, seed)
        outline.write(world, archive, scenario, seed)


def _velocity(world: World, archive: Path, known: Path) -> None:
    if (known / "pairs.csv").exists():
        return
    cube = itslive.simulate(world, world.scenario, world.seed)
    if not stac.exists(archive, itslive.COLLECTION, itslive.item_id(cube.layout)):
        itslive.write_cube(cube, archive, world.scenario)
    truth.write_pairs(cube.pairs, known)


def _write(world: World, overpass: Overpass, archive: Path, known: Path) -> None:
    """Render one scene and write its items, unless they are there, and its truth."""
    scene = render.scene(world, overpass, *visits.grids(world, overpass))
    names = _items(world, overpass)
    truth.write_masks(scene, names, known / "scenes")
    if overpass.product == "sentinel2":
        sentinel2.write(scene, archive, world.scenario, world.seed)
    elif not stac.exists(archive, landsat.COLLECTION, names[0]):
        landsat.write(scene, archive, world.scenario, world.seed)


def _items(world: World, overpass: Overpass) -> list[str]:
    if overpass.product == "sentinel2":
        return sentinel2.item_ids(overpass, world.scenario.optical, world.seed)
    return [landsat.item_id(overpass)]


def _exists(archive: Path, known: Path, overpass: Overpass, item: str) -> bool:
    collection = sentinel2.COLLECTION if overpass.product == "sentinel2" else landsat.COLLECTION
    return stac.exists(archive, collection, item) and (known / "scenes" / f"{item}.tif").exists()


def _summary(scenario: Scenario, seed: int, folder: Path) -> dict[str, Any]:
    archive = folder / "archive"
    collections = sorted(path.parent.name for path in archive.glob("*/collection.json"))
    counts = {name: sum(1 for entry in (archive / name).iterdir() if entry.is_dir()) for name in collections}
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "note": scenario.note,
        "seed": seed,
        "catalog": str(archive / "catalog.json"),
        "outlines": str(archive / "outlines"),
        "truth": str(folder / "truth"),
        "items": counts,
    }
