"""A lake in a cube: outlines, areas with their errors, filling rate and drainage, each record with the time from which it was available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import ndimage

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.hazard import lakes_drops, lakes_scenes, records
from glaciercast.hazard.lakes_drops import Drop, Series
from glaciercast.hazard.lakes_scenes import Place
from glaciercast.hazard.lakes_series import Follower, LakeLook
from glaciercast.hazard.lakes_settings import LakeConfig
from glaciercast.hazard.lakes_shoreline import AROUND
from glaciercast.progress import track

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas
    import xarray as xr

SLIVER_LOOKS = 3
"""A lake that fewer scenes saw may be nothing but shadow and noise."""
LASTING_PIXELS = 6
"""Connected pixels that were water in so many scenes are lasting water."""


@dataclass(frozen=True)
class Lake:
    """What the scenes of a cube say of a lake.

    Attributes
    ----------
    name
        The lake's.
    where
        The window in which it was followed.
    looks
        All scenes in order of time, also those that showed too little.
    drops
        Drainages in order of time.
    rate, rate_error
        Filling rate at each of the looks with an area, m² a day, float64 (look with an area,); NaN where looks are too few.
    warning
        Why this may be no lake; empty if nothing speaks against it.
    """

    name: str
    where: Place
    looks: tuple[LakeLook, ...]
    drops: tuple[Drop, ...]
    rate: np.ndarray
    rate_error: np.ndarray
    warning: str

    @property
    def measured(self) -> tuple[LakeLook, ...]:
        """The looks with an area."""
        return tuple(look for look in self.looks if np.isfinite(look.area))

    def table(self) -> pd.DataFrame:
        """Return a row a scene: time, product, sensor, area and its error, what was seen, frozen and hidden, threshold, filling rate."""
        rows = pd.DataFrame([{name: getattr(look, name) for name in _COLUMNS} for look in self.looks], columns=list(_COLUMNS))
        rates = pd.DataFrame({"rate": self.rate, "rate_error": self.rate_error}, index=np.flatnonzero(rows["area"].notna()))
        return rows.join(rates)

    def records(self) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
        """Return the tables ``lakes`` and ``areas`` of `glaciercast.hazard.records` and their images, (image, band, y, x)."""
        areas = self.table()[["time", "area", "area_error", "seen", "available_at"]]
        areas = areas[areas["area"].notna()].reset_index(drop=True)
        times = [look.time for look in self.looks]
        lake = {
            "lake": self.name, "lon": self.where.lon, "lat": self.where.lat, "dam": "", "watched_from": min(times),
            "watched_to": max(times),
        }  # fmt: skip
        tables = {"lakes": pd.DataFrame([lake]), "areas": areas.assign(lake=self.name, image=np.arange(len(areas)))}
        images = np.stack([look.image for look in self.measured]) if len(areas) else None
        made = records.make(tables, images, f"lake {self.name}")
        return {"lakes": made.lakes, "areas": made.areas}, made.images

    def drop_table(self) -> pd.DataFrame:
        """Return a row a drainage, with the columns of the table ``events`` first."""
        rows = [_event(self.name, drop) for drop in self.drops]
        return pd.DataFrame(rows, columns=list(_EVENT))

    def outlines(self) -> geopandas.GeoDataFrame:
        """Return the outlines of all looks with water, in the grid's CRS."""
        import geopandas

        wet = [look for look in self.measured if not look.outline.is_empty]
        names = ("time", "available_at", "product", "sensor", "area", "area_error", "seen", "hidden_area")
        columns: dict[str, Any] = {"lake": [self.name] * len(wet)} | {name: [getattr(look, name) for look in wet] for name in names}
        return geopandas.GeoDataFrame(
            columns, geometry=[look.outline for look in wet], crs=grid.crs_name(grid.with_code(self.where.geobox))
        )


_COLUMNS = (
    "time", "product", "sensor", "scene_id", "area", "area_error", "seen", "frozen", "hidden_area", "threshold", "own_threshold",
    "available_at",
)  # fmt: skip
_EVENT = (
    "event", "lake", "start", "earliest", "latest", "end", "available_at", "area_before", "area_before_error", "area_after",
    "area_after_error", "share", "sigmas", "confirmed", "confidence", "known_at", "confirmed_at",
)  # fmt: skip


def follow(
    cube: xr.DataTree,
    *,
    at: tuple[float, float] | None = None,
    outline: Any | None = None,
    name: str = "lake",
    products: Sequence[str] = (),
    settings: LakeConfig | None = None,
) -> Lake:
    """Follow a lake through the optical scenes of a cube.

    Parameters
    ----------
    cube
        An open cube with ``/optical`` and, for shadows and levels, ``/terrain``.
    at
        Longitude and latitude, degrees.
    outline
        Shapely polygon in degrees that wins over `at`; nothing further than ``settings.reach`` from it belongs to the lake.
    products
        Names under ``/optical``; none: all with a near infrared.

    Raises
    ------
    InputError
        If there is no such product, the lake lies outside the cube, no scene ever showed water there, or never more than
        ``settings.sliver_pixels`` of it while lasting water lies elsewhere in the window: then the point is off.
    """
    settings = settings or LakeConfig()
    datasets = lakes_scenes.products(cube, products)
    where = lakes_scenes.place(grid.of(next(iter(datasets.values())), "/optical"), settings, at, outline)
    follower = Follower(where, settings, lakes_scenes.ground(cube, datasets, where))
    number = sum(dataset.sizes["time"] for dataset in datasets.values())
    scenes = track(lakes_scenes.looks(cube, datasets, where), f"Following {name}", number)
    return made(name, follower, follower.follow(scenes))


