"""What the pairs of a product are tracked with: scenes, stable ground, and where to search; all from one cube."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid, store
from glaciercast.cube import regions
from glaciercast.errors import InputError
from glaciercast.motion import pairs_choice, pairs_prior
from glaciercast.motion.coarse import Both
from glaciercast.motion.pairs import Dates, measure
from glaciercast.motion.pairs_choice import Chosen, OwnConfig
from glaciercast.motion.scenes import widened
from glaciercast.progress import note
from glaciercast.sources import outlines

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

VARIABLES = dict.fromkeys(("vx", "vy", "v_error"), "float32")
SCENES = 8
"""Scenes that are kept in memory: consecutive pairs share them."""
LAKE = 1000.0
"""Metres around a site's lake that do not count as stable ground."""
Read = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""Values of a scene and where it is not clear, (y, x) each, by its number."""
Prior = Callable[[np.datetime64], Both | None]
"""What velocity to search about, m/yr, for pairs whose later scene is of a time."""


@dataclass(frozen=True)
class Work:
    """What tracking the pairs of a product takes."""

    scenes: xr.Dataset
    chosen: Chosen
    settings: OwnConfig
    place: GeoBox
    read: Read
    still: np.ndarray | None
    prior: Prior

    def dates(self, pair: int) -> Dates:
        """Return the acquisitions of a pair."""
        times = self.scenes["time"].values
        return pd.Timestamp(times[self.chosen.earlier[pair]]), pd.Timestamp(times[self.chosen.later[pair]])

    def block(self, pairs: range, shape: tuple[int, int]) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Return the velocities of some pairs, float32 (pair, y, x), NaN where there is none, and what is told of each pair."""
        arrays = {name: np.full((len(pairs), *shape), np.nan, np.float32) for name in VARIABLES}
        facts = []
        for at, pair in enumerate(pairs):
            layers, told = self.pair(pair)
            facts.append(told)
            for name, values in layers.items():
                arrays[name][at] = values
        return arrays, facts

    def pair(self, pair: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Track one pair; one that cannot be judged, or is of concern as a whole, is flagged and has no velocities."""
        dates = self.dates(pair)
        told: dict[str, Any] = {"first": str(dates[0])[:10], "second": str(dates[1])[:10]}
        (first, no_first), (second, no_second) = (self.read(int(side[pair])) for side in (self.chosen.earlier, self.chosen.later))
        prior = self.prior(dates[1].to_datetime64())
        try:
            found = measure(first, second, self.place, dates, self.settings, mask=(no_first, no_second), prior=prior, still=self.still)
        except InputError as error:  # of what the two scenes show
            return {}, {**told, "flagged": True, "concern": str(error)}
        told |= found.facts() | {"flagged": bool(found.concern)}
        if found.uncorrected or (told["flagged"] and not self.settings.keep_flagged):
            return {}, told
        return dict(zip(VARIABLES, found.velocity, strict=True)), told


def of(path: Path, cube: xr.DataTree, name: str, settings: OwnConfig, until: date | None) -> Work:
    """Return the work on the optical product `name` of a cube; errors as for `pairs_cube.write_own`."""
    group, scenes = f"/optical/{name}", cube["optical"][name].to_dataset()
    place = grid.of(scenes, group)
    entries = {entry["step"]: entry for entry in store.read_manifest(path) if entry["group"] == group and entry["kind"] == "region"}
    clear = np.array([entries[step]["clear_fraction"] for step in range(scenes.sizes["time"])])
    chosen = pairs_choice.choose(scenes, clear, settings, until)

    @lru_cache(maxsize=SCENES)
    def read(scene: int) -> tuple[np.ndarray, np.ndarray]:
        arrays = store.read_date(path, group, scene, [settings.band, "clear"])
        return arrays[settings.band], ~arrays["clear"]

    work = Work(scenes, chosen, settings, place, read, _still(cube, scenes, place, settings), _prior(cube, chosen, scenes, place, settings))
    spans = scenes["time"].values[chosen.later] - scenes["time"].values[chosen.earlier]
    settings.searching(place, work.dates(int(spans.argmax())))  # refuses a search too long before any pair is tracked
    return work


def _still(cube: xr.DataTree, scenes: xr.Dataset, place: GeoBox, settings: OwnConfig) -> np.ndarray | None:
    """Return the ground that does not move, bool (y, x), or None where no outline of the ice is known."""
    terrain = cube["terrain"].to_dataset() if "terrain" in cube.children else xr.Dataset()
    if "ice" not in terrain or not grid.same(grid.of(terrain, "/terrain"), place):
        note("velocity: the cube knows no ice on the grid of the scenes, so that nothing is corrected by stable ground")
        return None
    ice = terrain["ice"].values | (terrain["ice_buffered"].values if "ice_buffered" in terrain else False)
    still: np.ndarray = ~widened(ice, settings.buffer / abs(place.resolution.x))
    lake = json.loads(scenes.attrs.get("build", "{}")).get("site", {}).get("lake")
    return still if lake is None else still & ~outlines.rasterise(regions.circle(lake[0], lake[1], LAKE), place)


def _prior(cube: xr.DataTree, chosen: Chosen, scenes: xr.Dataset, place: GeoBox, settings: OwnConfig) -> Prior:
    """Return what gives the prior of a pair: that of the year of its later scene."""
    if not settings.itslive_prior or "velocity" not in cube.children or "itslive" not in cube["velocity"].children:
        return lambda _: None
    published = cube["velocity"]["itslive"].to_dataset()
    native = grid.of(published, "/velocity/itslive")
    years = np.unique(scenes["time"].values[chosen.later].astype("datetime64[Y]"))
    found = dict(zip(years, pairs_prior.medians(published, years), strict=True))

    @lru_cache(maxsize=2)
    def of_year(year: np.datetime64) -> Both:
        return pairs_prior.on_scene(found[year], native, place)

    return lambda time: of_year(time.astype("datetime64[Y]"))
