"""The Zarr v2 store of the simulated ITS_LIVE cube: variables, attributes and chunks as the producers serve them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.simulate.products.itslive_pairs import BY_CODE, STABLE_CELLS, granules

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from glaciercast.simulate.products.itslive import Cube

FILL = -32767
CHUNK = (20000, 10, 10)
"""Largest chunk along (mid_date, y, x): good for a pixel's series, bad for a map."""
SPEED = {"units": "meter/year", "grid_mapping": "mapping"}
EPOCH = "days since 1970-01-01"
SHIFT_FLAG = (
    "flag for applying velocity bias correction: 0 = no correction; 1 = correction from overlapping stable surface mask "
    "(stationary or slow-flowing surfaces with velocity < 15 meter/year)(top priority); "
    "2 = correction from slowest 25% of overlapping velocities (second priority)"
)
FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "v": ("int16", {**SPEED, "standard_name": "land_ice_surface_velocity", "description": "velocity magnitude"}),
    "vx": ("int16", {**SPEED, "standard_name": "land_ice_surface_x_velocity", "description": "velocity component in x direction"}),
    "vy": ("int16", {**SPEED, "standard_name": "land_ice_surface_y_velocity", "description": "velocity component in y direction"}),
    "v_error": ("int16", {**SPEED, "standard_name": "velocity_error", "description": "velocity magnitude error"}),
    "interp_mask": (
        "uint8",
        {
            "grid_mapping": "mapping", "standard_name": "interpolated_value_mask", "description": "light interpolation mask",
            "flag_values": [0, 1], "flag_meanings": "measured interpolated",
        },
    ),
    "chip_size_height": ("uint16", {"units": "m", "grid_mapping": "mapping", "description": "height of search template (chip)"}),
    "chip_size_width": ("uint16", {"units": "m", "grid_mapping": "mapping", "description": "width of search template (chip)"}),
}  # fmt: skip
"""(mid_date, y, x) variables: dtype and attributes."""
NO_DATA = {"int16": FILL, "uint16": 0, "uint8": 0}


def encode(values: np.ndarray) -> np.ndarray:
    """Return velocities (m/yr, NaN where there is none) as int16 with fill −32767."""
    whole = np.clip(np.rint(values), -32766, 32766)
    return np.where(np.isfinite(whole), whole, FILL).astype(np.int16)


def speed_error(vx: np.ndarray, vy: np.ndarray, error_x: np.ndarray, error_y: np.ndarray) -> np.ndarray:
    """Return the producers' error of the speed, int16 (pair, y, x): √((σx·vx)² + (σy·vy)²)/v, and their mean for ice at rest.

    Source: packaging of the image pairs in HyP3 autoRIFT; on real cubes the formula holds within rounding.
    """
    x, y = vx.astype(np.float32), vy.astype(np.float32)
    first, second = (error.astype(np.float32)[:, None, None] for error in (error_x, error_y))
    speed = np.hypot(x, y)
    error = np.where(speed > 0, np.hypot(first * x, second * y) / np.maximum(speed, 1e-6), (first + second) / 2)
    return encode(np.where(vx == FILL, np.nan, error))


