"""A user's own glacier: its zone, its box, whether it has a polar night, and the file that keeps it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from glaciercast import config
from glaciercast.errors import InputError
from glaciercast.grid import Box, check_box
from glaciercast.sites.catalogue import built_in, folder
from glaciercast.sites.model import Site

LARGEST = 200.0
"""Longest side of a site, km: on the edge of a UTM zone lengths are then off by less than 0.2 %."""
OBLIQUITY = 23.44
"""Tilt of the Earth's axis, degrees."""
LOWEST_SUN = 14.0
"""Sun's elevation, degrees, below which there is no reflectance: Landsat's is not made beyond a solar zenith angle of 76°
(Landsat 8-9 Collection 2 Level 2 Science Product Guide, LSDS-1619)."""


def zone(lon: float, lat: float) -> str:
    """Return the projected CRS of a place, such as ``EPSG:32643``.

    Between 80° S and 84° N it is the UTM zone on WGS 84, with the exceptions of the grid's definition: south-west Norway (zone 32
    from 3° E between 56° and 64° N) and Svalbard (zones 31, 33, 35, 37 from 72° N on). Beyond, it is the polar stereographic
    projection of the velocity products: EPSG:3413 in the north, EPSG:3031 in the south.

    Parameters
    ----------
    lon, lat
        Degrees.
    """
    if lat >= 84:
        return "EPSG:3413"
    if lat < -80:
        return "EPSG:3031"
    number = min(int((lon + 180) // 6) + 1, 60)
    if 56 <= lat < 64 and 3 <= lon < 12:
        number = 32
    if lat >= 72 and 0 <= lon < 42:
        number = next(zone for zone, east in ((31, 9), (33, 21), (35, 33), (37, 42)) if lon < east)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + number}"


def polar_night(lat: float) -> bool:
    """Tell whether the sun at midwinter's noon is too low for optical data (elevation below `LOWEST_SUN`): beyond 52.6° N or S."""
    return 90 - abs(lat) - OBLIQUITY < LOWEST_SUN


def check_extent(box: Box) -> None:
    """Check that a box suits one grid.

    Parameters
    ----------
    box
        lon min, lat min, lon max, lat max in degrees.

    Raises
    ------
    InputError
        If it is empty, crosses the date line or is longer than `LARGEST`.
    """
    from pyproj import Geod

    west, south, east, north = box
    if west > east and west > 0 > east:
        raise InputError(f"box {box}: crosses the date line; expected a box on one side of it")
    try:
        check_box(box)
    except ValueError as error:
        raise InputError(f"box {box}: {error}") from error
    earth = Geod(ellps="WGS84")
    widest = 0.0 if south < 0 < north else min(abs(south), abs(north))  # nearest to the equator a degree is longest
    width = earth.line_length([west, (west + east) / 2, east], [widest] * 3) / 1000
    height = earth.line_length([west, west], [south, north]) / 1000
    if max(width, height) > LARGEST:
        raise InputError(f"box {box}: {width:.0f} km by {height:.0f} km; expected at most {LARGEST:g} km a side")


def check_free(name: str, replace: bool = False) -> Path:
    """Return the path for a new site of the user's; raises InputError if it is a built-in name, or taken and not to be replaced."""
    path = folder() / f"{name}.yml"
    if name in built_in():
        raise InputError(f"site '{name}': is a built-in site; give yours another name")
    if path.exists() and not replace:
        raise InputError(f"site '{name}': exists already as {path}; replace it with --replace, or choose another name")
    return path


def add(site: Site, outline: dict[str, Any] | None = None, replace: bool = False) -> Path:
    """Keep a site as ``<name>.yml`` in the user's folder, its outline beside it as ``<name>.geojson``; return the path.

    Parameters
    ----------
    site
        Its ``outline`` is replaced by the name of the written file, or by None.
    outline
        GeoJSON of the outline.
    replace
        Whether an existing site of the user's may be replaced.

    Raises
    ------
    InputError
        If the name is a built-in one, or taken and not to be replaced.
    """
    path = check_free(site.name, replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".geojson")
    if outline is not None:
        _write(beside, json.dumps(outline, ensure_ascii=False, allow_nan=False) + "\n")
    kept = site.model_copy(update={"outline": None if outline is None else beside.name})
    default = {name: field.default for name, field in Site.model_fields.items()}
    keys = {key: value for key, value in config.plain(kept).items() if value != default[key]}
    _write(path, yaml.safe_dump(keys, sort_keys=False, allow_unicode=True))
    if outline is None:
        beside.unlink(missing_ok=True)  # of a site that was replaced
    return path


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
