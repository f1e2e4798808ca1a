"""A lake's areas, outlines and drainage from a cube, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import config, grid, runs, sites, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.hazard.lakes_settings import LakeConfig

if TYPE_CHECKING:
    import geopandas

    from glaciercast.hazard.lakes import Lake


class _Identity(Config):
    """What a run folder of lakes was made from."""

    cube: str
    content: dict[str, str]
    name: str
    at: tuple[float, float] | None
    outline: str | None
    products: tuple[str, ...]
    settings: LakeConfig


def read_lake_config(overrides: dict[str, Any]) -> LakeConfig:
    """Return how a lake is followed, from dotted keys (``water.threshold``) and values."""
    return config.parse(LakeConfig, config.merge({}, overrides), "--set")


def follow_lake(
    cube: str | Path,
    out: str | Path,
    *,
    at: tuple[float, float] | None = None,
    outline: str | Path | None = None,
    site: str | None = None,
    name: str | None = None,
    products: Sequence[str] = (),
    settings: LakeConfig | None = None,
) -> dict[str, Any]:
    """Follow a lake through the scenes of a cube and write what they say of it into the run folder `out`.

    Writes ``lakes.csv``, ``areas.csv`` and ``images.npy`` (see `glaciercast.hazard.records`), ``drops.csv`` (its first columns are those of
    the table ``events``), ``series.csv`` (a row a scene), ``outlines.gpkg`` (the cube's CRS), ``outlines.geojson`` (degrees),
    ``figures/lake.png`` and ``results/lake.json``.

    Parameters
    ----------
    cube
        A cube or the run folder that holds it.
    at
        Longitude and latitude of the lake, degrees.
    outline
        File of its outline, which wins over `at`: nothing beyond it and ``settings.reach`` belongs to the lake.
    site
        A site whose lake is meant, where neither is given.
    name
        Of the lake; default: the site's, or ``lake``.
    products
        Names under ``/optical``; none: all with a near infrared.

    Returns
    -------
    dict
        ``lake``, ``at``, ``scenes``, ``areas`` (number), ``first``, ``last``, ``area`` (the last one: time, m², error, seen), ``largest``
        (m²), ``drops``, ``warning`` (None if nothing speaks against the lake) and ``files``.

    Raises
    ------
    InputError
        If no lake is named, it lies outside the cube, no scene shows water there, or `out` is in use.
    """
    from glaciercast.hazard import lakes as following

    settings = settings or LakeConfig()
    located, opened = store.locate(cube), store.open_cube(cube)
    at, name = _named(at, outline, site, name)
    shape = None if outline is None else _outline(outline)
    groups = ["/terrain", *(f"/optical/{product}" for product, _ in store.optical_products(opened))]
    identity = _Identity(
        cube=str(located), content={group: store.fingerprint(located, group) for group in groups}, name=name, at=at,
        outline=None if outline is None else str(outline), products=tuple(products), settings=settings,
    )  # fmt: skip
    with runs.run_folder(out, "hazard lakes", identity) as folder:
        lake = following.follow(opened, at=at, outline=shape, name=name, products=products, settings=settings)
        result = {**summary(lake), "files": _write(lake, folder)}
        runs.write_json(folder / "results" / "lake.json", result)
    return result


def summary(lake: Lake) -> dict[str, Any]:
    """Return what is said of a lake in plain JSON types."""
    measured, drops = lake.measured, lake.drop_table()
    last = measured[-1] if measured else None
    return {
        "lake": lake.name,
        "at": [lake.where.lon, lake.where.lat],
        "crs": grid.crs_name(grid.with_code(lake.where.geobox)),
        "scenes": len(lake.looks),
        "areas": len(measured),
        "first": None if last is None else _day(measured[0].time),
        "last": None if last is None else _day(last.time),
        "area": None if last is None else {"time": _day(last.time), "m2": last.area, "error_m2": last.area_error, "seen": last.seen},
        "largest_m2": max((look.area for look in measured), default=None),
        "thresholds_own": sum(look.own_threshold for look in measured),
        "longest_gap_days": _gap([look.time for look in measured]),
        "drops": [_plain(row) for row in drops.to_dict("records")],
        "warning": lake.warning or None,
    }


def _named(
    at: tuple[float, float] | None, outline: str | Path | None, site: str | None, name: str | None
) -> tuple[tuple[float, float] | None, str]:
    if at is not None or outline is not None:
        return (at if outline is None else None), name or "lake"
    if site is None:
        raise InputError("lakes: expected the lake (--at lon,lat, --outline FILE or --site NAME), found none")
    found = sites.find(site)
    if found.lake is None:
        raise InputError(f"site {found.name}: has no lake; name one with --at lon,lat or --outline FILE")
    return found.lake[:2], name or found.name


def _outline(path: str | Path) -> Any:
    from glaciercast.sources import outlines

    return outlines.read(path).geometry


def _write(lake: Lake, folder: Path) -> list[str]:
    from glaciercast.report.lakes import series

    tables, images = lake.records()
    named = {"lakes": tables["lakes"], "areas": tables["areas"], "series": lake.table(), "drops": lake.drop_table()}
    files = [_csv(table, folder / f"{name}.csv") for name, table in named.items()]
    if images.size:
        partial = folder / "images.partial.npy"
        np.save(partial, images, allow_pickle=False)
        files.append(partial.replace(folder / "images.npy"))
    shapes = lake.outlines()
    if len(shapes):
        files.append(_vector(shapes, folder / "outlines.gpkg", "GPKG"))
        files.append(_vector(shapes.to_crs("EPSG:4326"), folder / "outlines.geojson", "GeoJSON"))
    if lake.measured:
        files.append(folder / "figures" / "lake.png")
        files[-1].parent.mkdir(exist_ok=True)
        partial = files[-1].with_name("lake.partial.png")
        series(lake).savefig(partial, dpi=150, facecolor="white")
        partial.replace(files[-1])
    return [str(path) for path in files]


def _csv(table: pd.DataFrame, path: Path) -> Path:
    partial = path.with_name(path.name + ".partial")
    table.to_csv(partial, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\n")
    return partial.replace(path)


def _vector(shapes: geopandas.GeoDataFrame, path: Path, driver: str) -> Path:
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    partial.unlink(missing_ok=True)
    shapes.to_file(partial, driver=driver, layer="outlines", engine="pyogrio")
    return partial.replace(path)


def _day(time: np.datetime64) -> str:
    return str(pd.Timestamp(time).date())


def _gap(times: list[np.datetime64]) -> float | None:
    if len(times) < 2:
        return None
    return float(np.diff(np.array(times, "datetime64[s]")).max() / np.timedelta64(1, "D"))


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): _value(value) for key, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return None
    return pd.Timestamp(value).isoformat() if isinstance(value, pd.Timestamp | np.datetime64) else float(value)
