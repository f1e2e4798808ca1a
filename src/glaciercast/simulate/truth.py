"""The truth of a simulation, in files that no part of the pipeline reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid as grids
from glaciercast.runs import write_json
from glaciercast.simulate import lake, oracle
from glaciercast.simulate.oracle import Pixels
from glaciercast.simulate.scene import Overpass, Scene
from glaciercast.simulate.weather import predictable_share
from glaciercast.simulate.world import World

SAMPLES = 600
"""Pixels on which the oracle is scored."""
YEARS_FOR_ORACLE = 4.0
"""Shorter scenarios have too few years for a climatology."""
LEADS_DAYS = (0, 30, 60, 90)

README = """Truth of the simulation "{title}" (scenario {name}, seed {seed}).
Simulated, not real. Nothing in the pipeline reads this folder.

world.nc          static fields on the master grid (area and margin): terrain, ice, velocity components, snow patchiness, lake floor
daily.nc          one value a day: weather and its slow, predictable part; factors of sliding and surge; snow line; lake and its hazard
snow.nc           the snow table: water equivalent (mm) and age (days) by day, elevation and exposure
scenes.csv        every optical scene: geolocation error (m), cloud cover, sun, part of the area
scenes/ITEM.tif   per scene, on its own grid and with its geolocation error: band 1 cover (0 none, 1 snow, 2 ice, 3 debris, 4 rock,
                  5 vegetation, 6 water), 2 cloud opacity (%), 3 cloud shadow (%)
pairs.csv         every image pair of the velocity cube: true random and common errors
temperature.nc    monthly means of the 10:30 surface temperature on all days, on the 1 km grid
lake_events.csv   drainages of the lake
lake_scores.json  what the best possible warning (hazard and inflow known) scores
oracle.json       how much of the monthly NDSI and temperature anomaly can be foreseen at all

