"""A glacier of one's own: from a box or an outline to a site that all commands know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glaciercast import config, grid, sites
from glaciercast.errors import InputError
from glaciercast.grid import Box
from glaciercast.sites import Site
from glaciercast.sources import outlines

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from glaciercast.sources.outlines import Outline

MARGIN = 1000.0
"""Metres between an outline (with its buffer) and the edge of the box made for it: stable ground, against which motion is measured."""


def add_site(
    name: str,
    *,
    box: Box | None = None,
    outline: str | Path | None = None,
    rgi_id: str | None = None,
    glacier: str | None = None,
    source: str | Path | None = None,
    buffer: float = 0.0,
    resolution: float = 30.0,
    title: str | None = None,
    country: str = "",
    lake: tuple[float, float, float] | None = None,
    polar_night: Literal["auto", "yes", "no"] = "auto",
    replace: bool = False,
) -> dict[str, Any]:
    """Make a site and keep it among the user's own, so that all commands find it by its name.

    Parameters
    ----------
    name
        Small letters, digits and hyphens; no built-in site's name.
    box
        lon min, lat min, lon max, lat max in degrees. With `source`, the outlines that meet it are kept too.
    outline
        File or URL of the glacier's outline; all its polygons together.
    rgi_id, glacier
        Which glacier of `source`, by RGI id or by name. Exactly one of `box`, `outline`, `rgi_id` and `glacier` is given.
    source
        File or URL of an inventory.
    buffer
        By how much the outline is widened, m.
    resolution
        Pixel size, m.
    title, country
        For people; default: the glacier's name.
    lake
        Longitude, latitude (degrees) and elevation (m) of an ice-dammed lake. A box made from an outline is widened to hold it.
    polar_night
        Whether mid-winter stays without optical data; ``auto``: by `sites.polar_night`.
    replace
        Whether an existing site of the user's may be replaced.

    Returns
    -------
    dict
        The site as plain JSON types, with ``grid`` in words and the ``file`` that keeps it.

    Raises
    ------
    InputError
        If the name is taken or unusable, the choice of glacier is none or several, the outline cannot be read, or the box crosses the date
        line or is larger than one grid should be.
    """
    sites.check_free(name, replace)
    ways = {"box": box, "outline": outline, "RGI id": rgi_id, "glacier's name": glacier}
    given = [way for way, value in ways.items() if value is not None]
    if len(given) != 1:
        raise InputError(f"site '{name}': expected one of box, outline, RGI id and glacier's name, found {' and '.join(given) or 'none'}")
    if source is None and (rgi_id is not None or glacier is not None):
        raise InputError(
            f"site '{name}': expected the inventory in which to look for '{rgi_id or glacier}' (--from FILE or URL), found none"
        )
    found = _outline(box, outline, rgi_id, glacier, source)
    area = box if box is not None else _around(found, buffer, lake)
    sites.check_extent(area)
    middle = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    site = config.parse(
        Site,
        {
            "name": name, "title": title or (found.name if found else "") or name, "country": country, "box": area,
            "crs": sites.zone(*middle), "resolution": resolution, "rgi_id": None if found is None else found.rgi_id, "buffer": buffer,
            "outline_box": None if found is None else [round(edge, 6) for edge in found.geometry.bounds], "lake": lake,
            "polar_night": sites.polar_night(middle[1]) if polar_night == "auto" else polar_night == "yes",
        },
        f"site '{name}'",
    )  # fmt: skip
    path = sites.add(site, None if found is None else outlines.as_geojson(found), replace)
    kept = sites.find(name)
    facts = {} if found is None else {"area_km2": round(found.area_km2, 3), "attribution": found.attribution}
    return {**config.plain(kept), "grid": grid.describe(grid.make(kept.grid)), **facts, "file": str(path)}


def _outline(
    box: Box | None, outline: str | Path | None, rgi_id: str | None, glacier: str | None, source: str | Path | None
) -> Outline | None:
    if outline is not None:
        return outlines.read(outline)
    if source is not None:
        return outlines.read(source, rgi_id=rgi_id, name=glacier, box=box)
    return None


def _around(found: Outline | None, buffer: float, lake: tuple[float, float, float] | None) -> Box:
    """Return the box (degrees, to four digits: 10 m) around an outline, its buffer and the lake, and `MARGIN` around these."""
    import shapely

    assert found is not None
    geometry: BaseGeometry = found.geometry
    if lake is not None:
        geometry = shapely.union(geometry, shapely.Point(lake[:2]))
    west, south, east, north = geometry.bounds
    if east - west > 180:
        raise InputError(f"{found.source}: the outline crosses the date line; expected one on one side of it")
    sites.check_extent((west, south, east, north))  # before a plane is chosen for it
    wide = outlines.buffered(geometry, buffer + MARGIN, sites.zone((west + east) / 2, (south + north) / 2)).bounds
    return round(wide[0], 4), round(wide[1], 4), round(wide[2], 4), round(wide[3], 4)
