"""Checks before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import sites, store
from glaciercast.cube import audit as audits
from glaciercast.cube import regions as places
from glaciercast.cube import tally
from glaciercast.cube.audit import AuditConfig
from glaciercast.cube.tally import Table
from glaciercast.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.sites import Site

FIGURES = (".png", ".pdf", ".svg")


def audit(
    cube: str | Path | None = None,
    site: str | Site | None = None,
    *,
    outline: str | Path | None = None,
    rgi_id: str | None = None,
    lake: tuple[float, float] | None = None,
    table: Table | None = None,
    settings: AuditConfig | None = None,
    figure: str | Path | None = None,
) -> dict[str, Any]:
    """Tell which part of a glacier each product of a cube, or a table of points, covers, when and how often.

    Parameters
    ----------
    cube
        A cube or the run folder that holds it; None audits only the `table`.
    site
        A site or its name: its outline (or the box of it) and its lake.
    outline, rgi_id
        A file (or address) of outlines that wins over the site's, and which glacier of it. Without both `outline` and `site`, the ice of
        the cube's ``/terrain`` is the outline.
    lake
        Longitude and latitude of a lake (degrees) that wins over the site's.
    table
        A CSV file of observations to audit beside the cube.
    settings
        The thresholds.
    figure
        Where to draw the footprints (PNG, PDF or SVG; an existing file is replaced).

    Returns
    -------
    dict
        What `glaciercast.cube.audit.audit` returns, with ``cube``, ``site``, ``outline`` (where it is from), ``lake`` and ``figure``. A
        product that misses the glacier is no error here: ``verdict`` says so.

    Raises
    ------
    InputError
        If there is nothing to audit, no outline, or something cannot be read.
    """
    settings = settings or AuditConfig()
    if cube is None and table is None:
        raise InputError("audit: expected a cube or a table, found neither")
    if figure is not None and Path(figure).suffix.lower() not in FIGURES:
        raise InputError(f"{figure}: expected the name of a figure that ends in {', '.join(FIGURES)}")
    known = sites.find(site) if isinstance(site, str) else site
    opened = None if cube is None else store.open_cube(cube)
    origin, geometry = _outline(outline, rgi_id, known, opened)
    lake = lake or (known.lake[:2] if known is not None and known.lake is not None else None)
    areas = audits.regions_of(geometry, lake, settings)
    footprints = [] if opened is None else list(tally.of_cube(opened, areas))
    if table is not None:
        footprints.append(tally.of_table(table, areas))
    found = audits.audit(footprints, areas, settings)
    if figure is not None:
        _draw(Path(figure), found, footprints, areas)
    return {
        "cube": None if cube is None else str(store.locate(cube)),
        "site": None if known is None else known.name,
        "outline": origin,
        "lake": None if lake is None else list(lake),
        **found,
        "figure": None if figure is None else str(figure),
    }


def _outline(path: str | Path | None, rgi_id: str | None, site: Site | None, cube: xr.DataTree | None) -> tuple[str, Any]:
    """Return where the outline is from, and its polygon in degrees."""
    import shapely

    from glaciercast import grid
    from glaciercast.sources import outlines

    if path is not None:
        read = outlines.read(path, rgi_id=rgi_id)
        return read.source, read.geometry
    if site is not None and site.outline is not None:
        read = outlines.read(site.outline, rgi_id=rgi_id, box=site.box)
        several = read.rgi_id is None and bool(read.attribution)  # of an inventory
        if several and rgi_id is None and site.rgi_id is not None:  # neighbours may stick out of the box
            read = outlines.read(site.outline, rgi_id=site.rgi_id)
        return read.source, read.geometry
    if site is not None:
        if site.outline_box is None:
            raise InputError(f"site {site.name}: has no outline; name one with --outline, or leave --site out to take the cube's ice")
        return f"box of the outline of {site.name}", shapely.box(*site.outline_box)
    if cube is None or "terrain" not in cube.children or "ice" not in cube["terrain"]:
        raise InputError("audit: expected an outline (--outline or --site, or the ice of the cube's /terrain), found none")
    terrain = cube["terrain"].to_dataset()
    return "/terrain/ice", places.of_mask(terrain["ice"].values, grid.of(terrain, "/terrain"))


def _draw(path: Path, found: dict[str, Any], footprints: list[tally.Footprint], areas: list[places.Region]) -> None:
    from glaciercast.report.audit import footprint_panel

    path.parent.mkdir(parents=True, exist_ok=True)
    footprint_panel(found, footprints, areas).savefig(path)