The other files lie where things are, without any scene's geolocation error.
Velocity at any time: creep + sliding_factor(t) * sliding + surge_factor(t) * surge (m/yr, east and north), bilinear between pixel centres.
"""


def write_static(world: World, folder: Path) -> None:
    """Write ``world.nc``, ``daily.nc``, ``snow.nc``, ``lake_events.csv`` and the README."""
    folder.mkdir(parents=True, exist_ok=True)
    text = README.format(title=world.scenario.title, name=world.scenario.name, seed=world.seed)
    (folder / "README.txt").write_text(text, encoding="utf-8")
    _to_netcdf(fields(world), folder / "world.nc")
    _to_netcdf(daily(world), folder / "daily.nc")
    _to_netcdf(snow_table(world), folder / "snow.nc")
    if world.lake is not None:
        _to_csv(world.lake.events, folder / "lake_events.csv")
        assert world.scenario.lake is not None  # it made the lake
        write_json(folder / "lake_scores.json", {"horizons": lake.best_scores(world.scenario.lake, world.lake)})


def fields(world: World) -> xr.Dataset:
    """Return the static fields on the master grid."""
    ice, ground = world.glacier, world.terrain
    flat = {
        "elevation": (ground.elevation, "m", "surface elevation"),
        "exposure": (world.exposure, "1", "exposure to the noon sun, -1 to 1"),
        "roughness": (world.roughness, "1", "how much snow a place needs to be covered, median of gentle ground 1"),
        "ice": (ice.ice.astype(np.uint8), "1", "glacier in the quiet state"),
        "thickness": (ice.thickness, "m", "ice thickness"),
        "debris": (ice.debris, "1", "share of the ice under debris, before its texture"),
        "lake_floor": (np.uint8(0) if world.basin is None else world.basin.floor.astype(np.uint8), "1", "where the lake can stand"),
    }
    data = {
        name: (
            ("y", "x"),
            np.broadcast_to(values, ground.elevation.shape),
            {"units": units, "long_name": text, "grid_mapping": "spatial_ref"},
        )
        for name, (values, units, text) in flat.items()
    }
    for name, text in (("creep", "internal deformation"), ("sliding", "mean sliding"), ("surge", "surge at its peak")):
        for axis, component in enumerate(("x", "y")):
            attributes = {"units": "m year-1", "long_name": f"{text}, {component} component", "grid_mapping": "spatial_ref"}
            data[f"{name}_v{component}"] = (("y", "x"), getattr(ice, name)[axis], attributes)
    return xr.Dataset(data, coords=grids.coordinates(world.grid), attrs=_attributes(world))


def daily(world: World) -> xr.Dataset:
    """Return everything that has one value a day."""
    dates = world.weather.dates
    factors = world.flow.factors(dates)
    lines = {facing: world.snow.snow_lines(exposure) for facing, exposure in (("north", -0.5), ("level", 0.0), ("south", 0.5))}
    columns: dict[str, tuple[Any, str, str]] = {
        "temperature": (world.weather.temperature, "degC", "air temperature at the reference elevation"),
        "regime": (world.weather.regime, "K", "its slow anomaly: the part that can be foreseen"),
        "precipitation": (world.weather.precipitation, "mm day-1", "precipitation at the reference elevation"),
        "cloudiness": (world.weather.cloudiness, "1", "cloud cover"),
        "sliding_factor": (factors[:, 1], "1", "factor on the mean sliding"),
        "surge_factor": (factors[:, 2], "1", "factor on the surge"),
        **{
            f"snow_line_{facing}": (values, "m", f"snow line on {facing} ground; infinite beyond the terrain")
            for facing, values in lines.items()
        },
    }
    if world.lake is not None:
        columns |= {
            "lake_level": (world.lake.level, "m", "lake level at the end of the day"),
            "lake_volume": (world.lake.volume, "m3", "lake volume at the end of the day"),
            "lake_area": (world.lake.area, "m2", "lake area at the end of the day"),
            "lake_hazard": (world.lake.hazard, "1", "chance that drainage starts on this day, given all before it"),
            "lake_drained": (world.lake.drained.astype(np.uint8), "1", "drainage starts on this day"),
        }
    data = {name: ("time", np.asarray(values), {"units": units, "long_name": text}) for name, (values, units, text) in columns.items()}
    return xr.Dataset(data, coords={"time": dates}, attrs=_attributes(world))


def snow_table(world: World) -> xr.Dataset:
    """Return the snow of every day by elevation and exposure."""
    dims = ("time", "elevation", "exposure")
    return xr.Dataset(
        {
            "swe": (dims, world.snow.swe, {"units": "mm", "long_name": "snow water equivalent"}),
            "age": (dims, world.snow.age, {"units": "days", "long_name": "days since the last snowfall"}),
        },
        coords={"time": world.snow.dates, "elevation": world.snow.elevations, "exposure": world.snow.exposures},
        attrs=_attributes(world),
    )


def write_scenes(table: list[dict[str, Any]], folder: Path) -> None:
    """Write ``scenes.csv``, one row an item."""
    _to_csv(pd.DataFrame(table), folder / "scenes.csv")


def row(overpass: Overpass, items: list[str]) -> list[dict[str, Any]]:
    """Return the rows of one scene in ``scenes.csv``."""
    facts = {
        "time": f"{overpass.time:%Y-%m-%dT%H:%M:%S.%f}",
        "platform": overpass.platform,
        "crs": overpass.crs,
        "shift_x": overpass.shift_x,
        "shift_y": overpass.shift_y,
        "cloud_cover": overpass.cloud_cover,
        "sun_elevation": overpass.sun_elevation,
        "sun_azimuth": overpass.sun_azimuth,
        "part_from": overpass.part[0],
        "part_to": overpass.part[1],
    }
    return [{"item": item, **facts} for item in items]


def write_masks(scene: Scene, items: list[str], folder: Path) -> None:
    """Write cover, cloud and shadow of one scene for each of its items."""
    import rasterio

    folder.mkdir(parents=True, exist_ok=True)
    layers = (scene.cover, _percent(scene.cloud), _percent(scene.shadow))
    for item in items:
        partial = folder / f"{item}.tif.partial"
        with rasterio.open(
            partial, "w", driver="GTiff", count=len(layers), dtype="uint8", compress="deflate", predictor=1, zlevel=1, tiled=True,
            width=scene.grid.shape.x, height=scene.grid.shape.y, crs=str(scene.grid.crs), transform=scene.grid.affine,
        ) as file:  # fmt: skip
            for band, (values, name) in enumerate(zip(layers, ("cover", "cloud opacity, %", "cloud shadow, %"), strict=True), start=1):
                file.write(values, band)
                file.set_band_description(band, name)
        partial.replace(folder / f"{item}.tif")


def assess(world: World) -> dict[str, Any] | None:
    """Return what an oracle could foresee: of the monthly NDSI by simulation, of the air temperature in closed form; None if too short."""
    scenario = world.scenario
    if (scenario.end - scenario.start).days < YEARS_FOR_ORACLE * 365:
        return None
    result = oracle.assess(scenario, world.seed, sample(world), weather=world.weather)
    shares = {f"{lead}": predictable_share(scenario.weather, lead, 30) for lead in LEADS_DAYS}
    return {**result, "temperature_30_day_mean_by_lead_days": shares}


def sample(world: World) -> Pixels:
    """Return the pixels of the area on which the oracle is scored, the same for every world of a size."""
    size = world.elevation[world.inner].size
    pick = np.random.default_rng(0).choice(size, min(SAMPLES, size), replace=False)
    layers = (world.elevation, world.exposure, world.roughness, world.debris, world.ice)
    return Pixels(*(layer[world.inner].ravel()[pick] for layer in layers))


def write_pairs(pairs: pd.DataFrame, folder: Path) -> None:
    """Write ``pairs.csv``: the true errors of every image pair."""
    _to_csv(pairs, folder / "pairs.csv")


def write_temperature(months: xr.Dataset, folder: Path) -> None:
    """Write ``temperature.nc``."""
    _to_netcdf(months, folder / "temperature.nc")


def write_oracle(foreseen: dict[str, Any] | None, folder: Path) -> None:
    """Write ``oracle.json``, if the scenario is long enough for it."""
    if foreseen is not None:
        write_json(folder / "oracle.json", foreseen)


def _percent(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(values, 0, 1) * 100), np.uint8)


def _attributes(world: World) -> dict[str, Any]:
    return {"Conventions": "CF-1.11", "title": f"Truth of {world.scenario.title}", "scenario": world.scenario.name, "seed": world.seed}


def _to_netcdf(dataset: xr.Dataset, path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    dataset.to_netcdf(partial, engine="h5netcdf", encoding={str(name): {"zlib": True, "complevel": 1} for name in dataset.data_vars})
    partial.replace(path)


def _to_csv(table: pd.DataFrame, path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    table.to_csv(partial, index=False)
    partial.replace(path)
