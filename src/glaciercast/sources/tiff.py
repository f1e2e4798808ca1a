"""The first directory of a remote TIFF, alone: a small TIFF without pixels that says all that the whole file says about itself.

Tags follow the TIFF 6.0, BigTIFF and GeoTIFF 1.1 specifications. Only what is needed to find, decode and place the pixels is read.
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from glaciercast.sources.access import Reader

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value, by type."""
LAYOUT = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339)
PLACE = (33550, 33922, 34264, 34735, 34736, 34737)
GDAL = (42112, 42113)
WANTED = frozenset(LAYOUT + PLACE + GDAL)
FIRST_GUESS = 4096
LONGEST_LEARNT = 1 << 16
MOST_KNOWN = 4096
LARGEST_VALUE = 1 << 26
"""Bytes; a table of eight million blocks. Anything longer is no header but damage."""
GAP = 4096

_learnt: dict[str, int] = {}
"""Bytes at a file's beginning that headers of its kind needed so far: later files of the kind are asked for just that."""


_confirmed: set[str] = set()
"""Digests of what directories said but for their block tables, each read twice alike."""
TABLES = (273, 279, 324, 325)
"""Tags that say where the blocks are: all that files of one kind and grid differ in."""


class DamagedError(Exception):
    """The bytes are no TIFF directory; fetched anew, they may be."""


class _Format(NamedTuple):
    """How a TIFF writes numbers: order of bytes, and the structs of an offset, an entry and the number of entries."""

    magic: bytes
    offset: struct.Struct
    entry: struct.Struct
    length: struct.Struct

    @property
    def first(self) -> int:
        """Where a directory may begin at the earliest."""
        return len(self.magic) + self.offset.size


class _Entry(NamedTuple):
    tag: int
    kind: int
    number: int
    field: bytes
    """The value, or where it stands if it is longer than the field."""

    @property
    def size(self) -> int:
        return SIZES.get(self.kind, 1) * self.number


def forget() -> None:
    """Forget what the headers read so far have taught, as a new process knows nothing of them."""
    _learnt.clear()
    _confirmed.clear()


def directory(reader: Reader, location: str) -> bytes:
    """Read the first directory of a TIFF and return it as a TIFF of its own; twice, unless a file said the same before.

    A byte that changed on its way would put an image elsewhere without a word, as no checksum guards a directory. Its block table is
    left out of the comparison: what it says is checked by the blocks.

    Parameters
    ----------
    reader
        Through which every byte comes.
    location
        URL or path of a classic or BigTIFF file; its directory may stand anywhere.

    Returns
    -------
    bytes
        The tags that tell layout, grid, CRS and packing, with their values, and the block offsets of the original.

    Raises
    ------
    DamagedError
        If the bytes are no directory of a TIFF, or differ when they are read again.
    SourceError
        If they cannot be fetched.

    Notes
    -----
    One request where a file of the same kind (the same name but for its digits), grid and packing was read before and the directory
    comes first, as in a cloud-optimised GeoTIFF; one to two more otherwise.
    """
    alone, digest = _read(reader, location)
    if digest not in _confirmed:
        if _read(reader, location)[1] != digest:
            raise DamagedError("its header differs when it is read again")
        if len(_confirmed) > MOST_KNOWN:
            _confirmed.clear()
        _confirmed.add(digest)
    return alone


