"""The metadata file (MTL) of a Landsat Collection 2 Level-2 product, as JSON: the groups and fields that users read, as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from glaciercast.simulate.products.landsat_format import REFLECTANCE, TEMPERATURE, Sensor
from glaciercast.simulate.products.orbit import earth_sun_distance
from glaciercast.simulate.scene import Scene

RMSE = 7.5
"""Error of the geometric model that Tier 1 scenes report, m; at most 12 in that tier."""


def metadata(
    scene: Scene, sensor: Sensor, product: str, scene_id: str, covers: tuple[float, float], processed: pd.Timestamp
) -> dict[str, Any]:
    """Return the content of ``…_MTL.json``; every value is text, as in the real files.

    Parameters
    ----------
    scene, sensor
        What was seen, by what.
    product, scene_id
        The Landsat product id and scene id.
    covers
        Cloud cover of the scene and of its land, %.
    processed
        When the product was made, UTC.
    """
    reflective = [band.number.lstrip("B") for band in sensor.bands]
    made = f"{processed:%Y-%m-%dT%H:%M:%SZ}"
    doi = f"https://doi.org/{sensor.doi}"
    common = {"PROCESSING_LEVEL": "L2SP", "OUTPUT_FORMAT": "GEOTIFF"}
    return {
        "LANDSAT_METADATA_FILE": {
            "PRODUCT_CONTENTS": {
                "ORIGIN": "Simulated by glaciercast",
                "DIGITAL_OBJECT_IDENTIFIER": doi,
                "LANDSAT_PRODUCT_ID": product,
                **common,
                "COLLECTION_NUMBER": "02",
                "COLLECTION_CATEGORY": "T1",
                **_files(sensor, product),
            },
            "IMAGE_ATTRIBUTES": _image(scene, sensor, covers),
            "PROJECTION_ATTRIBUTES": _projection(scene),
            "LEVEL2_PROCESSING_RECORD": {
                "ORIGIN": "Simulated by glaciercast",
                "DIGITAL_OBJECT_IDENTIFIER": doi,
                "LANDSAT_PRODUCT_ID": product,
                **common,
                "DATE_PRODUCT_GENERATED": made,
            },
            "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": _scales("REFLECTANCE", reflective, REFLECTANCE),
            "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS": _scales("TEMPERATURE", [f"ST_{sensor.thermal.number}"], TEMPERATURE),
            "LEVEL1_PROCESSING_RECORD": {"LANDSAT_SCENE_ID": scene_id, "PROCESSING_LEVEL": "L1TP", "COLLECTION_CATEGORY": "T1"},
        }
    }


def _files(sensor: Sensor, product: str) -> dict[str, str]:
    reflective = {f"FILE_NAME_BAND_{band.number.lstrip('B')}": f"{product}_SR_{band.number}.TIF" for band in sensor.bands}
    return {
        **reflective,
        f"FILE_NAME_BAND_ST_{sensor.thermal.number}": f"{product}_ST_{sensor.thermal.number}.TIF",
        "FILE_NAME_QUALITY_L2_SURFACE_TEMPERATURE": f"{product}_ST_QA.TIF",
        "FILE_NAME_QUALITY_L1_PIXEL": f"{product}_QA_PIXEL.TIF",
        "FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION": f"{product}_QA_RADSAT.TIF",
    }


def _image(scene: Scene, sensor: Sensor, covers: tuple[float, float]) -> dict[str, str]:
    overpass = scene.overpass
    path, row = str(overpass.path), str(overpass.row)
    return {
        "SPACECRAFT_ID": sensor.spacecraft,
        "SENSOR_ID": sensor.sensor_id,
        "WRS_TYPE": "2",
        "WRS_PATH": path,
        "WRS_ROW": row,
        "NADIR_OFFNADIR": "NADIR",
        "TARGET_WRS_PATH": path,
        "TARGET_WRS_ROW": row,
        "DATE_ACQUIRED": f"{overpass.time:%Y-%m-%d}",
        "SCENE_CENTER_TIME": f"{overpass.time:%H:%M:%S.%f}0Z",
        "STATION_ID": sensor.station[:3],
        "CLOUD_COVER": f"{covers[0]:.2f}",
        "CLOUD_COVER_LAND": f"{covers[1]:.2f}",
        "SUN_AZIMUTH": f"{overpass.sun_azimuth:.8f}",
        "SUN_ELEVATION": f"{overpass.sun_elevation:.8f}",
        "EARTH_SUN_DISTANCE": f"{earth_sun_distance(overpass.time):.7f}",
        "GEOMETRIC_RMSE_MODEL": f"{RMSE:.3f}",
        "GEOMETRIC_RMSE_MODEL_Y": f"{RMSE / np.sqrt(2):.3f}",
        "GEOMETRIC_RMSE_MODEL_X": f"{RMSE / np.sqrt(2):.3f}",
    }


def _projection(scene: Scene) -> dict[str, str]:
    """Corners are the centres of the corner pixels, as in the real files (half a pixel inside the raster's edges)."""
    from pyproj import Transformer

    grid = scene.grid
    rows, columns = grid.shape
    crs = grid.crs
    assert crs is not None
    lines = {"LINES": str(rows), "SAMPLES": str(columns)}
    fields = {"MAP_PROJECTION": "UTM", "DATUM": "WGS84", "ELLIPSOID": "WGS84", "UTM_ZONE": str((crs.epsg or 0) % 100)}
    for thing in ("REFLECTIVE", "THERMAL"):
        fields[f"GRID_CELL_SIZE_{thing}"] = f"{abs(grid.resolution.x):.2f}"
        fields |= {f"{thing}_{key}": value for key, value in lines.items()}
    fields["ORIENTATION"] = "NORTH_UP"
    to_degrees = Transformer.from_crs(crs.proj, "EPSG:4326", always_xy=True)
    for name, column, row in (("UL", 0, 0), ("UR", columns - 1, 0), ("LL", 0, rows - 1), ("LR", columns - 1, rows - 1)):
        x, y = grid.affine * (column + 0.5, row + 0.5)
        lon, lat = to_degrees.transform(x, y)
        fields |= {f"CORNER_{name}_LAT_PRODUCT": f"{lat:.5f}", f"CORNER_{name}_LON_PRODUCT": f"{lon:.5f}"}
        fields |= {f"CORNER_{name}_PROJECTION_X_PRODUCT": f"{x:.3f}", f"CORNER_{name}_PROJECTION_Y_PRODUCT": f"{y:.3f}"}
    return fields


def _scales(quantity: str, bands: list[str], packing: tuple[float, float]) -> dict[str, str]:
    scale, offset = packing
    multiply = {f"{quantity}_MULT_BAND_{band}": str(scale) for band in bands}
    return multiply | {f"{quantity}_ADD_BAND_{band}": str(offset) for band in bands}
