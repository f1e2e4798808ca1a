"""Cloud-optimised GeoTIFFs that are one value but for a small window: a thousand times cheaper to write than a whole tile.

A tile of MODIS has 1200 × 1200 pixels, of which a glacier touches some 600. All blocks outside the window point to one and the same
compressed block, so a file takes a few kilobytes and about a millisecond. Tags follow the TIFF 6.0 and GeoTIFF 1.1 specifications.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

BLOCK = 128
FACTORS = (1, 2, 4)
"""Full resolution and overviews."""
SHORT, LONG, DOUBLE, ASCII = 3, 4, 12, 2
_FORMAT = {SHORT: "H", LONG: "I", DOUBLE: "d", ASCII: "c"}
_GEO_TAGS = (33550, 33922, 34735, 34736, 34737)
_OFFSETS, _SIZES = 324, 325
_DEFLATE = 8

Tag = tuple[int, int, bytes]
"""Type, number of values, values."""


@dataclass(frozen=True)
class Canvas:
    """A grid and what every pixel outside the window is.

    Attributes
    ----------
    geobox
        Grid of the file; more than 1024 pixels along each side, so that no table of blocks fits into its directory entry.
    dtype
        Unsigned integers of 8 or 16 bits.
    fill
        Value outside the window; the file declares no nodata.
    """

    geobox: GeoBox
    dtype: np.dtype[np.uint8] | np.dtype[np.uint16]
    fill: int
    _head: bytes = field(init=False, repr=False)
    """All directories and the one block of nothing, to which every entry points."""
    _tables: list[tuple[int, int]] = field(init=False, repr=False)
    """Where each level's block offsets and block sizes stand in the head."""

    def __post_init__(self) -> None:
        blank = _compress(np.full((BLOCK, BLOCK), self.fill, self.dtype))
        geo = _geo_tags(self.geobox)
        length = sum(len(self._directory(level, geo, 0, 0, 0)[0]) for level in range(len(FACTORS)))
        head, tables = struct.pack("<2sHI", b"II", 42, 8), []
        for level in range(len(FACTORS)):
            directory, places = self._directory(level, geo, len(head), 8 + length, len(blank))
            tables.append(places)
            head += directory
        object.__setattr__(self, "_head", head + blank)
        object.__setattr__(self, "_tables", tables)

    def encode(self, window: np.ndarray, row: int, column: int) -> bytes:
        """Return the file with `window` (y, x) placed at `row`, `column`; overviews take every second (fourth) pixel.

        Raises
        ------
        ValueError
            If the window has another dtype or does not fit.
        """
        rows, columns = self.geobox.shape
        if window.dtype != self.dtype or not (0 <= row <= rows - window.shape[0] and 0 <= column <= columns - window.shape[1]):
            raise ValueError(f"a window of {window.dtype} {window.shape} at {row}, {column} on a canvas of {self.dtype} {rows, columns}")
        content = bytearray(self._head)
        for level in reversed(range(len(FACTORS))):  # overviews first: a reader of the whole needs only the file's beginning
            offsets, sizes = self._tables[level]
            for number, block in self._blocks(window, row, column, FACTORS[level]).items():
                struct.pack_into("<I", content, offsets + 4 * number, len(content))
                struct.pack_into("<I", content, sizes + 4 * number, len(block))
                content += block
        return bytes(content)

    def _blocks(self, window: np.ndarray, row: int, column: int, factor: int) -> dict[int, bytes]:
        """Return the compressed blocks that the window touches, by number."""
        part = window[-row % factor :: factor, -column % factor :: factor]
        top, left = math.ceil(row / factor), math.ceil(column / factor)
        if not part.size:
            return {}
        across = math.ceil(math.ceil(self.geobox.shape[1] / factor) / BLOCK)
        blocks = {}
        for i in range(top // BLOCK, (top + part.shape[0] - 1) // BLOCK + 1):
            for j in range(left // BLOCK, (left + part.shape[1] - 1) // BLOCK + 1):
                block = np.full((BLOCK, BLOCK), self.fill, self.dtype)
                above, before = i * BLOCK - top, j * BLOCK - left
                inside = part[max(above, 0) : above + BLOCK, max(before, 0) : before + BLOCK]
                y, x = max(-above, 0), max(-before, 0)
                block[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
                blocks[i * across + j] = _compress(block)
        return blocks

    def _directory(self, level: int, geo: dict[int, Tag], start: int, offset: int, size: int) -> tuple[bytes, tuple[int, int]]:
        """Return an image file directory that begins at `start`, and where in the file its block offsets and sizes stand."""
        rows, columns = _shape(self.geobox, level)
        blocks = math.ceil(rows / BLOCK) * math.ceil(columns / BLOCK)
        tags: dict[int, Tag] = {
            254: _values(LONG, 1 if level else 0),
            256: _values(LONG, columns),
            257: _values(LONG, rows),
            258: _values(SHORT, self.dtype.itemsize * 8),
            259: _values(SHORT, _DEFLATE),
            262: _values(SHORT, 1),
            277: _values(SHORT, 1),
            284: _values(SHORT, 1),
            322: _values(SHORT, BLOCK),
            323: _values(SHORT, BLOCK),
            _OFFSETS: _values(LONG, *[offset] * blocks),
            _SIZES: _values(LONG, *[size] * blocks),
            339: _values(SHORT, 1),
        } | ({} if level else geo)
        beyond = start + 2 + 12 * len(tags) + 4
        entries, extra, places = [], b"", {}
        for number, (kind, count, content) in sorted(tags.items()):
            places[number] = beyond + len(extra)
            if len(content) <= 4:
                value = content.ljust(4, b"\0")
            else:
                value = struct.pack("<I", beyond + len(extra))
                extra += content + b"\0" * (len(content) % 2)  # values begin on even bytes
            entries.append(struct.pack("<HHI", number, kind, count) + value)
        following = 0 if level == len(FACTORS) - 1 else beyond + len(extra)
        directory = struct.pack("<H", len(tags)) + b"".join(entries) + struct.pack("<I", following) + extra
        return directory, (places[_OFFSETS], places[_SIZES])


def _shape(geobox: GeoBox, level: int) -> tuple[int, int]:
    rows, columns = geobox.shape
    return math.ceil(rows / FACTORS[level]), math.ceil(columns / FACTORS[level])


def _values(kind: int, *values: int) -> Tag:
    return kind, len(values), struct.pack(f"<{len(values)}{_FORMAT[kind]}", *values)


def _compress(block: np.ndarray) -> bytes:
    return zlib.compress(block.astype(block.dtype.newbyteorder("<")).tobytes(), 1)


def _geo_tags(geobox: GeoBox) -> dict[int, Tag]:
    """Return the tags that hold position and CRS, as GDAL writes them."""
    from rasterio.io import MemoryFile

    assert geobox.crs is not None
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "height": 16, "width": 16, "count": 1, "dtype": "uint8"}
        with memory.open(**profile, crs=geobox.crs.to_wkt(), transform=geobox.affine) as file:
            file.write(np.zeros((1, 16, 16), np.uint8))
        return {number: tag for number, tag in _read_tags(memory.read()).items() if number in _GEO_TAGS}


def _read_tags(content: bytes) -> dict[int, Tag]:
    """Return the tags of the first directory of a little-endian classic TIFF."""
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    tags: dict[int, Tag] = {}
    for entry in range(number):
        at = start + 2 + 12 * entry
        tag, kind, count = struct.unpack_from("<HHI", content, at)
        if kind not in _FORMAT:
            continue
        size = count * struct.calcsize(_FORMAT[kind])
        place = at + 8 if size <= 4 else struct.unpack_from("<I", content, at + 8)[0]
        tags[tag] = (kind, count, content[place : place + size])
    return tags
