"""Look-up of glaciers: those that are built in, and a user's own in ``$GLACIERCAST_SITES`` or ``~/.config/glaciercast/sites``."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import yaml

from glaciercast import config
from glaciercast.errors import InputError, unknown
from glaciercast.grid import Box, check_box
from glaciercast.sites.model import Site


def built_in() -> list[str]:
    """Return the names of the built-in sites in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yml") for entry in resources.files("glaciercast.sites").iterdir() if entry.name.endswith(".yml")
    )


def folder() -> Path:
    """Return the folder of the user's own sites; it may be absent."""
    given = os.environ.get("GLACIERCAST_SITES")
    return Path(given) if given else Path.home() / ".config" / "glaciercast" / "sites"


def names() -> list[str]:
    """Return the names of all sites in alphabetical order.

    Raises
    ------
    InputError
        If a file of the user's has the name of a built-in site.
    """
    own = {path.stem: path for path in folder().glob("*.yml")}
    if clash := sorted(own.keys() & set(built_in())):
        raise InputError(f"{own[clash[0]]}: '{clash[0]}' is a built-in site; give yours another name")
    return sorted([*own, *built_in()])


def find(query: str) -> Site:
    """Return the site of that name, title or RGI id (upper and lower case alike).

    Raises
    ------
    InputError
        If there is none (the line lists the known ones), or a file of the user's cannot be used.
    """
    wanted = query.strip().lower()
    known = names()
    if wanted in known:
        return _read(wanted)
    for site in map(_read, known):
        if wanted in (site.title.lower(), (site.rgi_id or "").lower()):
            return site
    raise InputError(unknown("site", query, known))


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
    if name in built_in():
        text = (resources.files("glaciercast.sites") / f"{name}.yml").read_text(encoding="utf-8")
        return config.parse(Site, yaml.safe_load(text), f"site {name}")
    path = folder() / f"{name}.yml"
    site = config.load(Site, path)
    if site.name != name:
        raise InputError(f"{path}: expected name: {name} as the file is called, found {site.name}")
    return site if site.outline is None else site.model_copy(update={"outline": str(path.parent / site.outline)})