def _read(reader: Reader, location: str) -> tuple[bytes, str]:
    """Return the directory, and a digest of what it says but for the block table."""
    kind = re.sub(r"\d", "", location.partition("?")[0].rpartition("/")[2])
    held = _Held(reader, location)
    held.need([(0, _learnt.get(kind, FIRST_GUESS))])
    form = _format(held.get(0, 16))
    (start,) = form.offset.unpack(held.get(len(form.magic), form.first))
    if start < form.first:
        raise DamagedError(f"expected a directory, found offset {start}")
    held.need([(start, start + form.length.size)], more=1024)
    (number,) = form.length.unpack(held.get(start, start + form.length.size))
    if not 0 < number <= 4096:
        raise DamagedError(f"expected a directory of some tags, found {number}")
    begin, end = start + form.length.size, start + form.length.size + number * form.entry.size
    held.need([(begin, end)])
    entries = [entry for entry in map(_Entry._make, form.entry.iter_unpack(held.get(begin, end))) if entry.tag in WANTED]
    places = {entry.tag: _place(form, entry) for entry in entries if entry.size > form.offset.size}
    held.need(list(places.values()))
    values = {tag: held.get(*place) for tag, place in places.items()}
    if len(_learnt) > MOST_KNOWN:
        _learnt.clear()
    _learnt[kind] = min(max(_learnt.get(kind, 0), _contiguous([(0, 16), (start, end), *places.values()])), LONGEST_LEARNT)
    said = [(entry[:3], values.get(entry.tag, entry.field)) for entry in entries if entry.tag not in TABLES]
    return _alone(form, entries, values), hashlib.sha256(repr((form.magic, said)).encode()).hexdigest()


class _Held:
    """What of a file has been fetched so far."""

    def __init__(self, reader: Reader, location: str) -> None:
        self.reader, self.location = reader, location
        self.parts: list[tuple[int, bytes]] = []

    def need(self, ranges: list[tuple[int, int]], more: int = 0) -> None:
        """Fetch, in one go, what of these ranges is not there yet, and `more` bytes after it."""
        missing: list[tuple[int, int]] = []
        for start, stop in sorted(each for each in ranges if self._find(*each) is None):
            if missing and start - missing[-1][1] <= GAP:
                missing[-1] = (missing[-1][0], max(stop, missing[-1][1]))
            else:
                missing.append((start, stop))
        found = self.reader.read_many([(self.location, start, stop + more) for start, stop in missing])
        self.parts += [(start, data) for (start, _), data in zip(missing, found, strict=True)]

    def get(self, start: int, stop: int) -> bytes:
        """Return bytes that were fetched."""
        found = self._find(start, stop)
        if found is None:
            raise DamagedError(f"expected header data at bytes {start} to {stop}, the file ends before")
        return found

    def _find(self, start: int, stop: int) -> bytes | None:
        for first, data in self.parts:
            if first <= start and stop <= first + len(data):
                return data[start - first : stop - first]
        return None


def _format(head: bytes) -> _Format:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is not None:
        if head[2:4] == struct.pack(f"{order}H", 42):
            return _Format(head[:4], struct.Struct(f"{order}I"), struct.Struct(f"{order}HHI4s"), struct.Struct(f"{order}H"))
        if head[2:8] == struct.pack(f"{order}HHH", 43, 8, 0):
            return _Format(head[:8], struct.Struct(f"{order}Q"), struct.Struct(f"{order}HHQ8s"), struct.Struct(f"{order}Q"))
    raise DamagedError(f"expected a TIFF file, found one that begins with {head[:4]!r}")


def _place(form: _Format, entry: _Entry) -> tuple[int, int]:
    (start,) = form.offset.unpack(entry.field)
    if entry.kind not in SIZES or entry.size > LARGEST_VALUE:
        raise DamagedError(f"tag {entry.tag} has {entry.number} values of type {entry.kind}")
    return start, start + entry.size


def _contiguous(ranges: list[tuple[int, int]]) -> int:
    """Return where the ranges end that follow the file's beginning without a large gap."""
    end = 0
    for start, stop in sorted(ranges):
        if start > end + GAP:
            break
        end = max(end, stop)
    return end


def _alone(form: _Format, entries: list[_Entry], values: dict[int, bytes]) -> bytes:
    """Return a TIFF with these entries and nothing else."""
    beyond = form.first + form.length.size + len(entries) * form.entry.size + form.offset.size
    table, extra = b"", b""
    for entry in sorted(entries):
        field = entry.field
        if entry.tag in values:
            field = form.offset.pack(beyond + len(extra))
            extra += values[entry.tag] + b"\0" * (-len(values[entry.tag]) % 8)
        table += form.entry.pack(entry.tag, entry.kind, entry.number, field)
    start = form.magic + form.offset.pack(form.first)
    return start + form.length.pack(len(entries)) + table + form.offset.pack(0) + extra
