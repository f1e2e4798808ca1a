"""Vectors of a pair as files: GeoTIFFs where they have a place on the Earth, NetCDF over columns and rows where they have none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from glaciercast.motion.pairs import Dates, Measured
    from glaciercast.motion.tracks import Tracks
    from glaciercast.motion.velocity import Velocity

PIXEL_LAYERS = {
    "dx": ("pixel", "displacement to the right"),
    "dy": ("pixel", "displacement downwards"),
    "error_x": ("pixel", "error of dx (1 sigma)"),
    "error_y": ("pixel", "error of dy (1 sigma)"),
    "snr": ("1", "correlation over the root mean square of those around it"),
    "peak_ratio": ("1", "correlation over the highest of those around it"),
    "chip": ("pixel", "side of the chip"),
    "valid": ("1", "whether the vector is believed"),
}
VELOCITY_LAYERS = {
    "vx": ("m year-1", "eastward grid velocity"),
    "vy": ("m year-1", "northward grid velocity"),
    "speed": ("m year-1", "speed from the components"),
    "error": ("m year-1", "error of vx and vy (1 sigma)"),
}
"""Layer → unit and long name."""


def write_rasters(found: Measured, dates: Dates, folder: Path) -> list[Path]:
    """Write every layer of a pair as a Cloud-Optimized GeoTIFF on the grid of the vectors, with dates and concern as tags."""
    from glaciercast.export import write_cog

    common = {
        "acquired_first": f"{dates[0]:%Y-%m-%dT%H:%M:%SZ}",
        "acquired_second": f"{dates[1]:%Y-%m-%dT%H:%M:%SZ}",
        "concern": found.concern or "none",
        "TIFFTAG_SOFTWARE": "glaciercast",
    }
    layers = {**_layers(found.velocity, VELOCITY_LAYERS), **_layers(found.tracks, PIXEL_LAYERS)}
    return [
        write_cog(values, found.at, folder / f"{name}.tif", name, unit, {**common, "units": unit, "long_name": text})
        for name, (values, unit, text) in layers.items()
    ]


def write_tracks(tracks: Tracks, concern: str, path: Path) -> Path:
    """Write displacement over columns and rows as NetCDF."""
    import xarray as xr

    from glaciercast.export import write_netcdf

    data = {
        name: (("y", "x"), values.astype("int8") if values.dtype == bool else values, {"units": unit, "long_name": text})
        for name, (values, unit, text) in _layers(tracks, PIXEL_LAYERS).items()
    }
    axes = {"y": ("y", tracks.y[:, 0], {"units": "pixel"}), "x": ("x", tracks.x[0], {"units": "pixel"})}
    attributes = {"concern": concern or "none", "comment": "x and y are columns and rows; whole numbers are middles of pixels"}
    return write_netcdf(xr.Dataset(data, coords=axes, attrs=attributes), path)


def _layers(holder: Velocity | Tracks, told: Mapping[str, tuple[str, str]]) -> dict[str, tuple[np.ndarray, str, str]]:
    """Return values, unit and long name of each layer, floats as float32."""
    found = {name: np.asarray(getattr(holder, name)) for name in told}
    return {name: (values if values.dtype == bool else values.astype("float32"), *told[name]) for name, values in found.items()}
