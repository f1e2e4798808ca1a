"""From a site to its cube: search, terrain, scenes, velocities and temperatures; and the plan of what that would fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glaciercast import config, grid, runs, schema, sites, store
from glaciercast.cube.settings import Fetching, SiteBuild
from glaciercast.errors import InputError
from glaciercast.progress import note
from glaciercast.sources import hrefs, stac
from glaciercast.sources.modis import ModisProduct
from glaciercast.workflow import parts, workers
from glaciercast.workflow.parts import Part
from glaciercast.workflow.session import Session

PATHS = ("outline", "site.outline", "catalogue", "itslive_catalogue")
"""Keys that name a file, unless they name an address or a known catalogue."""


def read_build(source: str | Path, overrides: dict[str, Any] | None = None) -> SiteBuild:
    """Return what to build: `source` is a site's name or RGI id, or a YAML file with the key ``site`` (a name, or a site written out).

    Raises
    ------
    InputError, ConfigError
        If there is no such site or file, or a key is missing, unknown or unusable.
    """
    from_file = is_file(source)
    data: dict[str, Any] = config.read_yaml(source) if from_file else {"site": str(source)}
    keys = config.merge(with_site(data, Path(source).parent), anchored(overrides or {}, Path()))
    return config.parse(SiteBuild, keys, str(source) if from_file else f"build of {source}")


def with_site(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the keys of a build with the site written out where it was a name or an RGI id, and files seen from `folder` made absolute."""
    site = data.get("site")
    if isinstance(site, str):
        return anchored(data, folder) | {"site": config.plain(sites.find(site))}
    return anchored(data, folder) | ({"site": anchored(site, folder)} if isinstance(site, dict) else {})


def anchored(keys: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return keys with the paths of outlines and catalogues made absolute, so that a run may go on from another folder."""
    return {key: _absolute(value, folder) if key in PATHS and isinstance(value, str) else value for key, value in keys.items()}


def _absolute(place: str, folder: Path) -> str:
    if place in stac.known() or hrefs.is_remote(place) or place.startswith(("s3:", "file:")):
        return place
    return str((folder / place).resolve())


def is_file(source: str | Path) -> bool:
    """Tell whether `source` names a YAML file, not a site."""
    return Path(source).suffix in (".yml", ".yaml")


def read_fetching(options: dict[str, Any] | None = None) -> Fetching:
    """Return how to fetch: the defaults with `options` (dotted keys; None is ignored) on top."""
    return config.parse(Fetching, config.merge({}, options or {}), "fetching options")


def plan(settings: SiteBuild, fetching: Fetching | None = None) -> dict[str, Any]:
    """Return what `build_site` would fetch, by product: items, months, and bytes estimated from the headers of a few scenes.

    Outside the cache nothing is written, and of the images nothing but headers is read (of velocities, a few chunks). A product of which
    a search finds nothing has the ``error`` that the build would end with.
    """
    found: dict[str, dict[str, Any]] = {}
    with Session.open(settings, fetching or Fetching()) as session:
        for part in _parts(session):
            try:
                found[part.name] = part.plan()
            except InputError as error:
                if len(settings.products) == 1:
                    raise
                found[part.name] = {"bytes": 0, "error": str(error), "text": f"nothing: {error}"}
    total = sum(facts["bytes"] for facts in found.values())
    return {"site": settings.site.name, "grid": grid.describe(grid.make(settings.site.grid)), "bytes": total, "products": found}


def build_site(settings: SiteBuild, out: str | Path, fetching: Fetching | None = None) -> dict[str, Any]:
    """Build the cube of a site into the run folder `out`; a run that was interrupted goes on scene by scene.

    The items that a search found are kept in ``items/``: going on after an interruption does not search again.
    """
    with runs.run_folder(out, "build", settings) as folder:
        summary = build_in(settings, folder, fetching)
        runs.write_json(folder / "results" / "build.json", summary)
    return summary


def build_in(settings: SiteBuild, folder: Path, fetching: Fetching | None = None) -> dict[str, Any]:
    """Build the cube of a site as ``cube.zarr`` in an open run folder."""
    cube, fetching = folder / "cube.zarr", fetching or Fetching()
    with workers.hired(fetching.scheduler) as crew, Session.open(settings, fetching, folder, crew) as session:
        made = _parts(session)
        for part in made:  # an empty search is told before anything is fetched, and leaves a folder for a better one
            part.find()
        session.keep()
        store.create(cube, schema.root_attributes(settings.site.title))
        if isinstance(crew, workers.Cluster):
            crew.join(session, cube)
        products = {}
        for part in made:
            note(f"{settings.site.title}: {part.name}")
            products[part.name] = part.build(cube)
        return {"cube": str(cube), "site": settings.site.name, "products": products, "network": session.network()}


def _parts(session: Session) -> list[Part]:
    settings = session.settings
    made: dict[str, list[Part]] = {
        "dem": [parts.Terrain(session)],
        "landsat": [parts.Optical(session, parts.optical_product("landsat", settings))],
        "sentinel2": [parts.Optical(session, parts.optical_product("sentinel2", settings))],
        "itslive": [parts.Velocity(session)],
        "modis": [parts.Temperature(session, ModisProduct(name, settings.modis)) for name in settings.modis.products],
    }
    return [part for name in settings.products for part in made[name]]
