"""Batches hold what a forecaster may see, in an order that seed and epoch decide."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from glaciercast.errors import InputError
from glaciercast.patches import cache as caches
from glaciercast.patches import sampling


@dataclass(frozen=True)
class Task:
    n_target: int = 2
    history: int = 3
    variables: tuple[str, ...] = ("ndsi",)
    targets: tuple[str, ...] = ("ndsi",)


STACK = np.random.default_rng(0).random((10, 2, 12, 14), dtype="float32")
STACK[6, 0, 3, 3] = np.nan
SEASON = np.random.default_rng(1).random((12, 2)).astype("float32")
INDEX = np.arange(12) % 4

STEPS, SHAPE, PATCH, HISTORY, N_TARGET, FUTURE = 12, (23, 19), 8, 4, 2, 3
TASK = SimpleNamespace(n_target=N_TARGET, history=HISTORY, variables=("ndsi", "speed"), targets=("ndsi", "speed"))


@pytest.fixture
def cache(tmp_path):
    return caches.write(tmp_path, STACK, 10, ("ndsi", "ndsi_observed"), (12, 14), "f")


def dataset(cache, issues, **changes):
    return sampling.PatchDataset(cache, np.array(issues), np.array([[0, 0], [2, 3]]), Task(), SEASON, INDEX, (5, 6), **changes)


def test_a_window_by_value(cache):
    batch = dataset(cache, [2, 4, 7]).__getitems__([3, 0])  # issue 4 at (2, 3), issue 2 at (0, 0)
    np.testing.assert_array_equal(batch.past[0], STACK[2:5, :1, 2:7, 3:9])
    np.testing.assert_array_equal(batch.past_observed[1], STACK[0:3, 1:, 0:5, 0:6])
    np.testing.assert_array_equal(batch.target[0], STACK[5:7, :1, 2:7, 3:9])
    np.testing.assert_array_equal(batch.season_past[0], SEASON[2:5])
    np.testing.assert_array_equal(batch.season_future[0], SEASON[5:7])
    np.testing.assert_array_equal(batch.index_past[1], [0, 1, 2])
    np.testing.assert_array_equal(batch.index_future[1], [3, 0])
    np.testing.assert_array_equal(batch.origin, [[2, 3], [0, 0]])
    np.testing.assert_array_equal(batch.issue, [4, 2])
    assert batch.statics.shape == (2, 0, 5, 6)


def test_statics_lie_under_the_patch(cache):
    statics = np.random.default_rng(2).random((2, 12, 14)).astype("float32")
    batch = dataset(cache, [2, 4, 7], statics=statics).__getitems__([3, 0])
    np.testing.assert_array_equal(batch.statics[0], statics[:, 2:7, 3:9])
    np.testing.assert_array_equal(batch.statics[1], statics[:, 0:5, 0:6])


def test_targets_are_the_first_variables(tmp_path):
    stack = np.random.default_rng(3).random((10, 4, 12, 14), dtype="float32")
    cache = caches.write(tmp_path, stack, 10, ("ndsi", "vx", "ndsi_observed", "vx_observed"), (12, 14), "f")
    chosen = Task(variables=("ndsi", "vx"))
    batch = sampling.PatchDataset(cache, np.array([4]), np.array([[1, 2]]), chosen, SEASON, INDEX, (5, 6)).__getitems__([0])
    np.testing.assert_array_equal(batch.past[0], stack[2:5, :2, 1:6, 2:8])
    np.testing.assert_array_equal(batch.target[0], stack[5:7, :1, 1:6, 2:8])
    np.testing.assert_array_equal(batch.target_weight[0], stack[5:7, 2:3, 1:6, 2:8])


def test_a_target_that_is_nan_has_no_weight(cache):
    batch = dataset(cache, [4]).__getitems__([1])
    expected = STACK[5:7, 1:, 2:7, 3:9].copy()
    expected[1, 0, 1, 0] = 0
    np.testing.assert_array_equal(batch.target_weight[0], expected)


def test_a_forecast_at_the_end_of_the_series_has_a_calendar_and_no_target(cache):
    batch = dataset(cache, [9], with_target=False).__getitems__([0])
    assert batch.target is None and batch.target_weight is None
    np.testing.assert_array_equal(batch.past[0], STACK[7:10, :1, 0:5, 0:6])
    np.testing.assert_array_equal(batch.season_future[0], SEASON[10:12])


def test_a_target_beyond_the_series_is_refused(cache):
    with pytest.raises(InputError, match="expected steps within 0 … 9"):
        dataset(cache, [9]).__getitems__([0])


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    def order(seed, epoch, shuffle=True):
        batches = sampling.EpochBatches(10, 4, seed, shuffle)
        batches.set_epoch(epoch)
        return list(batches)

    torch.manual_seed(1)
    first = order(0, 3)
    torch.manual_seed(2)
    np.random.default_rng(5)
    assert order(0, 3) == first != order(0, 4) and order(1, 3) != first
    assert sorted(index for batch in first for index in batch) == list(range(10)) and [len(b) for b in first] == [4, 4, 2]
    assert order(0, 0, shuffle=False) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_the_loader_hands_over_whole_batches(cache):
    batches = list(sampling.loader(dataset(cache, [2, 4, 7]), batch_size=4, shuffle=False))
    assert [len(batch.origin) for batch in batches] == [4, 2]


def test_origins_cover_the_scene_and_the_last_ones_touch_its_edge():
    origins = sampling.patch_origins((50, 47), 24, 6)
    assert origins.max(0).tolist() == [26, 23] and len(origins) == 6 * 5
    covered = np.zeros((50, 47), bool)
    for row, col in origins:
        covered[row : row + 24, col : col + 24] = True
    assert covered.all()


def test_a_scene_smaller_than_a_patch():
    with pytest.raises(InputError, match="the scene is 50×60 pixels, smaller than a patch of 64"):
        sampling.patch_origins((50, 60), 64, 10)


class Case:
    """A stack of two variables with its dataset."""

    def __init__(self, path: Path, with_target: bool = True, issues: tuple[int, ...] = (3, 6, 9)) -> None:
        rng = np.random.default_rng(2)
        self.values = rng.normal(size=(STEPS, 2, *SHAPE)).astype("float32")
        self.observed = rng.random((STEPS, 2, *SHAPE), dtype="float32")
        self.values[5, 0, :9] = np.nan
        self.season_index = np.arange(STEPS + FUTURE) % 12
        phase = 2 * np.pi * self.season_index / 12
        self.season = np.stack([np.sin(phase), np.cos(phase)], 1).astype("float32")
        self.issues = np.array(issues)
        self.origins = sampling.patch_origins(SHAPE, PATCH, 5)
        stack = np.concatenate([self.values, self.observed], axis=1)
        cache = caches.write(path, iter(stack), STEPS, ("ndsi", "speed", "ndsi_observed", "speed_observed"), SHAPE, "a")
        self.dataset = sampling.PatchDataset(
            cache, self.issues, self.origins, TASK, self.season, self.season_index, (PATCH, PATCH), with_target=with_target
        )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_every_sample_equals_slices_of_the_stack(case: Case) -> None:
    assert len(case.dataset) == 3 * len(case.origins)
    batch = case.dataset.__getitems__(range(len(case.dataset)))
    assert batch.target is not None and batch.target_weight is not None
    for sample in range(len(case.dataset)):
        issue, (row, col) = case.issues[sample // len(case.origins)], case.origins[sample % len(case.origins)]
        here = (slice(None), slice(row, row + PATCH), slice(col, col + PATCH))
        past, future = slice(issue - HISTORY + 1, issue + 1), slice(issue + 1, issue + 1 + N_TARGET)
        truth = case.values[(future, *here)]
        np.testing.assert_array_equal(batch.past[sample], case.values[(past, *here)])
        np.testing.assert_array_equal(batch.past[sample, -1], case.values[(issue, *here)])
        np.testing.assert_array_equal(batch.past_observed[sample], case.observed[(past, *here)])
        np.testing.assert_array_equal(batch.target[sample], truth)
        np.testing.assert_array_equal(batch.target_weight[sample], np.where(np.isnan(truth), 0, case.observed[(future, *here)]))
        np.testing.assert_array_equal(batch.season_past[sample], case.season[past])
        np.testing.assert_array_equal(batch.season_future[sample], case.season[future])
        np.testing.assert_array_equal(batch.index_past[sample], case.season_index[past])
        np.testing.assert_array_equal(batch.index_future[sample], case.season_index[future])
        assert batch.origin[sample].tolist() == [row, col]
    assert batch.target.isnan().any()
    assert (batch.target_weight[batch.target.isnan()] == 0).all()


def test_one_index_is_a_batch_of_one(case: Case) -> None:
    one, all_ = case.dataset[4], case.dataset.__getitems__([3, 4])
    assert torch.equal(one.past[0].nan_to_num(), all_.past[1].nan_to_num())


def test_types_and_shapes(case: Case) -> None:
    batch = case.dataset.__getitems__([0, 7, 2])
    assert batch.past.shape == (3, HISTORY, 2, PATCH, PATCH) and batch.past.dtype == torch.float32
    assert batch.target is not None and batch.target.shape == (3, N_TARGET, 2, PATCH, PATCH)
    assert batch.season_future.shape == (3, N_TARGET, 2) and batch.season_future.dtype == torch.float32
    assert batch.index_past.dtype == batch.index_future.dtype == batch.origin.dtype == torch.int64


def test_a_target_beyond_the_series_or_a_history_before_it_is_refused(tmp_path: Path) -> None:
    for name, issue in (("late", STEPS - 2), ("early", HISTORY - 2)):
        with pytest.raises(InputError, match="window: expected steps within"):
            Case(tmp_path / name, issues=(issue,)).dataset.__getitems__([0])


def batches(n: int, size: int, epoch: int, seed: int = 0, shuffle: bool = True) -> list[list[int]]:
    sampler = sampling.EpochBatches(n, size, seed, shuffle)
    sampler.set_epoch(epoch)
    assert len(sampler) == len(list(sampler))
    return list(sampler)


@pytest.mark.parametrize(("n", "size", "lengths"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (0, 4, [])])
def test_an_epoch_takes_every_sample_once(n: int, size: int, lengths: list[int]) -> None:
    found = batches(n, size, 0)
    assert [len(batch) for batch in found] == lengths
    assert sorted(index for batch in found for index in batch) == list(range(n))
    assert [index for batch in batches(n, size, 0, shuffle=False) for index in batch] == list(range(n))


def test_the_loader_gives_whole_batches_in_the_order_of_its_epoch(case: Case) -> None:
    loader = sampling.loader(case.dataset, 7, seed=3)
    assert isinstance(loader.batch_sampler, sampling.EpochBatches)
    loader.batch_sampler.set_epoch(2)
    wanted = batches(len(case.dataset), 7, 2, seed=3)
    for batch, indices in zip(loader, wanted, strict=True):
        assert torch.equal(batch.origin, case.dataset.__getitems__(indices).origin)
        assert torch.equal(batch.past.nan_to_num(), case.dataset.__getitems__(indices).past.nan_to_num())


def test_patch_origins_cover_the_scene_and_end_at_its_edge() -> None:
    origins = sampling.patch_origins((23, 19), 8, 5)
    assert origins.dtype == np.int64
    assert sorted(set(origins[:, 0].tolist())) == [0, 5, 10, 15]
    assert sorted(set(origins[:, 1].tolist())) == [0, 5, 10, 11]
    assert len(origins) == 16
    covered = np.zeros((23, 19), bool)
    for row, col in origins:
        covered[row : row + 8, col : col + 8] = True
    assert covered.all()
    assert sampling.patch_origins((8, 8), 8, 5).tolist() == [[0, 0]]


def test_patch_origins_refuse_a_scene_smaller_than_a_patch_and_no_stride() -> None:
    with pytest.raises(InputError, match="scene is 50×50 pixels, smaller than a patch of 64"):
        sampling.patch_origins((50, 50), 64, 10)
    with pytest.raises(InputError, match="stride: expected at least 1 pixel, found 0"):
        sampling.patch_origins((50, 50), 10, 0)


def test_windows_that_are_chosen_are_those_of_the_whole_listing(cache):
    whole, some = dataset(cache, [2, 4, 7]), dataset(cache, [2, 4, 7], chosen=np.array([1, 4, 5]))
    assert len(some) == 3 and some.scenes == [1, 0, 2]
    for mine, theirs in zip(some.__getitems__([0, 2]), whole.__getitems__([1, 5]), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    issues, origins = some.places([0, 1, 2])
    assert issues.tolist() == [2, 7, 7] and origins.tolist() == [[2, 3], [0, 0], [2, 3]]


def test_origins_within_a_mask_are_those_of_a_loop():
    mask = np.random.default_rng(4).random((20, 24)) > 0.05
    origins = sampling.patch_origins(mask.shape, 4, 1)
    looped = [[row, column] for row, column in origins.tolist() if mask[row : row + 4, column : column + 4].all()]
    assert sampling.origins_within(origins, mask, 4).tolist() == looped and 0 < len(looped) < len(origins)
    with pytest.raises(InputError, match="a part holds no whole patch of 12 pixels"):
        sampling.origins_within(sampling.patch_origins(mask.shape, 12, 1), mask, 12)
