"""Two scenes of one grid → velocity: tracked, in m/yr, corrected and judged by ground that does not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion import matching, stable
from glaciercast.motion.coarse import Both
from glaciercast.motion.stable import StableGround
from glaciercast.motion.tracking import track
from glaciercast.motion.tracks import TrackingConfig, Tracks
from glaciercast.motion.velocity import Velocity, velocity, years_between

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

LEAST, MOST = 2.0, 500.0
"""Pixels of search, whatever the highest speed; see `TrackingConfig`."""
Dates = tuple[pd.Timestamp, pd.Timestamp]


class PairConfig(Config):
    """How a pair of scenes becomes velocity."""

    tracking: TrackingConfig = TrackingConfig()
    max_speed: float | None = Field(
        default=None, gt=0, description="m/yr; sets the search of each pair by its baseline; null: tracking.search"
    )
    buffer: float = Field(default=100.0, ge=0, description="metres around ice that do not count as stable ground")
    min_stable: int = Field(default=stable.FEWEST, ge=3, description="vectors on stable ground that a correction takes")

    def searching(self, scene: GeoBox, dates: Dates) -> TrackingConfig:
        """Return how a pair is tracked: with the search that its highest speed and its baseline make.

        Raises
        ------
        InputError
            If dates are reversed or the search would be longer than `MOST` pixels.
        """
        years = years_between(*dates)
        if self.max_speed is None:
            return self.tracking
        pixels = np.ceil(self.max_speed * years / min(abs(scene.resolution.x), abs(scene.resolution.y)))
        if pixels > MOST:
            raise InputError(f"max_speed {self.max_speed:g} m/yr: expected at most {MOST:g} pixels between the scenes, found {pixels:g}")
        return self.tracking.model_copy(update={"search": float(max(pixels, LEAST))})


@dataclass(frozen=True)
class Measured:
    """What a pair of scenes tells.

    Attributes
    ----------
    tracks
        Displacement as it was tracked, pixels.
    at
        Grid of the vectors.
    velocity
        m/yr, less what stable ground seems to move; errors as it bears them out.
    ground
        What stable ground told, m/yr; None where none was given.
    factor
        By which errors were rescaled.
    search
        Largest displacement that was looked for, pixels.
    uncorrected
        Why stable ground that was given corrected nothing; empty if it did, or none was given.
    """

    tracks: Tracks
    at: GeoBox
    velocity: Velocity
    ground: StableGround | None
    factor: float
    search: float
    uncorrected: str = ""

    @property
    def concern(self) -> str:
        """What speaks against the pair as a whole, in one line; empty if nothing does."""
        return "; ".join(text for text in (self.tracks.concern, self.uncorrected) if text)

    def facts(self, ice: np.ndarray | None = None) -> dict[str, Any]:
        """Return what is told of a pair, as plain JSON types; velocities in m/yr, of all vectors and of those on `ice`, bool (y, x)."""
        all_of, on_ice = self._medians(self.tracks.valid), (None, None) if ice is None else self._medians(self.tracks.valid & ice)
        return {
            **track_facts(self.tracks),
            "concern": self.concern,
            "search_pixels": self.search,
            "median_speed": all_of[0],
            "median_error": all_of[1],
            "median_speed_ice": on_ice[0],
            "median_error_ice": on_ice[1],
            "stable_ground": None if self.ground is None else ground_facts(self.ground, self.factor),
        }

    def _medians(self, where: np.ndarray) -> tuple[float | None, float | None]:
        """Return the medians of speed and error, m/yr; None where there is no vector."""
        if not where.any():
            return None, None
        return float(np.median(self.velocity.speed[where])), float(np.median(self.velocity.error[where]))


def track_facts(tracks: Tracks) -> dict[str, Any]:
    """Return how many vectors are believed, and the concern about the pair as a whole."""
    return {"vectors": int(tracks.valid.sum()), "valid_share": tracks.valid_share, "concern": tracks.concern}


def ground_facts(ground: StableGround, factor: float) -> dict[str, Any]:
    """Return what stable ground told, in the unit of its vectors."""
    return {
        "vectors": ground.vectors,
        "shift_x": float(ground.shift_x.flat[0]),
        "shift_y": float(ground.shift_y.flat[0]),
        "nmad_x": ground.nmad_x,
        "nmad_y": ground.nmad_y,
        "error_factor": factor,
    }


def vector_grid(scene: GeoBox, step: int) -> GeoBox:
    """Return the grid of the vectors of a scene: one cell a vector, with the vector in its middle.

    A vector lies at the middle of the pixel of its node, half a pixel right of and below the corner that the pixel's number names.

    Parameters
    ----------
    scene
        Grid of the pixels.
    step
        Pixels between vectors.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    nodes = matching.lattice((scene.shape.y, scene.shape.x), step, step)
    corner = (nodes.columns[0] + 0.5 - step / 2, nodes.rows[0] + 0.5 - step / 2)
    return GeoBox(nodes.shape, scene.affine * Affine.translation(*corner) * Affine.scale(step), scene.crs)