def write(path: Path, cube: Cube, title: str) -> None:
    """Write the store with consolidated metadata, one band of chunks at a time.

    Parameters
    ----------
    path
        Of the store, which must not exist.
    """
    import zarr

    dataset = _small(cube, title)
    encoding: dict[str, Any] = {
        str(name): {"units": EPOCH, "dtype": "float64"} for name, values in dataset.variables.items() if values.dtype.kind == "M"
    }
    dataset.to_zarr(path, zarr_format=2, consolidated=False, mode="w-", encoding=encoding)
    group = zarr.open_group(path, mode="r+", zarr_format=2)
    for name, (dtype, attributes) in FIELDS.items():
        _create(group, name, cube.v.shape, dtype, attributes)
    for top in range(0, cube.v.shape[1], CHUNK[1]):
        for name, values in _band(cube, np.s_[:, top : top + CHUNK[1]]).items():
            _fill(path / name, values, top // CHUNK[1], cube.v.shape)
    zarr.consolidate_metadata(path, zarr_format=2)


def _fill(folder: Path, values: np.ndarray, row: int, whole: tuple[int, ...]) -> None:
    """Write one row of chunks of a variable whose full shape is `whole`.

    A chunk of Zarr v2 is one compressed file named ``time.row.column``, padded to the full chunk; writing it directly costs a tenth
    of what the library's asynchronous store costs for thousands of small chunks.
    """
    codec = _codec()
    depth, high, wide = _chunks(whole)
    for column in range(0, values.shape[2], wide):
        for layer in range(0, values.shape[0], depth):
            part = values[layer : layer + depth, :, column : column + wide]
            chunk = np.full((depth, high, wide), NO_DATA[str(values.dtype)], values.dtype)
            chunk[: part.shape[0], : part.shape[1], : part.shape[2]] = part
            (folder / f"{layer // depth}.{row}.{column // wide}").write_bytes(codec.encode(chunk))


def _codec() -> Any:
    from numcodecs import Blosc

    return Blosc(cname="zstd", clevel=1, shuffle=Blosc.SHUFFLE)


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(limit, size) for limit, size in zip(CHUNK, shape, strict=True))


def _create(group: Any, name: str, shape: tuple[int, ...], dtype: str, attributes: dict[str, Any]) -> None:
    group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=_chunks(shape),
        compressors=(_codec(),),
        fill_value=NO_DATA[dtype],
        attributes={**attributes, "_ARRAY_DIMENSIONS": ["mid_date", "y", "x"]},  # how xarray knows the dims in Zarr v2
    )


def _band(cube: Cube, band: Any) -> dict[str, np.ndarray]:
    vx, vy = cube.vx[band], cube.vy[band]
    error = speed_error(vx, vy, cube.pairs["error_x"].to_numpy(), cube.pairs["error_y"].to_numpy())
    chip = cube.chip[band]
    return {
        "v": cube.v[band], "vx": vx, "vy": vy, "v_error": error, "interp_mask": cube.filled[band],
        "chip_size_height": chip, "chip_size_width": chip,
    }  # fmt: skip


def _small(cube: Cube, title: str) -> xr.Dataset:
    """Return all but the (mid_date, y, x) variables."""
    import xarray as xr

    grid = cube.layout.grid
    assert grid.crs is not None
    table = cube.pairs
    dataset = xr.Dataset(
        coords={
            "mid_date": ("mid_date", table["mid_date"].to_numpy(), _about("image_pair_center_date_with_time_separation", MID_DATE)),
            **{axis: (axis, grid.coordinates[axis].values, _axis(axis)) for axis in ("y", "x")},
        },
        attrs={
            "Conventions": "CF-1.8", "title": title, "GDAL_AREA_OR_POINT": "Area", "datacube_software_version": "1.0",
            "projection": str(grid.crs.epsg), "time_standard_img1": "UTC", "time_standard_img2": "UTC",
            "institution": "simulated by glaciercast",
        },
    )  # fmt: skip
    dataset["mapping"] = ((), np.int32(0), _mapping(grid))
    for name, mask, meaning in (("landice", cube.ice, "land ice"), ("floatingice", np.zeros_like(cube.ice), "floating ice")):
        attributes = {
            **_about(f"{meaning} mask", f"{meaning} mask, 0 = no, 1 = yes"),
            "flag_values": [0, 1],
            "flag_meanings": "non-ice ice",
        }
        dataset[name] = (("y", "x"), mask.astype(np.float32), {**attributes, "grid_mapping": "mapping"})
    for name, (values, attributes) in _per_pair(table).items():
        dataset[name] = ("mid_date", values, attributes)
    return dataset


MID_DATE = "midpoint of image 1 and image 2 acquisition date and time with granule's centroid longitude and latitude as microseconds"
ROI = (
    "percentage of pixels with a valid velocity estimate determined for the intersection of the full image pair footprint and the "
    "region of interest (roi) that defines where autoRIFT tried to estimate a velocity"
)


