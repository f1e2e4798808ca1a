"""Windows of GeoTIFFs over real HTTP: every value as rasterio reads it from the same file, and hardly a byte more than the blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from tests.sources.faults import Faults
from tests.sources.servers import Server, serve

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import cog, tiff, warp
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client, FetchPolicy

CRS = "EPSG:32643"
SHAPE = (300, 420)
TRANSFORM = Affine(30, 0, 600000, 0, -30, 4000000)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(Client(FetchPolicy(backoff=0))) as opened:
        yield opened


@pytest.fixture(scope="module")
def _own(tmp_path_factory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("files")) as server:
        yield server


@pytest.fixture
def server(_own) -> Server:
    tiff.forget()
    _own.reset()
    return _own


def target(rows: int = 60, columns: int = 80, row: int = 50, column: int = 70) -> GeoBox:
    return GeoBox((rows, columns), TRANSFORM * Affine.translation(column, row), CRS)


def pixels(dtype: str = "uint16", shape: tuple[int, int] = SHAPE) -> np.ndarray:
    smooth = np.add.outer(np.arange(shape[0]) * 7, np.arange(shape[1]) * 3)
    noise = np.random.default_rng(5).integers(0, 40, shape)
    return ((smooth + noise) % 250 + 1).astype(dtype)


def write(path: Path, values: np.ndarray | None = None, tags: dict[str, str] | None = None, **options) -> Path:
    values = pixels() if values is None else values
    profile = {"driver": "GTiff", "crs": CRS, "transform": TRANSFORM, "count": 1, "dtype": values.dtype} | options
    with rasterio.open(path, "w", height=values.shape[-2], width=values.shape[-1], **profile) as file:
        file.write(values if values.ndim == 3 else values[None])
        if tags:
            file.update_tags(**tags)
    return path


def check(reader: Reader, location: str, path: Path, where: GeoBox, padding: int = 0) -> cog.RawBand:
    """Compare the window with rasterio's own read of the file; return it."""
    found = cog.read(reader, location, where, padding)
    assert found is not None
    with rasterio.open(path) as file:
        own = GeoBox(file.shape, file.transform, str(file.crs))
        top, bottom, left, right = warp.window(own, where, padding)
        expected = file.read(1, window=Window(left, top, right - left, bottom - top))
        assert found.nodata == file.nodata or (np.isnan(found.nodata) and np.isnan(file.nodata))
    assert found.values.dtype == expected.dtype
    np.testing.assert_array_equal(found.values, expected)
    assert found.geobox.affine.almost_equals(own.affine * Affine.translation(left, top), 1e-6)
    assert found.geobox.shape == expected.shape
    return found


TILED = {"tiled": True, "blockxsize": 64, "blockysize": 48}


@pytest.mark.parametrize("where", [target(), target(60, 80, -20, -30), target(500, 500, -10, -10), target(1, 1, 299, 419)])
@pytest.mark.parametrize(
    "options",
    [
        {"driver": "COG", "blocksize": 128, "compress": "deflate", "predictor": "yes"},
        {"driver": "COG", "blocksize": 128, "compress": "lzw"},
        {"driver": "COG", "blocksize": 128, "compress": "zstd", "predictor": "yes", "bigtiff": "yes"},
        {"compress": "deflate", "predictor": 2, **TILED},
        {"compress": "lzw", "predictor": 2, **TILED},
        {"compress": "zstd", "predictor": 2, **TILED},
        {"compress": "none", **TILED},
        {"compress": "deflate", "blockysize": 7},
        {"compress": "packbits", "blockysize": 300},
        {"compress": "none", "endianness": "big", "bigtiff": "yes"},
        {"compress": "deflate", "predictor": 2, "endianness": "big", **TILED},
    ],
    ids=str,
)
def test_every_layout_gives_the_pixels_that_gdal_gives(server, reader, options, where):
    path = write(server.folder / "layout.tif", nodata=7, **options)
    check(reader, server.url_of(path), path, where)
    check(reader, str(path), path, where)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint32", "float32", "float64"])
def test_every_kind_of_number(server, reader, dtype):
    values = pixels(dtype)
    nodata = 9.0
    if dtype.startswith("float"):
        values, nodata = values / 7, float("nan")
        values[60:70, 80:90] = np.nan
    path = write(server.folder / f"{dtype}.tif", values, nodata=nodata, driver="COG", blocksize=128, compress="deflate", predictor="yes")
    check(reader, server.url_of(path), path, target())


