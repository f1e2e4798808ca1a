"""Chunks of remote Zarr stores, kept on disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from glaciercast.errors import GlaciercastError
from glaciercast.sources import hrefs


class ChunkCache:
    """Chunks on disk, each behind its SHA-256; one that is damaged is dropped and read anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> bytes | None:
        """Return a chunk (empty: the store has none), or None where it is not cached."""
        path = self._path(key)
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            return None
        if kept[:32] != hashlib.sha256(kept[32:]).digest():
            path.unlink(missing_ok=True)
            return None
        return kept[32:]

    def put(self, key: str, data: bytes) -> None:
        """Keep a chunk; a kill leaves either all of it or nothing.

        Raises
        ------
        GlaciercastError
            If the disk does not take it.
        """
        path = self._path(key)
        partial: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".partial-", dir=path.parent)  # one of its own: others may write the same chunk
            partial = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            partial.replace(path)
        except OSError as error:
            if partial is not None:
                partial.unlink(missing_ok=True)
            raise GlaciercastError(f"{path}: cannot be written: {error.strerror}; free some space or choose another cache") from error

    def has(self, key: str) -> bool:
        """Say whether a chunk is there, damaged or not."""
        return self._path(key).is_file()

    def drop(self, key: str) -> None:
        """Forget a chunk."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder.joinpath(*(hrefs.safe_name(part) for part in key.split("/")))
