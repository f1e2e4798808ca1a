"""A grid of sites, models and seeds: a results file each, and one table over all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from glaciercast import config, runs, sites, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.workflow import leaveout, model_cells
from glaciercast.workflow.settings import BenchmarkConfig
from glaciercast.workflow.site_cells import SiteCells
from glaciercast.workflow.workbench import check, identity

if TYPE_CHECKING:
    from glaciercast.evaluate.cells import Cell

PLACE = "runs"
"""Folder in which a site's cube is looked for by the site's name."""


class GridTask(Config):
    """What identifies a grid: its cubes by content, the settings, the seeds, the code and whether the test part is opened."""

    cubes: dict[str, Any] = Field(description="site → cube and content")
    settings: dict[str, Any]
    seeds: tuple[int, ...]
    code: str
    final: bool
    by_glacier: bool


def compare(
    cubes: Sequence[str | Path], out: str | Path, settings: BenchmarkConfig | None = None, seeds: Sequence[int] = (0,), final: bool = False,
    by_glacier: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Fit and score every model on every cube from every seed; write a results file each and the table over all.

    A run that was stopped goes on with the cells that are missing. A cell of other data, code or config is not taken.

    Parameters
    ----------
    cubes
        Aligned cubes, the run folders that hold them, or names of sites whose cube is in ``runs/<name>``.
    out
        Run folder; gets ``<site>/cells/<model>[.seed-<n>].<part>.json`` and ``results/benchmark.json``.
    seeds
        Of the networks, each of which is fitted from all of them.
    final
        Whether the sealed test part is opened, which is logged; else models are compared on the validation part.
    by_glacier
        Whether each site is left out once, and networks are trained on the others alone.

    Raises
    ------
    InputError
        If there is no cube, two have one name, seeds repeat, or the sites' series do not go into one table.
    """
    from glaciercast.evaluate import aggregate, cells

    settings = settings or BenchmarkConfig()
    places = _named(cubes)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds: expected different ones, found {', '.join(map(str, seeds)) or 'none'}")
    if by_glacier:
        leaveout.check(settings, len(places), final)
    check(settings)
    contents = {site: config.plain(identity(cube, Config())) for site, cube in places.items()}
    asked = {"settings": config.plain(settings), "seeds": tuple(seeds), "final": final, "by_glacier": by_glacier}
    task = GridTask(cubes=contents, code=cells.code_identity(), **asked)
    with runs.run_folder(out, "benchmark", task) as folder:
        found: list[Cell] = []
        told: dict[str, dict[str, Any]] = {}
        for site, cube in places.items():
            rest = {name: other for name, other in places.items() if name != site}
            place = (
                leaveout.LeftOut(site, cube, folder / site, settings, ("test",), rest)
                if by_glacier
                else SiteCells(site, cube, folder / site, settings, model_cells.parts(final))
            )
            told[site] = place.checked()
            found += place.cells(seeds)
        results = aggregate.build(found, model_cells.parts(final)[-1])
        results["sites"] = {site: {**place, **told[site]} for site, place in results["sites"].items()}
        if not all(each["leaks"]["honest"] for each in told.values()):
            results = model_cells.without_intervals(results)
        model_cells.write(folder, results)
    return results


def locate(name: str | Path) -> Path:
    """Return the cube that a path or a site's name stands for.

    Raises
    ------
    InputError
        If there is neither.
    """
    if not Path(name).exists() and str(name) in sites.names():
        place = Path(PLACE) / str(name)
        if not place.exists():
            raise InputError(f"{name}: expected its cube in {place}, found none: 'glaciercast build {name} --out {place}'")
        return store.locate(place)
    return store.locate(name)


def _named(cubes: Sequence[str | Path]) -> dict[str, Path]:
    """Return site → cube; a site is named by the run folder of its cube, or by the cube."""
    places: dict[str, Path] = {}
    for given in cubes:
        cube = locate(given)
        name = cube.parent.resolve().name if cube.name == "cube.zarr" else cube.name.removesuffix(".zarr")
        if name in places:
            raise InputError(f"{given}: a cube of the name '{name}' is there already; give its run folder another name")
        places[name] = cube
    return places
