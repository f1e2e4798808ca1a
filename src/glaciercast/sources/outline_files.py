"""Where a file of outlines is: on disk, behind a URL, in an archive."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glaciercast.errors import InputError
from glaciercast.sources import hrefs

if TYPE_CHECKING:
    from glaciercast.sources.access import Reader

TOKEN = "EARTHDATA_TOKEN"
"""Environment variable that holds the token of an Earthdata login; it is sent to `EARTHDATA` servers only."""
EARTHDATA = ".nsidc.org"
KINDS = (".shp", ".gpkg", ".geojson", ".json")
BEGINS = {".shp": b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00", ".geojson": b"{", ".json": b"{"}
"""Ending → first bytes."""
PARTS = (*KINDS, ".shx", ".dbf", ".prj", ".cpg", ".qix")
"""Endings of what is taken out of an archive."""
LARGEST = 2_000_000_000
"""Bytes that the files of an archive may have together; the largest region of RGI 7 has some 300 MB."""


@contextmanager
def at_hand(location: str, reader: Reader | None) -> Iterator[Path]:
    """Give the path of the vector file itself: downloaded and unpacked where needed, into a folder that goes again.

    Raises
    ------
    InputError
        If there is no such file, or none or several of a known kind.
    SourceError
        If a server fails.
    """
    with tempfile.TemporaryDirectory(prefix="glaciercast-") as folder:
        path = _download(location, Path(folder), reader) if hrefs.is_remote(location) else hrefs.local_path(location)
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if path.suffix.lower() == ".zip":
            path = _unpack(path, Path(folder) / "unpacked")
        elif path.is_dir():
            path = _only(path.iterdir(), path)
        if path.suffix.lower() not in KINDS:
            raise InputError(
                f"{path}: expected a shapefile, GeoPackage, GeoJSON or a zip archive of one, found '{path.suffix or path.name}'"
            )
        _check_kind(path)
        yield path


def _check_kind(path: Path) -> None:
    """Refuse what is another kind of file than its name says: GDAL goes by the content, and some kinds name other files and servers."""
    with path.open("rb") as file:
        start = file.read(1024)
    begins = BEGINS[path.suffix.lower()]
    if not start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(begins):
        raise InputError(f"{path}: cannot be read: its content is not that of a {path.suffix.lower()} file")


def _download(url: str, folder: Path, reader: Reader | None) -> Path:
    from glaciercast.sources.access import Reader
    from glaciercast.sources.http import Client

    target = folder / ("outlines" + PurePosixPath(urlsplit(url).path).suffix.lower())
    if reader is not None:
        target.write_bytes(reader.read(url))
        return target
    host, token = urlsplit(url).hostname or "", os.environ.get(TOKEN)
    bearer = {host: token} if token and host.endswith(EARTHDATA) else None
    with Reader(Client(bearer=bearer)) as own:
        target.write_bytes(own.read(url))
    return target


def _unpack(path: Path, folder: Path) -> Path:
    """Take the vector files out of an archive, whatever folders it names, and not more of them than `LARGEST` bytes."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _wanted(member)]
            room = LARGEST
            for member in members:
                target = folder / PurePosixPath(member.filename.replace("\\", "/")).name
                if target.exists():
                    raise InputError(f"{path}: holds two files called {target.name}")
                with archive.open(member) as packed, target.open("wb") as file:
                    while block := packed.read(1 << 20):  # what is read counts: a header can say anything
                        room -= len(block)
                        if room < 0:
                            raise InputError(f"{path}: unpacks to more than {LARGEST / 1e9:g} GB")
                        file.write(block)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"{path}: not a usable zip archive: {' '.join(str(error).split())[:200]}") from error
    return _only(folder.iterdir(), path)


def _wanted(member: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(member.filename)
    return not member.is_dir() and place.suffix.lower() in PARTS and "__MACOSX" not in place.parts and not place.name.startswith(".")


def _only(paths: Iterator[Path], origin: Path) -> Path:
    found = sorted(path for path in paths if path.suffix.lower() in KINDS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise InputError(f"{origin}: expected one shapefile, GeoPackage or GeoJSON, found {names}")
    return found[0]
