"""Where the pixels of a scene lie: on the ice or beside it, and how high; by that, scores are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glaciercast import store
from glaciercast.stats.snowline import Bands
from glaciercast.stats.tally import Label

if TYPE_CHECKING:
    from glaciercast.patches.series import Series

ZONE = 500
"""Height of the elevation zones by which scores are told apart, m above sea level."""


@dataclass(frozen=True)
class Ground:
    """The strata of a scene.

    Attributes
    ----------
    stratum
        Index of each pixel's stratum in `labels`, int16 (y, x).
    labels
        Place (``ice`` or ``outside``; ``anywhere`` where no outline is known) and lower edge of the elevation zone (None: unknown).
    bands
        Fine elevation bands, by which snow lines are found; None without an elevation model.
    pixel_km2
        Area of a pixel in km².
    """

    stratum: np.ndarray
    labels: tuple[Label, ...]
    bands: Bands | None
    pixel_km2: float

    @classmethod
    def of(cls, shape: tuple[int, int], pixel_km2: float, elevation: np.ndarray | None = None, ice: np.ndarray | None = None) -> Ground:
        """Return the strata of a scene by its elevation, m (y, x) with NaN where unknown, and by where the ice is, bool (y, x)."""
        if elevation is not None and np.isnan(elevation).all():
            elevation = None
        zone = np.full(shape, np.nan) if elevation is None else np.floor(elevation / ZONE) * ZONE
        place = np.full(shape, "anywhere") if ice is None else np.where(ice, "ice", "outside")
        zones, zone_of = np.unique(zone, return_inverse=True)  # NaN comes last, once
        places, place_of = np.unique(place, return_inverse=True)
        found, stratum = np.unique(place_of * zones.size + zone_of, return_inverse=True)
        labels = tuple((str(places[n // zones.size]), _metres(zones[n % zones.size])) for n in found)
        return cls(stratum.reshape(shape).astype("int16"), labels, None if elevation is None else Bands.of(elevation), pixel_km2)

    @classmethod
    def plain(cls, series: Series) -> Ground:
        """Return the one stratum of a series of which no terrain is known."""
        return cls.of(series.shape, _pixel_km2(series))

    @classmethod
    def read(cls, cube: str | Path, series: Series) -> Ground:
        """Return the strata of the series of a cube by the elevation and the outline that its ``/aligned`` has, if it has them."""
        aligned = store.open_cube(store.locate(cube))["aligned"].to_dataset()
        elevation = aligned["elevation"].values if "elevation" in aligned else None
        ice = aligned["ice"].values.astype(bool) if "ice" in aligned else None
        return cls.of(series.shape, _pixel_km2(series), elevation, ice)


def _pixel_km2(series: Series) -> float:
    resolution = series.geobox.resolution
    return abs(float(resolution.x * resolution.y)) / 1e6


def _metres(zone: float) -> int | None:
    return None if np.isnan(zone) else int(zone)