def test_a_directory_at_the_files_end(server, reader):
    path = write(server.folder / "end.tif", pixels(shape=(1500, 1500)), compress="deflate", **TILED)
    with rasterio.open(path, "r+") as file:
        file.update_tags(long="x" * 5000)  # GDAL writes the directory anew, after the pixels
    (start,) = struct.unpack("<I", path.read_bytes()[4:8])
    assert start > path.stat().st_size - 30000
    check(reader, server.url_of(path), path, target())
    assert server.bytes < path.stat().st_size / 3
    server.reset()
    check(reader, server.url_of(path), path, target())
    head = cog.header(reader, str(path))
    assert server.requests == 3 + len(cog.touched(head, cog.blocks(head, (50, 110, 70, 150))))  # where, directory, its values
    assert tiff._learnt["end.tif"] < 200  # the beginning holds nothing but the directory's place


def test_blocks_that_are_not_stored_are_nodata(server, reader):
    values = np.full(SHAPE, 7, "uint16")
    values[150:200, 200:260] = pixels()[150:200, 200:260]
    for nodata in (7, None):
        empty = values if nodata == 7 else np.where(values == 7, 0, values)
        path = write(server.folder / "sparse.tif", empty.astype("uint16"), nodata=nodata, sparse_ok=True, compress="deflate", **TILED)
        head = cog.header(reader, server.url_of(path))
        assert 0 < sum(size == 0 for size in head.sizes) < len(head.sizes)
        check(reader, server.url_of(path), path, target(300, 420, 0, 0))
        assert cog.cost(reader, server.url_of(path), target(10, 10, 0, 0)) == 0


def test_packing_is_read_and_a_trivial_one_is_none(server, reader):
    path = write(server.folder / "packed.tif", nodata=0)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (2.75e-5,), (-0.2,)
    found = cog.read(reader, server.url_of(path), target())
    assert (found.scale, found.offset, found.nodata) == (2.75e-5, -0.2, 0.0)
    plain = cog.read(reader, server.url_of(write(server.folder / "plain.tif")), target())
    assert (plain.scale, plain.offset, plain.nodata) == (None, None, None)


def test_a_point_raster_lies_half_a_pixel_away(server, reader):
    path = write(server.folder / "point.tif", tags={"AREA_OR_POINT": "Point"})
    check(reader, server.url_of(path), path, target(), padding=2)
    with rasterio.open(path) as file:
        assert cog.header(reader, str(path)).geobox.affine.almost_equals(file.transform)


def test_codes_of_crs_are_found_and_others_kept(server, reader):
    assert str(cog.header(reader, str(write(server.folder / "coded.tif"))).geobox.crs) == CRS
    sinusoidal = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
    path = write(server.folder / "sinusoidal.tif", crs=sinusoidal)
    found = cog.header(reader, str(path)).geobox.crs.proj
    assert found.ellipsoid.semi_major_metre == found.ellipsoid.semi_minor_metre == 6371007.181


def test_padding_only_where_pixels_are_resampled(server, reader):
    path = write(server.folder / "padded.tif", compress="deflate", **TILED)
    assert check(reader, server.url_of(path), path, target(), padding=2).values.shape == (60, 80)
    moved = GeoBox((60, 80), TRANSFORM * Affine.translation(70.5, 50), CRS)
    assert check(reader, server.url_of(path), path, moved, padding=2).values.shape == (64, 85)


def test_no_overlap_is_none_and_fetches_no_block(server, reader):
    path = write(server.folder / "far.tif")
    assert cog.read(reader, server.url_of(path), target(row=400)) is None
    assert cog.cost(reader, server.url_of(path), target(row=400)) == 0
    assert server.bytes < 4 * tiff.FIRST_GUESS


def test_bytes_are_the_blocks_and_little_else(server, reader):
    """After the first file of its kind: one small request for the header, then merged ranges of blocks, in all ≤ 1.15 of the blocks."""
    options = {"driver": "COG", "blocksize": 128, "compress": "deflate", "predictor": "yes"}
    values = np.random.default_rng(6).integers(1, 9000, (700, 700)).astype("uint16")
    paths = [write(server.folder / f"LC08_2020{day:02d}_SR_B{day}.TIF", values, **options) for day in (1, 2, 3)]
    where = target(200, 300, 200, 150)
    for path in paths:
        server.reset()
        check(reader, server.url_of(path), path, where)
        spent, requests = server.bytes, server.requests
    blocks = cog.cost(reader, server.url_of(paths[-1]), where)
    assert blocks == sum(len(_stored(paths[-1], number)) for number in (7, 8, 9, 13, 14, 15, 19, 20, 21))  # 3 × 3 of 6 × 6 blocks
    assert spent <= 1.01 * blocks
    assert requests == 1 + 3  # a header, and a request for each row of blocks


