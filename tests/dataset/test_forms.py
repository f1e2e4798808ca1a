"""Both forms hold the cube's values where and when they say, and give the same windows."""

import csv
import gc
import io
import pickle
import tarfile
import warnings

import numpy as np
import pytest
import webdataset
import xarray as xr
import zarr
from tests.dataset import made
from torch.utils.data import DataLoader

from glaciercast import dataset, runs
from glaciercast.dataset import tar_form
from glaciercast.errors import InputError
from glaciercast.schema import OBSERVED


def rows(out, part):
    with (out / "windows.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["part"] == part]


def group(out, part):
    """Return all arrays of a part, and read them once."""
    opened = zarr.open_group(out / "windows.zarr", path=part, mode="r")
    return {name: array[...] for name, array in opened.arrays()}


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_window_holds_what_the_cube_has_at_its_place_and_times(home, out, part):
    aligned = xr.open_zarr(home / "cube.zarr", group="aligned", consolidated=False)
    cube = {
        name: aligned[name].values for name in ("time", "x", "y", "ndsi", "vx", "vy", *(f"{v}{OBSERVED}" for v in ("ndsi", "vx", "vy")))
    }
    arrays, table = group(out, part), rows(out, part)
    assert len(table) == len(arrays["inputs"]) > 0
    for number, row in enumerate(table):
        if row["copy"] != "0":
            continue
        y, x = (slice(int(row[axis]), int(row[axis]) + 8) for axis in ("row", "column"))
        for name, count, variables in (("input", 3, ("ndsi", "vx", "vy")), ("target", 2, ("ndsi", "vx"))):
            first = np.flatnonzero(cube["time"] == np.datetime64(row[f"first_{name}"].removesuffix("Z")))[0]
            for index, variable in enumerate(variables):
                values, seen = (cube[variable + suffix][first : first + count, y, x] for suffix in ("", OBSERVED))
                np.testing.assert_array_equal(arrays[f"{name}s"][number, :, index], values)
                np.testing.assert_array_equal(arrays[f"{name}s_observed"][number, :, index], np.where(np.isnan(values), 0, seen))
        assert float(row["x"]) == cube["x"][x].mean() and float(row["y"]) == cube["y"][y].mean()
        assert row["available_at"] >= row["first_target"]  # the last input is a whole month


def test_xarray_opens_a_part_with_its_times(out):
    opened = xr.open_zarr(out / "windows.zarr", group="test", consolidated=False)
    assert opened.inputs.dims == ("window", "input_step", "variable", "y", "x")
    first = rows(out, "test")[0]["first_target"].removesuffix("Z")
    assert opened.target_time.values[0, 0] == np.datetime64(first) and opened.attrs["variables"] == ["ndsi", "vx", "vy"]
    np.testing.assert_allclose(np.hypot(*opened.inputs_season.values.T), 1, atol=1e-6)
    assert {"longitude", "latitude", "statics"} <= set(opened)


def test_webdataset_reads_the_shards_as_zarr_has_them(out):
    shards = [str(path) for path in sorted((out / "shards").glob("train-*.tar"))]
    arrays, table = group(out, "train"), rows(out, "train")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its files to the garbage collector
        samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode())
        gc.collect()
    assert [sample["__key__"] for sample in samples] == [row["key"] for row in table]
    for number, sample in enumerate(samples):
        for name in ("inputs", "inputs_observed", "targets", "targets_observed", "statics", "inputs_season", "targets_season"):
            np.testing.assert_array_equal(sample[f"{name}.npy"], arrays[name][number])
        assert sample["json"]["input_time"][0] == table[number]["first_input"]
        assert sample["json"]["variables"] == ["ndsi", "vx", "vy"] and sample["json"]["copy"] == int(table[number]["copy"])


def test_members_have_no_owner_and_no_time_and_nothing_is_pickled(out):
    for path in (out / "shards").iterdir():
        with tarfile.open(path) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
                if member.name.endswith(".npy"):
                    np.load(io.BytesIO(tar.extractfile(member).read()), allow_pickle=False)


