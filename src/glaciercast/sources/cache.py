"""Native windows that were fetched before, kept on disk: one small GeoTIFF each, checked against its checksum when it is read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from glaciercast import store
from glaciercast.errors import GlaciercastError
from glaciercast.sources.hrefs import safe_name
from glaciercast.sources.scene import RawBand

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

TAG = "GLACIERCAST"
_STALE = 86400.0
"""Seconds after which a half-written entry is taken for what a killed process left."""


class Key(NamedTuple):
    """What a window is of: an asset of an item, and the grid that it was read for."""

    collection: str
    item: str
    asset: str
    window: str


class Entry(NamedTuple):
    """A window as it was fetched, and its provenance."""

    band: RawBand
    facts: dict[str, Any]


class RawCache:
    """Windows in a folder, ``<collection>/<item>/<asset>-<window>.tif``; safe to use from many threads and processes.

    Entries appear whole or not at all. The files are GeoTIFFs that any GIS opens; provenance, grid and packing stand in a tag.

    Raises
    ------
    GlaciercastError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._partial = folder / ".partial"  # no safe name begins with a dot
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            for left in self._partial.iterdir():
                if time.time() - left.stat().st_mtime > _STALE:
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(error) from error

    def get(self, key: Key) -> Entry | None:
        """Return the entry, or None; one that is damaged is removed."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure(error) from error
        entry = _unpack(content)
        if entry is None:
            path.unlink(missing_ok=True)
        return entry

    def put(self, key: Key, band: RawBand, facts: dict[str, Any]) -> None:
        """Keep a window; `facts` must be JSON.

        Raises
        ------
        GlaciercastError
            If the disk is full or cannot be written.
        """
        content = _pack(band, facts)
        path = self._path(key)
        partial = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=self._partial)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(partial).replace(path)
        except OSError as error:
            if partial:
                Path(partial).unlink(missing_ok=True)
            raise self._failure(error) from error

    def __contains__(self, key: Key) -> bool:
        return self._path(key).is_file()

    def _path(self, key: Key) -> Path:
        return self.folder / safe_name(key.collection) / safe_name(key.item) / f"{safe_name(key.asset)}-{safe_name(key.window)}.tif"

    def _failure(self, error: OSError) -> GlaciercastError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "free some space or choose another folder for the cache, then run the command again" if full else "choose another folder"
        return GlaciercastError(f"{self.folder}: the cache cannot be used: {error.strerror}; {advice}")


def window(target: GeoBox, padding: int) -> str:
    """Return the part of a `Key` that stands for all windows of one grid."""
    text = json.dumps([list(target.shape), list(target.affine)[:6], str(target.crs), padding])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pack(band: RawBand, facts: dict[str, Any]) -> bytes:
    from rasterio.io import MemoryFile

    box = band.geobox
    told = {
        "shape": list(box.shape), "transform": list(box.affine)[:6], "crs": str(box.crs), "scale": band.scale, "offset": band.offset,
        "nodata": band.nodata, "values": store.checksum(band.values), "facts": facts,
    }  # fmt: skip
    text = json.dumps(told)
    profile = {
        "driver": "GTiff", "height": box.shape.y, "width": box.shape.x, "count": 1, "dtype": band.values.dtype, "crs": str(box.crs),
        "transform": box.affine, "nodata": band.nodata, "compress": "deflate", "zlevel": 1,
        "predictor": 3 if band.values.dtype.kind == "f" else 2,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(band.values, 1)
            file.update_tags(**{TAG: json.dumps([_seal(text), text])})
        return bytes(memory.getbuffer())


def _unpack(content: bytes) -> Entry | None:
    """Return what `_pack` packed, or None if a byte of it has changed."""
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    try:
        with MemoryFile(content) as memory, memory.open(driver="GTiff") as file:
            seal, text = json.loads(file.tags()[TAG])
            values = file.read(1)
    except (RasterioError, KeyError, ValueError, TypeError):
        return None
    if seal != _seal(text):
        return None
    told = json.loads(text)
    if told["values"] != store.checksum(values):
        return None
    geobox = GeoBox(tuple(told["shape"]), Affine(*told["transform"]), told["crs"])
    return Entry(RawBand(values, geobox, told["scale"], told["offset"], told["nodata"]), told["facts"])


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