def _stored(path: Path, number: int) -> bytes:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        start = page.dataoffsets[number]
        return path.read_bytes()[start : start + page.databytecounts[number]]


def test_ranges_are_merged_where_they_nearly_touch():
    head = cog.Header(
        "x", np.dtype("u1"), (1, 1), (10, 110, 3000, 9_000_000), (100, 50, 4_193_000, 20), target(), None, None, None, 1, None
    )
    assert cog.touched(head, [1, 0]) == [(10, 160)]
    assert cog.touched(head, [0, 1, 2, 3]) == [(10, 160), (3000, 4_196_000), (9_000_000, 9_000_020)]
    assert cog.touched(head, []) == []


@pytest.mark.parametrize("seed", range(6))
def test_damage_on_the_way_is_fetched_again(server, reader, seed):
    """Three of ten bodies arrive damaged, headers too: what is read is right all the same."""
    path = write(server.folder / "damaged.tif", pixels(shape=(900, 900)), nodata=3, driver="COG", blocksize=128, compress="deflate")
    where = target(500, 500, 100, 100)
    cog.read(reader, server.url_of(path), where)  # a header that is known
    server.faults = Faults(rate=0.3, seed=seed, kinds=("corrupt",))
    check(reader, server.url_of(path), path, where)
    assert server.faults.committed["corrupt"] > 0


def test_a_header_that_changes_on_its_way_never_moves_an_image(server, reader):
    path = write(server.folder / "moved.tif", driver="COG", blocksize=128, compress="deflate")
    for seed in range(20):
        tiff._confirmed.clear()
        server.faults = Faults(rate=0.4, seed=seed, kinds=("corrupt",), most_in_a_row=1)
        check(reader, server.url_of(path), path, target())
    assert server.outcomes["corrupt"] > 5


def test_a_damaged_block_is_one_line_after_every_try(server, reader):
    path = write(server.folder / "flipped.tif", compress="deflate", **TILED)
    head = cog.header(reader, str(path))
    content = bytearray(path.read_bytes())
    content[head.offsets[9] + head.sizes[9] // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"flipped\.tif: block 9 of 49 cannot be decoded after 6 tries$"):
        cog.read(reader, server.url_of(path) + "?sig=secret", target())
    with pytest.raises(SourceError, match=r"flipped\.tif: block 9 of 49 cannot be decoded$"):
        cog.read(reader, str(path), target())
    assert cog.read(reader, str(path), target(20, 20, 200, 300)) is not None  # other blocks are whole


def test_a_truncated_file_is_named(server, reader):
    path = write(server.folder / "cut.tif", compress="deflate", **TILED)
    path.write_bytes(path.read_bytes()[:-2000])
    where = target(300, 420, 0, 0)
    for location in (str(path), server.url_of(path)):
        with pytest.raises(SourceError, match=r"cut\.tif: "):
            cog.read(reader, location, where)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(SourceError, match=r"cut\.tif: expected header data at bytes .* the file ends before$"):
        cog.read(reader, str(path), where)


@pytest.mark.parametrize("content", [b"", b"<html>no such file</html>", b"II*\0\0\0\0\0", b"II*\0\x08\0\0\0\0\0"])
def test_what_is_no_tiff_is_refused(server, reader, content):
    path = server.folder / "page.tif"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"page\.tif: expected "):
        cog.read(reader, str(path), target())


def test_hostile_headers_cost_nothing(server, reader):
    """A directory may claim any number of anything: it is refused before memory is taken."""
    entry = struct.pack("<HHII", 324, 4, 0xFFFFFFF0, 8)
    path = server.folder / "hostile.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0" * 4)
    with pytest.raises(SourceError, match=r"hostile\.tif: tag 324 has 4294967280 values"):
        cog.read(reader, str(path), target())


