"""The cube's contract: groups, variables, dims, dtypes, units and CF attributes, with a version.

A cube is an xarray `DataTree` in one Zarr v3 store. `validate` checks one against the contract and names the
variable, what was expected and what was found; `upgrade` brings a cube of an older version to this one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from glaciercast.errors import SchemaError

if TYPE_CHECKING:
    import xarray as xr

VERSION = 1
CONVENTIONS = "CF-1.11"
GRID = ("time", "y", "x")
OBSERVED = "_observed"
"""Suffix of the variable that says which fraction of a value was seen (0 where it is filled)."""

MIGRATIONS: dict[int, Callable[[xr.DataTree], xr.DataTree]] = {}
"""Version → function that brings a cube of that version to the next one."""


@dataclass(frozen=True)
class Variable:
    """One variable of the contract: dims, kind of dtype (NumPy's letter), units and CF names."""

    dims: tuple[str, ...]
    kind: str
    units: str | None = None
    long_name: str = ""
    standard_name: str | None = None
    required: bool = False
    valid_range: tuple[float, float] | None = None

    def attributes(self) -> dict[str, Any]:
        """Return the CF attributes of the variable."""
        attributes: dict[str, Any] = {"long_name": self.long_name} if self.long_name else {}
        if self.units is not None:
            attributes["units"] = self.units
        if self.standard_name:
            attributes["standard_name"] = self.standard_name
        if {"y", "x"} <= set(self.dims):
            attributes["grid_mapping"] = "spatial_ref"
        return attributes


@dataclass(frozen=True)
class Group:
    """The variables of one kind of group; `pattern` is its path, ``*`` stands for a name or a part of one."""

    pattern: str
    variables: dict[str, Variable] = field(default_factory=dict)


def _reflectance(colour: str, required: bool = False) -> Variable:
    return Variable(GRID, "f", "1", f"surface reflectance, {colour}", "surface_bidirectional_reflectance", required)


def _observed(name: str) -> Variable:
    return Variable(GRID, "f", "1", f"fraction of {name} that was observed (0 where filled)", valid_range=(0.0, 1.0))


_AVAILABLE = Variable(("time",), "M", None, "earliest time at which a user could have had the record", required=True)

OPTICAL = Group(
    "/optical/*",
    {
        "green": _reflectance("green", required=True),
        "red": _reflectance("red"),
        "nir": _reflectance("near infrared"),
        "swir16": _reflectance("shortwave infrared, 1.6 µm", required=True),
        "thermal": Variable(GRID, "f", "K", "surface temperature", "surface_temperature"),
        "clear": Variable(GRID, "b", None, "pixel seen without cloud, shadow or fill", required=True),
        "melting": Variable(GRID, "b", None, "ice at the melting point within the error: its temperature says no more"),
        "sun_elevation": Variable(("time",), "f", "degree", "elevation of the sun"),
        "sun_azimuth": Variable(("time",), "f", "degree", "azimuth of the sun, clockwise from north"),
        "scene_id": Variable(("time",), "TUO", None, "identifier of the scene", required=True),
        "sensor": Variable(("time",), "TUO", None, "satellite and instrument", required=True),
        "shift_x": Variable(("time",), "f", "m", "shift applied eastward by co-registration (NaN: not estimated)", required=True),
        "shift_y": Variable(("time",), "f", "m", "shift applied northward by co-registration (NaN: not estimated)", required=True),
        "registered": Variable(("time",), "b", None, "whether co-registration found the scene's place; it was left where it was if not"),
        "available_at": _AVAILABLE,
    },
)
_PAIR_GRID = ("pair", "y", "x")
VELOCITY = Group(
    "/velocity/*",
    {
        **{
            name: Variable(_PAIR_GRID, "f", "m year-1", text, f"land_ice_surface_{name[1]}_velocity", True)
            for name, text in (("vx", "eastward grid velocity"), ("vy", "northward grid velocity"))
        },
        "v_error": Variable(_PAIR_GRID, "f", "m year-1", "error of velocity (1 sigma)", required=True),
        "acquired_first": Variable(("pair",), "M", None, "acquisition of the earlier image", required=True),
        "acquired_second": Variable(("pair",), "M", None, "acquisition of the later image", required=True),
        "available_at": Variable(("pair",), "M", None, _AVAILABLE.long_name, required=True),
        "satellite_first": Variable(("pair",), "TUO", None, "satellite of the earlier image"),
        "satellite_second": Variable(("pair",), "TUO", None, "satellite of the later image"),
        "stable_shift_x": Variable(("pair",), "f", "m year-1", "shift of stable ground that the producers removed, eastward"),
        "stable_shift_y": Variable(("pair",), "f", "m year-1", "shift of stable ground that the producers removed, northward"),
        "flagged": Variable(("pair",), "b", None, "the pair as a whole is of concern: haze, cloud, new snow or too little stable ground"),
    },
)
SERIES = Group(
    "/velocity/*_series",
    {
        **{
            name: Variable(GRID, "f", "m year-1", text, f"land_ice_surface_{name[1]}_velocity", True)
            for name, text in (("vx", "eastward grid velocity"), ("vy", "northward grid velocity"))
        },
        **{name + OBSERVED: _observed(name) for name in ("vx", "vy")},
        **{f"{name}_error": Variable(GRID, "f", "m year-1", f"error of {name} (1 sigma)", required=True) for name in ("vx", "vy")},
        "chi": Variable(GRID, "f", "1", "difference of the sources over its error (of a merged series)"),
        "time_bounds": Variable(("time", "bounds"), "M", None, "first and last moment of the step", required=True),
        "available_at": _AVAILABLE,
    },
)
SERIES_SHARES = Group(
    "/velocity/*_series_shares",
    {
        "share": Variable(
            ("source", "time", "y", "x"),
            "f",
            "1",
            "share of a source in the weight of the merged value",
            required=True,
            valid_range=(0.0, 1.0),
        ),
        "time_bounds": SERIES.variables["time_bounds"],
    },
)
SERIES_FIT = Group(
    "/velocity/*_series_fit",
    {
        "closure": Variable(("y", "x"), "f", "m", "spread of the displacements of pairs about those of the series", required=True),
        "residual_scale": Variable(("y", "x"), "f", "1", "spread of the residuals over the errors of pairs", required=True),
        **{
            f"change_{way}": Variable(
                ("y", "x"), "f", "m year-1", f"change {way} the flow over a year that the smoothing expects", required=True
            )
            for way in ("along", "across")
        },
        "pair_count": Variable(("y", "x"), "u", "1", "pairs that were inverted", required=True),
        "rejected_count": Variable(("y", "x"), "u", "1", "pairs of them that were left no weight", required=True),
    },
)


def _temperature(half: str) -> dict[str, Variable]:
    return {
        f"lst_{half}": Variable(GRID, "f", "K", f"land surface temperature by {half}", "surface_temperature"),
        f"qc_{half}": Variable(GRID, "u", None, f"quality control bits of the temperature by {half}, as the product has them"),
        f"view_time_{half}": Variable(GRID, "f", "hour", f"local solar time of the view by {half}"),
        f"melting_{half}": Variable(GRID, "b", None, f"ice at the melting point within the error by {half}: its temperature says no more"),
    }


TEMPERATURE = Group("/temperature/*", {**_temperature("day"), **_temperature("night"), "available_at": _AVAILABLE})
TERRAIN = Group(
    "/terrain",
    {
        "elevation": Variable(("y", "x"), "f", "m", "surface elevation", "surface_altitude", required=True),
        "slope": Variable(("y", "x"), "f", "degree", "surface slope", required=True),
        "aspect": Variable(("y", "x"), "f", "degree", "direction in which the surface descends, clockwise from north", required=True),
        "ice": Variable(("y", "x"), "b", None, "inside the glacier outline"),
        "ice_buffered": Variable(("y", "x"), "b", None, "inside the glacier outline and its buffer"),
    },
)
_ALIGNED = {
    "ndsi": Variable(GRID, "f", "1", "normalised difference snow index", valid_range=(-1.0, 1.0)),
    "ndwi": Variable(GRID, "f", "1", "normalised difference water index", valid_range=(-1.0, 1.0)),
    "vx": Variable(GRID, "f", "m year-1", "eastward grid velocity", "land_ice_surface_x_velocity"),
    "vy": Variable(GRID, "f", "m year-1", "northward grid velocity", "land_ice_surface_y_velocity"),
    "speed": Variable(GRID, "f", "m year-1", "speed from the components"),
    "lst_day": Variable(GRID, "f", "K", "land surface temperature by day", "surface_temperature"),
    "lst_night": Variable(GRID, "f", "K", "land surface temperature by night", "surface_temperature"),
}
ALIGNED = Group(
    "/aligned",
    {
        **_ALIGNED,
        **{name + OBSERVED: _observed(name) for name in _ALIGNED},
        "v_error": Variable(GRID, "f", "m year-1", "error of vx and vy (1 sigma), where they were observed"),
        "clear_count": Variable(GRID, "u", "1", "clear optical observations of the pixel in the step"),
        "season_sin": Variable(("time",), "f", "1", "sine of the phase of the year at mid-step", required=True),
        "season_cos": Variable(("time",), "f", "1", "cosine of the phase of the year at mid-step", required=True),
        "time_bounds": Variable(("time", "bounds"), "M", None, "first and last moment of the step", required=True),
        "available_at": Variable(("time",), "M", None, f"{_AVAILABLE.long_name}; of optical variables", required=True),
        "velocity_available_at": Variable(("time",), "M", None, f"{_AVAILABLE.long_name}; of velocity"),
        "temperature_available_at": Variable(("time",), "M", None, f"{_AVAILABLE.long_name}; of temperature"),
        "elevation": Variable(("y", "x"), "f", "m", "surface elevation", "surface_altitude"),
        "slope": Variable(("y", "x"), "f", "degree", "surface slope"),
        "ice": Variable(("y", "x"), "b", None, "inside the glacier outline"),
    },
)
GROUPS = (OPTICAL, SERIES, SERIES_FIT, SERIES_SHARES, VELOCITY, TEMPERATURE, TERRAIN, ALIGNED)
"""The first whose pattern a path matches is its contract."""
ALIGNED_VARIABLES = tuple(_ALIGNED)
AVAILABILITY = {
    **dict.fromkeys(("ndsi", "ndwi"), "available_at"),
    **dict.fromkeys(("vx", "vy", "speed", "v_error"), "velocity_available_at"),
    **dict.fromkeys(("lst_day", "lst_night"), "temperature_available_at"),
}
"""Variable of ``/aligned`` → the variable that says when its steps could be had."""


def group_for(path: str) -> Group | None:
    """Return the contract of the group at `path`, or None where the contract knows no such group."""
    parts = path.strip("/").split("/")
    for group in GROUPS:
        wanted = group.pattern.strip("/").split("/")
        if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
            return group
    return None


def root_attributes(title: str) -> dict[str, Any]:
    """Return the attributes that every cube carries at its root."""
    return {"Conventions": CONVENTIONS, "title": title, "glaciercast_schema": VERSION}


def validate(cube: xr.DataTree, unchecked: Collection[str] = ()) -> None:
    """Check a cube against the contract, but for the groups `unchecked`, such as one that a killed run has laid out by half.

    Raises
    ------
    SchemaError
        With the first fault: variable, expected, found.
    """
    version = cube.attrs.get("glaciercast_schema")
    if version != VERSION:
        raise SchemaError(f"cube: expected schema version {VERSION}, found {version}; {_remedy(version)}")
    for node in cube.subtree:
        if node.path == "/" or node.path in unchecked or not (node.data_vars or node.coords):
            continue
        group = group_for(node.path)
        if group is None:
            raise SchemaError(f"{node.path}: no group of a cube; expected one of {', '.join(g.pattern for g in GROUPS)}")
        validate_group(node.path, node.to_dataset(), group)


def validate_group(path: str, dataset: xr.Dataset, group: Group) -> None:
    """Check one group; raises `SchemaError` as `validate` does."""
    for name, wanted in group.variables.items():
        if name not in dataset.variables:
            if wanted.required:
                raise SchemaError(f"{path}/{name}: expected {_words(wanted)}, found no such variable")
            continue
        found = dataset[name]
        if found.dims != wanted.dims:
            raise SchemaError(f"{path}/{name}: expected dimensions {wanted.dims}, found {found.dims}")
        if found.dtype.kind not in wanted.kind:
            raise SchemaError(f"{path}/{name}: expected {_words(wanted)}, found dtype {found.dtype}")
        if wanted.units is not None and found.attrs.get("units") != wanted.units:
            raise SchemaError(f"{path}/{name}: expected units '{wanted.units}', found '{found.attrs.get('units')}'")
    for name in map(str, dataset.data_vars):
        if name not in group.variables and name != "spatial_ref":
            raise SchemaError(f"{path}/{name}: not in the contract of {group.pattern}")
    if group is ALIGNED:
        for name in ALIGNED_VARIABLES:
            if name in dataset and name + OBSERVED not in dataset:
                raise SchemaError(f"{path}/{name}: expected {name + OBSERVED} beside it, found none")
    if {"y", "x"} <= set(dataset.dims) and "spatial_ref" not in dataset.coords:
        raise SchemaError(f"{path}/spatial_ref: expected a CF grid mapping, found none")
    if "time" in dataset.indexes and not dataset.indexes["time"].is_monotonic_increasing:
        raise SchemaError(f"{path}/time: expected times in order, found them unsorted")


def upgrade(cube: xr.DataTree) -> xr.DataTree:
    """Return `cube` brought to the present version by `MIGRATIONS`, one step at a time.

    Raises
    ------
    SchemaError
        If the cube is newer than this software or a step is missing.
    """
    version = cube.attrs.get("glaciercast_schema")
    while version != VERSION:
        if not isinstance(version, int) or version not in MIGRATIONS:
            raise SchemaError(f"cube: expected schema version {VERSION}, found {version}; {_remedy(version)}")
        cube = MIGRATIONS[version](cube)
        version += 1
        cube.attrs["glaciercast_schema"] = version
    return cube


def _remedy(version: object) -> str:
    if isinstance(version, int) and version > VERSION:
        return "install a newer glaciercast"
    return "not a cube of glaciercast" if version is None else "build it anew"


def _words(variable: Variable) -> str:
    kinds = {"f": "floating point", "b": "boolean", "u": "unsigned integer", "M": "datetime64", "TUO": "string"}
    return f"{kinds[variable.kind]} {variable.dims}" + (f" in {variable.units}" if variable.units else "")