def made(name: str, follower: Follower, looks: Sequence[LakeLook]) -> Lake:
    """Return the lake that a follower saw; errors as for `follow`."""
    ordered = tuple(sorted(looks, key=lambda look: look.time))
    measured = [look for look in ordered if np.isfinite(look.area)]
    wet = sum(look.area > 0 for look in measured)
    if measured and not wet:
        raise InputError(_none(follower, len(measured)))
    if measured and (elsewhere := _point_is_off(follower, measured, wet)):
        raise InputError(elsewhere)
    series = _series(measured)
    drops = lakes_drops.detect(series, follower.settings.drops, follower.where.pixel**2)
    rate, error = lakes_drops.filling(series, drops, follower.settings.drops)
    return Lake(name, follower.where, ordered, tuple(drops), rate, error, _warning(follower, ordered, measured, wet))


def _series(measured: Sequence[LakeLook]) -> Series:
    times = (np.array([getattr(look, key) for look in measured], "datetime64[ns]") for key in ("time", "available_at"))
    values = (np.array([getattr(look, key) for look in measured], "float64") for key in ("area", "area_error", "seen"))
    return Series(*times, *values)


def _none(follower: Follower, looks: int) -> str:
    """Return the line for a place without water, which names the nearest water."""
    where = follower.where
    text = (
        f"lake at lon {where.lon:g}, lat {where.lat:g}: no water within {follower.settings.reach:g} m in any of {looks} scenes that saw it"
    )
    water = follower.any_water >= 2
    if not water.any():
        return f"{text}, and none within {follower.settings.radius:g} m"
    return f"{text}; the nearest lies {_nearest(where, water)}"


def _point_is_off(follower: Follower, measured: Sequence[LakeLook], wet: int) -> str:
    """Return the line for a sliver beside which lasting water lies; empty where the lake is none, or no such water is in the window."""
    where, least = follower.where, follower.settings.sliver_pixels
    pixels = max(look.area for look in measured) / where.pixel**2
    if pixels >= least:
        return ""
    labels, _ = ndimage.label(follower.any_water >= SLIVER_LOOKS, AROUND)
    lasting = (np.bincount(labels.ravel()) >= LASTING_PIXELS)[labels] & (labels > 0)
    if not lasting.any():
        return ""
    return (
        f"lake at lon {where.lon:g}, lat {where.lat:g}: water in {wet} of {len(measured)} scenes and never more than {pixels:.0f} pixels, "
        f"shadow or noise; the nearest lasting water lies {_nearest(where, lasting)}; sliver_pixels=0 follows the sliver all the same"
    )


def _nearest(where: Place, water: np.ndarray) -> str:
    """Return how far away and where the nearest of some pixels is, in words."""
    rows, columns = np.nonzero(water)
    distance = np.hypot(rows - where.row, columns - where.column)
    nearest = int(np.argmin(distance))
    lon, lat = _degrees(where, rows[nearest], columns[nearest])
    return f"{distance[nearest] * where.pixel:.0f} m away, at {lon:.5f},{lat:.5f} (lon,lat)"


def _degrees(where: Place, row: int, column: int) -> tuple[float, float]:
    from glaciercast.cube import regions

    x, y = where.geobox.affine * (column + 0.5, row + 0.5)
    lon, lat = regions.move(np.array([[x, y]]), str(where.geobox.crs), regions.DEGREES)[0]
    return float(lon), float(lat)


def _warning(follower: Follower, looks: Sequence[LakeLook], measured: Sequence[LakeLook], wet: int) -> str:
    where = follower.where
    start = f"lake at lon {where.lon:g}, lat {where.lat:g}"
    if not measured:
        least = follower.settings.min_seen
        return f"{start}: none of {len(looks)} scenes shows {least:.0%} of its surroundings clear, lit and free of ice: no areas"
    largest = max(look.area for look in measured) / where.pixel**2
    if largest < max(LASTING_PIXELS, follower.settings.sliver_pixels) or wet < SLIVER_LOOKS:
        return (
            f"{start}: water in {wet} of {len(measured)} scenes and never more than {largest:.0f} pixels: a sliver, perhaps shadow or "
            "noise; check the point"
        )
    return ""


def _event(lake: str, drop: Drop) -> dict[str, Any]:
    earliest, latest = (pd.Timestamp(time).normalize() for time in (drop.earliest, drop.latest))
    middle = (earliest + (latest - earliest) / 2).normalize()
    return {
        "event": f"{lake} {middle:%Y-%m-%d}", "lake": lake, "start": middle, "earliest": earliest, "latest": latest,
        "end": pd.Timestamp(drop.end).normalize(), "available_at": drop.available_at,
        "area_before": drop.before, "area_before_error": drop.before_error,
        "area_after": drop.after, "area_after_error": drop.after_error, "share": drop.share, "sigmas": drop.sigmas,
        "confirmed": drop.confirmed, "confidence": drop.confidence, "known_at": drop.known_at, "confirmed_at": drop.confirmed_at,
    }  # fmt: skip