def test_a_file_without_crs_takes_the_declared_one_or_is_refused(server, reader):
    path = write(server.folder / "nowhere.tif", crs=None)
    with pytest.raises(InputError, match=r"nowhere\.tif: has no CRS, and its catalogue declares none"):
        cog.read(reader, str(path), target())
    with pytest.raises(InputError, match=r"nowhere\.tif: has no CRS, and what its catalogue declares cannot be used: 'EPSG:0'"):
        cog.read(reader, str(path), target(), crs="EPSG:0")
    np.testing.assert_array_equal(cog.read(reader, str(path), target(), crs=CRS).values, pixels()[50:110, 70:150])
    coded = write(server.folder / "somewhere.tif")
    assert str(cog.read(reader, str(coded), target(), crs="EPSG:32644").geobox.crs) == CRS  # the file's own counts


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_files_that_cannot_be_placed_or_unpacked_are_refused(server, reader):
    cases = {
        "position": ({"transform": None}, "has no position on the Earth"),
        "rotated": ({"transform": TRANSFORM * Affine.rotation(10)}, "is rotated; expected a north-up raster"),
        "bands": ({"count": 3, "values": np.stack([pixels("uint8")] * 3)}, "expected one band, found 3"),
        "jpeg": ({"compress": "jpeg", "values": pixels("uint8")}, "expected pixels packed by one of none, LZW, deflate"),
    }
    for name, (options, message) in cases.items():
        path = write(server.folder / f"{name}.tif", options.pop("values", None), **options)
        with pytest.raises(InputError, match=rf"{name}\.tif: {message}"):
            cog.read(reader, str(path), target())


def test_every_kind_of_file_of_the_archive(archive, files, reader):
    """One file of each asset of each collection: the window of a grid in the middle, by value."""
    kinds = {}
    for path in sorted((archive / "archive").rglob("*.[tT][iI][fF]")):
        kinds.setdefault((path.parts[-3], "".join(c for c in path.name if not c.isdigit())), path)
    assert len(kinds) > 20
    for path in kinds.values():
        with rasterio.open(path) as file:
            grid = GeoBox(file.shape, file.transform, str(file.crs))
        rows, columns = grid.shape
        middle = grid[rows // 3 : max(rows // 2, rows // 3 + 1), columns // 3 : max(columns // 2, columns // 3 + 1)]
        other = GeoBox((20, 30), middle.affine * Affine.translation(0.4, 0.3), grid.crs)
        check(reader, files.url_of(path), path, middle)
        check(reader, files.url_of(path), path, other, padding=2)


def test_a_small_header_of_a_known_kind_is_one_request(server, reader):
    path = write(server.folder / "small.tif", driver="COG", blocksize=512, compress="deflate")
    for _ in range(2):
        server.reset()
        check(reader, server.url_of(path), path, target())
    assert [entry.range for entry in server.log] == [f"bytes=0-{tiff._learnt['small.tif'] - 1}", server.log[-1].range]
    assert tiff._learnt["small.tif"] < 1000


def _changed(path: Path, tags: dict[int, tuple[int, int, bytes]]) -> Path:
    """Overwrite entries of a classic TIFF's directory: tag → type, number of values, field."""
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if (found := tags.get(struct.unpack_from("<H", data, at)[0])) is not None:
            data[at + 2 : at + 12] = struct.pack("<HI4s", *found)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("tags", "kind", "message"),
    [
        (dict.fromkeys((322, 323), (4, 1, struct.pack("<I", 1 << 20))), InputError, r"at most 1024 MiB, found 2097152 MiB"),
        ({325: (4, 1, struct.pack("<I", 0xFFFF_FFF0))}, SourceError, r"its table of blocks has one of 4095 MiB"),
        ({324: (2, 4, b"abc\0"), 325: (2, 4, b"abc\0")}, SourceError, r"claims\.tif: "),
        ({33550: (12, 3, struct.pack("<I", 8))}, SourceError, r"its pixels have no size or no place|cannot be read as a"),
    ],
)  # fmt: skip
def test_a_header_that_no_memory_holds_or_that_makes_no_sense_is_one_line(server, reader, tags, kind, message):
    (server.folder / "claims.tif").unlink(missing_ok=True)
    path = write(server.folder / "claims.tif", pixels(shape=(16, 16)), driver="GTiff", tiled=True, blockxsize=16, blockysize=16)
    with pytest.raises(kind, match=message):
        cog.read(reader, str(_changed(path, tags)), target(8, 8, 2, 2))


def test_a_window_of_countless_pixels_is_refused(server, reader):
    path = server.folder / "tiny.tif"
    size = {"height": 1 << 19, "width": 1 << 19, "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 8192, "blockysize": 8192}
    where = target()
    fine = where.affine * Affine.scale(1e-5)
    with rasterio.open(path, "w", driver="GTiff", crs=str(where.crs), transform=fine, sparse_ok=True, **size):
        pass
    with pytest.raises(InputError, match=r"tiny\.tif: its pixels are so small that the window has 524288 × 524288 of them"):
        cog.read(reader, str(path), where)
