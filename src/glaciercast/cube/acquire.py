"""A site's scenes from a STAC catalogue → ``/optical/<product>``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import config, grid, store
from glaciercast.cube import illumination, melting, optical, placing, survey
from glaciercast.cube.coregister_move import Match
from glaciercast.cube.settings import SiteBuild
from glaciercast.cube.staging import Staging
from glaciercast.cube.survey import Context, Job, Task, Verdict
from glaciercast.cube.workers import Crew, Threads
from glaciercast.errors import InputError
from glaciercast.sources.optical import OpticalProduct, Overpass
from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import Scene, Sun

BANDS: tuple[BandName, ...] = ("green", "red", "nir", "swir16")
THERMAL: BandName = "thermal"
THERMAL_ERROR = 1.5
"""K; what the Landsat guide's uncertainty band typically says over snow and ice."""


@dataclass(frozen=True)
class Work:
    """What reading, judging and staging the overpasses of a product takes, in whatever process it is done.

    ``terrain`` holds slope and aspect in degrees (y, x), for the illumination correction.
    """

    product: OpticalProduct
    context: Context
    settings: SiteBuild
    terrain: dict[str, np.ndarray]
    staging: Staging

    def do(self, task: Task, job: Job) -> Verdict:
        """Judge an overpass: by its quality band (``glance``), or by all bands; then one that counts waits in the staging."""
        number, overpass = job
        if task == "glance":
            quality = self.product.read_quality(overpass, self.context.target, self.context.fetcher)
            return survey.glance(quality, self.product, self.context)
        scene = self.product.read(overpass, self.context.target, self.context.fetcher, bands_of(self.product))
        arrays = self.arrays_of(scene)
        verdict = survey.judge(scene, arrays["clear"], self.context)
        if verdict.kept:
            share = float(arrays["clear"].mean())
            self.staging.put(number, arrays, {"scene_id": overpass.scene_id, "clear_fraction": share, "items": list(scene.facts)})
        return verdict

    def arrays_of(self, scene: Scene) -> dict[str, np.ndarray]:
        """Return what a cube keeps of a scene: its bands, where it is clear and, where there is a thermal band, where ice melts."""
        bands = dict(scene.bands)
        if not self.settings.registration.enabled:  # terrain is where the scene is only once it is moved
            bands = lit(bands, scene.ref.scene_id, scene.sun, self.settings, self.terrain)
        arrays = {**bands, "clear": survey.clear_pixels(scene, self.product, self.context)}
        if "melting" in self.staging.variables:
            assert self.context.ice is not None
            arrays["melting"] = melting.melting(scene.bands[THERMAL], THERMAL_ERROR, self.context.ice)
        return arrays


