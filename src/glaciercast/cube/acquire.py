"""A site's scenes from a STAC catalogue → ``/optical/<product>``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import config, grid
from glaciercast.cube import illumination, melting, optical, survey
from glaciercast.cube.settings import SiteBuild
from glaciercast.cube.survey import Context, Verdict
from glaciercast.errors import InputError
from glaciercast.sources.optical import OpticalProduct, Overpass
from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import Scene

BANDS: tuple[BandName, ...] = ("green", "red", "nir", "swir16")
THERMAL: BandName = "thermal"
THERMAL_ERROR = 1.5
"""K; what the Landsat guide's uncertainty band typically says over snow and ice."""


def build_product(
    product: OpticalProduct,
    overpasses: Sequence[Overpass],
    settings: SiteBuild,
    context: Context,
    terrain: dict[str, np.ndarray],
    path: Path,
) -> dict[str, Any]:
    """Survey the overpasses of one product and write those that count; takes up where an interrupted build stopped.

    Parameters
    ----------
    terrain
        ``slope`` and ``aspect`` in degrees (y, x), for the illumination correction.
    path
        The cube. Beside it, ``survey-<product>.jsonl`` keeps what was found in each overpass, kept or not.

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
    bands = bands_of(product)
    product, verdicts = survey.survey(product, overpasses, bands, context, path.parent / f"survey-{product.name}.jsonl")
    kept = [overpass for overpass, verdict in zip(overpasses, verdicts, strict=True) if verdict.kept]
    left_out = _count([verdict for verdict in verdicts if not verdict.kept])
    if not kept:
        raise InputError(f"{product.name}: none of {len(overpasses)} overpasses counts ({_words(left_out)}); allow more in 'selection'")
    melts = THERMAL in bands and context.ice is not None
    variables: dict[str, Any] = {**dict.fromkeys(bands, "float32"), "clear": "bool", **({"melting": "bool"} if melts else {})}

    def arrays_of(overpass: Overpass) -> tuple[optical.Arrays, dict[str, Any]]:
        scene = product.read(overpass, context.target, context.fetcher, bands)
        arrays = {**_reflectance(scene, settings, terrain), "clear": survey.clear_pixels(scene, product, context)}
        if melts:
            assert context.ice is not None
            arrays["melting"] = melting.melting(scene.bands[THERMAL], THERMAL_ERROR, context.ice)
        return arrays, {"items": list(scene.facts)}

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
    entries, resumed_at = optical.write(path, f"/optical/{product.name}", coords, variables, kept, fingerprint, arrays_of)
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


def bands_of(product: OpticalProduct) -> list[BandName]:
    """Return the bands of a product that a cube keeps."""
    return [*BANDS, *((THERMAL,) if THERMAL in product.bands else ())]


def _reflectance(scene: Scene, settings: SiteBuild, terrain: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if settings.illumination == "none":
        return scene.bands
    if scene.sun is None:
        raise InputError(f"{scene.ref.scene_id}: no position of the sun, which 'illumination: {settings.illumination}' needs")
    return {
        name: values
        if name == THERMAL
        else illumination.correct(values, terrain["slope"], terrain["aspect"], scene.sun, method=settings.illumination)
        for name, values in scene.bands.items()
    }


def _count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    kinds = [verdict.reason.partition(" ")[0] for verdict in verdicts]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _words(left_out: dict[str, int]) -> str:
    return ", ".join(f"{number} too much {kind}" for kind, number in left_out.items())
