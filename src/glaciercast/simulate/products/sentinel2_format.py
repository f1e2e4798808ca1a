"""Sentinel-2 Level-2A as a format: bands, processing baselines, names and assets as the Planetary Computer's items describe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from glaciercast.errors import GlaciercastError
from glaciercast.simulate.products import stac
from glaciercast.simulate.products.orbit import absolute_orbit
from glaciercast.simulate.scene import Overpass, Scene

EXTENSIONS = ("eo/v1.0.0", "sat/v1.0.0", "projection/v1.0.0")
QUANTIFICATION = 10_000
OFFSET = 1000
"""Added to the numbers from baseline `WITH_OFFSET` on."""
WITH_OFFSET = "04.00"
REPROCESSED = "05.00"
"""Baseline of Collection 1, into which ESA processed the years before 2022 anew."""
_BASELINES = (
    ("2016-06-15", "02.04"),
    ("2017-05-23", "02.05"),
    ("2017-10-23", "02.06"),
    ("2018-11-06", "02.07"),
    ("2019-05-06", "02.12"),
    ("2019-07-08", "02.13"),
    ("2020-02-04", "02.14"),
    ("2021-03-30", "03.00"),
    ("2021-06-30", "03.01"),
    ("2022-01-25", "04.00"),
    ("2022-12-06", "05.09"),
)
"""First day of processing with each baseline (ESA's list of processing baselines); earlier products carry the first one here."""


@dataclass(frozen=True)
class Band:
    """One band: its name, band of `Scene`, pixel size in m, title, common name, wavelength and width in µm."""

    name: str
    source: str
    gsd: int
    title: str
    common: str
    wavelength: float
    width: float


BANDS = (
    Band("B02", "blue", 10, "Band 2 - Blue", "blue", 0.49, 0.098),
    Band("B03", "green", 10, "Band 3 - Green", "green", 0.56, 0.045),
    Band("B04", "red", 10, "Band 4 - Red", "red", 0.665, 0.038),
    Band("B08", "nir", 10, "Band 8 - NIR", "nir", 0.842, 0.145),
    Band("B11", "swir16", 20, "Band 11 - SWIR (1.6)", "swir16", 1.61, 0.143),
    Band("B12", "swir22", 20, "Band 12 - SWIR (2.2)", "swir22", 2.19, 0.242),
    Band("B8A", "nir_narrow", 20, "Band 8A - Vegetation red edge 4", "rededge", 0.865, 0.033),
)


@dataclass(frozen=True)
class Processing:
    """One processing of an acquisition: when, and with which baseline."""

    time: pd.Timestamp
    baseline: str

    @property
    def offset(self) -> int:
        """What is added to reflectance · 10000."""
        return OFFSET if self.baseline >= WITH_OFFSET else 0


def baseline(time: pd.Timestamp) -> str:
    """Return the baseline with which products were first processed at a time, such as ``02.14``."""
    started = [name for start, name in _BASELINES if time >= pd.Timestamp(start)]
    return started[-1] if started else _BASELINES[0][1]


def item_id(overpass: Overpass, processing: Processing) -> str:
    """Return the id of an item, such as ``S2A_MSIL2A_20190629T052651_R105_T43SFR_20201006T080531``."""
    return "_".join([*_mission(overpass), f"R{overpass.path:03d}", f"T{overpass.tile}", _stamp(processing.time)])


def names(overpass: Overpass, processing: Processing) -> dict[str, str]:
    """Return the names that ESA gives to the product, its granule, datatake and datastrip, by property of the item."""
    mission, level, sensed = _mission(overpass)
    number = f"N{processing.baseline}"
    orbit = f"A{absolute_orbit(overpass):06d}"
    made = _stamp(processing.time + pd.Timedelta(seconds=2))
    relative, tile = f"R{overpass.path:03d}", f"T{overpass.tile}"
    uri = "_".join([mission, level, sensed, number.replace(".", ""), relative, tile, _stamp(processing.time)])
    operation = f"{mission}_OPER_MSI_L2A"
    return {
        "s2:granule_id": f"{operation}_TL_ESRI_{made}_{orbit}_{tile}_{number}",
        "s2:datatake_id": f"G{mission}_{sensed}_{orbit[1:]}_{number}",
        "s2:product_uri": f"{uri}.SAFE",
        "s2:datastrip_id": f"{operation}_DS_ESRI_{made}_S{_stamp(overpass.time + pd.Timedelta(seconds=1))}_{number}",
    }


def assets(scene: Scene) -> dict[str, dict[str, Any]]:
    """Return the assets of a scene, by key: neither scale nor offset nor nodata is declared, as on the Planetary Computer."""
    if scene.fine is None:
        raise GlaciercastError(f"{scene.overpass.tile} {scene.overpass.time}: a Sentinel-2 scene needs its 10 m grid")
    start = f"T{scene.overpass.tile}_{_stamp(scene.overpass.time)}"
    grids = {10: stac.projection(scene.fine, bbox=True), 20: stac.projection(scene.grid, bbox=True)}
    found = {}
    for band in BANDS:
        optics = {
            "name": band.name,
            "common_name": band.common,
            "description": band.title,
            "center_wavelength": band.wavelength,
            "full_width_half_max": band.width,
        }
        fields = {"gsd": band.gsd, "eo:bands": [optics], **grids[band.gsd]}
        found[band.name] = stac.asset(f"{start}_{band.name}_{band.gsd}m.tif", f"{band.title} - {band.gsd}m", ["data"], fields=fields)
    found["SCL"] = stac.asset(f"{start}_SCL_20m.tif", "Scene classfication map (SCL)", ["data"], fields={"gsd": 20.0, **grids[20]})
    return found


def _mission(overpass: Overpass) -> tuple[str, str, str]:
    return f"S2{overpass.platform[-1]}", "MSIL2A", _stamp(overpass.time)


def _stamp(time: pd.Timestamp) -> str:
    return f"{time:%Y%m%dT%H%M%S}"
