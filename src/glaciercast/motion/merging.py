"""Regular series of several sources → ``/velocity/merged_series``: one series by their errors, tile by tile, resumable."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field

from glaciercast import config, grid, store
from glaciercast.config import Config
from glaciercast.cube.velocity import tile_edge, tiles
from glaciercast.errors import InputError, unknown
from glaciercast.motion.combination import Combination, combine
from glaciercast.motion.placed import NAMES, Placed
from glaciercast.progress import note, track

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

GROUP, SHARES = "/velocity/merged_series", "/velocity/merged_series_shares"
VARIABLES = dict.fromkeys((*NAMES, "chi"), "float32")
INDEPENDENT = "errors count as independent: those of sources that used the same images are not"


class MergeConfig(Config):
    """How the series of several sources become one."""

    how: Literal["merge", "choose"] = Field(
        default="merge",
        description="merge: mean by the inverse variances; choose: of each pixel and step the source with the smaller error",
    )
    grid: str | None = Field(default=None, description="the source on whose grid the series are merged; null: the one with the finest grid")


class _Source(NamedTuple):
    """The series of a source."""

    name: str
    data: xr.Dataset
    native: GeoBox
    bounds: np.ndarray
    """First and last moment of each step, int64 nanoseconds (step, 2)."""

    @classmethod
    def of(cls, name: str, data: xr.Dataset) -> _Source:
        bounds = data["time_bounds"].values.astype("datetime64[ns]").astype(np.int64)
        return cls(name, data, grid.of(data, f"/velocity/{name}_series"), bounds)


def merge(path: Path, sources: Sequence[str] = ("own", "itslive"), settings: MergeConfig | None = None) -> dict[str, Any]:
    """Merge the series ``/velocity/<source>_series`` of a cube into ``/velocity/merged_series``.

    The series come onto the finest of their own grids (or the one that is named): components turned to its axes, then interpolated
    bilinearly in step after step, so that nothing bleeds from pixels without a value; errors are interpolated, not reduced, as those of
    neighbouring pixels are not independent. There they are combined by their errors (`combination.combine`). A step that one source
    alone has is that source's. ``chi`` says how well the sources agree, and ``share`` in ``…_shares`` what each of them weighs. A step is
    available when the last of its sources is, and looks ahead if one does.

    Parameters
    ----------
    path
        The cube. What an interrupted run began is gone on with.
    sources
        Two or more; of equal errors and equally fine grids, the first counts.
    settings
        How they are merged.

    Returns
    -------
    dict
        ``group``, ``sources``, ``grid``, ``steps``, ``pixels`` (that have a value), ``shares`` (source → its mean share in the weight),
        ``chi`` (median where several sources have a value, None where none do), ``contradicted`` (share of those in which they
        contradict each other by more than 3 σ), ``resumed_at`` (tiles).

    Raises
    ------
    InputError
        If a source has no series, is named twice or alone, steps do not match, or merging was begun from other input or settings.
    """
    settings = settings or MergeConfig()
    found = _sources(path, sources)
    bounds, target = _steps(found), _target(found, settings.grid)
    placed = [Placed.on(target, source.data, source.native, np.searchsorted(bounds[:, 0], source.bounds[:, 0])) for source in found]
    edge = tile_edge(len(bounds))
    inputs = config.digest([config.plain(settings), [[s.name, store.fingerprint(path, f"/velocity/{s.name}_series")] for s in found], edge])
    writers = [store.RegionWriter(path, group, inputs) for group in (GROUP, SHARES)]
    side = tuple(min(edge, size) for size in target.shape)
    coordinates = _coordinates(found, placed, bounds, target, settings)
    writers[0].begin(coordinates, VARIABLES, (len(bounds), *side))
    writers[1].begin(_share_coordinates(coordinates, sources), {"share": "float32"}, (len(found), len(bounds), *side))
    resumed_at = len(writers[1].done)
    if resumed_at and not writers[1].complete:
        note(f"{path}: {resumed_at} tiles of {GROUP} are there; going on")
    for step, (rows, columns) in enumerate(track(list(tiles(target.shape, edge)), "Merging")):
        if step not in writers[1].done:
            made = combine(*_stacked(placed, len(bounds), rows, columns), settings.how == "choose")
            at = (slice(0, len(bounds)), rows, columns)
            writers[0].write(step, _arrays(made), at=at)
            writers[1].write(step, {"share": made.share}, at=(slice(0, len(found)), *at), **_facts(made))
    for writer in writers:
        writer.end()
    return {
        "group": GROUP,
        "sources": list(sources),
        "grid": grid.describe(target),
        "steps": len(bounds),
        **_summary(path, writers[1].done.values(), sources),
        "resumed_at": resumed_at,
    }


def _sources(path: Path, names: Sequence[str]) -> list[_Source]:
    if len(set(names)) != len(names) or len(names) < 2:
        raise InputError(f"merging: expected two sources or more, each once, found {', '.join(names) or 'none'}")
    cube = store.open_cube(path, unfinished_ok=(GROUP, SHARES))
    groups = cube.children["velocity"].children if "velocity" in cube.children else {}
    known = [name.removesuffix("_series") for name in groups if name.endswith("_series") and name != "merged_series"]
    for name in names:
        if name not in known:
            raise InputError(
                f"{path}: " + (unknown("source of a series under /velocity", name, known) if known else "has no series under /velocity")
            )
    store.verify(path, [f"/velocity/{name}_series" for name in names])
    return [_Source.of(name, groups[f"{name}_series"].to_dataset()) for name in names]


def _steps(found: Sequence[_Source]) -> np.ndarray:
    """Return first and last moment of all steps, int64 nanoseconds (step, 2); those of the sources must be the same where they meet."""
    bounds: np.ndarray = np.unique(np.concatenate([source.bounds for source in found]), axis=0)
    meet = np.flatnonzero(bounds[:-1, 1] > bounds[1:, 0])
    if len(meet):
        told = [
            f"{np.datetime64(int(begin), 'ns').astype('M8[D]')} to {np.datetime64(int(end), 'ns').astype('M8[D]')} in {source.name}_series"
            for begin, end in bounds[meet[0] : meet[0] + 2]
            for source in found
            if ((source.bounds == (begin, end)).all(axis=1)).any()
        ]
        raise InputError(f"merging: expected series of the same steps, found {', '.join(told)}; invert both with one cadence")
    return bounds


def _target(found: Sequence[_Source], wanted: str | None) -> GeoBox:
    if wanted is None:
        return min(found, key=lambda source: abs(source.native.resolution.x * source.native.resolution.y)).native
    names = [source.name for source in found]
    if wanted not in names:
        raise InputError(f"merging: {unknown('grid', wanted, names)}")
    return found[names.index(wanted)].native


def _stacked(placed: Sequence[Placed], count: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return velocity, error and observed of a tile of the common grid, float32 (source, 2, step, y, x) each; NaN where there is none."""
    stacks = np.full((3, len(placed), 2, count, rows.stop - rows.start, columns.stop - columns.start), np.nan, np.float32)
    for number, source in enumerate(placed):
        stacks[:, number, :, source.steps] = np.moveaxis(source.tile(rows, columns), 2, 0)
    return stacks[0], stacks[1], stacks[2]


