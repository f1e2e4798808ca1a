"""The directory of a TIFF, alone: all that the file says of itself, in few bytes, and never a changed byte taken for granted."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from glaciercast.sources import tiff


class Bytes:
    """Stands for a reader: one file in memory, and a record of what was asked."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, []
        self.changed: dict[int, bytes] = {}

    def read_many(self, ranges):
        self.asked += [(start, stop) for _, start, stop in ranges]
        content = self.changed.pop(len(self.asked), self.content)
        return [content[start:stop] for _, start, stop in ranges]


@pytest.fixture(autouse=True)
def _forget():
    tiff.forget()


def made(**options) -> bytes:
    values = np.random.default_rng(1).integers(0, 99, (1, 900, 900)).astype("uint16")
    profile = {"driver": "COG", "blocksize": 128, "compress": "deflate", "predictor": "yes", "nodata": 3, "crs": "EPSG:32643"} | options
    with MemoryFile() as memory:
        with memory.open(height=900, width=900, count=1, dtype="uint16", transform=Affine(30, 0, 6e5, 0, -30, 4e6), **profile) as file:
            file.write(values)
            file.scales = (0.5,)
        return memory.read()


@pytest.mark.parametrize(
    "options", [{}, {"bigtiff": "yes"}, {"driver": "GTiff", "predictor": 2, "endianness": "big", "blockysize": 5}], ids=str
)
def test_what_stands_alone_says_what_the_file_says(options):
    content = made(**options)
    alone = tiff.directory(Bytes(content), "a.tif")
    assert len(alone) < len(content) / 20
    with MemoryFile(content) as whole, whole.open() as file, MemoryFile(alone) as memory, memory.open() as found:
        for name in ("shape", "dtypes", "crs", "transform", "nodata", "scales", "offsets", "block_shapes", "compression"):
            assert getattr(found, name) == getattr(file, name), name


def test_a_kind_of_file_is_learnt_once():
    content = made()
    first = Bytes(content)
    tiff.directory(first, "https://host/LC08_20200101_B3.TIF?sig=a")
    assert first.asked[0] == (0, tiff.FIRST_GUESS)
    second = Bytes(content)
    tiff.directory(second, "https://host/LC08_20210202_B4.TIF?sig=b")
    ((start, stop),) = second.asked
    assert start == 0
    assert stop < tiff.FIRST_GUESS
    with rasterio.MemoryFile(tiff.directory(Bytes(content[:stop]), "LC08_20210202_B4.TIF")) as memory, memory.open() as file:
        assert file.nodata == 3


def test_a_directory_that_differs_when_it_is_read_again_is_refused():
    reader = Bytes(made())
    place = reader.content.index(np.float64(4e6).tobytes())  # northing of the tie point
    moved = reader.content[:place] + np.float64(4e6 + 1).tobytes() + reader.content[place + 8 :]
    reader.changed[1] = moved
    with pytest.raises(tiff.DamagedError, match=r"its header differs when it is read again"):
        tiff.directory(reader, "a.tif")
    good = tiff.directory(reader, "a.tif")
    reader.changed[len(reader.asked) + 1] = moved  # later, a header that no other file had is doubted again
    with pytest.raises(tiff.DamagedError):
        tiff.directory(reader, "a.tif")
    assert tiff.directory(reader, "a.tif") == good


def test_what_was_confirmed_is_read_once():
    reader = Bytes(made())
    tiff.directory(reader, "a.tif")
    before = len(reader.asked)
    tiff.directory(reader, "a.tif")
    assert len(reader.asked) == before + 1
