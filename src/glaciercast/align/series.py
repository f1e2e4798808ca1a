"""Scenes, image pairs and periods → ``/aligned``: one regular series on one grid, which looks ahead only where it says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from glaciercast import config, grid, schema, store
from glaciercast.align import fills, regrid
from glaciercast.align.optical import OpticalSteps
from glaciercast.align.settings import AlignConfig, Kind
from glaciercast.align.steps import Step, Steps
from glaciercast.align.temperature import TemperatureSteps
from glaciercast.align.velocity import VelocitySteps
from glaciercast.align.velocity_series import SeriesSteps
from glaciercast.progress import track
from glaciercast.schema import OBSERVED

GROUP = "/aligned"
STATICS = ("elevation", "slope", "ice")


def align(path: Path, settings: AlignConfig, replace: bool = False) -> dict[str, Any]:
    """Write ``/aligned`` of the cube at `path`: composites of every kind of data that it has, and gaps filled.

    A step's value at a pixel is the composite of what its window shows there, and ``_observed`` is 1; where it shows nothing, the value is
    the fill's, and ``_observed`` is 0. With ``past`` sides nothing is taken from later steps; with ``two_sided`` it is, the group has the
    attribute ``looks_ahead``, and no model takes it; so it is where velocity is from a series that was inverted from both sides. Where the
    sun is too low for optical data on every day of a step (polar winter), nothing is filled in or carried over. ``available_at`` is the
    end of the step, or the time at which its last scene could be had, if later, and never before that of the step before; so are those of
    velocity and temperature. `replace` removes an alignment with other settings first.

    Returns
    -------
    dict
        ``products``, ``steps``, ``steps_with_data``, ``dark_steps`` (polar winter), ``observed_fraction`` (of NDSI), ``variables`` (name →
        observed fraction).

    Raises
    ------
    InputError
        If the products are on different grids, `settings` names one that the cube has not, or it was aligned otherwise.
    """
    cube = store.open_cube(path, unfinished_ok=(GROUP,))
    optical = OpticalSteps(path, cube, settings)
    sources: dict[Kind, Steps] = {"optical": optical, **_others(cube, settings, optical)}
    if replace:
        store.drop_group(path, GROUP)
    store.verify(path, [group for kind, source in sources.items() if kind != "optical" for group in source.groups])  # scenes are when read
    writer = store.RegionWriter(path, GROUP, _digest(path, sources, settings), "restore them, or --replace it")
    writer.begin(_coordinates(cube, optical, sources, settings), _variables(sources))
    for index, step in _one_ahead(_made(path, optical, sources, settings, set(writer.done))):
        shares = {name: round(float(values.mean()), 6) for name, values in step.observed.items()}
        observed = {name + OBSERVED: values for name, values in step.observed.items()}
        writer.write(index, {**step.arrays, **observed, **step.beside}, **step.facts, observed=shares)
    writer.end()
    names = [name for source in sources.values() for name in source.names]
    seen = {name: [entry["observed"][name] for entry in writer.done.values()] for name in names}
    return {
        "products": [group for source in sources.values() for group in source.groups],
        "steps": len(optical.calendar),
        "steps_with_data": int(np.count_nonzero(seen["ndsi"])),
        "dark_steps": int(np.count_nonzero(optical.dark)),
        "observed_fraction": float(np.mean(seen["ndsi"])),
        "variables": {name: float(np.mean(share)) for name, share in seen.items()},
    }


def _others(cube: xr.DataTree, settings: AlignConfig, optical: OpticalSteps) -> dict[Kind, Steps]:
    """Return the other kinds of data that the cube has and the settings want."""
    found: dict[Kind, Steps] = {}
    common, length, ahead = (optical.geobox, optical.calendar.edges), settings.length, settings.sides == "two_sided"
    if "velocity" in settings.kinds and (velocity := regrid.product(cube, "velocity", settings.velocity.source)):
        name, data = velocity
        steps = VelocitySteps if "pair" in data.dims else SeriesSteps
        found["velocity"] = steps(data, settings.velocity, *common, group=f"/velocity/{name}", length=length, looks_ahead=ahead)
    if "temperature" in settings.kinds and (temperature := regrid.product(cube, "temperature", settings.temperature.product)):
        name, data = temperature
        elevation = _statics(cube, optical).get("elevation")
        height = None if elevation is None else elevation.values
        found["temperature"] = TemperatureSteps(data, settings.temperature, *common, height, group=f"/temperature/{name}", length=length)
    return found


def _made(
    path: Path, optical: OpticalSteps, sources: Mapping[Kind, Steps], settings: AlignConfig, done: set[int]
) -> Iterator[tuple[int, Step]]:
    """Yield the number of each step that is not done, and the step; those that are done are taken in."""
    fillers = [_filler(path, source, optical, settings) for source in sources.values()]
    for index in track(range(len(optical.calendar)), "Aligning"):
        if index in done:
            for filler in fillers:
                filler.restore(index, partial(_read, path, index))
        else:
            yield index, fills.gather([filler.step(index) for filler in fillers])


def _one_ahead(steps: Iterator[tuple[int, Step]]) -> Iterator[tuple[int, Step]]:
    """Yield steps; while one is written, the next is made."""

    def following() -> tuple[int, Step] | None:
        return next(steps, None)

    with ThreadPoolExecutor(1, "align") as pool:
        shown = copy_context()  # whether progress is
        coming = pool.submit(shown.run, following)
        while (made := coming.result()) is not None:
            coming = pool.submit(shown.run, following)
            yield made


def _filler(path: Path, source: Steps, optical: OpticalSteps, settings: AlignConfig) -> fills.Filler:
    if not settings.fill:
        return fills.NoFill(source)
    kind = fills.PastFill if settings.sides == "past" else fills.TwoSidedFill
    return kind(source, optical.calendar.times, optical.shape, path.parent)


def _read(path: Path, index: int, name: str) -> np.ndarray:
    return store.read_date(path, GROUP, index, [name])[name]


def _variables(sources: Mapping[Kind, Steps]) -> dict[str, str]:
    names = [name for source in sources.values() for name in source.names]
    beside = {name: dtype for source in sources.values() for name, dtype in source.beside.items()}
    return {**dict.fromkeys([*names, *(name + OBSERVED for name in names)], "float32"), **beside}


def _digest(path: Path, sources: Mapping[Kind, Steps], settings: AlignConfig) -> str:
    return config.digest(
        [config.plain(settings), *(store.fingerprint(path, name) for source in sources.values() for name in source.groups)]
    )


def _coordinates(cube: xr.DataTree, optical: OpticalSteps, sources: Mapping[Kind, Steps], settings: AlignConfig) -> xr.Dataset:
    calendar = optical.calendar
    dataset = calendar.variables().assign_coords(grid.coordinates(optical.geobox))
    for kind, source in sources.items():
        times = np.array([source.available(step) for step in range(len(calendar))], "datetime64[ns]")
        # a step is filled from the steps before it; two-sided, from all
        latest = np.maximum.accumulate(times) if settings.sides == "past" else np.full_like(times, times.max())
        dataset["available_at" if kind == "optical" else f"{kind}_available_at"] = ("time", latest)
    dataset = dataset.assign(_statics(cube, optical))
    first = next(iter(optical.products.values()))
    kept = {key: first.attrs[key] for key in ("title", "is_glacier") if key in first.attrs}
    comments = [str(first.attrs.get("comment", "")), *(source.comment for source in sources.values())]
    dataset.attrs = kept | {
        "comment": "; ".join(dict.fromkeys(text for text in comments if text)),
        "attribution": "; ".join(store.attributions(cube)),
        "cadence": settings.cadence,
        "steps_per_year": calendar.steps_per_year,
        "composite_length": settings.length,
        # a series has no span beyond which its steps are apart: its smoothing ties all of them
        **({"velocity_span_days": settings.velocity.max_span_days} if isinstance(sources.get("velocity"), VelocitySteps) else {}),
        "looks_ahead": int(settings.sides == "two_sided" or any(source.looks_ahead for source in sources.values())),
        "schema": schema.VERSION,
    }
    return dataset


def _statics(cube: xr.DataTree, optical: OpticalSteps) -> dict[str, xr.Variable]:
    if "terrain" not in cube.children:
        return {}
    terrain = cube["terrain"].to_dataset()
    if not grid.same(grid.of(terrain, "/terrain"), optical.geobox):
        return {}
    return {name: terrain[name].variable.load() for name in STATICS if name in terrain}
