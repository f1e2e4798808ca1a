"""Motion between two rasters: vectors as files, with their errors and what speaks for and against them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion.tracks import TrackingConfig
from glaciercast.workflow import motion_files

if TYPE_CHECKING:
    from glaciercast.motion.pairs import PairConfig
    from glaciercast.motion.scenes import Picture
    from glaciercast.motion.tracks import Tracks


class MotionConfig(Config):
    """How motion between two rasters is measured."""

    band: int = Field(default=1, ge=1, description="number of the band")
    dates: tuple[str, str] | None = Field(default=None, description="acquisitions; null: what tags or names tell")
    mask: str | None = Field(default=None, description="raster of the same grid whose pixels above half of its maximum are not used")
    outline: str | None = Field(default=None, description="ice: polygons, or a raster like the mask; stable ground lies outside")
    pixels: bool = Field(default=False, description="displacement in pixels alone: no dates or CRS are needed")
    tracking: TrackingConfig = TrackingConfig()
    max_speed: float | None = Field(default=None, gt=0, description="m/yr; sets the search; null: tracking.search")
    buffer: float = Field(default=100.0, ge=0, description="metres around ice that do not count as stable ground")
    min_stable: int = Field(default=100, ge=3, description="vectors on stable ground that a correction takes")

    def pair(self) -> PairConfig:
        """Return what of it makes velocity of a pair."""
        from glaciercast.motion.pairs import PairConfig

        return PairConfig(tracking=self.tracking, max_speed=self.max_speed, buffer=self.buffer, min_stable=self.min_stable)


class _Job(Config):
    """What identifies a run: the settings, and name, size and time of change of each file."""

    files: tuple[tuple[str, int, int], ...]
    settings: MotionConfig


class _Ground(NamedTuple):
    """What is known of the ground, bool (y, x) at the pixels: not to be used, ice, and neither ice nor near it; None where unknown."""

    masked: np.ndarray | None
    ice: np.ndarray | None
    still: np.ndarray | None


def motion_between(first: str | Path, second: str | Path, out: str | Path, settings: MotionConfig | None = None) -> dict[str, Any]:
    """Measure the motion between two rasters of one grid.

    Writes one Cloud-Optimized GeoTIFF a layer into ``velocity/`` of the run folder `out` (displacement in pixels and velocity in m/yr on
    the grid of the vectors, with dates as tags), ``figures/pair.png``, ``figures/quality.png`` and ``results/motion.json``. With
    ``pixels``, which scenes without CRS or dates need, displacement alone: ``tracks.nc`` over columns and rows, and the JSON.

    Parameters
    ----------
    first, second
        The earlier and the later scene.

    Returns
    -------
    dict
        ``first``, ``second``, ``dates``, ``days``, ``vectors``, ``valid_share``, ``concern`` (empty if there is none), ``stable_ground``
        (None without an outline), ``median_speed`` and ``median_speed_ice`` (m/yr; the latter None without an outline; with ``pixels``
        ``median_displacement``), ``quality``, ``files`` and ``figures``.

    Raises
    ------
    InputError
        If the scenes cannot be read, share no grid, lack dates or a CRS in metres, are reversed, identical, blank or masked altogether.
    """
    from glaciercast.motion import scenes

    settings = settings or MotionConfig()
    dates = settings.dates or (None, None)
    one, two = scenes.read(first, settings.band, dates[0]), scenes.read(second, settings.band, dates[1])
    scenes.same_grid(one, two)
    if not settings.pixels:
        scenes.metres(one)
        _check_dates(one, two)
    ground = _ground(settings, one)
    with runs.run_folder(out, "motion", _job(first, second, settings)) as folder:
        work = _displacement if settings.pixels else _velocity
        summary = {"first": str(first), "second": str(second), **work(one, two, ground, settings, folder)}
        runs.write_json(folder / "results" / "motion.json", summary)
    return summary


def _job(first: str | Path, second: str | Path, settings: MotionConfig) -> _Job:
    paths = [Path(name) for name in (first, second, settings.mask, settings.outline) if name is not None]
    there = [path for path in paths if path.exists()]  # an outline may be a URL
    return _Job(files=tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in there), settings=settings)


def _check_dates(first: Picture, second: Picture) -> None:
    from glaciercast.motion.velocity import years_between

    for picture in (first, second):
        if picture.time is None:
            raise InputError(f"{picture.path}: neither tags nor name tell its date; give --dates FIRST SECOND, or --pixels")
    assert first.time is not None and second.time is not None
    years_between(first.time, second.time)


def _ground(settings: MotionConfig, like: Picture) -> _Ground:
    from glaciercast.motion import scenes

    masked = None if settings.mask is None else scenes.read_mask(settings.mask, like)
    if settings.outline is None:
        return _Ground(masked, None, None)
    ice, wider = scenes.read_outline(settings.outline, like, settings.buffer)
    return _Ground(masked, ice, ~wider)


def _velocity(first: Picture, second: Picture, ground: _Ground, settings: MotionConfig, folder: Path) -> dict[str, Any]:
    from glaciercast.motion import pairs, quality, scenes
    from glaciercast.report.motion import pair_figure, quality_figure

    assert first.time is not None and second.time is not None
    scene, dates, step = scenes.metres(first), (first.time, second.time), settings.tracking.step
    found = pairs.measure(first.values, second.values, scene, dates, settings.pair(), mask=ground.masked, still=ground.still)
    ice, still = (None if layer is None else pairs.at_nodes(layer, step) for layer in (ground.ice, ground.still))
    measured = quality.measure(found.velocity, found.at, ice, still, found.tracks.valid)
    pair, spread = (folder / "figures" / f"{name}.png" for name in ("pair", "quality"))
    pair.parent.mkdir(exist_ok=True)
    quality_figure(spread, found.velocity, found.at, ice, still, found.tracks.valid, "Quality")
    pair_figure(pair, first.values, scene, found.velocity, found.at, ice, dates, found.concern)
    return {
        "dates": [str(date) for date in dates],
        "days": (dates[1] - dates[0]).total_seconds() / 86400,
        **found.facts(ice),
        "quality": measured.to_json(),
        "files": [str(path) for path in motion_files.write_rasters(found, dates, folder / "velocity")],
        "figures": [str(pair), str(spread)],
    }


def _displacement(first: Picture, second: Picture, ground: _Ground, settings: MotionConfig, folder: Path) -> dict[str, Any]:
    """Track two pictures and write displacement alone, less that of stable ground."""
    from glaciercast.motion import pairs
    from glaciercast.motion.tracking import track

    tracks = track(first.values, second.values, mask=ground.masked, settings=settings.tracking)
    told, concern = None, tracks.concern
    if ground.still is not None:
        told, uncorrected = _correct(tracks, pairs.at_nodes(ground.still, settings.tracking.step), settings.min_stable)
        concern = "; ".join(text for text in (concern, uncorrected) if text)
    length = np.hypot(tracks.dx, tracks.dy)[tracks.valid]
    return {
        **pairs.track_facts(tracks),
        "concern": concern,
        "median_displacement": float(np.median(length)) if length.size else None,
        "stable_ground": told,
        "files": [str(motion_files.write_tracks(tracks, concern, folder / "tracks.nc"))],
    }


def _correct(tracks: Tracks, still: np.ndarray, fewest: int) -> tuple[dict[str, Any] | None, str]:
    """Subtract what stable ground seems to move from vectors, in place, and rescale errors; return what it told, or why it told nothing."""
    from glaciercast.motion import pairs, stable

    if reason := pairs.too_few(still & tracks.valid, fewest):
        return None, reason
    tracks.dx[:], tracks.dy[:], found = stable.correct(tracks.dx, tracks.dy, still, fewest=fewest)
    error = np.hypot(tracks.error_x, tracks.error_y) / np.sqrt(2)
    factor = stable.calibrate(error, tracks.dx, tracks.dy, still, fewest)[1]
    tracks.error_x[:] *= factor
    tracks.error_y[:] *= factor
    return pairs.ground_facts(found, factor), ""


def read_motion_config(options: Mapping[str, Any]) -> MotionConfig:
    """Return the config that options of the command line stand for; those that are None keep their defaults."""
    return config.parse(MotionConfig, config.merge({}, dict(options)), "options")
