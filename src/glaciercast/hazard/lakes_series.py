"""A lake followed from scene to scene: its area, what of it was seen, and its outline, each from what was available by then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from glaciercast.hazard import lakes_shoreline
from glaciercast.hazard.lakes_fill import Filled, beyond, fill
from glaciercast.hazard.lakes_scenes import Look, Place, image
from glaciercast.hazard.lakes_settings import LakeConfig
from glaciercast.hazard.lakes_shoreline import AROUND, Shore
from glaciercast.hazard.lakes_water import Surface, classify

TWICE = 2
"""Ground belongs to the basin in the next look, and for good once it was under water in so many: a single one may be wrong."""
STEP = 0.05
"""By how much the threshold may be off, NDWI; for the error of counted areas."""
LEAST = 1.0
"""Error of an area at least, pixels: a pond of a pixel would not be noticed."""
FEWEST, ARM = 8, 300.0
"""Pixels of water that tell a level, and how far beside them hidden ground below it may be flooded, m."""
DEEP = 5.0
"""Range of elevation under the lake, m, from which the elevation model shows its bed, not a lake of its own time."""
SURROUNDINGS = 10
"""Pixels around the basin in which a scene's threshold is looked for."""


@dataclass(frozen=True)
class LakeLook:
    """What one scene says of a lake.

    Attributes
    ----------
    look
        The scene, without its pixels.
    seen
        Share of the lake's surroundings (its basin and a pixel around it) that the scene shows.
    frozen
        Share that is under snow or ice; not part of `seen`.
    area, area_error
        m²; NaN where too little was seen. The error (1 σ) is that of shore, hidden part, place and threshold.
    hidden_area
        What of `area` was not seen, m².
    threshold, own_threshold
        NDWI, and whether it is the scene's own.
    outline
        Shapely MultiPolygon in the grid's CRS, empty where there is no water, None without an area.
    image
        See `records.Records.images`.
    """

    product: str
    scene_id: str
    sensor: str
    time: np.datetime64
    available_at: np.datetime64
    seen: float
    frozen: float
    area: float
    area_error: float
    hidden_area: float
    threshold: float
    own_threshold: bool
    outline: Any
    image: np.ndarray


