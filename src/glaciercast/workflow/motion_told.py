"""What the velocities of a cube tell: surges, how they agree with other measurements, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import store
from glaciercast.errors import InputError
from glaciercast.progress import note

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.motion.gnss import Station
    from glaciercast.motion.surge import SurgeRule

PUBLISHED = "itslive"


def surges(path: Path, rule: SurgeRule, sources: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the surges of the median speed of the ice (of all pixels where it is not known) in each series, source → surges.

    A series that holds no quiet time, or nothing of the ice, is noted and left out.
    """
    from glaciercast.motion import surge

    tree, found = store.open_cube(path), {}
    for source in sources:
        series = tree["velocity"][f"{source}_series"].to_dataset()
        bounds = series["time_bounds"].values
        try:
            events = surge.detect(bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) / 2, _median_speed(tree, series), rule)
        except InputError as error:
            note(f"/velocity/{source}_series: {error}")
            continue
        found[source] = [event.plain() for event in events]
    return found


def stations(path: Path, table: Path) -> list[Station]:
    """Read a table of GNSS stations; columns ``x`` and ``y`` are in the CRS of the cube."""
    from glaciercast import grid
    from glaciercast.motion import gnss

    optical = next(store.optical_products(store.open_cube(path, unfinished_ok=store.series_groups(path))))[1]
    return gnss.read(table, grid.crs_name(grid.of(optical, "/optical")))


def agreement(path: Path, sources: Sequence[str], series: Sequence[str], table: Sequence[Station] | None) -> dict[str, Any]:
    """Return how far own pairs agree with the published ones, and each series with the stations, where they share ground and time."""
    from glaciercast.motion import comparison, gnss

    velocity, found = store.open_cube(path)["velocity"], {}
    try:
        if PUBLISHED in sources:
            own, published = (velocity[source].to_dataset() for source in ("own", PUBLISHED))
            found[f"own pairs less {PUBLISHED}"] = comparison.compare(own, published).agreement().to_json()
    except InputError as error:
        note(str(error))
    for source in series if table else []:
        try:
            beside = gnss.compare(velocity[f"{source}_series"].to_dataset(), table or [])
            found[f"{source} series less GNSS"] = gnss.agreement_of(beside).to_json()
        except InputError as error:
            note(f"/velocity/{source}_series: {error}")
    return found


def figures(path: Path, folder: Path, sources: Sequence[str]) -> list[Path]:
    """Draw each series over the ice into `folder`; return the files."""
    from glaciercast.report.motion import series_figure

    tree, made = store.open_cube(path), []
    folder.mkdir(exist_ok=True)
    for source in sources:
        series, fit = (tree["velocity"][f"{source}_{part}"].to_dataset() for part in ("series", "series_fit"))
        ice = _ice(tree, series)
        if not (series["vx"].notnull().any("time").values & (True if ice is None else ice)).any():
            note(f"/velocity/{source}_series: has no pixel of the ice, so that there is nothing to draw")
            continue
        made.append(folder / f"{source}_series.png")
        series_figure(made[-1], series, fit, ice, f"{source}: {tree.attrs.get('title', path.name)}")
    return made


def _median_speed(tree: xr.DataTree, series: xr.Dataset) -> np.ndarray:
    """Return the median speed of the ice in each step, m/yr; NaN where nothing of it is known."""
    ice = _ice(tree, series)
    speed = np.hypot(series["vx"].values, series["vy"].values).astype("float64")
    chosen = speed[:, np.ones(speed.shape[1:], bool) if ice is None else ice]
    known = np.isfinite(chosen).any(axis=1)
    median = np.full(len(speed), np.nan)
    median[known] = np.nanmedian(chosen[known], axis=1)
    return median


def _ice(tree: xr.DataTree, series: xr.Dataset) -> np.ndarray | None:
    """Return where the ice of ``/terrain`` is on the grid of a series, bool (y, x), or None where it is not known."""
    from glaciercast import grid
    from glaciercast.sources import warp

    terrain = tree["terrain"].to_dataset() if "terrain" in tree.children else None
    if terrain is None or "ice" not in terrain:
        return None
    ice = terrain["ice"].values.astype("uint8")
    return np.asarray(warp.onto(ice, grid.of(terrain, "/terrain"), grid.of(series, "series"), "class", 0) > 0)
