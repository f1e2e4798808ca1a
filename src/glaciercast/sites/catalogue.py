"""Look-up of the built-in glaciers."""

from __future__ import annotations

from importlib import resources

import yaml

from glaciercast import config
from glaciercast.errors import InputError, unknown
from glaciercast.grid import Box, check_box
from glaciercast.sites.model import Site


def names() -> list[str]:
    """Return the names of the built-in sites in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yml") for entry in resources.files("glaciercast.sites").iterdir() if entry.name.endswith(".yml")
    )


def find(query: str) -> Site:
    """Return the site of that name or RGI id (upper and lower case alike).

    Raises
    ------
    InputError
        If there is none; the line lists the known ones.
    """
    wanted = query.strip().lower()
    sites = [_read(name) for name in names()]
    for site in sites:
        if wanted in (site.name, site.title.lower(), (site.rgi_id or "").lower()):
            return site
    raise InputError(unknown("site", query, [site.name for site in sites]))


def within(box: Box) -> list[Site]:
    """Return the sites whose box overlaps `box` (lon min, lat min, lon max, lat max in degrees).

    Raises
    ------
    InputError
        If the box is empty or its corners are swapped.
    """
    try:
        check_box(box)
    except ValueError as error:
        raise InputError(f"box {box}: {error}") from error
    west, south, east, north = box
    sites = (_read(name) for name in names())
    return [s for s in sites if s.box[0] < east and west < s.box[2] and s.box[1] < north and south < s.box[3]]


def _read(name: str) -> Site:
    text = (resources.files("glaciercast.sites") / f"{name}.yml").read_text(encoding="utf-8")
    return config.parse(Site, yaml.safe_load(text), f"site {name}")