class Follower:
    """Follows one lake; each look is judged with what earlier ones have shown, never later ones."""

    def __init__(self, where: Place, settings: LakeConfig, elevation: np.ndarray | None = None) -> None:
        self.where, self.settings, self.elevation = where, settings, elevation
        shape = where.near.shape
        self.wet, self.shown, self.any_water = (np.zeros(shape, "int32") for _ in range(3))
        self.basin = np.zeros(shape, bool)
        self.water: dict[str, np.ndarray] = {}

    def follow(self, looks: Iterable[Look]) -> list[LakeLook]:
        """Return what each look says, in their order: that in which they became available."""
        return [self.step(look) for look in looks]

    def step(self, look: Look) -> LakeLook:
        """Return what one look says of the lake, and remember what it showed."""
        surface = classify(look.optics, self._around(), self.settings.water)
        lake = self._lake(surface.water & self.where.limits)
        frozen = surface.frozen & ~ndimage.binary_dilation(lake, AROUND)
        visible = surface.seen & ~frozen & ~self._too_deep(lake, surface.seen)
        basin = self.basin | lake | self._hidden_arm(lake, visible)
        around = ndimage.binary_dilation(basin, AROUND) if basin.any() else self.where.near
        seen, ice = (float((part & around).sum() / around.sum()) for part in (visible, frozen))
        told = self._measure(look, surface, lake, visible, basin) if seen >= self.settings.min_seen else None
        self.any_water += surface.water
        if told is not None:
            self._remember(look, told[0], told[1], visible)
        return self._say(look, surface, seen, ice, told)

    def _lake(self, water: np.ndarray) -> np.ndarray:
        """Return the parts of the water that touch the basin; before there is one, of those near the point the largest; bool (y, x).

        Of an outline, all parts that touch it belong to the lake.
        """
        if not self.where.limits.all():
            return touching(water, self.basin | self.where.near)
        known = touching(water, self.basin)
        return known if known.any() else largest(touching(water, self.where.near))

    def _too_deep(self, lake: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return ground of the basin that looks dry though deeper than half of the lake's bed, bool (y, x): haze or ice hides it."""
        none = np.zeros(lake.shape, bool)
        dry = self.basin & seen & ~ndimage.binary_dilation(lake, AROUND)
        if self.elevation is None or lake.sum() < FEWEST or not dry.any():
            return none
        low, middle, high = np.nanpercentile(self.elevation[lake], (10, 50, 90))
        return np.asarray(dry & (self.elevation < middle)) if high - low >= DEEP else none

    def _hidden_arm(self, lake: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Return hidden ground beside the lake and below its level, which it may have flooded unseen, bool (y, x)."""
        none = np.zeros(lake.shape, bool)
        if self.elevation is None or lake.sum() < FEWEST:
            return none
        shore = ndimage.binary_dilation(lake, AROUND) & ~lake & visible
        if not shore.any():
            return none
        level = np.nanpercentile(self.elevation[lake], 90)
        low = ~visible & (self.elevation <= level) & (self.elevation < np.nanpercentile(self.elevation[shore], 10)) & self.where.limits
        low &= ndimage.binary_dilation(lake, AROUND, max(1, int(ARM / self.where.pixel)))
        return np.asarray(ndimage.binary_propagation(lake, AROUND, mask=lake | low) & ~lake)

    def _around(self) -> np.ndarray:
        home = self.basin | self.where.near
        return np.asarray(ndimage.binary_dilation(home, AROUND, SURROUNDINGS))

    def _measure(
        self, look: Look, surface: Surface, lake: np.ndarray, visible: np.ndarray, basin: np.ndarray
    ) -> tuple[np.ndarray, Shore, Filled, float]:
        bands = np.stack([look.optics.green, look.optics.nir])
        if self.settings.shoreline == "count" or not lake.any():
            shore = lakes_shoreline.counted(lake)
        else:
            lake, shore = lakes_shoreline.unmixed(lake, surface.seen, bands, self.water.get(look.sensor))
        hidden = fill(lake & visible, visible, basin, self._ranks())
        more = beyond(lake, visible, self.basin) if self.elevation is None else 0.0
        hidden = replace(hidden, more=more, error=hidden.error + more)
        return lake, shore, hidden, self._threshold_error(surface, lake)

    def _threshold_error(self, surface: Surface, lake: np.ndarray) -> float:
        """Return the error of a counted area from the threshold, pixels: what lies between thresholds a step below and above."""
        if self.settings.shoreline == "subpixel" or not lake.any():
            return 0.0
        near = ndimage.binary_dilation(lake, AROUND) & surface.seen
        between = near & (np.abs(surface.index - surface.threshold) <= STEP)
        return float(between.sum()) / 2

    def _ranks(self) -> list[np.ndarray]:
        """Return the orders in which the ground floods: by elevation and by how often it was dry."""
        dry = np.full(self.wet.shape, np.nan)
        np.divide(self.wet, self.shown, out=dry, where=self.shown > 0)
        return [*([] if self.elevation is None else [self.elevation.astype("float64")]), -dry]

    def _remember(self, look: Look, lake: np.ndarray, shore: Shore, visible: np.ndarray) -> None:
        self.wet += lake & visible
        self.shown += visible
        if shore.water is not None:
            self.water[look.sensor] = shore.water
        self.basin = (self.wet >= TWICE) | (lake & visible)

    def _say(
        self, look: Look, surface: Surface, seen: float, frozen: float, told: tuple[np.ndarray, Shore, Filled, float] | None
    ) -> LakeLook:
        pixel = self.where.pixel**2
        area = error = hidden = np.nan
        outline = None
        if told is not None:
            _, shore, filled, of_threshold = told
            share = np.where(filled.hidden, filled.share, shore.share)
            edge = lakes_shoreline.edges_of(filled.hidden & (filled.share > 0))
            of_place = self.settings.registration / self.where.pixel * np.sqrt(edge)
            area = max(0.0, float(share.sum()) + filled.more) * pixel
            error = float(np.sqrt(shore.pixels_error**2 + filled.error**2 + of_threshold**2 + of_place**2 + LEAST**2)) * pixel
            hidden = (float(filled.share.sum()) + filled.more) * pixel
            outline = lakes_shoreline.outline(share, self.where.geobox.affine)
        return LakeLook(
            product=look.product, scene_id=look.scene_id, sensor=look.sensor, time=look.time, available_at=look.available_at,
            seen=seen, frozen=frozen, area=area, area_error=error, hidden_area=hidden, threshold=surface.threshold,
            own_threshold=surface.own, outline=outline, image=image(look, self.where),
        )  # fmt: skip


def touching(water: np.ndarray, home: np.ndarray) -> np.ndarray:
    """Return the connected parts of `water` (over sides and corners) that reach into `home` or lie beside it, bool (y, x)."""
    labels, number = ndimage.label(water, AROUND)
    if not number:
        return np.zeros(water.shape, bool)
    wanted = np.unique(labels[ndimage.binary_dilation(home, AROUND)])
    return np.isin(labels, wanted[wanted > 0])


def largest(water: np.ndarray) -> np.ndarray:
    """Return the largest connected part (over sides and corners), bool (y, x)."""
    labels, number = ndimage.label(water, AROUND)
    if not number:
        return np.zeros(water.shape, bool)
    sizes = np.bincount(labels.ravel())
    return np.asarray(labels == 1 + int(np.argmax(sizes[1:])))
