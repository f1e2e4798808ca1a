"""Scenes of all optical products → composites of NDSI and NDWI, window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid, store
from glaciercast.align import bandpass
from glaciercast.align.calendar import Calendar
from glaciercast.align.composite import Composite, RunningMean, composite
from glaciercast.align.settings import AlignConfig
from glaciercast.align.steps import Step
from glaciercast.cube import indices
from glaciercast.errors import InputError, unknown
from glaciercast.progress import note

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

INDICES: dict[str, tuple[str, str]] = {"ndsi": ("green", "swir16"), "ndwi": ("green", "nir")}
"""Index → the two bands of its normalised difference."""
SPECTRUM = ("green", "red", "nir", "swir16")
"""Bands between whose spectra the medoid chooses, where every product has them."""
READERS = 2
"""Scenes that are read at the same time."""


@dataclass(frozen=True)
class Scene:
    """One scene of a product: where it is in its group."""

    product: str
    index: int
    sensor: str
    time: pd.Timestamp
    available_at: pd.Timestamp


class OpticalSteps:
    """Composites from the scenes of one or several products on one grid.

    Attributes
    ----------
    geobox
        The grid.
    scenes
        All scenes in order of time; `times` are theirs.
    calendar
        The steps that cover them.
    names
        ``ndsi``, and ``ndwi`` where every product has the near infrared.
    adjusted
        Whether Sentinel-2's bands are brought to OLI's: they are where both are there, unless the settings forbid it.
    """

    def __init__(self, path: Path, cube: xr.DataTree, settings: AlignConfig) -> None:
        self.path, self.settings, self.season_fill = path, settings, settings.season_fill
        self.beside: Mapping[str, str] = {"clear_count": "uint16"}
        self.products = _chosen(path, cube, settings.products)
        self.groups: Sequence[str] = [f"/optical/{name}" for name in self.products]
        self.geobox = _common_grid(path, self.products)
        self.scenes = _in_order(self.products, settings.registered_only)
        if not self.scenes:
            raise InputError(f"{path}: co-registration placed none of its scenes; allow others with 'registered_only: false'")
        self.times = pd.DatetimeIndex([scene.time for scene in self.scenes])
        self.calendar = Calendar.of(self.times, settings.cadence, settings.length, self.geobox)
        self.dark = self.calendar.dark
        self.looks_ahead = False
        common = set.intersection(*(set(map(str, group.data_vars)) for group in self.products.values()))
        self._bands = [band for band in SPECTRUM if band in common]
        self.names: Sequence[str] = [name for name, bands in INDICES.items() if set(bands) <= common]
        self.basic: Sequence[str] = self.names
        self.adjusted = settings.bandpass and {"OLI", "MSI"} <= {bandpass.family(scene.sensor) for scene in self.scenes}
        if self.adjusted:
            _tell_unknown(self.scenes)

    @property
    def comment(self) -> str:
        """What was done to the values."""
        return bandpass.SOURCE if self.adjusted else ""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the grid in pixels."""
        return self.geobox.shape.y, self.geobox.shape.x

    def members(self, start: pd.Timestamp, end: pd.Timestamp) -> list[Scene]:
        """Return the scenes with start ≤ time < end."""
        first, last = self.times.searchsorted(pd.DatetimeIndex([start, end]), side="left")
        return self.scenes[first:last]

    def available(self, index: int) -> np.datetime64:
        """Return when the last scene of a step's window could be had, or the window's end, if later."""
        start, end = self.calendar.span(index)
        return max([end, *(scene.available_at for scene in self.members(start, end))]).to_datetime64()

    def step(self, index: int) -> Step:
        """Return the composites of a step's window; a pixel that no scene saw is NaN, its observed fraction and count are 0."""
        members = self.members(*self.calendar.span(index))
        made, clear_count = self._composites(members)
        arrays = {name: values.values for name, values in made.items()}
        observed = {name: (values.count > 0).astype("float32") for name, values in made.items()}
        return Step(arrays, observed, {"clear_count": clear_count}, {"scenes": len(members)})

    def complete(self, step: Step) -> Step:
        """Return the step: every variable is composed."""
        return step

    def _composites(self, members: Sequence[Scene]) -> tuple[dict[str, Composite], np.ndarray]:
        """Return the composite of each variable and how many scenes saw each pixel clear, uint16 (y, x)."""
        how, shape = self.settings.composite, self.shape
        if not members:
            nothing = Composite(np.full(shape, np.nan, "float32"), np.zeros(shape, "uint16"))
            return dict.fromkeys(self.names, nothing), nothing.count
        layers = self._bands if how == "medoid" else self.names
        means = [RunningMean(shape) for _ in layers]
        stack = np.empty((len(members) if how != "mean" else 0, len(layers), *shape), "float32")
        weights, clear_count = [], np.zeros(shape, "uint16")
        for number, (bands, clear) in enumerate(self._read_all(members)):
            clear_count += clear
            weights.append(float(clear.mean()) if self.settings.weights == "clear" else 1.0)
            for layer, name in enumerate(layers):
                values = np.where(clear, bands[name] if how == "medoid" else _index(name, bands), np.float32(np.nan))
                if how == "mean":
                    means[layer].add(values, weights[-1])
                else:
                    stack[number, layer] = values
        if how == "mean":
            return {name: mean.result() for name, mean in zip(layers, means, strict=True)}, clear_count
        made = composite(stack, how, weights)
        if how == "median":
            return {name: Composite(made.values[layer], made.count[layer]) for layer, name in enumerate(layers)}, clear_count
        spectrum = dict(zip(layers, made.values, strict=True))
        found = {name: _index(name, spectrum) for name in self.names}
        return {name: Composite(values, np.where(np.isnan(values), 0, made.count)) for name, values in found.items()}, clear_count

    def _read_all(self, members: Sequence[Scene]) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Yield bands and clear pixels of each scene, reading a few ahead."""
        with ThreadPoolExecutor(READERS) as pool:
            coming = deque(pool.submit(self._read, scene) for scene in members[:READERS])
            for number in range(len(members)):
                made = coming.popleft().result()
                if number + READERS < len(members):
                    coming.append(pool.submit(self._read, members[number + READERS]))
                yield made

    def _read(self, scene: Scene) -> tuple[dict[str, np.ndarray], np.ndarray]:
        medoid = self.settings.composite == "medoid"
        wanted = self._bands if medoid else sorted({band for name in self.names for band in INDICES[name]})
        arrays = store.read_date(self.path, f"/optical/{scene.product}", scene.index, [*wanted, "clear"])
        clear = arrays.pop("clear")
        if self.adjusted:
            arrays = {band: bandpass.to_oli(values, scene.sensor, band) for band, values in arrays.items()}
        return arrays, clear


def _index(name: str, bands: dict[str, np.ndarray]) -> np.ndarray:
    first, second = INDICES[name]
    return indices.normalised_difference(bands[first], bands[second])


def _chosen(path: Path, cube: xr.DataTree, wanted: Sequence[str]) -> dict[str, xr.Dataset]:
    products = dict(store.optical_products(cube))
    for name in wanted:
        if name not in products:
            raise InputError(f"{path}: {unknown('product', name, products)}")
    return {name: group for name, group in products.items() if not wanted or name in wanted}


def _common_grid(path: Path, groups: dict[str, xr.Dataset]) -> GeoBox:
    grids = {name: grid.of(group, f"/optical/{name}") for name, group in groups.items()}
    first, geobox = next(iter(grids.items()))
    for name, other in grids.items():
        if not grid.same(geobox, other):
            places = f"/optical/{first} is on {grid.describe(geobox)}, /optical/{name} on {grid.describe(other)}"
            raise InputError(f"{path}: {places}; choose one with --product")
    return geobox


def _in_order(groups: dict[str, xr.Dataset], registered_only: bool) -> list[Scene]:
    scenes: list[Scene] = []
    for name, group in groups.items():
        usable = group.registered.values if registered_only and "registered" in group else np.ones(group.sizes["time"], bool)
        times, available = group.time.to_index(), pd.DatetimeIndex(group.available_at.values)
        if available.hasnans:
            raise InputError(f"/optical/{name}: expected when each scene could be had, found none for some; build it anew")
        sensors, numbers = group.sensor.values, (int(index) for index in np.flatnonzero(usable))
        scenes.extend(Scene(name, index, str(sensors[index]), times[index], available[index]) for index in numbers)
    return sorted(scenes, key=lambda scene: (scene.time, scene.product, scene.index))


def _tell_unknown(scenes: Sequence[Scene]) -> None:
    strange = sorted({scene.sensor for scene in scenes if not bandpass.known(scene.sensor)})
    if strange:
        note(f"band-pass adjustment: nothing is published for {', '.join(strange)}; taken as it is")