def at_nodes(mask: np.ndarray, step: int) -> np.ndarray:
    """Return a layer of the scene at the vectors' pixels, (node y, node x)."""
    nodes = matching.lattice((mask.shape[0], mask.shape[1]), step, step)
    layer: np.ndarray = mask[np.ix_(nodes.rows, nodes.columns)]
    return layer


def measure(
    first: np.ndarray,
    second: np.ndarray,
    scene: GeoBox,
    dates: Dates,
    settings: PairConfig,
    *,
    mask: np.ndarray | Both | None = None,
    prior: Both | None = None,
    still: np.ndarray | None = None,
) -> Measured:
    """Return the velocity between two scenes.

    Parameters
    ----------
    first, second
        One band each, (y, x); NaN is no data.
    scene
        Their grid, in metres.
    dates
        Their acquisitions.
    mask
        As for `tracking.track`.
    prior
        Expected velocity eastward and northward at each pixel, m/yr, (y, x) each; NaN where unknown.
    still
        Ground that does not move, bool (y, x). None, or too few vectors on it: nothing is corrected and errors stay as tracked.

    Raises
    ------
    InputError
        As `tracking.track` and `velocity.velocity` do.
    """
    tracking = settings.searching(scene, dates)
    tracks = track(first, second, mask=mask, prior=None if prior is None else in_pixels(prior, scene, dates), settings=tracking)
    at = vector_grid(scene, tracking.step)
    found = velocity(tracks.dx, tracks.dy, np.hypot(tracks.error_x, tracks.error_y) / np.sqrt(2), scene, *dates, at)
    if still is None:
        return Measured(tracks, at, found, None, 1.0, tracking.search)
    ground_at = at_nodes(still, tracking.step)
    if reason := too_few(ground_at & tracks.valid, settings.min_stable):
        return Measured(tracks, at, found, None, 1.0, tracking.search, reason)
    vx, vy, ground = stable.correct(found.vx, found.vy, ground_at, fewest=settings.min_stable)
    error, factor = stable.calibrate(found.error, vx, vy, ground_at, fewest=settings.min_stable)
    layers = (np.asarray(layer, np.float32) for layer in (vx, vy, error))
    return Measured(tracks, at, Velocity(*layers), ground, factor, tracking.search)


def too_few(seen: np.ndarray, fewest: int) -> str:
    """Return why vectors on stable ground, bool (node y, node x), are too few to correct a pair; empty if they are enough."""
    found = int(seen.sum())
    return "" if found >= fewest else f"{found} vectors lie on stable ground, expected at least {fewest}: nothing is corrected by it"


def in_pixels(prior: Both, scene: GeoBox, dates: Dates) -> Both:
    """Return velocity eastward and northward (m/yr) as displacement between two dates to the right and downwards (pixels)."""
    years = years_between(*dates)
    return prior[0] * (years / scene.resolution.x), prior[1] * (years / scene.resolution.y)
