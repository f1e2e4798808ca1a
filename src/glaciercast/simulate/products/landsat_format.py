"""Landsat Collection 2 Level-2 as a format: bands, scales, bit fields and assets as the Planetary Computer's items describe them.

Sources: Landsat 8-9 and 4-7 Collection 2 Level 2 Science Product Guides (LSDS-1619, LSDS-1618) and real items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glaciercast.simulate.products import stac
from glaciercast.simulate.products.collections import JSON

REFLECTANCE = (2.75e-5, -0.2)
TEMPERATURE = (0.00341802, 149.0)
UNCERTAINTY_SCALE = 0.01
EXTENSIONS = (
    "raster/v1.1.0",
    "eo/v1.0.0",
    "view/v1.0.0",
    "projection/v1.0.0",
    "landsat/v2.0.0",
    "classification/v1.0.0",
    "scientific/v1.0.0",
)
_BITS = {"data_type": "uint16", "spatial_resolution": 30, "unit": "bit index"}


@dataclass(frozen=True)
class Band:
    """One reflectance band: key of the asset, band of `Scene`, number in file names, name, words, wavelength and width in µm."""

    key: str
    source: str
    number: str
    name: str
    title: str
    description: str
    wavelength: float
    width: float


@dataclass(frozen=True)
class Sensor:
    """What differs between OLI/TIRS (Landsat 8 and 9) and ETM+ (Landsat 7)."""

    instruments: tuple[str, ...]
    spacecraft: str
    sensor_id: str
    prefix: str
    scene_prefix: str
    station: str
    doi: str
    citation: str
    bands: tuple[Band, ...]
    thermal: Band
    thermal_gsd: int
    cirrus: bool
    radsat: tuple[tuple[str, int], ...]


def _reflective(letters: str, numbers: str, wavelengths: tuple[float, ...], widths: tuple[float, ...]) -> tuple[Band, ...]:
    words = (
        ("coastal", "coastal", "Coastal/Aerosol Band", "Coastal/Aerosol"),
        ("blue", "blue", "Blue Band", "Visible blue"),
        ("green", "green", "Green Band", "Visible green"),
        ("red", "red", "Red Band", "Visible red"),
        ("nir08", "nir", "Near Infrared Band 0.8", "Near infrared"),
        ("swir16", "swir16", "Short-wave Infrared Band 1.6", "Short-wave infrared"),
        ("swir22", "swir22", "Short-wave Infrared Band 2.2", "Short-wave infrared"),
    )[-len(numbers) :]
    rows = zip(words, numbers, wavelengths, widths, strict=True)
    return tuple(Band(word[0], word[1], f"B{number}", f"{letters}_B{number}", *word[2:], *optics) for word, number, *optics in rows)


def _oli(number: str) -> Sensor:
    return Sensor(
        instruments=("oli", "tirs"),
        spacecraft=f"LANDSAT_{number}",
        sensor_id="OLI_TIRS",
        prefix=f"LC0{number}",
        scene_prefix=f"LC{number}",
        station="LGN00",
        doi="10.5066/P9OGBGM6",
        citation="Landsat 8-9 OLI/TIRS Collection 2 Level-2",
        bands=_reflective("OLI", "1234567", (0.44, 0.48, 0.56, 0.65, 0.87, 1.61, 2.2), (0.02, 0.06, 0.06, 0.04, 0.03, 0.09, 0.19)),
        thermal=Band("lwir11", "", "B10", "TIRS_B10", "Surface Temperature Band", "Long-wave infrared", 10.9, 0.59),
        thermal_gsd=100,
        cirrus=True,
        radsat=(*((f"band{n}", n - 1) for n in (1, 2, 3, 4, 5, 6, 7, 9)), ("occlusion", 11)),
    )


SENSORS = {
    "landsat-8": _oli("8"),
    "landsat-9": _oli("9"),
    "landsat-7": Sensor(
        instruments=("etm+",),
        spacecraft="LANDSAT_7",
        sensor_id="ETM",
        prefix="LE07",
        scene_prefix="LE7",
        station="EDC00",
        doi="10.5066/P9C7I13B",
        citation="Landsat 7 ETM+ Collection 2 Level-2",
        bands=_reflective("ETM", "123457", (0.48, 0.56, 0.66, 0.84, 1.65, 2.2), (0.07, 0.08, 0.06, 0.13, 0.2, 0.28)),
        thermal=Band("lwir", "", "B6", "ETM_B6", "Surface Temperature Band", "Long-wave infrared", 11.34, 2.05),
        thermal_gsd=60,
        cirrus=False,
        radsat=(*((f"band{n}", n - 1) for n in range(1, 6)), ("band6L", 5), ("band7", 6), ("band6H", 8), ("dropped", 9)),
    ),
}

_FLAGS = (
    ("fill", 0, "Image or fill data", ("not_fill", "Image data"), ("fill", "Fill data")),
    ("dilated_cloud", 1, "Dilated cloud", ("not_dilated", "Cloud is not dilated or no cloud"), ("dilated", "Cloud dilation")),
    ("cirrus", 2, "Cirrus mask", ("not_cirrus", "Cirrus confidence is not high"), ("cirrus", "High confidence cirrus")),
    ("cloud", 3, "Cloud mask", ("not_cloud", "Cloud confidence is not high"), ("cloud", "High confidence cloud")),
    (
        "cloud_shadow",
        4,
        "Cloud shadow mask",
        ("not_shadow", "Cloud shadow confidence is not high"),
        ("shadow", "High confidence cloud shadow"),
    ),
    ("snow", 5, "Snow/Ice mask", ("not_snow", "Snow/Ice confidence is not high"), ("snow", "High confidence snow cover")),
    ("clear", 6, "Clear mask", ("not_clear", "Cloud or dilated cloud bits are set"), ("clear", "Cloud and dilated cloud bits are not set")),
    ("water", 7, "Water mask", ("not_water", "Land or cloud"), ("water", "Water")),
)
_CONFIDENCES = (
    ("cloud", 8, "Cloud", "cloud"),
    ("cloud_shadow", 10, "Cloud shadow", "cloud shadow"),
    ("snow", 12, "Snow/Ice", "snow/ice"),
    ("cirrus", 14, "Cirrus", "cirrus"),
)


def assets(sensor: Sensor, product: str) -> dict[str, dict[str, Any]]:
    """Return the assets of a scene, by key; file names begin with `product`, the Landsat product id."""
    metadata = "Product Metadata File (json)"
    found = {
        "mtl.json": stac.asset(
            f"{product}_MTL.json", metadata, ["metadata"], media_type=JSON, description=f"Collection 2 Level-2 {metadata}"
        ),
        "qa_pixel": stac.asset(
            f"{product}_QA_PIXEL.TIF",
            "Pixel Quality Assessment Band",
            ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
            description="Collection 2 Level-1 Pixel Quality Assessment Band (QA_PIXEL)",
            fields={"classification:bitfields": _pixel_bitfields(sensor.cirrus), "raster:bands": [{"nodata": 1, **_BITS}]},
        ),
        "qa_radsat": _radsat(sensor, f"{product}_QA_RADSAT.TIF"),
    }
    for band in sensor.bands:
        description = f"Collection 2 Level-2 {band.title} (SR_{band.number}) Surface Reflectance"
        fields = {"eo:bands": [_eo(band)], "raster:bands": [_raster(*REFLECTANCE)]}
        file = f"{product}_SR_{band.number}.TIF"
        found[band.key] = stac.asset(file, band.title, ["data", "reflectance"], description=description, fields=fields)
    band = sensor.thermal
    found[band.key] = stac.asset(
        f"{product}_ST_{band.number}.TIF",
        band.title,
        ["data", "temperature"],
        description=f"Collection 2 Level-2 Thermal Infrared Band (ST_{band.number}) Surface Temperature",
        fields={"eo:bands": [_eo(band)], "raster:bands": [_raster(*TEMPERATURE, unit="kelvin")], "gsd": sensor.thermal_gsd},
    )
    uncertainty = {"nodata": -9999, "data_type": "int16", "spatial_resolution": 30, "unit": "kelvin", "scale": UNCERTAINTY_SCALE}
    found["qa"] = stac.asset(
        f"{product}_ST_QA.TIF",
        "Surface Temperature Quality Assessment Band",
        ["data"],
        description="Collection 2 Level-2 Quality Assessment Band (ST_QA) Surface Temperature Product",
        fields={"raster:bands": [uncertainty]},
    )
    return found


def _eo(band: Band) -> dict[str, Any]:
    return {
        "name": band.name,
        "common_name": band.key,
        "description": band.description,
        "center_wavelength": band.wavelength,
        "full_width_half_max": band.width,
    }


def _raster(scale: float, offset: float, **unit: str) -> dict[str, Any]:
    return {"nodata": 0, "data_type": "uint16", "spatial_resolution": 30, **unit, "scale": scale, "offset": offset}


def _pixel_bitfields(cirrus: bool) -> list[dict[str, Any]]:
    fields = [_bitfield(name, offset, 1, text, classes) for name, offset, text, *classes in _FLAGS]
    for name, offset, start, thing in _CONFIDENCES:
        middle = ("medium", f"Medium confidence {thing}") if name == "cloud" else ("reserved", "Reserved - value not used")
        levels = [
            ("not_set", "No confidence level set"),
            ("low", f"Low confidence {thing}"),
            middle,
            ("high", f"High confidence {thing}"),
        ]
        fields.append(_bitfield(f"{name}_confidence", offset, 2, f"{start} confidence levels", levels))
    return [field for field in fields if cirrus or not field["name"].startswith("cirrus")]


def _bitfield(name: str, offset: int, length: int, description: str, classes: list[tuple[str, str]]) -> dict[str, Any]:
    values = [{"value": value, "name": word, "description": text} for value, (word, text) in enumerate(classes)]
    return {"name": name, "description": description, "offset": offset, "length": length, "classes": values}


def _radsat(sensor: Sensor, file: str) -> dict[str, Any]:
    fields = []
    for name, offset in sensor.radsat:
        label = name.replace("band", "Band ").replace("L", " low-gain").replace("H", " high-gain")
        text = f"{label} radiometric saturation"
        classes = [("not_saturated", f"{label} not saturated"), ("saturated", f"{label} saturated")]
        if name == "occlusion":
            text = "Terrain not visible from sensor due to intervening terrain"
            classes = [("not_occluded", "Terrain is not occluded"), ("occluded", "Terrain is occluded")]
        elif name == "dropped":
            text = "Dropped pixel"
            classes = [("not_dropped", "Detector has a value - pixel present"), ("dropped", "Detector does not have a value - no data")]
        fields.append(_bitfield(name, offset, 1, text, classes))
    extent = " and Terrain Occlusion" if sensor.cirrus else " and Dropped Pixel"
    title = f"Radiometric Saturation{extent} Quality Assessment Band"
    described = f"Collection 2 Level-1 {title} (QA_RADSAT)"
    return stac.asset(
        file, title, ["saturation"], description=described, fields={"classification:bitfields": fields, "raster:bands": [dict(_BITS)]}
    )
