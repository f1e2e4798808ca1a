"""Windows of remote GeoTIFFs: of a file only its first directory and the compressed blocks that a window touches are fetched.

GDAL reads the directory (as a file without pixels, in memory) for grid, CRS and packing; tifffile decodes the blocks. Neither opens
a connection: GDAL remembers failed requests for as long as the process lives, and cannot sign an address anew.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError, SourceError
from glaciercast.sources import hrefs, tiff, warp
from glaciercast.sources.scene import RawBand
from glaciercast.sources.warp import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

Range = tuple[int, int]
"""First byte, last byte + 1."""
GAP = 1024
"""Bytes between two blocks that are cheaper to fetch than to ask for separately."""
LONGEST = 4 << 20
"""Bytes of one request, unless a single block is longer: what a broken connection costs."""
CODECS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "zstd"}


@dataclass(frozen=True)
class Header:
    """What the first directory of a GeoTIFF says.

    Attributes
    ----------
    location
        URL or path.
    tile
        Rows and columns of a block; a strip is as wide as the image.
    offsets, sizes
        Where each compressed block begins (bytes) and how long it is; 0 bytes: nothing is stored, all of it is nodata.
    geobox
        Grid of the whole image, with a CRS.
    nodata, scale, offset
        As declared in GDAL's tags; None where they are not.
    samples
        Bands in the file.
    """

    location: str
    dtype: np.dtype[Any]
    tile: tuple[int, int]
    offsets: Sequence[int]
    sizes: Sequence[int]
    geobox: GeoBox
    nodata: float | None
    scale: float | None
    offset: float | None
    samples: int
    _page: Any = field(repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.geobox.shape.y, self.geobox.shape.x

    @property
    def across(self) -> int:
        """Blocks beside each other."""
        return math.ceil(self.shape[1] / self.tile[1])

    @property
    def blank(self) -> float:
        """What a pixel is where the file stores nothing."""
        return 0 if self.nodata is None else self.nodata

    def decode(self, number: int, data: bytes) -> np.ndarray:
        """Return the pixels (y, x) of a compressed block.

        Raises
        ------
        ValueError, RuntimeError
            If the data are damaged.
        """
        values: np.ndarray = self._page.decode(data, number)[0]
        return values[0, :, :, 0]


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
        If the file has no CRS or position, is rotated, or has several bands or a codec that is not listed above.
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
    values = np.full((bottom - top, right - left), head.blank, head.dtype)
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
            return _parsed(tiff.directory(reader, location), location, crs)
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


def _parsed(alone: bytes, location: str, crs: str | None) -> Header:
    """Read a directory that stands alone (see `tiff.directory`)."""
    import tifffile

    try:
        page: Any = tifffile.TiffFile(io.BytesIO(alone)).pages[0]
        tile = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, page.imagelength), page.imagewidth)
        expected = math.ceil(page.imagelength / tile[0]) * math.ceil(page.imagewidth / tile[1])
    except (ValueError, RuntimeError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise tiff.DamagedError(f"cannot be read as a TIFF: {' '.join(str(error).split())[:200]}") from None
    shown = hrefs.shown(location)
    if page.samplesperpixel != 1:
        raise InputError(f"{shown}: expected one band, found {page.samplesperpixel}")
    if page.compression not in CODECS or page.dtype is None:
        raise InputError(
            f"{shown}: expected pixels packed by one of {', '.join(dict.fromkeys(CODECS.values()))}, found {page.compression!r}"
        )
    if not len(page.dataoffsets) == len(page.databytecounts) == expected:
        raise tiff.DamagedError(f"expected {expected} blocks, found {len(page.dataoffsets)}")
    geobox, nodata, scale, offset = _placed(alone, page, shown, crs)
    return Header(
        location, page.dtype, tile, page.dataoffsets, page.databytecounts, geobox, nodata, scale, offset, page.samplesperpixel, page
    )


def _placed(alone: bytes, page: Any, shown: str, crs: str | None) -> tuple[GeoBox, float | None, float | None, float | None]:
    """Let GDAL read grid, nodata, scale and offset of a directory."""
    import rasterio
    from odc.geo.geobox import GeoBox

    if not ({33922, 34264} & {tag.code for tag in page.tags}):
        raise InputError(f"{shown}: has no position on the Earth (neither tie point nor transformation); expected a GeoTIFF")
    try:
        with rasterio.MemoryFile(alone) as memory, memory.open(driver="GTiff") as file:
            shape, transform, own = file.shape, file.transform, file.crs
            scale, offset, nodata = file.scales[0], file.offsets[0], file.nodata
    except rasterio.errors.RasterioError as error:
        raise tiff.DamagedError(f"cannot be read as a GeoTIFF: {' '.join(str(error).split())[:200]}") from None
    if not own and crs is None:
        raise InputError(f"{shown}: has no CRS, and its catalogue declares none")
    if not own:
        try:
            grid.known_crs(str(crs))
        except ValueError as error:
            raise InputError(f"{shown}: has no CRS, and what its catalogue declares cannot be used: {error}") from None
    if transform.b or transform.d:
        raise InputError(f"{shown}: is rotated; expected a north-up raster")
    geobox = grid.with_code(GeoBox(shape, transform, own or crs))
    return geobox, nodata, scale if scale != 1 else None, offset or None


def _tries(reader: Reader, location: str) -> int:
    """How often damaged data are fetched: a local file does not change."""
    return reader.client.policy.tries if hrefs.is_remote(location) else 1


def _often(reader: Reader, location: str) -> str:
    tries = _tries(reader, location)
    return f" after {tries} tries" if tries > 1 else ""
