"""A user's own scenes: GeoTIFF (one file a band, or all bands in one), NetCDF or Zarr, read one date at a time."""

from __future__ import annotations

import glob
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.sources import warp
from glaciercast.sources.recipe import Band, Recipe
from glaciercast.sources.scene import RawBand, Scene

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class FileRef:
    """One date: an identifier, the time of acquisition, and where its bands are."""

    scene_id: str
    time: np.datetime64
    files: dict[str | int, Path]
    index: int = 0


class RasterSource:
    """The scenes that a recipe describes, in order of time, all on one grid.

    Raises
    ------
    InputError
        At construction if no file matches or a date cannot be read; on reading, if a file is damaged, lacks a CRS
        or a band, or does not share the common grid and the recipe gives none.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._opened: dict[Path, xr.Dataset] = {}
        found = _array_scenes(recipe) if recipe.format == "array" else _raster_scenes(recipe)
        self.scenes = sorted(found, key=lambda ref: (ref.time, ref.scene_id))

    @cached_property
    def geobox(self) -> GeoBox:
        """The target grid: the recipe's, else the first scene's own."""
        if self.recipe.grid is not None:
            return grid.make(self.recipe.grid)
        ref = self.scenes[0]
        native = self._read_band(ref, self.recipe.bands["green"].name).geobox
        if native.crs is None or not native.crs.projected:
            raise InputError(f"{next(iter(ref.files.values()))}: expected a projected CRS, found degrees; give 'grid' in the recipe")
        return native

    def read(self, ref: FileRef) -> Scene:
        """Read one date; where a grid has to be changed, as `warp.onto` does."""
        bands = {str(name): self._physical(ref, band) for name, band in self.recipe.bands.items()}
        rule = self.recipe.mask
        found = self._read_band(ref, rule.band)
        raw = np.nan_to_num(found.values, nan=-1) if found.values.dtype.kind == "f" else found.values
        mask = self._on_grid(raw.astype("int32"), found.geobox, "class", ref, rule.band, fill=-1)
        valid = mask != (rule.nodata if rule.nodata is not None else -1)
        return Scene(ref, bands, mask, valid & (mask >= 0))

    def _physical(self, ref: FileRef, band: Band) -> np.ndarray:
        found = self._read_band(ref, band.name)
        values = found.values.astype("float32")
        scale, offset, nodata = (
            next((value for value in (getattr(band, key), getattr(self.recipe, key), getattr(found, key)) if value is not None), None)
            for key in ("scale", "offset", "nodata")
        )
        if nodata is not None:
            values[found.values == nodata] = np.nan
        values = values * np.float32(1 if scale is None else scale) + np.float32(offset or 0)
        return self._on_grid(values, found.geobox, "continuous", ref, band.name, fill=np.nan)

    def _on_grid(self, values: np.ndarray, native: GeoBox, how: warp.How, ref: FileRef, band: str | int, fill: float) -> np.ndarray:
        if grid.same(native, self.geobox):
            return values
        where = ref.files.get(band, next(iter(ref.files.values())))
        if self.recipe.grid is None:
            raise InputError(
                f"{where}: band {band} has {grid.describe(native)}, expected {grid.describe(self.geobox)} as in the first scene; "
                "give 'grid' in the recipe to bring all to one grid"
            )
        return warp.onto(values, native, self.geobox, how, fill)

    def _read_band(self, ref: FileRef, band: str | int) -> RawBand:
        if self.recipe.format == "array":
            path = next(iter(ref.files.values()))
            if path not in self._opened:
                self._opened = {path: _open_array(path)}
            return _read_array(self._opened[path], path, ref.index, band, self.recipe)
        return _read_raster(ref, band, self.recipe)


def fingerprint(source: RasterSource) -> list[list[Any]]:
    """Return what identifies the input files (name, size, time of change): another list is other input."""
    files = sorted({path for ref in source.scenes for path in ref.files.values()})
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _read_raster(ref: FileRef, band: str | int, recipe: Recipe) -> RawBand:
    import rasterio
    from odc.geo.geobox import GeoBox

    path = ref.files[band]
    number = band if isinstance(band, int) else 1
    with _naming(path, rasterio.errors.RasterioError), rasterio.open(path) as file:
        crs = file.crs or recipe.crs
        if crs is None:
            raise InputError(f"{path}: has no CRS; set 'crs' in the recipe if you know it")
        if number not in file.indexes:
            raise InputError(f"{path}: expected a band {number}, found {file.count} band(s)")
        if file.transform.b or file.transform.d:
            raise InputError(f"{path}: is rotated; expected a north-up raster")
        scale, offset, nodata = file.scales[number - 1], file.offsets[number - 1], file.nodatavals[number - 1]
        geobox = grid.with_code(GeoBox(file.shape, file.transform, crs))
        return RawBand(file.read(number), geobox, scale if scale != 1 else None, offset or None, nodata)


def _read_array(dataset: xr.Dataset, path: Path, index: int, band: str | int, recipe: Recipe) -> RawBand:
    if band not in dataset:
        raise InputError(f"{path}: expected a variable '{band}', found: {', '.join(map(str, dataset.data_vars))}")
    with _naming(path, OSError, ValueError, RuntimeError):
        variable = dataset[band].isel({recipe.time: index}).load()
    if recipe.crs is not None and variable.odc.crs is None:
        variable = variable.odc.assign_crs(recipe.crs)
    y_dim = str(variable.dims[-2])
    if variable[y_dim][0] < variable[y_dim][-1]:
        variable = variable.isel({y_dim: slice(None, None, -1)})
    packing = (variable.attrs.get(key) for key in ("scale_factor", "add_offset", "_FillValue"))
    return RawBand(variable.values, grid.with_code(grid.of(variable, str(path))), *packing)


@contextmanager
def _naming(path: Path, *kinds: type[BaseException]) -> Iterator[None]:
    """Turn a reader's own error into one line that names the file."""
    try:
        yield
    except kinds as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from error


