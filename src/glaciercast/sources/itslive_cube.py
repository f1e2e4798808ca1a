"""One ITS_LIVE version 2 cube: a Zarr store of image-pair velocities, its grid, and its pairs in the order of the store.

Times are those of the two acquisitions: ``mid_date`` may be unsorted and repeated, and its sub-second digits are a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import grid
from glaciercast.errors import SourceError
from glaciercast.sources import hrefs
from glaciercast.sources.itslive_quality import family

if TYPE_CHECKING:
    import zarr
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

FILL = -32767
UNITS = ("meter/year", "metre/year", "m/year", "m/yr", "m/y", "m year-1")
VALUES = ("vx", "vy", "v_error")
OPTIONAL = {
    "error_x": ("vx_error", np.nan),
    "error_y": ("vy_error", np.nan),
    "stable_x": ("vx_stable_shift", np.nan),
    "stable_y": ("vy_stable_shift", np.nan),
    "flag": ("stable_shift_flag", -1),
}
"""Column → variable of a cube, and what stands for it in cubes that lack it."""


@dataclass(frozen=True, eq=False)
class Cube:
    """One store: its grid and its pairs, in the order of the store."""

    item_id: str
    location: str
    grid: GeoBox
    pairs: pd.DataFrame
    arrays: dict[str, zarr.Array[Any]]

    def read(self, name: str, rows: slice, columns: slice) -> np.ndarray:
        """Return one variable of a window as the store has it, int16 (pair, y, x), m/yr, fill −32767."""
        from glaciercast.sources import zarr_reader

        return zarr_reader.window(self.arrays[name], (slice(None), rows, columns))

    def close(self) -> None:
        """End the store's threads."""
        self.arrays["vx"].store.close()


def open_cube(item_id: str, location: str, reader: Reader, cache: Path | None = None, granules: bool = False) -> Cube:
    """Open the cube of one item: its grid and its pairs are read, its velocities are not.

    Parameters
    ----------
    item_id, location
        Of the item, and where its Zarr store is (URL or path).
    cache
        Folder for the chunks that are read (default: none are kept).
    granules
        Read the pairs' granules too, which tell the same pair in two cubes: long names, so only where there are two.

    Raises
    ------
    InputError
        If there is no Zarr store.
    SourceError
        If it is no ITS_LIVE cube as the product guide describes them, or a server fails after every try.
    """
    from glaciercast.sources import zarr_reader

    group = zarr_reader.open_group(reader, location, cache)
    shown = hrefs.shown(location)
    arrays = {name: zarr_reader.with_fill(_array(group, name, shown), FILL) for name in VALUES}
    for name, values in arrays.items():
        units, packed = values.attrs.get("units"), {"scale_factor", "add_offset"} & set(values.attrs)
        if units not in UNITS or packed or values.dtype != np.int16:
            words = f"{values.dtype} in {units}" + (f" with {min(packed)}" if packed else "")
            raise SourceError(f"{shown}/{name}: expected int16 in meter/year, found {words}")
    return Cube(item_id, location, _grid_of(group, arrays["vx"], shown), _pairs_of(group, shown, granules), arrays)


def _array(group: zarr.Group, name: str, shown: str) -> zarr.Array[Any]:
    from glaciercast.sources import zarr_reader

    found = zarr_reader.array(group, name)
    if found is None:
        raise SourceError(f"{shown}: expected a variable '{name}' of an ITS_LIVE cube, found none")
    return found


def _grid_of(group: zarr.Group, values: zarr.Array[Any], shown: str) -> GeoBox:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from glaciercast.sources import zarr_reader

    x, y = (zarr_reader.window(_array(group, axis, shown)).astype(float) for axis in ("x", "y"))
    if values.shape[1:] != (len(y), len(x)) or min(len(x), len(y)) < 2:
        raise SourceError(f"{shown}: expected vx of shape (pairs, {len(y)}, {len(x)}), found {values.shape}")
    step_x, step_y = np.diff(x), np.diff(y)
    if not (np.allclose(step_x, step_x[0]) and np.allclose(step_y, step_y[0]) and step_x[0] > 0 > step_y[0]):
        raise SourceError(f"{shown}: expected regular axes, x eastward and y southward")
    mapping = _array(group, str(values.attrs.get("grid_mapping", "mapping")), shown)
    crs = mapping.attrs.get("crs_wkt") or mapping.attrs.get("spatial_ref") or mapping.attrs.get("spatial_epsg")
    if crs is None:
        raise SourceError(f"{shown}: has no CRS")
    corner = Affine.translation(x[0] - step_x[0] / 2, y[0] - step_y[0] / 2) * Affine.scale(step_x[0], step_y[0])
    return grid.with_code(GeoBox((len(y), len(x)), corner, f"EPSG:{crs}" if isinstance(crs, int | float) else str(crs)))


def _pairs_of(group: zarr.Group, shown: str, granules: bool) -> pd.DataFrame:
    from glaciercast.sources import zarr_reader

    first, second = (_times(_array(group, f"acquisition_date_img{image}", shown)) for image in "12")
    satellite = _text(_array(group, "satellite_img1", shown))
    other = zarr_reader.array(group, "satellite_img2")
    table = pd.DataFrame({"first": first, "second": second, "satellite_first": satellite})
    table["satellite_second"] = satellite if other is None else _text(other)
    table["family"] = [family(name) for name in satellite]
    table["days"] = (table["second"] - table["first"]).dt.total_seconds() / 86400
    for column, (name, absent) in OPTIONAL.items():
        found = zarr_reader.array(group, name)
        values = np.full(len(table), absent) if found is None else zarr_reader.window(found)
        known = np.isfinite(values) & (values != FILL)  # either is used for what a granule does not say
        table[column] = np.where(known, values, absent).astype(type(absent))
    granule = zarr_reader.array(group, "granule_url") if granules else None
    table["granule"] = "" if granule is None else [name.rpartition("/")[2] for name in _text(granule)]
    return table


def _times(array: zarr.Array[Any]) -> np.ndarray:
    """Return times to the nearest second; fractions of a second of an acquisition mean nothing to ice."""
    import xarray as xr

    from glaciercast.sources import zarr_reader

    packed = xr.Variable(
        ("pair",), zarr_reader.window(array), {key: array.attrs[key] for key in ("units", "calendar") if key in array.attrs}
    )
    if "units" not in packed.attrs:
        raise SourceError(f"{array.name.strip('/')}: expected times with units such as 'days since 1970-01-01', found none")
    decoded = xr.conventions.decode_cf_variable("time", packed, decode_timedelta=False)  # date_dt in days is no time either
    times: np.ndarray = pd.DatetimeIndex(decoded.values).round("s").to_numpy("datetime64[ns]")
    return times


def _text(array: zarr.Array[Any]) -> list[str]:
    from glaciercast.sources import zarr_reader

    return [value.decode() if isinstance(value, bytes) else str(value) for value in zarr_reader.window(array)]
