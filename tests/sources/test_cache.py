"""The cache of windows: what goes in comes out, damage is dropped, and a full disk is one line."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.errors import GlaciercastError
from glaciercast.sources.cache import Key, RawCache, window
from glaciercast.sources.scene import RawBand

KEY = Key("landsat-c2-l2", "LC08_L2SP_148035_20200101_02_T1", "green", "abc")
FACTS = {"href": "https://host/a.tif", "accessed": "2024-01-01T00:00:00+00:00", "shape": [40, 50]}
SINUSOIDAL = (
    'PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom spheroid)",'
    'SPHEROID["Custom spheroid",6371007.181,0]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Sinusoidal"],'
    'PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
)


def band(dtype: str = "uint16", crs: str = "EPSG:32643", nodata: float | None = 0) -> RawBand:
    values = (np.random.default_rng(1).random((40, 50)) * 200).astype(dtype)
    return RawBand(
        values, GeoBox((40, 50), Affine(926.6254331387694, 0, 6671703.118599139, 0, -926.6254331387694, 4.4e6), crs), 0.1, None, nodata
    )


@pytest.mark.parametrize("crs", ["EPSG:32643", SINUSOIDAL])
@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", None), ("uint16", 0), ("int16", -32767), ("int32", -1), ("float32", np.nan), ("float64", 5.5)]
)
def test_what_goes_in_comes_out(tmp_path, dtype, nodata, crs):
    cache, put = RawCache(tmp_path), band(dtype, crs, nodata)
    if dtype == "float32":
        put.values[3:5] = np.nan
    assert cache.get(KEY) is None
    assert KEY not in cache
    cache.put(KEY, put, FACTS)
    assert KEY in cache
    found, facts = RawCache(tmp_path).get(KEY)
    assert facts == FACTS
    assert found.values.dtype == put.values.dtype
    np.testing.assert_array_equal(found.values, put.values)
    assert found.geobox == put.geobox
    assert found.geobox.affine == put.geobox.affine  # to the last bit
    assert found[2:4] == put[2:4]
    assert found.nodata == nodata or (np.isnan(found.nodata) and np.isnan(nodata))


def test_entries_are_georeferenced_files(tmp_path):
    RawCache(tmp_path).put(KEY, band(), FACTS)
    (path,) = tmp_path.rglob("*.tif")
    assert path.relative_to(tmp_path).parts == ("landsat-c2-l2", "LC08_L2SP_148035_20200101_02_T1", "green-abc.tif")
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 32643
        np.testing.assert_array_equal(file.read(1), band().values)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.5, 0.9, 0.999])
def test_an_entry_with_a_changed_byte_is_dropped(tmp_path, share):
    cache = RawCache(tmp_path)
    cache.put(KEY, band(), FACTS)
    (path,) = tmp_path.rglob("*.tif")
    content = path.read_bytes()
    for damaged in (content[: int(len(content) * share)], _flipped(content, int(len(content) * share))):
        path.write_bytes(damaged)
        found = cache.get(KEY)
        if found is not None:  # a byte that says nothing: padding, or a tag that is not read
            np.testing.assert_array_equal(found.band.values, band().values)
            assert found.facts == FACTS
            assert found.band.geobox == band().geobox
        else:
            assert KEY not in cache
    path.write_bytes(b"II*\0")
    assert cache.get(KEY) is None
    assert KEY not in cache


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x5A]) + content[at + 1 :]


def test_another_geotiff_is_no_entry(tmp_path):
    cache = RawCache(tmp_path)
    cache.put(KEY, band(), FACTS)
    (path,) = tmp_path.rglob("*.tif")
    with rasterio.open(
        path, "w", driver="GTiff", height=3, width=3, count=1, dtype="uint8", crs="EPSG:32643", transform=Affine(1, 0, 1, 0, -1, 1)
    ):
        pass
    assert cache.get(KEY) is None


def test_keys_that_differ_have_files_that_differ(tmp_path):
    cache = RawCache(tmp_path)
    keys = [KEY, KEY._replace(item="../../etc/passwd"), KEY._replace(item=".."), KEY._replace(asset="a/b"), KEY._replace(asset="a_b")]
    for number, key in enumerate(keys):
        cache.put(key, band(), {"number": number})
    assert [cache.get(key).facts["number"] for key in keys] == list(range(5))
    assert all(path.resolve().is_relative_to(tmp_path) for path in tmp_path.rglob("*"))
    assert not list(tmp_path.parent.glob("*.tif"))


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch):
    cache = RawCache(tmp_path)

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(GlaciercastError, match=r"the cache cannot be used: No space left on device; free some space or choose") as caught:
        cache.put(KEY, band(), FACTS)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GlaciercastError, match=r"file/cache: the cache cannot be used: Not a directory"):
        RawCache(tmp_path / "file" / "cache")


def test_what_a_killed_process_left_is_cleared_in_time(tmp_path):
    RawCache(tmp_path)
    old, new = tmp_path / ".partial" / "old", tmp_path / ".partial" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 1e6,) * 2)
    RawCache(tmp_path)
    assert new.exists()
    assert not old.exists()


def test_many_writers_of_one_entry(tmp_path):
    cache = RawCache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: (cache.put(KEY, band(), FACTS), cache.get(KEY)), range(40)))
    assert cache.get(KEY).facts == FACTS
    assert not list((tmp_path / ".partial").iterdir())


def test_windows_of_different_grids_have_different_names():
    box = band().geobox
    others = [box[1:, :], GeoBox(box.shape, box.affine, "EPSG:32644"), GeoBox(box.shape, box.affine * Affine.translation(1e-9, 0), box.crs)]
    names = {window(each, 2) for each in (box, *others)} | {window(box, 0)}
    assert len(names) == 5
    assert window(box, 2) == window(band().geobox, 2)
