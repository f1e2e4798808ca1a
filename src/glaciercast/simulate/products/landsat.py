"""Landsat 7, 8 and 9 Collection 2 Level-2 scenes (collection ``landsat-c2-l2``) as the Planetary Computer serves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.errors import GlaciercastError
from glaciercast.simulate import seeds
from glaciercast.simulate.products import stac
from glaciercast.simulate.products.cog import write_cog
from glaciercast.simulate.products.landsat_format import EXTENSIONS, REFLECTANCE, SENSORS, TEMPERATURE, UNCERTAINTY_SCALE, assets
from glaciercast.simulate.products.landsat_mtl import metadata
from glaciercast.simulate.products.packing import pack
from glaciercast.simulate.products.quality import qa_pixel
from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.scene import Cover, Overpass, Scene

COLLECTION = "landsat-c2-l2"
CLOUD_BIT = 1 << 3
_LATENCY = pd.Timedelta(days=16)
_COLLECTION_2 = pd.Timestamp("2020-09-08")
"""Older scenes were all processed anew for Collection 2, about then."""
_CLEAR_UNCERTAINTY, _CLOUD_UNCERTAINTY, _REACH = 1.5, 4.5, 2000.0
"""Uncertainty of the surface temperature far from cloud and what cloud adds (K), and the distance over which that falls by e (m)."""


def item_id(overpass: Overpass) -> str:
    """Return the id of the item, such as ``LC08_L2SP_147038_20201204_02_T1``."""
    return f"{SENSORS[overpass.platform].prefix}_L2SP_{overpass.path:03d}{overpass.row:03d}_{overpass.time:%Y%m%d}_02_T1"


def product_id(overpass: Overpass) -> str:
    """Return the Landsat product id, which the files' names begin with: the item's id with the date of processing."""
    start, date, tail = item_id(overpass).rsplit("_", 3)[0], f"{overpass.time:%Y%m%d}", "02_T1"
    return f"{start}_{date}_{processed(overpass.time):%Y%m%d}_{tail}"


def scene_id(overpass: Overpass) -> str:
    """Return the Landsat scene id, such as ``LC81470382020339LGN00`` (year and day of the year)."""
    sensor = SENSORS[overpass.platform]
    return f"{sensor.scene_prefix}{overpass.path:03d}{overpass.row:03d}{overpass.time:%Y%j}{sensor.station}"


def processed(time: pd.Timestamp) -> pd.Timestamp:
    """Return when a scene was processed."""
    return max(time + _LATENCY, _COLLECTION_2 + (time - time.normalize()))


def write(scene: Scene, archive: Path, scenario: Scenario, seed: int) -> str:
    """Write one scene: reflectance, temperature and its uncertainty, quality bits, metadata file and item.

    Parameters
    ----------
    scene
        Of Landsat 7, 8 or 9; two rows of one visit are two scenes.
    archive
        Folder of the archive; the item's folder appears in it when whole.
    scenario, seed
        Give the masks' errors, together with the visit's name and row.

    Returns
    -------
    str
        Id of the item.

    Raises
    ------
    GlaciercastError
        If the archive holds the item already.
    """
    overpass, sensor = scene.overpass, SENSORS[scene.overpass.platform]
    name, product = item_id(overpass), product_id(overpass)
    bits = qa_pixel(scene, scenario.optical, seeds.generator(seed, "quality", overpass.key, overpass.row))
    described = assets(sensor, product)
    covers = cloud_covers(scene, bits)
    with stac.item_folder(archive, COLLECTION, name) as folder:
        for key, array in _rasters(scene, bits):
            declared = described[key]["raster:bands"][0].get("nodata")
            write_cog(folder / described[key]["href"], array, scene.grid, nodata=declared, categorical=key.startswith("qa_"))
        mtl = metadata(scene, sensor, product, scene_id(overpass), covers, processed(overpass.time))
        (folder / described["mtl.json"]["href"]).write_text(json.dumps(mtl, indent=1) + "\n", encoding="utf-8")
        cite = {"rel": "cite-as", "href": f"https://doi.org/{sensor.doi}", "title": sensor.citation}
        item = stac.make_item(name, COLLECTION, scene.grid, _properties(scene, covers), described, EXTENSIONS, [cite])
        stac.write_item(folder, item)
    return name


def cloud_covers(scene: Scene, bits: np.ndarray) -> tuple[float, float]:
    """Return the share of the scene and of its land that QA_PIXEL calls cloud, %, two decimals; −1 where there is none."""
    flagged = (bits & CLOUD_BIT) > 0
    land = scene.valid & (scene.cover != Cover.WATER)
    whole, dry = (round(100 * float(flagged[area].mean()), 2) if area.any() else -1.0 for area in (scene.valid, land))
    return whole, dry


def uncertainty(scene: Scene, bits: np.ndarray) -> np.ndarray:
    """Return the uncertainty of the surface temperature, K, float32 (y, x): it grows near cloud; NaN outside the scene."""
    from scipy import ndimage

    flagged = (bits & CLOUD_BIT) > 0
    error = np.full(flagged.shape, _CLEAR_UNCERTAINTY, np.float32)
    if flagged.any():
        pixels = ndimage.distance_transform_cdt(~flagged, metric="chessboard").astype(np.float32)
        error += _CLOUD_UNCERTAINTY * np.exp(pixels * np.float32(-abs(scene.grid.resolution.x) / _REACH))
    error[~scene.valid] = np.nan
    return error


def _rasters(scene: Scene, bits: np.ndarray) -> list[tuple[str, np.ndarray]]:
    sensor = SENSORS[scene.overpass.platform]
    rasters = [(band.key, _pack(scene.bands[band.source], *REFLECTANCE)) for band in sensor.bands]
    if scene.temperature is None:
        raise GlaciercastError(f"{item_id(scene.overpass)}: a Landsat scene needs a surface temperature")
    rasters.append((sensor.thermal.key, _pack(np.where(scene.valid, scene.temperature, np.nan), *TEMPERATURE)))
    error = pack(uncertainty(scene, bits), UNCERTAINTY_SCALE, 0.0, dtype=np.int16, nodata=-9999, limits=(0, 32767))
    return [*rasters, ("qa", error), ("qa_pixel", bits), ("qa_radsat", np.zeros_like(bits))]


def _pack(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    return pack(values, scale, offset, dtype=np.uint16, nodata=0, limits=(1, 65535))


def _properties(scene: Scene, covers: tuple[float, float]) -> dict[str, Any]:
    overpass, sensor = scene.overpass, SENSORS[scene.overpass.platform]
    return {
        "platform": overpass.platform,
        "instruments": list(sensor.instruments),
        "created": stac.timestamp(processed(overpass.time)),
        "gsd": 30,
        "description": "Landsat Collection 2 Level-2",
        "eo:cloud_cover": covers[0],
        "view:off_nadir": 0,
        "view:sun_elevation": round(overpass.sun_elevation, 8),
        "view:sun_azimuth": round(overpass.sun_azimuth, 8),
        "proj:epsg": scene.grid.crs.epsg if scene.grid.crs else None,
        **stac.projection(scene.grid),
        "landsat:cloud_cover_land": covers[1],
        "landsat:wrs_type": "2",
        "landsat:wrs_path": f"{overpass.path:03d}",
        "landsat:wrs_row": f"{overpass.row:03d}",
        "landsat:collection_category": "T1",
        "landsat:collection_number": "02",
        "landsat:correction": "L2SP",
        "landsat:scene_id": scene_id(overpass),
        "sci:doi": sensor.doi,
        "datetime": stac.timestamp(overpass.time),
    }
