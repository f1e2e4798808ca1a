"""Sentinel-2 Level-2A scenes (collection ``sentinel-2-l2a``) as the Planetary Computer serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.simulate import seeds
from glaciercast.simulate.products import stac
from glaciercast.simulate.products.cog import write_cog
from glaciercast.simulate.products.orbit import earth_sun_distance
from glaciercast.simulate.products.packing import pack
from glaciercast.simulate.products.quality import scl
from glaciercast.simulate.products.sentinel2_format import (
    BANDS,
    EXTENSIONS,
    QUANTIFICATION,
    REPROCESSED,
    WITH_OFFSET,
    Processing,
    assets,
    baseline,
    item_id,
    names,
)
from glaciercast.simulate.scenario import OpticalSpec, Scenario
from glaciercast.simulate.scene import Overpass, Scene

COLLECTION = "sentinel-2-l2a"
LICENCE = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
_REPROCESSING = pd.Timestamp("2022-10-01")
_REPROCESSING_DAYS = 300
_SHARES = {
    "s2:water_percentage": 6,
    "s2:snow_ice_percentage": 11,
    "s2:vegetation_percentage": 4,
    "s2:thin_cirrus_percentage": 10,
    "s2:cloud_shadow_percentage": 3,
    "s2:unclassified_percentage": 7,
    "s2:dark_features_percentage": 2,
    "s2:not_vegetated_percentage": 5,
    "s2:high_proba_clouds_percentage": 9,
    "s2:medium_proba_clouds_percentage": 8,
    "s2:saturated_defective_pixel_percentage": 1,
}
_CLOUDS = ("s2:thin_cirrus_percentage", "s2:medium_proba_clouds_percentage", "s2:high_proba_clouds_percentage")


def processings(overpass: Overpass, spec: OpticalSpec, seed: int) -> list[Processing]:
    """Return how often and when an acquisition was processed: within a day, and for a share of those before baseline 04.00 again.

    All tiles of one visit are processed alike.
    """
    rng = seeds.generator(seed, "processing", overpass.key)
    made = overpass.time.floor("s") + pd.Timedelta(seconds=int(rng.integers(4 * 3600, 20 * 3600)))
    again = _REPROCESSING + pd.Timedelta(seconds=int(rng.integers(_REPROCESSING_DAYS * 86400)))
    found = [Processing(made, baseline(made))]
    if rng.random() < spec.reprocessed and found[0].baseline < WITH_OFFSET:
        found.append(Processing(again, REPROCESSED))
    return found


def item_ids(overpass: Overpass, spec: OpticalSpec, seed: int) -> list[str]:
    """Return the ids of the items that `write` makes of a visit, without rendering it."""
    return [item_id(overpass, processing) for processing in processings(overpass, spec, seed)]


def write(scene: Scene, archive: Path, scenario: Scenario, seed: int) -> list[str]:
    """Write one scene: reflectance, scene classification and item, once for each processing of it that is not in the archive yet.

    Parameters
    ----------
    scene
        Of Sentinel-2: a 20 m grid, and a 10 m grid that divides it.
    archive
        Folder of the archive; the items' folders appear in it when whole.
    scenario, seed
        Give the processings and the masks' errors, together with the visit's name and tile.

    Returns
    -------
    list of str
        Ids of the items, one or two.
    """
    overpass, spec = scene.overpass, scenario.optical
    classes = scl(scene, spec, seeds.generator(seed, "quality", overpass.key, overpass.tile))
    described = assets(scene)
    written = []
    for processing in processings(overpass, spec, seed):
        name = item_id(overpass, processing)
        written.append(name)
        if stac.exists(archive, COLLECTION, name):
            continue
        with stac.item_folder(archive, COLLECTION, name) as folder:
            _write_rasters(scene, classes, processing, {key: folder / one["href"] for key, one in described.items()})
            properties = _properties(scene, classes, processing)
            licence = {"rel": "license", "href": LICENCE}
            stac.write_item(folder, stac.make_item(name, COLLECTION, scene.grid, properties, described, EXTENSIONS, [licence]))
    return written


def _write_rasters(scene: Scene, classes: np.ndarray, processing: Processing, files: dict[str, Path]) -> None:
    assert scene.fine is not None
    step = 1 / QUANTIFICATION
    for band in BANDS:
        # the least number that means data is 1: in products, darker pixels are cut there, and 0 stays nodata
        numbers = pack(scene.bands[band.source], step, -processing.offset * step, dtype=np.uint16, nodata=0, limits=(1, 65535))
        write_cog(files[band.name], numbers, scene.fine if band.gsd == 10 else scene.grid, nodata=0)
    write_cog(files["SCL"], classes, scene.grid, nodata=0)


def percentages(classes: np.ndarray) -> dict[str, float]:
    """Return the shares of the SCL's classes as the item states them, % with six decimals: of the pixels that have data."""
    counts = np.bincount(classes.ravel(), minlength=12)
    seen = max(int(counts[1:].sum()), 1)
    shares = {key: round(100 * int(counts[value]) / seen, 6) for key, value in _SHARES.items()}
    cloud = round(sum(shares[key] for key in _CLOUDS), 6)
    return {"eo:cloud_cover": cloud, **shares, "s2:nodata_pixel_percentage": round(100 * int(counts[0]) / classes.size, 6)}


def _properties(scene: Scene, classes: np.ndarray, processing: Processing) -> dict[str, Any]:
    overpass = scene.overpass
    return {
        "datetime": stac.timestamp(overpass.time),
        "platform": overpass.platform,
        "proj:epsg": scene.grid.crs.epsg if scene.grid.crs else None,
        "instruments": ["msi"],
        "s2:mgrs_tile": overpass.tile,
        "constellation": "Sentinel 2",
        **names(overpass, processing),
        "s2:product_type": "S2MSI2A",
        "sat:orbit_state": "descending",
        "s2:datatake_type": "INS-NOBS",
        "s2:generation_time": f"{processing.time:%Y-%m-%dT%H:%M:%S}.000Z",
        "sat:relative_orbit": overpass.path,
        "s2:mean_solar_zenith": 90 - overpass.sun_elevation,
        "s2:mean_solar_azimuth": overpass.sun_azimuth,
        "s2:processing_baseline": processing.baseline,
        **percentages(classes),
        "s2:degraded_msi_data_percentage": 0.0,
        "s2:reflectance_conversion_factor": earth_sun_distance(overpass.time) ** -2,
    }