def build_product(
    product: OpticalProduct,
    overpasses: Sequence[Overpass],
    settings: SiteBuild,
    context: Context,
    terrain: dict[str, np.ndarray],
    path: Path,
    crew: Crew | None = None,
) -> dict[str, Any]:
    """Survey the overpasses of one product and write those that count; takes up where an interrupted build stopped.

    Parameters
    ----------
    terrain
        ``slope`` and ``aspect`` in degrees (y, x), for the illumination correction.
    path
        The cube. Beside it, ``survey-<product>.jsonl`` keeps what was found in each overpass, kept or not.
    crew
        Who does the work (default: threads of this process).

    Returns
    -------
    dict
        ``scenes``, ``found``, ``left_out`` (reason → number), ``clear_fraction``, ``first``, ``last``, ``resumed_at``.

    Raises
    ------
    InputError
        If no overpass counts.
    SourceError
        If a file cannot be had after every try; the same command goes on from there.
    """
    crew, bands = crew or Threads(), bands_of(product)
    ids = [overpass.scene_id for overpass in overpasses]
    folder = path.parent / f"staging-{product.name}-{config.digest([config.plain(settings), survey.rules(context), ids])[:12]}"
    staging = Staging(folder, (len(overpasses), *context.target.shape), variables_of(product, context))

    def judge(task: Task, product: OpticalProduct, jobs: Sequence[Job]) -> Iterator[Verdict]:
        if task == "stage" and jobs:
            staging.lay_out()
        return crew.map(Work(product, context, settings, terrain, staging), task, jobs)

    product, verdicts = survey.survey(product, overpasses, bands, context, path.parent / f"survey-{product.name}.jsonl", judge)
    jobs = [job for job, verdict in zip(enumerate(overpasses), verdicts, strict=True) if verdict.kept]
    kept = [overpass for _, overpass in jobs]
    left_out = _count([verdict for verdict in verdicts if not verdict.kept])
    if not kept:
        raise InputError(f"{product.name}: none of {len(overpasses)} overpasses counts ({_words(left_out)}); allow more in 'selection'")
    attributes = {
        "title": settings.site.title,
        "build": json.dumps(config.plain(settings)),
        "attribution": product.attribution,
        "licence": product.licence,
        "comment": settings.site.notes,
        "is_glacier": 1,
    }
    coords = optical.coordinates(
        kept, [overpass.sensor for overpass in kept], context.target, product.latency, attributes, [overpass.sun for overpass in kept]
    )
    fingerprint = config.digest([config.plain(settings), survey.rules(context), [overpass.scene_id for overpass in kept]])
    writer = store.RegionWriter(path, f"/optical/{product.name}", fingerprint)
    lost = [job for step, job in enumerate(jobs) if step not in writer.done and not staging.holds(job[0])]
    again = judge("stage", product, lost)

    matches: list[Match] = []
    if settings.registration.enabled and not writer.complete:
        for _ in again:  # a match needs the scene
            pass
        ground = placing.Ground.of(terrain, context.ice, abs(context.target.affine.a))
        matches = placing.places(settings.registration, jobs, staging, ground, path.parent, product.name, fingerprint)
        available = placing.known(coords.available_at.values, path.parent, product.latency)
        coords = coords.assign(placing.shifts(matches, context.target)).assign(available_at=("time", available))

    def put(step: int, overpass: Overpass) -> None:
        number = jobs[step][0]
        if matches:
            moved, facts = placing.moved(staging, number, matches[step], context.target)
            writer.write(step, lit(moved, overpass.scene_id, overpass.sun, settings, terrain), **facts)
            return
        if not staging.holds(number):
            next(again)
        staging.move(number, writer, step)

    entries, resumed_at = optical.write(writer, coords, staging.variables, kept, put)
    staging.clear()
    return {
        "scenes": len(kept),
        "found": len(overpasses),
        "left_out": left_out,
        "clear_fraction": float(np.mean([entry["clear_fraction"] for entry in entries])),
        "first": str(kept[0].time)[:10],
        "last": str(kept[-1].time)[:10],
        "grid": grid.describe(context.target),
        "resumed_at": resumed_at,
    }


def variables_of(product: OpticalProduct, context: Context) -> dict[str, str]:
    """Return name and dtype of the arrays that a cube keeps of a product."""
    melts = THERMAL in product.bands and context.ice is not None
    return {**dict.fromkeys(bands_of(product), "float32"), "clear": "bool", **({"melting": "bool"} if melts else {})}


def bands_of(product: OpticalProduct) -> list[BandName]:
    """Return the bands of a product that a cube keeps."""
    return [*BANDS, *((THERMAL,) if THERMAL in product.bands else ())]


def lit(
    arrays: Mapping[str, np.ndarray], scene_id: str, sun: Sun | None, settings: SiteBuild, terrain: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays of a scene with its reflectance corrected for terrain, where the settings want that."""
    if settings.illumination == "none":
        return dict(arrays)
    if sun is None:
        raise InputError(f"{scene_id}: no position of the sun, which 'illumination: {settings.illumination}' needs")
    how = settings.illumination
    return {
        name: illumination.correct(values, terrain["slope"], terrain["aspect"], sun, method=how) if name in BANDS else values
        for name, values in arrays.items()
    }


def _count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    kinds = [verdict.reason.partition(" ")[0] for verdict in verdicts]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _words(left_out: dict[str, int]) -> str:
    return ", ".join(f"{number} too much {kind}" for kind, number in left_out.items())