def _open_array(path: Path) -> xr.Dataset:
    import odc.geo.xr  # noqa: F401 (registers the accessor)
    import xarray as xr

    engine: Any = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    with _naming(path, OSError, ValueError, RuntimeError):
        return xr.open_dataset(path, engine=engine, mask_and_scale=False, decode_coords="all")


def _array_scenes(recipe: Recipe) -> list[FileRef]:
    scenes = []
    for path in _matches(recipe):
        with _open_array(path) as dataset:
            if recipe.time not in dataset.coords:
                raise InputError(f"{path}: expected a time coordinate '{recipe.time}', found: {', '.join(map(str, dataset.coords))}")
            times = np.atleast_1d(dataset[recipe.time].values)
        if times.dtype.kind != "M":
            raise InputError(f"{path}: expected dates in '{recipe.time}', found {times.dtype}")
        for index, time in enumerate(times.astype("datetime64[ns]")):
            scenes.append(FileRef(f"{path.stem}@{np.datetime_as_string(time, 's')}", time, {"": path}, index))
    return scenes


def _raster_scenes(recipe: Recipe) -> list[FileRef]:
    bands: list[str | int] = [band.name for band in recipe.bands.values()] + [recipe.mask.band]
    per_band = "{band}" in recipe.files
    if per_band != all(isinstance(band, str) for band in bands):
        raise InputError("recipe: give band names and '{band}' in 'files', or band numbers and no '{band}'")
    expression, date_format = _expression(recipe.files, [str(band) for band in bands])
    found: dict[str, dict[str | int, Path]] = {}
    times: dict[str, np.datetime64] = {}
    for path in _matches(recipe):
        match = expression.fullmatch(str(path))
        if match is None:
            continue
        scene_id = _scene_id(match, recipe.files, per_band)
        try:
            times[scene_id] = np.datetime64(datetime.strptime(match["date"], date_format), "ns")
        except ValueError as error:
            raise InputError(f"{path}: expected a date like {date_format} in the name, found '{match['date']}'") from error
        files = found.setdefault(scene_id, {})
        new: dict[str | int, Path] = {match["band"]: path} if per_band else dict.fromkeys(bands, path)
        if twice := files.keys() & new.keys():
            raise InputError(f"{path}: scene {scene_id} has band {min(map(str, twice))} already in {files[min(twice, key=str)]}")
        files.update(new)
    if not found:
        raise InputError(f"{recipe.files}: no file matches the pattern, the date and the bands {', '.join(map(str, bands))}")
    for scene_id, files in found.items():
        missing = [str(band) for band in bands if band not in files]
        if missing:
            raise InputError(f"{recipe.files}: scene {scene_id} lacks the file of band {', '.join(missing)}")
    return [FileRef(scene_id, times[scene_id], files) for scene_id, files in found.items()]


def _scene_id(match: re.Match[str], pattern: str, per_band: bool) -> str:
    """Return what tells a scene from others: its path from the first folder that varies on, without the band and the ending."""
    path = match.string
    if per_band:
        start, end = match.span("band")
        path = path[:start] + path[end:]
    fixed = re.split(r"[*{]", pattern, maxsplit=1)[0].rpartition("/")[0]
    varying = path.removeprefix(fixed).strip("/")
    return re.sub(r"[_\-. ]*/[_\-. ]*", "_", varying.rpartition(".")[0] or varying).strip("_-. /")


def _expression(pattern: str, bands: list[str]) -> tuple[re.Pattern[str], str]:
    """Turn a pattern with ``*``, ``{date:…}`` and ``{band}`` into a regular expression and a date format."""
    date = re.search(r"\{date:([^}]+)\}", pattern)
    if date is None:
        raise InputError(f"files '{pattern}': expected {{date:%Y%m%d}} (or another date format) in the pattern of raster files")
    escaped = re.escape(pattern).replace(r"\*", ".*")
    digits = "".join(
        {"Y": r"\d{4}", "j": r"\d{3}", "y": r"\d{2}"}.get(c[1], r"\d{2}") if c[0] == "%" else re.escape(c)
        for c in re.findall(r"%.|.", date[1])
    )
    escaped = escaped.replace(re.escape(date[0]), f"(?P<date>{digits})", 1)
    choice = "|".join(sorted(map(re.escape, bands), key=len, reverse=True))
    return re.compile(escaped.replace(re.escape("{band}"), f"(?P<band>{choice})", 1)), date[1]


def _matches(recipe: Recipe) -> list[Path]:
    pattern = recipe.files
    if pattern.startswith("package:"):
        package, _, inside = pattern.removeprefix("package:").partition("/")
        found = importlib.util.find_spec(package) if package.isidentifier() else None
        if found is None or not found.submodule_search_locations:
            raise InputError(f"{pattern}: the Python package '{package}' that carries the data is not installed")
        pattern = str(Path(found.submodule_search_locations[0]) / inside)
    wild = re.sub(r"\{[^}]+\}", "*", glob.escape(pattern).replace("[*]", "*"))
    paths = [Path(name) for name in sorted(glob.glob(wild))]  # noqa: PTH207 (the pattern may be absolute)
    if not paths:
        raise InputError(f"{recipe.files}: no such file")
    return paths