def _about(standard_name: str, description: str, units: str | None = None) -> dict[str, Any]:
    return {"standard_name": standard_name, "description": description} | ({"units": units} if units else {})


def _axis(axis: str) -> dict[str, Any]:
    return {**_about(f"projection_{axis}_coordinate", f"{axis} coordinate of projection", "metre"), "axis": axis.upper()}


def _mapping(grid: Any) -> dict[str, Any]:
    from pyproj import CRS

    crs = CRS(str(grid.crs))
    attributes = {**crs.to_cf(), "spatial_epsg": crs.to_epsg(), "GeoTransform": " ".join(map(str, grid.affine.to_gdal()))}
    return {"grid_mapping_name": "universal_transverse_mercator", **attributes}


def _per_pair(table: pd.DataFrame) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    variables: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
    for image in "12":
        satellites = [BY_CODE[code] for code in table[f"satellite{image}"]]
        variables[f"acquisition_date_img{image}"] = (
            table[f"date{image}"].to_numpy(),
            _about(f"image{image}_acquition_date", f"acquisition date and time of image {image}"),  # the producers' spelling
        )
        for key, attribute in (("satellite", "code"), ("mission", "mission"), ("sensor", "sensor")):
            values = np.array([getattr(satellite, attribute) for satellite in satellites])
            variables[f"{key}_img{image}"] = (values, _about(f"image{image}_{key}", f"id of the {key} that acquired image {image}"))
    middle = table["date1"] + (table["date2"] - table["date1"]) / 2
    variables["date_center"] = (middle.to_numpy(), _about("image_pair_center_date", "midpoint of image 1 and image 2 acquisition date"))
    separation = _about("image_pair_time_separation", "time separation between acquisition of image 1 and image 2", "days")
    variables["date_dt"] = (table["days"].to_numpy(np.float32), separation)
    valid = 100 * (1 - table["share_missing"].to_numpy())
    variables["roi_valid_percentage"] = (valid.round(1).astype(np.float32), _about("region_of_interest_valid_pixel_percentage", ROI))
    variables["granule_url"] = (np.array(list(granules(table))), _about("granule_url", "original granule URL"))
    variables["autoRIFT_software_version"] = (
        np.full(len(table), "simulated"),
        _about("autoRIFT_software_version", "version of autoRIFT software"),
    )
    return variables | _errors(table)


def _errors(table: pd.DataFrame) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    corrected = table["corrected"].to_numpy()
    variables: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
    for axis in "xy":
        name = f"v{axis}"
        error, stable = (table[f"{kind}_{axis}"].to_numpy(np.float32) for kind in ("error", "stable"))
        modelled = table[f"sigma_{axis}"].to_numpy(np.float32).round(1)
        applied = np.where(corrected, stable, np.float32(np.nan))
        described = {
            f"{name}_error": (np.where(corrected, error, modelled), f"best estimate of {axis}_velocity error"),
            f"{name}_error_stationary": (error, "RMSE over stable surfaces, stationary or slow-flowing surfaces"),
            f"{name}_error_modeled": (modelled, "1-sigma error calculated using a modeled error-dt relationship"),
            f"{name}_stable_shift": (applied, f"applied {name} shift calibrated using pixels over stable or slow surfaces"),
            f"{name}_stable_shift_stationary": (stable, f"{name} shift calibrated using valid pixels over stable surfaces"),
        }
        variables |= {key: (values, _about(key, description, "meter/year")) for key, (values, description) in described.items()}
    count = np.where(corrected, int(STABLE_CELLS), 0).astype(np.int32)
    variables["stable_count_stationary"] = (
        count,
        _about("stable_count_stationary", "number of valid pixels over stationary or slow-flowing surfaces", "count"),
    )
    variables["stable_shift_flag"] = (corrected.astype(np.uint8), _about("stable_shift_flag", SHIFT_FLAG))
    return variables
