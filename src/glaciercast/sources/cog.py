"""Windows of remote GeoTIFFs: of a file only its first directory and the compressed blocks that a window touches are fetched.

GDAL reads the directory (as a file without pixels, in memory) for grid, CRS and packing; tifffile decodes the blocks. Neither opens
a connection: GDAL remembers failed requests for as long as the process lives, and cannot sign an address anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import hrefs, tiff, warp
from glaciercast.sources.cog_header import Header, parse
from glaciercast.sources.scene import RawBand
from glaciercast.sources.warp import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

__all__ = ["Header", "blocks", "cost", "header", "read", "touched"]

Range = tuple[int, int]
"""First byte, last byte + 1."""
GAP = 1024
"""Bytes between two blocks that are cheaper to fetch than to ask for separately."""
LONGEST = 4 << 20
"""Bytes of one request, unless a single block is longer: what a broken connection costs."""
LARGEST_WINDOW = 2**32
"""Bytes of pixels; no product has so fine a grid that the window of a site needs more."""


def read(reader: Reader, location: str, target: GeoBox, padding: int = 2, *, crs: str | None = None) -> RawBand | None:
    """Read the window that a grid covers, as the file has it.

    Parameters
    ----------
    reader
        Through which every byte comes.
    location
        URL or path of a GeoTIFF of one band: classic or BigTIFF, tiled or striped, its directory anywhere; uncompressed, deflate, LZW,
        zstd, LZMA or PackBits, with any predictor.
    target
        The window is what `target` covers, plus `padding` pixels on each side unless its pixels are pixels of the file.
    crs
        CRS for files that carry none.

    Returns
    -------
    RawBand or None
        Raw values (y, x) in the file's dtype, their grid, and scale, offset and nodata as far as the file declares them; None where
        `target` and the file do not meet. Blocks that are not stored are nodata (0 without one). Masks within the file are not read.

    Raises
    ------
    InputError
        If the file has no CRS or position, is rotated, has several bands or a codec that is not listed above, or has blocks or a window
        that no memory holds.
    SourceError
        If the server fails, the file is no TIFF, or a block cannot be decoded though it was fetched as often as the policy says.

    Notes
    -----
    Deflate carries a checksum, so that any damage is noticed and the block fetched again; in the other codecs only damage that breaks the
    coding is.
    """
    head = header(reader, location, crs)
    roi = warp.window(head.geobox, target, padding)
    if roi is None:
        return None
    top, bottom, left, right = roi
    if (bottom - top) * (right - left) * head.dtype.itemsize > LARGEST_WINDOW:
        raise InputError(
            f"{hrefs.shown(location)}: its pixels are so small that the window has {bottom - top} × {right - left} of them, "
            f"more than {LARGEST_WINDOW / 2**30:g} GiB"
        )
    values = np.empty((bottom - top, right - left), head.dtype)
    if not all(head.sizes):
        values.fill(head.blank)
    done: set[int] = set()
    for tries_left in reversed(range(_tries(reader, location))):
        try:
            _fill(values, roi, reader, head, done)
            break
        except tiff.DamagedError as error:
            if not tries_left:
                raise SourceError(f"{hrefs.shown(location)}: {error}{_often(reader, location)}") from None
            head = header(reader, location, crs)
        except SourceError:
            fresh = header(reader, location, crs)  # a damaged table of blocks leads anywhere, such as past the file's end
            if not tries_left or (fresh.offsets, fresh.sizes) == (head.offsets, head.sizes):
                raise
            head = fresh
    return RawBand(values, head.geobox[top:bottom, left:right], head.scale, head.offset, head.nodata)


def cost(reader: Reader, location: str, target: GeoBox, padding: int = 2, *, crs: str | None = None) -> int:
    """Return the compressed bytes of the blocks that `read` would fetch; only the file's header is read. Errors as with `read`."""
    head = header(reader, location, crs)
    roi = warp.window(head.geobox, target, padding)
    return 0 if roi is None else sum(head.sizes[number] for number in blocks(head, roi))


def header(reader: Reader, location: str, crs: str | None = None) -> Header:
    """Read what the first directory of a GeoTIFF says; parameters and errors as with `read`."""
    for tries_left in reversed(range(_tries(reader, location))):
        try:
            return parse(tiff.directory(reader, location), location, crs)
        except tiff.DamagedError as error:
            if not tries_left:
                raise SourceError(f"{hrefs.shown(location)}: {error}{_often(reader, location)}") from None
    raise AssertionError("unreachable: the last try returns or raises")


def blocks(head: Header, roi: Window) -> list[int]:
    """Return the numbers of the blocks that a window touches and that hold data, in the order of the image."""
    (top, bottom, left, right), (rows, columns) = roi, head.tile
    numbers = [
        i * head.across + j
        for i in range(top // rows, (bottom - 1) // rows + 1)
        for j in range(left // columns, (right - 1) // columns + 1)
    ]
    return [number for number in numbers if head.sizes[number] > 0]


def touched(head: Header, numbers: Iterable[int]) -> list[Range]:
    """Return the byte ranges that hold some blocks, in order; ranges that (nearly) touch are one, up to 4 MiB."""
    ranges: list[Range] = []
    for start, stop in sorted((head.offsets[number], head.offsets[number] + head.sizes[number]) for number in numbers):
        if ranges and start - ranges[-1][1] <= GAP and max(stop, ranges[-1][1]) - ranges[-1][0] <= LONGEST:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges


def _fill(values: np.ndarray, roi: Window, reader: Reader, head: Header, done: set[int]) -> None:
    """Fetch the blocks of a window that are not done, copy their pixels to `values` and note them as done."""
    ranges = touched(head, (number for number in blocks(head, roi) if number not in done))
    bodies = list(zip(ranges, reader.read_many([(head.location, *each) for each in ranges]), strict=True))
    damaged = []
    for number in blocks(head, roi):
        if number in done:
            continue
        start, stop = head.offsets[number], head.offsets[number] + head.sizes[number]
        first, body = next((first, body) for (first, last), body in bodies if first <= start and stop <= last)
        try:
            block = head.decode(number, body[start - first : stop - first])
        except (ValueError, RuntimeError):  # what tifffile and its codecs raise on damaged data
            damaged.append(number)
            continue
        _paste(values, (roi[0], roi[2]), block, head, number)
        done.add(number)
    if damaged:
        raise tiff.DamagedError(f"block {damaged[0]} of {len(head.sizes)} cannot be decoded")


def _paste(values: np.ndarray, corner: tuple[int, int], block: np.ndarray, head: Header, number: int) -> None:
    """Copy what of a block lies in the window whose first pixel is `corner`."""
    starts = (number // head.across * head.tile[0], number % head.across * head.tile[1])
    to, of = [], []
    for start, size, first, wanted in zip(starts, block.shape, corner, values.shape, strict=True):
        begin, end = max(start, first), min(start + size, first + wanted)
        to.append(slice(begin - first, end - first))
        of.append(slice(begin - start, end - start))
    values[tuple(to)] = block[tuple(of)]


def _tries(reader: Reader, location: str) -> int:
    """How often damaged data are fetched: a local file does not change."""
    return reader.client.policy.tries if hrefs.is_remote(location) else 1


def _often(reader: Reader, location: str) -> str:
    tries = _tries(reader, location)
    return f" after {tries} tries" if tries > 1 else ""
