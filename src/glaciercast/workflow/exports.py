"""Groups of a cube as files for other software."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from glaciercast import config, export, grid, schema, store
from glaciercast.errors import InputError, unknown
from glaciercast.workflow.selection import Selection, select

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

Format = Literal["cog", "netcdf"]
FORMATS: tuple[Format, ...] = ("cog", "netcdf")
"""Formats of files; ``dataset`` is written by `workflow.datasets`."""
_KEPT = ("title", "comment", "attribution", "licence", "cadence", "is_glacier", "looks_ahead")


def export_group(
    cube: str | Path,
    out: str | Path,
    *,
    group: str = "/aligned",
    variables: Sequence[str] = (),
    form: Format = "cog",
    start: str | None = None,
    end: str | None = None,
    observed: bool = True,
    replace: bool = False,
) -> dict[str, Any]:
    """Write a group of a cube as Cloud-Optimized GeoTIFFs, one a variable and time, or as one NetCDF file.

    Values are compared with the cube's checksums as they are read. A file is whole or not there; one that an earlier call wrote from the
    same values is kept, so that the same call goes on where it was stopped.

    Parameters
    ----------
    cube
        A cube or the run folder that holds it.
    out
        Folder of the files; GeoTIFFs lie in ``<group>/<variable>_<time>.tif`` there, NetCDF in ``<group>.nc``.
    group
        Such as ``/aligned``, ``/terrain`` or ``/optical/landsat``. Pairs of images (``/velocity/*``) are no series: only NetCDF takes them.
    variables
        Which; none: all that have y and x.
    form
        ``cog`` or ``netcdf``.
    start, end
        First and last day (of a pair: of its earlier and of its later image).
    observed
        Write ``<name>_observed`` beside each variable that has one.
    replace
        Write files anew that hold something else.

    Returns
    -------
    dict
        ``cube``, ``group``, ``variables``, ``steps`` (times or pairs; None where there is no time), ``written``, ``kept``, ``files``.

    Raises
    ------
    InputError
        If there is no such cube, group, variable, format or time, or a file of that name holds something else.
    GlaciercastError
        If the cube's values differ from what was written.
    """
    if form not in FORMATS:
        raise InputError(f"export: {unknown('format', form, (*FORMATS, 'dataset'))}")
    chosen = select(store.locate(cube), group, variables, observed).between(start, end)
    folder = Path(out)
    if chosen.path.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise InputError(f"{folder}: lies in the cube {chosen.path}; choose another --out")
    made = dict(_rasters(chosen, folder, replace) if form == "cog" else _netcdf(chosen, folder, replace))
    return {
        "cube": str(chosen.path),
        "group": chosen.group,
        "variables": chosen.names,
        "steps": None if chosen.dim is None else len(chosen.steps),
        "written": sum(made.values()),
        "kept": len(made) - sum(made.values()),
        "files": [str(path) for path in made],
    }


def _rasters(chosen: Selection, folder: Path, replace: bool) -> Iterator[tuple[Path, bool]]:
    if chosen.dim == "pair":
        raise InputError(
            f"{chosen.group}: holds pairs of images, no series; export vx, vy and speed of /aligned, or the pairs with --format netcdf"
        )
    rasters = _Rasters(chosen, folder / export.safe(chosen.group), grid.of(chosen.dataset, chosen.group), replace)
    for name, values in chosen.timeless().items():
        yield rasters.write(name, values, "", {})
    if not chosen.series:
        return
    labels = _labels(chosen.dataset.time.values)
    for steps, _, arrays in chosen.regions():
        for number, step in enumerate(steps):
            for name, values in arrays.items():
                tags = _of_time(chosen.dataset, name, int(step)) | _of_share(arrays.get(name + schema.OBSERVED), number)
                yield rasters.write(name, values[number], "_" + labels[step], tags)


@dataclass(frozen=True)
class _Rasters:
    """Where the rasters of a group go."""

    chosen: Selection
    folder: Path
    geobox: GeoBox
    replace: bool

    def write(self, name: str, values: np.ndarray, label: str, tags: dict[str, str]) -> tuple[Path, bool]:
        """Return the file of one variable and time, and whether it had to be written."""
        dataset, path = self.chosen.dataset, self.folder / f"{export.safe(name)}{label}.tif"
        facts = _credits(dataset) | _baseline(dataset) | _of_variable(dataset[name]) | tags
        place = [grid.describe(self.geobox), list(self.geobox.boundingbox)]
        content = config.digest([store.checksum(values), place, facts])
        if not _is_due(path, content, self.replace):
            return path, False
        band = f"{name} {label.strip('_')}".strip()
        return export.write_cog(values, self.geobox, path, band, facts.get("units", ""), facts | {export.CONTENT: content}), True


def _netcdf(chosen: Selection, folder: Path, replace: bool) -> Iterator[tuple[Path, bool]]:
    path = folder / f"{export.safe(chosen.group)}.nc"
    facts = [store.fingerprint(chosen.path, chosen.group), chosen.names, chosen.steps.tolist(), _credits(chosen.dataset)]
    content = config.digest(facts)
    if not _is_due(path, content, replace):
        yield path, False
        return
    small, arrays = _small(chosen, content), {name: _described(chosen.dataset, name, chosen.names) for name in chosen.series}
    with export.streamed_netcdf(small, arrays, path) as file:
        for steps, rest, parts in chosen.regions():
            first = int(np.searchsorted(chosen.steps, steps[0]))
            for name, values in parts.items():
                file.variables[name][(slice(first, first + len(steps)), *rest)] = values
    yield path, True


def _small(chosen: Selection, content: str) -> xr.Dataset:
    """Return coordinates, series without place, and rasters without time, of the chosen steps."""
    other = [name for name in chosen.dataset.data_vars if {"y", "x"} <= set(chosen.dataset[name].dims) and name not in chosen.names]
    small = chosen.dataset.drop_vars([*other, *chosen.series]).assign(_of_grid(chosen)).drop_encoding()
    small = small if chosen.dim is None else small.isel({chosen.dim: chosen.steps})
    small.attrs = {"Conventions": schema.CONVENTIONS, **_credits(chosen.dataset), export.CONTENT: content}
    return small.load()


def _of_grid(chosen: Selection) -> dict[str, tuple[Any, ...]]:
    return {name: (("y", "x"), values, chosen.dataset[name].attrs) for name, values in chosen.timeless().items()}


def _described(dataset: xr.Dataset, name: str, names: Sequence[str]) -> xr.DataArray:
    """Return a variable whose attributes name the one that says what of it was observed."""
    array = dataset[name].copy()
    if name + schema.OBSERVED in names:
        array.attrs["ancillary_variables"] = name + schema.OBSERVED
    return array


def _is_due(path: Path, content: str, replace: bool) -> bool:
    """Tell whether a file is to be written; one that holds the same is not."""
    if not path.exists():
        return True
    found = export.content_of(path)
    if found == content or replace:
        return found != content
    raise InputError(f"{path}: holds {'another export' if found else 'no export of a cube'}; use --replace or another --out")


def _labels(times: np.ndarray) -> list[str]:
    """Return one name a time: the day, with the second where it is not midnight; equal ones are numbered."""
    days = pd.DatetimeIndex(times)
    labels = [f"{time:%Y-%m-%d}" if time == time.normalize() else f"{time:%Y-%m-%dT%H%M%SZ}" for time in days]
    numbers = pd.Series(labels).groupby(labels).cumcount()
    return [label if number == 0 else f"{label}_{number + 1}" for label, number in zip(labels, numbers, strict=True)]


def _credits(dataset: xr.Dataset) -> dict[str, str]:
    return {key: str(dataset.attrs[key]) for key in _KEPT if str(dataset.attrs.get(key, ""))}


def _baseline(dataset: xr.Dataset) -> dict[str, str]:
    """Return the TIFF tags that any software shows."""
    tags = {"TIFFTAG_COPYRIGHT": "attribution", "TIFFTAG_IMAGEDESCRIPTION": "title"}
    found = {tag: str(dataset.attrs[key]) for tag, key in tags.items() if dataset.attrs.get(key)}
    return found | {"TIFFTAG_SOFTWARE": "glaciercast"}


def _of_variable(array: xr.DataArray) -> dict[str, str]:
    return {key: str(array.attrs[key]) for key in ("units", "long_name", "standard_name") if key in array.attrs}


def _of_time(dataset: xr.Dataset, name: str, step: int) -> dict[str, str]:
    """Return when a step of a variable is valid and when it could be had, UTC."""
    tags = {"valid_time": _instant(dataset.time, step), "TIFFTAG_DATETIME": f"{pd.Timestamp(dataset.time.values[step]):%Y:%m:%d %H:%M:%S}"}
    if "time_bounds" in dataset:
        tags["valid_until"] = _instant(dataset.time_bounds[:, 1], step)
    available = schema.AVAILABILITY.get(name.removesuffix(schema.OBSERVED), "available_at")
    return tags | ({"available_at": _instant(dataset[available], step)} if available in dataset else {})


def _instant(times: xr.DataArray, step: int) -> str:
    return f"{pd.Timestamp(times.values[step]):%Y-%m-%dT%H:%M:%SZ}"


def _of_share(observed: np.ndarray | None, number: int) -> dict[str, str]:
    return {} if observed is None else {"observed_fraction": f"{float(observed[number].mean()):.6g}"}