def _arrays(made: Combination) -> dict[str, np.ndarray]:
    return dict(zip(VARIABLES, (*made.velocity, *made.error, *made.observed, made.chi), strict=True))


def _coordinates(
    found: Sequence[_Source], placed: Sequence[Placed], bounds: np.ndarray, target: GeoBox, settings: MergeConfig
) -> xr.Dataset:
    times = bounds.astype("datetime64[ns]")
    known = np.full(len(bounds), np.iinfo(np.int64).min)
    for source in placed:
        known[source.steps] = np.maximum(known[source.steps], source.data["available_at"].values.astype("datetime64[ns]").astype(np.int64))
    comments = [str(source.data.attrs.get("comment", "")) for source in found]
    return xr.Dataset(
        {"time_bounds": (("time", "bounds"), times), "available_at": ("time", known.astype("datetime64[ns]"))},
        coords={
            **grid.coordinates(target),
            "time": ("time", times[:, 0], {"standard_name": "time", "axis": "T", "bounds": "time_bounds"}),
        },
        attrs={
            "title": "Regular series of velocity, merged from several sources",
            "source": ", ".join(f"/velocity/{source.name}_series" for source in found),
            "settings": json.dumps(config.plain(settings)),
            "looks_ahead": max(int(source.data.attrs.get("looks_ahead", 1)) for source in found),
            "comment": "; ".join(dict.fromkeys([*filter(None, comments), INDEPENDENT])),
            **{key: _joined(found, key) for key in ("attribution", "licence")},
        },
    )


def _joined(found: Sequence[_Source], key: str) -> str:
    return "; ".join(dict.fromkeys(str(source.data.attrs[key]) for source in found if key in source.data.attrs))


def _share_coordinates(coordinates: xr.Dataset, sources: Sequence[str]) -> xr.Dataset:
    kept = coordinates.drop_vars("available_at").assign_coords(source=("source", np.array(sources, object)))
    return kept.assign_attrs(title="What each source weighs in the merged series")


def _facts(made: Combination) -> dict[str, Any]:
    """Return what the manifest keeps of a tile, to sum it up: values, pixels, comparisons, contradictions and what sources weigh."""
    some = np.isfinite(made.velocity[0])
    return {
        "values": int(some.sum()),
        "pixels": int(some.any(axis=0).sum()),
        "compared": int(np.isfinite(made.chi).sum()),
        "contradicted": int(made.contradicted.sum()),
        "weighed": made.share.sum(axis=(1, 2, 3), dtype=float).tolist(),
    }


def _summary(path: Path, facts: Collection[Mapping[str, Any]], sources: Sequence[str]) -> dict[str, Any]:
    values, pixels, compared, contradicted = (sum(one[name] for one in facts) for name in ("values", "pixels", "compared", "contradicted"))
    weighed = np.sum([one["weighed"] for one in facts], axis=0)
    chi = xr.open_zarr(path, group=GROUP, consolidated=False)["chi"].values
    return {
        "pixels": pixels,
        "shares": {name: float(weight) / values if values else None for name, weight in zip(sources, weighed, strict=True)},
        "chi": float(np.nanmedian(chi)) if compared else None,
        "contradicted": contradicted / compared if compared else None,
    }
