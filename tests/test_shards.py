"""Shards written straight into their files are those that Zarr writes, byte for byte; what is laid out otherwise is left to Zarr."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec

from glaciercast import shards, store


def made(folder, values, **other):
    fill = np.nan if values.dtype.kind == "f" else False
    chunks, shard = store.shards_for((3, *values.shape))
    keys = {"chunks": chunks, "shards": shard, "fill_value": fill, "compressors": store.packing()["compressors"], **other}
    group = zarr.open_group(folder, mode="w")
    group.create_array("band", shape=(3, *values.shape), dtype=values.dtype, **keys)
    return group["band"], folder / "band"


@settings(max_examples=25, deadline=None)
@given(
    rows=st.sampled_from([1, 40, 256, 257, 600]),
    columns=st.sampled_from([1, 255, 512, 800, 1300]),
    dtype=st.sampled_from(["float32", "bool", "uint16"]),
    codec=st.sampled_from([("lz4", 1, "shuffle"), ("zstd", 1, "shuffle"), ("zlib", 3, "bitshuffle"), ("lz4", 1, "noshuffle")]),
    empty=st.sampled_from(["nothing", "a corner", "all"]),
)
def test_a_date_is_the_file_that_zarr_writes(tmp_path_factory, rows, columns, dtype, codec, empty):
    values = (np.random.default_rng(rows + columns).random((rows, columns)) + 0.5).astype("float32").round(2)
    values = values if dtype == "float32" else values > 1 if dtype == "bool" else (values * 1000).astype("uint16")
    corner = {"nothing": 0, "a corner": 300, "all": 10_000}[empty]
    values[:corner, :corner] = np.nan if dtype == "float32" else False
    array, folder = made(
        tmp_path_factory.mktemp("zarr"), values, compressors=(BloscCodec(cname=codec[0], clevel=codec[1], shuffle=codec[2]),)
    )
    array[1] = values
    file = shards.shard_file(folder, 1)
    wanted = file.read_bytes() if file.exists() else None
    place = shards.layout(folder)
    assert place is not None and shards.pack(place, values) == wanted
    shards.write(place, 2, values)
    np.testing.assert_array_equal(array[2], values)
    np.testing.assert_array_equal(array[2, rows // 2 :, columns // 2 :], values[rows // 2 :, columns // 2 :])


def test_a_date_that_becomes_empty_loses_its_file(tmp_path):
    values = np.ones((20, 30), "float32")
    array, folder = made(tmp_path, values)
    place = shards.layout(folder)
    shards.write(place, 0, values)
    shards.write(place, 0, np.full_like(values, np.nan))
    assert not shards.shard_file(folder, 0).exists() and np.isnan(array[0]).all()


@pytest.mark.parametrize(
    "other",
    [{"shards": None}, {"compressors": None}, {"fill_value": 0.0}, {"compressors": (zarr.codecs.ZstdCodec(),)}, {"shards": (3, 20, 30)}],
)
def test_another_layout_is_left_to_zarr(tmp_path, other):
    assert shards.layout(made(tmp_path, np.ones((20, 30), "float32"), **other)[1]) is None


def test_what_is_no_array_has_no_layout(tmp_path):
    zarr.open_group(tmp_path / "group", mode="w")
    assert shards.layout(tmp_path / "group") is None and shards.layout(tmp_path / "none") is None


@pytest.mark.parametrize("step", [-1, 3])
def test_a_date_beyond_the_array_is_a_mistake(tmp_path, step):
    values = np.ones((20, 30), "float32")
    with pytest.raises(IndexError, match=rf"date {step} of 3"):
        shards.write(shards.layout(made(tmp_path, values)[1]), step, values)
