"""Zarr stores behind a `Reader`: the same tries and the same errors as for any other file, and chunks kept on disk."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import hrefs
from glaciercast.sources.access import Reader
from glaciercast.sources.chunks import ChunkCache

METADATA = frozenset({"zarr.json", ".zmetadata", ".zgroup", ".zarray", ".zattrs"})
SAMPLE = 4
"""Chunks whose sizes stand for those of all."""
ABSENT = re.compile(r": (404|410), not found$")
"""How the client's error ends where a server has no such file; a chunk that is absent holds the fill value."""

MAX_CHUNK_BYTES = 2**30
"""Of one chunk when decoded: what a store claims is not to be believed; ITS_LIVE's have 4 MB."""


class ReaderStore(Store):
    """A read-only Zarr store (version 2 or 3) whose every byte comes through a `Reader`.

    A server cannot list a store: what there is comes from its metadata, consolidated or not.

    Parameters
    ----------
    reader
        Its `connections` bound how many chunks are read at the same time.
    location
        URL or local path of the store.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, reader: Reader, location: str) -> None:
        super().__init__(read_only=True)
        self.reader, self.location = reader, location.rstrip("/")
        self.cache: ChunkCache | None = None
        self.touched: set[str] = set()
        self._pool = ThreadPoolExecutor(reader.connections, thread_name_prefix="zarr")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReaderStore) and other.location == self.location and other.reader is self.reader

    def __hash__(self) -> int:
        return hash(self.location)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        super().close()

    def forget(self, keys: Iterable[str]) -> None:
        """Drop chunks from the cache."""
        if self.cache is not None:
            for key in keys:
                self.cache.drop(key)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a file of the store or a part of it, or None where there is none."""
        data = await asyncio.get_running_loop().run_in_executor(self._pool, self.read, key)
        return None if data is None else prototype.buffer.from_bytes(_cut(data, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several files, as `get` does."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Say whether the store has a file."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read, key) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse: the store is read-only."""
        raise PermissionError(f"{self.location}: read-only")

    async def delete(self, key: str) -> None:
        """Refuse: the store is read-only."""
        raise PermissionError(f"{self.location}: read-only")

    def read(self, key: str) -> bytes | None:
        """Return a file of the store, from the cache where it is there, or None where the store has none."""
        if key.rpartition("/")[2] in METADATA or self.cache is None:
            return self._fetch(key)
        self.touched.add(key)
        data = self.cache.get(key)
        if data is None:
            data = self._fetch(key) or b""
            self.cache.put(key, data)
        return data or None

    async def list(self) -> AsyncIterator[str]:
        """Refuse: a server cannot list."""
        for _ in self._refuse():
            yield _

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse: a server cannot list."""
        for _ in self._refuse():
            yield _

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refuse: a server cannot list."""
        for _ in self._refuse():
            yield _

    def _refuse(self) -> Iterator[str]:
        raise NotImplementedError(f"{self.location}: cannot be listed")

    def _fetch(self, key: str) -> bytes | None:
        location = f"{self.location}/{key}"
        if not hrefs.is_remote(location):
            path = hrefs.local_path(location)
            return self.reader.read(location) if path.is_file() else None
        try:
            return self.reader.read(location)
        except SourceError as error:
            if ABSENT.search(str(error)):
                return None
            raise


def open_group(reader: Reader, location: str, cache: Path | None = None) -> zarr.Group:
    """Open a Zarr group for reading.

    Parameters
    ----------
    reader, location
        As for `ReaderStore`.
    cache
        Folder for chunks (default: none are kept). They lie in a folder named after the group's metadata, so that chunks of a store that
        was rewritten since are not taken for those of today.

    Raises
    ------
    InputError
        If there is no Zarr group, or its metadata are damaged.
    SourceError
        If the server fails.
    """
    store = ReaderStore(reader, location)
    shown = hrefs.shown(location)
    try:
        group = zarr.open_group(store, mode="r")
    except FileNotFoundError:
        raise InputError(f"{shown}: expected a Zarr group, found none") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{shown}: its Zarr metadata cannot be read: {' '.join(str(error).split())[:160]}") from error
    if cache is not None:
        import json

        about = hashlib.sha256(json.dumps(group.metadata.to_dict(), sort_keys=True, default=str).encode()).hexdigest()[:16]
        store.cache = ChunkCache(cache / about)
    return group


def array(group: zarr.Group, name: str) -> zarr.Array[Any] | None:
    """Return an array of a group, or None where there is none of that name.

    Raises
    ------
    SourceError
        If its metadata cannot be used: a type or codec that is unknown, or one that would run code (pickle).
    """
    try:
        found = group[name]
    except KeyError:
        return None
    except (ValueError, TypeError) as error:
        store = group.store
        place = f"{hrefs.shown(store.location)}/{name}" if isinstance(store, ReaderStore) else name
        raise SourceError(f"{place}: its Zarr metadata cannot be used: {' '.join(str(error).split())[:160]}") from error
    return found if isinstance(found, zarr.Array) else None


def with_fill(source: zarr.Array[Any], fill: float) -> zarr.Array[Any]:
    """Return an array whose absent chunks read as `fill`, whatever the store declares: many declare none, and zeros would be read."""
    about = {**source.metadata.to_dict(), "fill_value": fill}
    metadata = type(source.metadata).from_dict(about)
    return zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=source.store_path, config=source.async_array.config))


def window(source: zarr.Array[Any], at: tuple[slice, ...] = ()) -> np.ndarray:
    """Return a part of an array (default: all of it); chunks that do not decode are fetched again.

    Raises
    ------
    SourceError
        If a chunk cannot be had, or is still damaged after the client's number of tries.
    """
    store = source.store
    assert isinstance(store, ReaderStore)
    tries = store.reader.client.policy.tries
    if (most := math.prod(source.chunks) * source.dtype.itemsize) > MAX_CHUNK_BYTES:
        raise SourceError(
            f"{hrefs.shown(store.location)}/{source.name.strip('/')}: claims chunks of {most / 1e9:.1f} GB; not to be believed"
        )
    for attempt in range(tries):
        store.touched = set()
        try:
            with zarr.config.set({"async.concurrency": 4 * store.reader.connections}):
                return np.asarray(source[at if at else ...])
        except (ValueError, RuntimeError, zlib.error) as error:
            store.forget(store.touched)
            if attempt == tries - 1:
                name, reason = source.name.strip("/"), " ".join(str(error).split())[:120]
                place = f"{hrefs.shown(store.location)}/{name}"
                raise SourceError(f"{place}: a chunk is damaged, after {tries} tries: {reason}") from error
    raise AssertionError("unreachable: the last try returns or raises")


def cost(source: zarr.Array[Any], at: tuple[slice, ...]) -> int:
    """Return about how many bytes `window` would fetch: those of `SAMPLE` of the chunks that are not cached, times their number."""
    store = source.store
    assert isinstance(store, ReaderStore)
    bounds = [part.indices(length) for part, length in zip(at, source.shape, strict=True)]
    spans = [range(start // size, -(-stop // size)) for (start, stop, _), size in zip(bounds, source.shards or source.chunks, strict=True)]
    keys = [f"{source.path}/{source.metadata.encode_chunk_key(place)}" for place in itertools.product(*spans)]
    missing = [key for key in keys if store.cache is None or not store.cache.has(key)]
    sample = [missing[(2 * number + 1) * len(missing) // (2 * SAMPLE)] for number in range(SAMPLE if missing else 0)]
    return round(sum(len(store.read(key) or b"") for key in sample) / SAMPLE * len(missing))


def _cut(data: bytes, byte_range: ByteRequest | None) -> bytes:
    """Return the part that Zarr asks of a file (of a shard): it is in memory, and the next part of it will be asked for too."""
    if isinstance(byte_range, RangeByteRequest):
        return data[byte_range.start : byte_range.end]
    if isinstance(byte_range, OffsetByteRequest):
        return data[byte_range.offset :]
    if isinstance(byte_range, SuffixByteRequest):
        return data[-byte_range.suffix :]
    return data
