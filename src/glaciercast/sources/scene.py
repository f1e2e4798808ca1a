"""What every source hands over: raw windows of a band as the file has them, and scenes of physical values on the target grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


class RawBand(NamedTuple):
    """One band as its file has it: raw values (y, x), their grid, and the packing that the file itself declares."""

    values: np.ndarray
    geobox: GeoBox
    scale: float | None
    offset: float | None
    nodata: float | None


class SceneRef(Protocol):
    """One record of a series: its identifier and the time of its acquisition (UTC)."""

    @property
    def scene_id(self) -> str:
        """Identifier, unique within the product."""

    @property
    def time(self) -> np.datetime64:
        """Time of acquisition, UTC."""


@dataclass(frozen=True)
class Sun:
    """Where the sun stood at acquisition, degrees; azimuth clockwise from north."""

    elevation: float
    azimuth: float


@dataclass(frozen=True)
class Scene:
    """One date on the target grid.

    Attributes
    ----------
    bands
        Name → physical values, float32 (y, x): reflectance (1) or temperature (K); NaN where the product has no data.
    mask
        Raw mask band, integer (y, x): SCL classes or QA_PIXEL bits.
    mask_valid
        Where the mask band has data, bool (y, x).
    facts
        Provenance of each file that was read: ``item``, ``asset``, ``href`` (without its token), ``xxh128``, ``scale``,
        ``offset``, ``baseline`` and ``accessed``, as far as they are known.
    """

    ref: SceneRef
    bands: dict[str, np.ndarray]
    mask: np.ndarray
    mask_valid: np.ndarray
    facts: tuple[dict[str, Any], ...] = field(default=())
    sun: Sun | None = None
