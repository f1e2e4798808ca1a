"""Reading and writing cubes: one Zarr v3 store, written region by region with a manifest beside it.

The manifest (``<cube>.manifest.jsonl``, one JSON object a line) gains a line after the data of a region are written,
with a checksum of every array. A writer that was killed therefore resumes at the first region without a line.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from glaciercast import schema, shards
from glaciercast.errors import GlaciercastError, InputError, SchemaError

if TYPE_CHECKING:
    import xarray as xr
    import zarr

MAX_CHUNK = 512
"""Pixels along the side of a chunk, where a group says nothing of shards."""
INNER_CHUNK = 256
"""Pixels along the side of the chunks within a date's shard: what reading a small window costs (docs/decisions/0013)."""
CHECKED_AT_ONCE = 1 << 16
"""Values of a checksum that are made alike at once: few enough to stay in a core's cache."""
Region = tuple[slice, ...]
"""The part of an array that one step of a `RegionWriter` fills: a slice with start and stop along every dimension."""


def chunks_for(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the chunk shape of a (time, y, x) array: one date, tiles of at most 512 pixels."""
    return (1, *(min(MAX_CHUNK, size) for size in shape[1:]))


def shards_for(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return chunks and shard of a (time, y, x) array: a date is one shard, in one file, of chunks of at most 256 pixels."""
    inner = tuple(min(INNER_CHUNK, size) for size in shape[1:])
    return (1, *inner), (1, *(-(-size // chunk) * chunk for size, chunk in zip(shape[1:], inner, strict=True)))


def packing() -> dict[str, Any]:
    """Return how the chunks of a date are packed: bytes of like weight together, then LZ4: noise packs no better with more work."""
    from zarr.codecs import BloscCodec

    return {"compressors": (BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),)}


def create(path: Path, attributes: Mapping[str, Any]) -> None:
    """Create an empty cube with root attributes; an existing cube is left alone."""
    import xarray as xr

    if not (path / "zarr.json").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        xr.Dataset(attrs=dict(attributes)).to_zarr(path, zarr_format=3, consolidated=False, mode="w-")


def create_group(
    path: Path,
    group: str,
    coords: xr.Dataset,
    variables: Mapping[str, np.dtype[Any] | type | str],
    chunks: tuple[int, ...] | None = None,
) -> None:
    """Write the coordinates and 1-D variables of a group, and lay out its (time, y, x) or (pair, y, x) arrays without data.

    Parameters
    ----------
    path, group
        The cube and the path of the group in it, such as ``/aligned``.
    coords
        Everything that is known beforehand, with dims time (or pair), y, x.
    variables
        Name → dtype of the arrays that `RegionWriter` will fill; floats start as NaN, booleans as False.
    chunks
        Chunk shape of those arrays (default: `shards_for`, one date a shard).
    """
    import dask.array as da

    contract = schema.group_for(group)
    if contract is None:
        raise SchemaError(f"{group}: no group of a cube")
    template = coords.copy()
    encoding: dict[str, dict[str, Any]] = {}
    for name, dtype in variables.items():
        dims = contract.variables[name].dims if name in contract.variables else schema.GRID
        shape = tuple(coords.sizes[dim] for dim in dims)
        fill = np.nan if np.dtype(dtype).kind == "f" else False
        inner, shard = (chunks, chunks) if chunks else shards_for(shape)
        empty = da.full(shape, fill, dtype=dtype, chunks=shard)  # type: ignore[no-untyped-call]
        template[name] = (dims, empty)
        encoding[name] = {} if chunks else {"chunks": inner, "shards": shard, **packing()}
    for name in map(str, template.variables):
        if name in contract.variables:
            template[name].attrs.update(contract.variables[name].attributes())
    for time, wanted in contract.variables.items():
        if wanted.kind == "M" and time in template.variables:
            template[time].encoding = {"units": "seconds since 1970-01-01", "dtype": "int64"}
    if "time" in template.variables:
        template["time"].encoding = {"units": "seconds since 1970-01-01", "dtype": "int64"}
    grid_mapped = {name: template[name].attrs.pop("grid_mapping") for name in template.data_vars if "grid_mapping" in template[name].attrs}
    for key, mapping in grid_mapped.items():
        encoding.setdefault(str(key), {})["grid_mapping"] = mapping
    schema.validate_group(group, template, contract)
    template.to_zarr(path, group=group, zarr_format=3, consolidated=False, mode="a", compute=False, encoding=encoding)


class RegionWriter:
    """Writes one group region by region and notes each in the manifest once its data are in place.

    A region is one date, or any part that is a whole number of chunks: a part of a chunk would have to be read and written again,
    which a kill could leave half done.
    """

    def __init__(self, path: Path, group: str, fingerprint: str, remedy: str = "choose another output or restore them") -> None:
        self.path, self.group, self.fingerprint = path, group, fingerprint
        self.manifest = manifest_path(path)
        lines = [entry for entry in read_manifest(path) if entry["group"] == group]
        begun = [entry for entry in lines if entry["kind"] == "begin"]
        if begun and begun[-1]["fingerprint"] != fingerprint:
            raise InputError(f"{path}: {group} was begun from other input or settings; {remedy}")
        self.exists = bool(begun)
        self.done = {int(entry["step"]): entry for entry in lines if entry["kind"] == "region"}
        self.complete = any(entry["kind"] == "end" for entry in lines)

    def begin(self, coords: xr.Dataset, variables: Mapping[str, np.dtype[Any] | type | str], chunks: tuple[int, ...] | None = None) -> None:
        """Lay the group out as `create_group` does, unless an earlier run did."""
        if not self.exists:
            self._append({"kind": "begin", "fingerprint": self.fingerprint})
            self.exists = True
        if not self.done:  # nothing is lost by laying out again what a kill may have left half done
            shutil.rmtree(self.path / self.group.strip("/"), ignore_errors=True)
            create_group(self.path, self.group, coords, variables, chunks)

    def write(self, step: int, arrays: Mapping[str, np.ndarray], at: Region | None = None, **facts: Any) -> None:
        """Write the arrays of one region, then the manifest's line with their checksums and `facts`.

        Parameters
        ----------
        step
            Number of the region: the date's, or any other that tells regions apart.
        arrays
            Name → values, (y, x) of one date, or of the shape of `at`.
        at
            Where they belong (default: the date `step`).
        """
        self.note(step, put(self.path, self.group, step if at is None else at, arrays), at, **facts)

    def adopt(self, step: int, shards: Mapping[str, Path | None], sums: Mapping[str, str], **facts: Any) -> None:
        """Take the files of a date as they are, then write its line: what another group of the same layout held moves, unread.

        Parameters
        ----------
        step
            Number of the date.
        shards
            Name → file of the array's shard, which is moved; None where the date holds nothing but the fill value.
        sums
            Name → checksum of the values, as `put` returned it.
        """
        for name, file in shards.items():
            place = shard_file(self.path / self.group.strip("/"), name, step)
            date = place.parent.parent
            shutil.rmtree(date, ignore_errors=True)  # what a killed run left there
            if file is not None:
                date.parent.mkdir(exist_ok=True)
                file.parent.parent.rename(date)  # with its folders, which would have to be made here and removed there
        self.note(step, sums, **facts)

    def note(self, step: int, sums: Mapping[str, str], at: Region | None = None, **facts: Any) -> None:
        """Write the line of a region whose data are in place, with their checksums; the rest as for `write`."""
        place = {} if at is None else {"at": [[part.start, part.stop] for part in at]}
        entry = {"kind": "region", "step": step, **place, "xxh128": dict(sums), **facts}
        self._append(entry)
        self.done[step] = entry

    def end(self) -> None:
        """Note that every region of the group is written."""
        if not self.complete:
            self._append({"kind": "end"})
            self.complete = True

    def _append(self, entry: dict[str, Any]) -> None:
        with self.manifest.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"group": self.group, **entry}, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())


def put(path: Path, group: str, at: int | Region, arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Write the arrays of one region, of the date or the part `at`, and return their checksums; the manifest does not hear of it.

    Raises
    ------
    GlaciercastError
        If an array has another shape than its region.
    """
    for name, values in arrays.items():
        place = shards.layout(path / group.strip("/") / name) if isinstance(at, int) else None
        if place is not None and isinstance(at, int):
            _same_shape(f"{group}/{name}", "a date", place.shape, values)
            shards.write(place, at, values)
        else:
            _put_by_zarr(path, group, name, at, values)
    return {name: checksum(values) for name, values in arrays.items()}


def _put_by_zarr(path: Path, group: str, name: str, at: int | Region, values: np.ndarray) -> None:
    import zarr

    target = zarr.open_group(path, path=group.strip("/"), mode="r+")[name]
    assert isinstance(target, zarr.Array)
    if isinstance(at, int):
        _same_shape(f"{group}/{name}", "a date", target.shape[1:], values)
    else:
        _same_shape(f"{group}/{name}", "a region", tuple(part.stop - part.start for part in at), values)
    target[at] = values


def _same_shape(name: str, what: str, expected: tuple[int, ...], values: np.ndarray) -> None:
    if expected != values.shape:
        raise GlaciercastError(f"{name}: expected {what} of shape {expected}, found {values.shape}")


def shard_file(group: Path, name: str, step: int) -> Path:
    """Return where Zarr v3 keeps the shard of a date of a (time, y, x) array that `create_group` laid out."""
    return shards.shard_file(group / name, step)


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a cube lies: beside it, as a Zarr store holds only what Zarr knows."""
    return path.with_name(path.name.rstrip("/") + ".manifest.jsonl")


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a cube's manifest; a last line that was cut short is dropped, and from the file too."""
    file = manifest_path(path)
    if not file.exists():
        return []
    entries, kept = [], 0
    raw = file.read_bytes()
    for line in raw.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            entries.append(json.loads(line))
        except ValueError as error:
            raise GlaciercastError(f"{file}: line {len(entries) + 1} is damaged; delete the cube and build it anew") from error
        kept += len(line)
    if kept < len(raw):
        with file.open("r+b") as handle:
            handle.truncate(kept)
    return entries


def verify(path: Path, groups: Collection[str] | None = None) -> int:
    """Compare every region (of some groups) with the checksum in the manifest; return how many arrays were compared.

    Raises
    ------
    GlaciercastError
        If an array differs from what was written.
    """
    import zarr

    compared = 0
    for entry in read_manifest(path):
        if entry["kind"] != "region" or (groups is not None and entry["group"] not in groups):
            continue
        group = zarr.open_group(path, path=entry["group"].strip("/"), mode="r")
        for name, wanted in entry["xxh128"].items():
            if checksum(_decoded(group, f"{path}{entry['group']}", name, _place(entry))) != wanted:
                raise GlaciercastError(f"{path}{entry['group']}/{name}: step {entry['step']} differs from what was written; build it anew")
            compared += 1
    return compared


def _place(entry: Mapping[str, Any]) -> int | Region:
    """Return the index of a manifest's region in its arrays."""
    return tuple(slice(*bounds) for bounds in entry["at"]) if "at" in entry else int(entry["step"])


def check_date(path: Path, group: str, step: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Compare arrays that were read with the checksums of their date, or of their region where `step` is its number.

    Raises
    ------
    GlaciercastError
        If one differs: a chunk that is missing would otherwise read as NaN without a word.
    """
    wanted = _sums(manifest_path(path), manifest_path(path).stat().st_mtime_ns)[group][step]
    for name, values in arrays.items():
        if checksum(values) != wanted[name]:
            raise GlaciercastError(f"{path}{group}/{name}: step {step} differs from what was written; build it anew")


def _decoded(opened: zarr.Group, where: str, name: str, at: int | Region) -> np.ndarray:
    """Return a region of an array; a chunk that was cut short or changed on disk is an error of one line."""
    array = opened[name]
    try:
        return np.asarray(array[at])  # type: ignore[index]
    except (ValueError, RuntimeError) as error:  # of the checksum of a shard, and of the decompression
        place = f"step {at}" if isinstance(at, int) else f"region {', '.join(f'{part.start}:{part.stop}' for part in at)}"
        raise GlaciercastError(f"{where}/{name}: {place} is damaged and cannot be read; build it anew") from error


def read_date(path: Path, group: str, step: int, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return arrays (y, x) of one date of a group, compared with their checksums; errors as for `check_date`."""
    import zarr

    opened = zarr.open_group(path, path=group.strip("/"), mode="r")
    arrays = {name: _decoded(opened, f"{path}{group}", name, step) for name in names}
    check_date(path, group, step, arrays)
    return arrays


@functools.lru_cache(maxsize=4)
def _sums(manifest: Path, _changed: int) -> dict[str, dict[int, dict[str, str]]]:
    sums: dict[str, dict[int, dict[str, str]]] = {}
    for line in manifest.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):  # it is being written
            break
        entry = json.loads(line)
        if entry["kind"] == "region":
            sums.setdefault(entry["group"], {})[entry["step"]] = entry["xxh128"]
    return sums


def drop_group(path: Path, group: str) -> None:
    """Remove a group and its lines in the manifest, so that it can be written anew; where a kill stopped it, call it again."""
    entries = read_manifest(path)
    kept = [entry for entry in entries if entry["group"] != group]
    known, folder = len(kept) < len(entries), path / group.strip("/")
    if known:  # until all its files are gone, the group counts as unfinished
        _rewrite_manifest(path, [*kept, {"group": group, "kind": "dropped"}])
    if folder.exists():
        shutil.rmtree(folder)
    if known:
        _rewrite_manifest(path, kept)


def _rewrite_manifest(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Put a manifest of `entries` in the place of a cube's, once it is on the disk as a whole."""
    partial = manifest_path(path).with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(manifest_path(path))


def checksum(values: np.ndarray) -> str:
    """Return the XXH3 (128 bits, hex) of an array's bytes in C order, every NaN alike.

    It tells what was damaged or changed from what was written. Who could change the data could change the manifest too, so that a
    cryptographic hash would add nothing, at twenty times the cost.
    """
    digest = xxhash.xxh3_128()
    flat = np.ascontiguousarray(values).reshape(-1)
    for start in range(0, flat.size, CHECKED_AT_ONCE):
        part = flat[start : start + CHECKED_AT_ONCE]
        if part.dtype.kind == "f":
            part = np.where(np.isnan(part), np.array(np.nan, part.dtype), part)
        digest.update(part.view(np.uint8).data)
    return digest.hexdigest()


def fingerprint(path: Path, group: str) -> str:
    """Return a hash of a group's content, from the checksums in the manifest."""
    entries = [entry for entry in read_manifest(path) if entry["group"] == group and entry["kind"] == "region"]
    return hashlib.sha256(json.dumps([[e["step"], e["xxh128"]] for e in entries], sort_keys=True).encode()).hexdigest()


def locate(path: str | Path) -> Path:
    """Return the cube at `path`: the store itself, or ``cube.zarr`` in a run folder.

    Raises
    ------
    InputError
        If there is none.
    """
    given = Path(path)
    for candidate in (given, given / "cube.zarr"):
        if (candidate / "zarr.json").is_file():
            return candidate
    raise InputError(f"{given}: expected a cube (a Zarr v3 store or a run folder that holds cube.zarr), found none")


def open_cube(path: str | Path, unfinished_ok: tuple[str, ...] = ()) -> xr.DataTree:
    """Open a cube lazily and check it against the contract; groups in `unfinished_ok` may be half written or laid out by half.

    Raises
    ------
    InputError, SchemaError
        If there is no cube, its manifest is missing, a group of it is unfinished, or it breaks the contract.
    """
    import xarray as xr

    located = locate(path)
    if not manifest_path(located).is_file():
        raise InputError(f"{located}: its manifest {manifest_path(located).name} is missing; copy it along, or build the cube anew")
    unfinished = [group for group in _unfinished(located) if group not in unfinished_ok]
    if unfinished:
        raise InputError(f"{located}: {', '.join(unfinished)} is unfinished; run the command that made it again")
    cube = schema.upgrade(xr.open_datatree(located, engine="zarr", consolidated=False, chunks={}))
    schema.validate(cube, unchecked=_unfinished(located))
    return cube


def _unfinished(path: Path) -> list[str]:
    state: dict[str, bool] = {}
    for entry in read_manifest(path):
        state[entry["group"]] = entry["kind"] == "end"
    return [group for group, ended in state.items() if not ended]


def series_groups(path: Path) -> tuple[str, ...]:
    """Return the groups of a cube that were begun as series of velocity; one that is half written is no reason not to write another."""
    groups = {str(entry["group"]) for entry in read_manifest(path)}
    return tuple(sorted(group for group in groups if group.startswith("/velocity/") and "_series" in group))


def optical_products(cube: xr.DataTree) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield (name, dataset) of each group under ``/optical``, by name.

    Raises
    ------
    InputError
        If there is none.
    """
    if "optical" not in cube.children:
        raise InputError("cube: expected at least one product under /optical, found none")
    for name in sorted(cube["optical"].children):  # the order of the store is that of its file system
        yield name, cube["optical"].children[name].to_dataset()


def attributions(cube: xr.DataTree) -> list[str]:
    """Return whom to name for the products of a cube, each once, in the order of the groups' paths; ``/aligned`` names no one else."""
    nodes = sorted((node for node in cube.subtree if node.path != "/aligned"), key=lambda node: node.path)
    found = (str(node.attrs.get("attribution") or "") for node in nodes)
    return list(dict.fromkeys(text for text in found if text))
