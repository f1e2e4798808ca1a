"""What the first directory of a GeoTIFF says: layout, blocks, grid and packing, checked before any of it is believed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.sources import hrefs, tiff

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

CODECS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "zstd"}
Place = tuple["GeoBox", float | None, float | None, float | None]
"""Grid, nodata, scale and offset."""
_places: dict[tuple[Any, ...], Place] = {}
LARGEST_BLOCK = 2**30
"""Bytes of one block, packed or not: a whole image in one strip may be large, more is a hostile or a damaged header."""


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


def parse(alone: bytes, location: str, crs: str | None) -> Header:
    """Read a directory that stands alone (see `tiff.directory`).

    Parameters
    ----------
    alone
        The directory, as a TIFF without pixels.
    location
        Where the whole file is.
    crs
        CRS for files that carry none.

    Raises
    ------
    InputError
        If the file is none that can be read; see `cog.read`.
    DamagedError
        If what the directory says makes no sense.
    """
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
    _check_blocks(page, tile, shown)
    geobox, nodata, scale, offset = _known_place(alone, page, shown, crs)
    return Header(
        location, page.dtype, tile, page.dataoffsets, page.databytecounts, geobox, nodata, scale, offset, page.samplesperpixel, page
    )


def _check_blocks(page: Any, tile: tuple[int, int], shown: str) -> None:
    """Refuse blocks that no memory holds, whatever little of a file says that it has them."""
    numbers = (*page.dataoffsets, *page.databytecounts)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise tiff.DamagedError("its table of blocks holds other things than numbers of bytes")
    if (size := tile[0] * tile[1] * page.dtype.itemsize) > LARGEST_BLOCK:
        raise InputError(f"{shown}: expected blocks of at most {LARGEST_BLOCK >> 20} MiB, found {size >> 20} MiB")
    if (longest := max(page.databytecounts)) > LARGEST_BLOCK:  # the table is not read twice, so that it may be damage
        raise tiff.DamagedError(f"its table of blocks has one of {longest >> 20} MiB")


def _known_place(alone: bytes, page: Any, shown: str, crs: str | None) -> Place:
    """Return what `_placed` does; GDAL is asked once for all directories that say the same but for their blocks."""
    said = (crs, *((tag.code, tag.dtype, repr(tag.value)) for tag in page.tags if tag.code not in tiff.TABLES))
    place = _places.get(said)
    if place is None:
        if len(_places) > tiff.MOST_KNOWN:
            _places.clear()
        place = _places[said] = _placed(alone, page, shown, crs)
    return place


def _placed(alone: bytes, page: Any, shown: str, crs: str | None) -> Place:
    """Let GDAL read grid, nodata, scale and offset of a directory."""
    import rasterio
    from odc.geo.geobox import GeoBox

    if not ({33922, 34264} & {tag.code for tag in page.tags}):
        raise InputError(f"{shown}: has no position on the Earth (neither tie point nor transformation); expected a GeoTIFF")
    try:
        with rasterio.MemoryFile(alone) as memory, memory.open(driver="GTiff") as file:
            shape, transform, own = file.shape, file.transform, file.crs
            scale, offset, nodata = file.scales[0], file.offsets[0], file.nodata
    except (rasterio.errors.RasterioError, UnicodeDecodeError) as error:
        raise tiff.DamagedError(f"cannot be read as a GeoTIFF: {' '.join(str(error).split())[:200]}") from None
    if not own and crs is None:
        raise InputError(f"{shown}: has no CRS, and its catalogue declares none")
    if not own:
        try:
            grid.known_crs(str(crs))
        except ValueError as error:
            raise InputError(f"{shown}: has no CRS, and what its catalogue declares cannot be used: {error}") from None
    if not all(map(math.isfinite, transform)) or not transform.a * transform.e:
        raise tiff.DamagedError("its pixels have no size or no place")
    if transform.b or transform.d:
        raise InputError(f"{shown}: is rotated; expected a north-up raster")
    geobox = grid.with_code(GeoBox(shape, transform, own or crs))
    return geobox, nodata, scale if scale != 1 else None, offset or None
