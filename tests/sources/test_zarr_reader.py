"""Zarr stores through a `Reader`: versions, fill values, damage, and chunks that are fetched once."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from tests.itslive_cubes import FILL
from tests.sources.faults import Faults
from tests.sources.servers import serve

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import zarr_reader
from glaciercast.sources.access import Reader
from glaciercast.sources.chunks import ChunkCache
from glaciercast.sources.http import Client, FetchPolicy

VALUES = np.arange(4 * 20 * 30, dtype="int16").reshape(4, 20, 30)
PATIENT = FetchPolicy(tries=8, backoff=0.001, longest_wait=0.01)


@pytest.fixture
def reader():
    with Reader(Client(PATIENT), connections=4) as made:
        yield made


def make(folder, zarr_format=2, consolidated=True, **array):
    path = folder / "made.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format, attributes={"title": "made"})
    values = group.create_array("v", shape=VALUES.shape, dtype="int16", chunks=(4, 10, 10), fill_value=FILL, **array)
    values[...] = VALUES
    if consolidated:
        zarr.consolidate_metadata(path, zarr_format=zarr_format)
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part:UserWarning")
def test_both_versions_are_read_from_disk_and_from_a_server(tmp_path, reader, zarr_format, consolidated):
    path = make(tmp_path, zarr_format, consolidated)
    with serve(tmp_path) as server:
        for location in (str(path), server.url_of(path)):
            group = zarr_reader.open_group(reader, location)
            array = zarr_reader.array(group, "v")
            np.testing.assert_array_equal(zarr_reader.window(array, np.s_[:, 5:15, 12:30]), VALUES[:, 5:15, 12:30])
            assert zarr_reader.array(group, "other") is None
            array.store.close()


def test_parts_of_a_shard_are_read(tmp_path, reader):
    path = make(tmp_path, 3, False, shards=(4, 20, 30))
    array = zarr_reader.array(zarr_reader.open_group(reader, str(path)), "v")
    np.testing.assert_array_equal(zarr_reader.window(array, np.s_[:, 3:12, 8:11]), VALUES[:, 3:12, 8:11])
    array.store.close()


def test_only_the_chunks_of_a_window_are_fetched_and_only_once(tmp_path, reader):
    path = make(tmp_path)
    with serve(tmp_path) as server:
        for _ in range(2):
            array = zarr_reader.array(zarr_reader.open_group(reader, server.url_of(path), tmp_path / "cache"), "v")
            zarr_reader.window(array, np.s_[:, 0:15, 0:10])
            zarr_reader.window(array, np.s_[:, 5:10, 5:10])
            array.store.close()
        asked = [entry.path.rpartition("/")[2] for entry in server.log if "/v/0" in entry.path]
        assert sorted(asked) == ["0.0.0", "0.1.0"]


def test_a_chunk_that_is_absent_holds_the_fill_value(tmp_path, reader):
    path = make(tmp_path)
    (path / "v" / "0.0.1").unlink()
    with serve(tmp_path) as server:
        for location in (str(path), server.url_of(path)):
            array = zarr_reader.array(zarr_reader.open_group(reader, location, tmp_path / "cache"), "v")
            for _ in range(2):  # from the server, then from the cache
                found = zarr_reader.window(array, np.s_[:, 0:10, 0:20])
                np.testing.assert_array_equal(found[:, :, 10:], FILL)
                np.testing.assert_array_equal(found[:, :, :10], VALUES[:, :10, :10])
            array.store.close()


def test_a_server_that_refuses_is_an_error_and_no_fill_value(tmp_path, reader):
    path = make(tmp_path)
    with serve(tmp_path) as server:
        array = zarr_reader.array(zarr_reader.open_group(reader, server.url_of(path)), "v")
        server.faults = Faults(broken=lambda path: path.endswith("0.1.1"), broken_how="503")
        with pytest.raises(SourceError, match=r"0\.1\.1.*503"):
            zarr_reader.window(array)
        array.store.close()


def test_through_faults_the_values_are_the_same(tmp_path, reader):
    path = make(tmp_path)
    with serve(tmp_path) as server:
        server.faults = Faults(rate=0.3, seed=2, kinds=("429", "503", "reset", "truncated"), retry_after=0)
        array = zarr_reader.array(zarr_reader.open_group(reader, server.url_of(path)), "v")
        np.testing.assert_array_equal(zarr_reader.window(array), VALUES)
        assert sum(count for outcome, count in server.outcomes.items() if outcome not in ("200", "404")) > 0
        array.store.close()


def test_a_chunk_that_does_not_decode_is_fetched_again_and_not_kept(tmp_path, reader):
    path, cache = make(tmp_path), tmp_path / "cache"
    with serve(tmp_path) as server:
        array = zarr_reader.array(zarr_reader.open_group(reader, server.url_of(path), cache), "v")
        whole = (path / "v" / "0.0.0").read_bytes()
        (path / "v" / "0.0.0").write_bytes(b"\x00" * len(whole))
        with pytest.raises(SourceError, match=r"made\.zarr/v: a chunk is damaged, after 8 tries"):
            zarr_reader.window(array, np.s_[:, :10, :10])
        (path / "v" / "0.0.0").write_bytes(whole)
        np.testing.assert_array_equal(zarr_reader.window(array, np.s_[:, :10, :10]), VALUES[:, :10, :10])
        array.store.close()


def test_a_damaged_cache_entry_is_fetched_anew(tmp_path, reader):
    path, cache = make(tmp_path), tmp_path / "cache"
    array = zarr_reader.array(zarr_reader.open_group(reader, str(path), cache), "v")
    zarr_reader.window(array, np.s_[:, :10, :10])
    (entry,) = cache.glob("*/v/0.0.0")
    kept = entry.read_bytes()
    entry.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    np.testing.assert_array_equal(zarr_reader.window(array, np.s_[:, :10, :10]), VALUES[:, :10, :10])
    assert entry.read_bytes() == kept
    array.store.close()


def test_chunks_of_a_store_that_was_rewritten_are_not_taken_for_its_own(tmp_path, reader):
    path, cache = make(tmp_path), tmp_path / "cache"
    for title, factor in (("made", 1), ("made again", 2)):
        group = zarr.open_group(path, mode="r+", zarr_format=2)
        group.attrs["title"] = title
        group["v"][...] = factor * VALUES
        zarr.consolidate_metadata(path, zarr_format=2)
        array = zarr_reader.array(zarr_reader.open_group(reader, str(path), cache), "v")
        np.testing.assert_array_equal(zarr_reader.window(array), factor * VALUES)
        array.store.close()


def test_the_cost_is_about_the_bytes_of_the_chunks_that_are_not_cached(tmp_path, reader):
    path = make(tmp_path)
    array = zarr_reader.array(zarr_reader.open_group(reader, str(path), tmp_path / "cache"), "v")
    sizes = [file.stat().st_size for file in (path / "v").glob("[0-9]*")]
    assert len(sizes) == 6
    assert zarr_reader.cost(array, np.s_[:, :, :]) == pytest.approx(sum(sizes), rel=0.2)
    zarr_reader.window(array)
    assert zarr_reader.cost(array, np.s_[:, :, :]) == 0
    array.store.close()


def test_no_store_is_one_line_that_names_it(tmp_path, reader):
    with serve(tmp_path) as server:
        for location in (str(tmp_path / "none.zarr"), f"{server.files}none.zarr?sig=secret"):
            with pytest.raises(InputError, match=r"none\.zarr: expected a Zarr group, found none"):
                zarr_reader.open_group(reader, location)
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / ".zgroup").write_text("{ not JSON")
    with pytest.raises(InputError, match=r"bad\.zarr: its Zarr metadata cannot be read"):
        zarr_reader.open_group(reader, str(tmp_path / "bad.zarr"))


@pytest.mark.parametrize("codec", ["pickle", "json2", "unheard-of"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_a_codec_that_runs_code_or_is_unknown_is_refused_in_one_line(tmp_path, reader, codec, place):
    path = make(tmp_path, consolidated=False)
    about = json.loads((path / "v" / ".zarray").read_text())
    about[place] = [{"id": codec}] if place == "filters" else {"id": codec}
    (path / "v" / ".zarray").write_text(json.dumps(about))
    with pytest.raises(SourceError, match=r"made\.zarr/v: its Zarr metadata cannot be used"):
        zarr_reader.array(zarr_reader.open_group(reader, str(path)), "v")


def test_many_may_write_one_chunk_at_once(tmp_path):
    cache = ChunkCache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.put("v/0.0", bytes(200_000)), range(400)))
    assert cache.get("v/0.0") == bytes(200_000)
    assert [path.name for path in (tmp_path / "v").iterdir()] == ["0.0"]
