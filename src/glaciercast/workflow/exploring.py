"""What a cube shows before any model: coverage, cover, the season of velocity, temperature and its warming, zone by zone.

A file or a table of velocities shows its velocity part alone (`exploring_velocities`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.explore.settings import ExploreConfig
from glaciercast.progress import note
from glaciercast.workflow import exploring_velocities

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

SECTIONS = ("optical", "velocity", "temperature")
FITS = ("_series", "_series_fit", "_series_shares")
"""Ends of names under ``/velocity`` of what was made of pairs that stand beside it."""


class _Exploration(Config):
    """What identifies an exploration: the cube, what it holds, and the settings."""

    cube: str
    contents: dict[str, str]
    settings: dict[str, Any]


def read_explore_config(options: dict[str, Any]) -> ExploreConfig:
    """Return the settings that dotted keys and values stand for (``thresholds.ndsi``); those that are None keep their defaults."""
    return config.parse(ExploreConfig, config.merge({}, options), "options")


def explore(cube: str | Path, out: str | Path, settings: ExploreConfig | None = None) -> dict[str, Any]:
    """Describe a cube, or velocities that are in none, and draw them.

    Writes ``exploration.json``, ``exploration.html`` and ``figures/`` into the run folder `out`.

    Nothing is filled or modelled: what is told was observed. A cube without velocity or temperature gives the other sections, and
    ``missing`` says what is not there and why.

    Parameters
    ----------
    cube
        A cube, or the run folder that holds it; or velocities: NetCDF, a Zarr store (an ITS_LIVE cube, a regular series) or a table.
    out
        Run folder; never overwritten.
    settings
        Thresholds, elevation bands and the level of intervals.

    Returns
    -------
    dict
        ``cube``, ``title``, ``settings``, ``terrain``, ``optical``, ``velocity``, ``temperature`` (product → what was found), ``missing``
        (a list of ``section`` and ``reason``), ``figures``, ``page`` and ``json``.

    Raises
    ------
    InputError
        If there is neither a cube nor velocities, or nothing in it to explore.
    RunFolderError
        If `out` holds another run.
    """
    settings = settings or ExploreConfig()
    if not Path(cube).exists():
        raise InputError(f"{cube}: no such file or folder; expected a cube, its run folder, or velocities (NetCDF, Zarr or a table)")
    if exploring_velocities.is_one(Path(cube)):
        return _velocities(Path(cube), out, settings)
    path = store.locate(cube)
    opened = store.open_cube(path)
    groups = products(opened)
    if not any(groups.values()):
        raise InputError(f"{path}: expected a product under /optical, /velocity or /temperature, found none")
    contents = {group: store.fingerprint(path, group) for names in groups.values() for group in names}
    identity = _Exploration(cube=str(path), contents=contents, settings=config.plain(settings))
    with runs.run_folder(out, "explore", identity) as folder:
        found, drawn = _explored(opened, groups, settings)
        result = {"cube": str(path), "title": str(opened.attrs.get("title", path.name)), "settings": config.plain(settings), **found}
        return _written(result, drawn, folder)


def _velocities(path: Path, out: str | Path, settings: ExploreConfig) -> dict[str, Any]:
    found, drawn = exploring_velocities.explored(path, settings)
    with runs.run_folder(out, "explore", _Exploration(**exploring_velocities.of(path, settings))) as folder:
        return _written({"cube": str(path), "settings": config.plain(settings), **found}, drawn, folder)


def products(cube: xr.DataTree) -> dict[str, dict[str, xr.Dataset]]:
    """Return section → group's path → dataset, of what an exploration reads; pairs, and not what was inverted from them."""
    found: dict[str, dict[str, xr.Dataset]] = {}
    for section in SECTIONS:
        children = cube.children[section].children if section in cube.children else {}
        wanted = [name for name in sorted(children) if section != "velocity" or not name.endswith(FITS)]
        found[section] = {f"/{section}/{name}": children[name].to_dataset() for name in wanted}
    return found


def _explored(
    cube: xr.DataTree, groups: dict[str, dict[str, xr.Dataset]], settings: ExploreConfig
) -> tuple[dict[str, Any], dict[str, tuple[Figure, str]]]:
    """Return the sections and their figures, name → figure and caption."""
    terrain = cube.children["terrain"].to_dataset().load() if "terrain" in cube.children else None
    missing = [] if terrain is not None else [_missing("terrain", "no /terrain: neither elevation bands nor an outline")]
    if terrain is not None and "ice" not in terrain:
        missing.append(_missing("terrain", "/terrain has no outline: ice and ground are not told apart"))
    found: dict[str, Any] = {"terrain": _ground(terrain)}
    drawn: dict[str, tuple[Figure, str]] = {}
    for section, describe in _DESCRIBE.items():
        found[section] = {}
        if not groups[section]:
            missing.append(_missing(section, f"the cube has no product under /{section}"))
        for path, dataset in groups[section].items():
            note(f"Exploring {path}")
            try:
                found[section][path], figures = describe(path, dataset, terrain, settings)
            except InputError as reason:
                missing.append(_missing(path, str(reason)))
            else:
                drawn.update(figures)
    return {**found, "missing": missing}, drawn


def _missing(section: str, reason: str) -> dict[str, str]:
    return {"section": section, "reason": reason}


def _ground(terrain: xr.Dataset | None) -> dict[str, Any] | None:
    if terrain is None:
        return None
    elevation = terrain["elevation"].values
    inside = terrain["ice"].values if "ice" in terrain else None
    area = abs(float(terrain["x"][1] - terrain["x"][0]) * float(terrain["y"][1] - terrain["y"][0])) / 1e6
    ends = {"lowest_m": float(elevation[elevation == elevation].min()), "highest_m": float(elevation[elevation == elevation].max())}
    return {**ends, "area_km2": float(elevation.size * area), "ice_km2": None if inside is None else float(inside.sum() * area)}


def _optical(path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    from glaciercast.explore import optical
    from glaciercast.report import exploration

    found, where = optical.read(path, dataset, terrain, settings)
    told = optical.describe(found, where)
    return told, exploration.optical(path, told, found)


def _velocity(path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    from glaciercast.explore import velocity
    from glaciercast.report import exploration_velocity

    found, where = velocity.read(path, dataset, terrain, settings)
    told = velocity.describe(found, where, settings)
    return told, exploration_velocity.velocity(path, told, found, where, (dataset["x"].values, dataset["y"].values))


def _temperature(
    path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    from glaciercast.explore import temperature
    from glaciercast.report import exploration

    told = temperature.describe(path, dataset, terrain, settings)
    return told, exploration.temperature(path, told)


_DESCRIBE: dict[str, Callable[..., tuple[dict[str, Any], dict[str, Any]]]] = {
    "optical": _optical,
    "velocity": _velocity,
    "temperature": _temperature,
}


def _written(result: dict[str, Any], drawn: dict[str, tuple[Figure, str]], folder: Path) -> dict[str, Any]:
    """Write figures, page and JSON; return the result with where they are."""
    from glaciercast.report import exploration_page

    page = folder / "exploration.html"
    figures = exploration_page.save_figures(drawn, folder / "figures")
    result = {**result, "figures": figures, "page": str(page), "json": str(folder / "exploration.json")}
    exploration_page.write_page(page, result, runs.read_json(folder / "provenance.json"))
    runs.write_json(folder / "exploration.json", result)
    return result
