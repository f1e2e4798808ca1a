"""A data set's cubes: opened, split so that no part leaks into another, and refused where that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glaciercast import export, schema, store
from glaciercast.dataset import fitting
from glaciercast.dataset.config import DatasetConfig
from glaciercast.dataset.plan import Place, Plan
from glaciercast.errors import InputError, LeakError, unknown
from glaciercast.patches import splits, splits_glacier, splits_kinds
from glaciercast.patches.splits import PARTS, TimeSplit, WindowConfig
from glaciercast.patches.statics import Static

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.patches.series import Series

STATICS: tuple[Static, ...] = ("elevation", "slope", "ice")


def identify(cubes: Sequence[str | Path]) -> dict[str, Path]:
    """Return the cubes by name: that of the run folder, or of the cube where it lies in none.

    Raises
    ------
    InputError
        If there is no such cube, or two have one name.
    """
    named: dict[str, Path] = {}
    for cube in cubes:
        path = store.locate(cube)
        name = export.safe(path.resolve().parent.name if path.name == "cube.zarr" else path.stem)
        if name in named:
            raise InputError(f"{path}: is named '{name}', as {named[name]} is; expected cubes of different names")
        named[name] = path
    return named


def open_plan(named: Mapping[str, Path], settings: DatasetConfig, folder: Path) -> Plan:
    """Open the cubes through memory-mapped caches in `folder`, split their series, and check that no part leaks into another.

    Raises
    ------
    InputError
        If a cube lacks a variable or is too short or too small, or the split does not go with the number of cubes.
    LeakError
        If parts share a scene.
    """
    from glaciercast.patches import series as serieses

    if settings.split == "glacier" and len(named) == 1:
        raise InputError("split=glacier: expected two cubes or more, found one")
    if settings.split != "glacier" and len(named) > 1:
        raise InputError(f"split={settings.split}: expected one cube, found {len(named)}; several are kept apart by --set split=glacier")
    aligned = {name: _aligned(path) for name, path in named.items()}
    variables = _variables(settings, aligned)
    windows = settings.windows(variables, _statics(settings, aligned))
    _check_settings(settings, windows, {name: (dataset.sizes["y"], dataset.sizes["x"]) for name, dataset in aligned.items()})
    opened = {
        name: serieses.load(path, folder / name, windows.variables, settings.n_target, windows.statics) for name, path in named.items()
    }
    made = _split(settings, windows, opened, aligned)
    plan = Plan(settings, windows, tuple(
        Place(name, named[name], opened[name], made[name], _credits(named[name])) for name in named
    ))  # fmt: skip
    _check(plan)
    return plan


def _aligned(path: Path) -> xr.Dataset:
    cube = store.open_cube(path)
    if "aligned" not in cube.children:
        raise InputError(f"{path}: has no /aligned; run 'glaciercast align {path}' first")
    return cube["aligned"].to_dataset()


def _variables(settings: DatasetConfig, aligned: Mapping[str, xr.Dataset]) -> tuple[str, ...]:
    """Return the variables that are read: those of the settings, or all that every cube has."""
    shared = tuple(name for name in schema.ALIGNED_VARIABLES if all(name in dataset for dataset in aligned.values()))
    for name in (*settings.variables, *settings.targets):
        if name not in shared:
            raise InputError(unknown("variable", name, shared))
    return settings.variables or shared


def _statics(settings: DatasetConfig, aligned: Mapping[str, xr.Dataset]) -> tuple[Static, ...]:
    if settings.statics is not None:
        return settings.statics
    return tuple(name for name in STATICS if all(name in dataset for dataset in aligned.values()))


def _check_settings(settings: DatasetConfig, windows: WindowConfig, shapes: Mapping[str, tuple[int, int]]) -> None:
    """Check what needs no values.

    Raises
    ------
    InputError
        If a scene is smaller than a window, quarter turns are wanted of one component of the velocity alone, or varied copies are wanted
        that nothing varies.
    """
    from glaciercast.patches import augment

    for name, shape in shapes.items():
        if min(shape) < windows.patch:
            scene = f"{shape[0]}×{shape[1]}"
            raise InputError(
                f"{name}: the scene is {scene} pixels, smaller than a window of {windows.patch}; --set patch={min(shape)} would fit"
            )
    amounts = settings.augment
    if amounts.copies:
        augment.check(amounts, windows.variables, windows.targets)
        if not (amounts.flips or amounts.rotations or amounts.brightness or amounts.cloud_gaps):
            raise InputError(
                "augment.copies: expected something that varies them (flips, rotations, brightness, cloud_gaps), found nothing"
            )


def _split(
    settings: DatasetConfig, windows: WindowConfig, opened: Mapping[str, Series], aligned: Mapping[str, xr.Dataset]
) -> dict[str, TimeSplit]:
    """Return the split of each cube.

    Raises
    ------
    InputError
        If a series is too short, with the settings that would fit.
    """
    composite = max(series.composite_length for series in opened.values())
    home = settings.left_out or list(opened)[-1]
    if home not in opened:
        raise InputError(unknown("cube", home, opened))
    if settings.split != "space" and fitting.largest(settings, opened[home].n_steps, composite) != (settings.n_input, settings.n_target):
        still = max(int(dataset.attrs["composite_length"]) for dataset in aligned.values())
        raise InputError(fitting.advise(settings, opened[home].n_steps, composite, still, windows.variables, home))
    if settings.split != "glacier":
        return {name: splits_kinds.make(windows, s.n_steps, s.shape, settings.before, s.composite_length) for name, s in opened.items()}
    splits_glacier.check_apart({name: series.geobox for name, series in opened.items()})
    return dict(splits_glacier.by_glacier(
        {name: series.starts[: series.n_steps] for name, series in opened.items()}, home, n_input=settings.n_input,
        n_target=settings.n_target, history=settings.before, composite_length=composite, fractions=settings.fractions,
    ))  # fmt: skip


def _check(plan: Plan) -> None:
    """Check that no scene of a training target, composites included, enters a test or validation target."""
    if plan.settings.split == "glacier":
        days = {place.name: place.series.starts[: place.series.n_steps] for place in plan.places}
        made = {place.name: place.split for place in plan.places if isinstance(place.split, splits_glacier.GlacierSplit)}
        splits_glacier.check_dates(days, made)
    elif plan.settings.split != "space":
        for place in plan.places:
            splits.check(place.split)
    for part in PARTS:
        if not plan.pieces[part]:
            raise InputError(f"the {part} part holds no window; use shorter windows, other fractions or longer series")
    if not all(place.split.honest for place in plan.places):
        raise LeakError("the split leaks by design; expected time, space, both or glacier")


def _credits(path: Path) -> dict[str, list[str]]:
    """Return the attributions and licences of all groups of a cube, each once."""
    cube = store.open_cube(path)
    licences = [str(node.attrs.get("licence") or "") for node in sorted(cube.subtree, key=lambda node: node.path)]
    return {"attribution": store.attributions(cube), "licence": list(dict.fromkeys(text for text in licences if text))}