def test_the_dataset_gives_windows_normalised_or_as_they_are(out):
    told, arrays = runs.read_json(out / "dataset.json"), group(out, "train")
    windows, plain = dataset.WindowDataset(out, "train"), dataset.WindowDataset(out, "train", normalise=False)
    assert len(windows) == told["parts"]["train"]["windows"]
    values, seen = arrays["inputs"][5], arrays["inputs_observed"][5]
    np.testing.assert_array_equal(plain[5]["inputs"], values)
    mean, std = np.array(told["mean"], "float32")[:, None, None], np.array(told["std"], "float32")[:, None, None]
    np.testing.assert_allclose(windows[5]["inputs"], np.where(np.isnan(values), 0, (values - mean) / std), rtol=1e-6)
    np.testing.assert_allclose(windows[-1]["targets"], np.nan_to_num((arrays["targets"][-1] - mean[:2]) / std[:2]), rtol=1e-6)
    np.testing.assert_array_equal(windows[5]["inputs_observed"], seen)
    with pytest.raises(IndexError):
        windows[len(windows)]
    batch = next(iter(DataLoader(windows, batch_size=4)))
    assert batch["inputs"].shape == (4, 3, 3, 8, 8) and batch["number"].tolist() == [0, 1, 2, 3]


def test_the_stream_gives_the_same_windows_in_any_order(out):
    windows, stream = dataset.WindowDataset(out, "test"), list(dataset.WindowStream(out, "test"))
    assert len(stream) == len(windows)
    for number in (0, 17, len(windows) - 1):
        for name, values in stream[number].items():
            np.testing.assert_array_equal(values, windows[number][name])
    shuffled = dataset.WindowStream(out, "test", shuffle=10, seed=3)
    first, again = ([float(window["inputs"].sum()) for window in shuffled] for _ in range(2))
    shuffled.set_epoch(1)
    assert first == again != [float(window["inputs"].sum()) for window in shuffled]
    assert sorted(first) == sorted(float(window["inputs"].sum()) for window in stream) != first


def test_ranks_share_out_the_shards(out):
    both = [[float(w["inputs"].sum()) for w in dataset.WindowStream(out, "train", rank=rank, ranks=2)] for rank in range(2)]
    assert sorted([*both[0], *both[1]]) == sorted(float(w["inputs"].sum()) for w in dataset.WindowStream(out, "train"))
    assert both[0] and both[1]
    with pytest.raises(InputError, match="expected no more ranks than the"):
        dataset.WindowStream(out, "test", rank=50, ranks=99)


def test_the_dataset_goes_to_another_process_without_its_open_store(out):
    windows = dataset.WindowDataset(out, "test")
    first = windows[0]["inputs"]
    other = pickle.loads(pickle.dumps(windows))
    assert other._group is None
    np.testing.assert_array_equal(other[0]["inputs"], first)


@pytest.mark.slow
def test_workers_share_out_the_shards(out):
    """Two workers are started anew, as on other systems, and read every window once."""
    stream = dataset.WindowStream(out, "train")
    loader = DataLoader(stream, batch_size=5, num_workers=2, multiprocessing_context="spawn")
    found = [float(one.sum()) for batch in loader for one in batch["inputs"]]
    assert sorted(found) == sorted(float(w["inputs"].sum()) for w in stream)


def test_what_is_not_there_is_said_in_one_line(out, tmp_path):
    with pytest.raises(InputError, match=r"expected a data set with dataset.json, found none"):
        dataset.WindowDataset(tmp_path)
    with pytest.raises(InputError, match=r"unknown part 'tests'.*did you mean 'test'"):
        dataset.WindowStream(out, "tests")


@pytest.mark.slow
def test_one_form_alone(home, tmp_path):
    told = made.exported(home, tmp_path / "set", forms=("tar",), variables=("ndsi",), statics=(), n_target=1)
    assert told["forms"] == ["tar"] and not (tmp_path / "set" / "windows.zarr").exists()
    _, arrays, _ = next(tar_form.read(tmp_path / "set" / "shards" / "test-000000.tar"))
    assert arrays["inputs"].shape == (3, 1, 8, 8) and "statics" not in arrays
    with pytest.raises(InputError, match="was written as tar, not as zarr"):
        dataset.WindowDataset(tmp_path / "set")
