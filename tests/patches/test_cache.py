"""The cache: what it holds, what it refuses, and that a failure leaves what was there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glaciercast import runs
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.patches import cache as caches

SHAPE = (37, 21)


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 2, *SHAPE)).astype("float32")


def written(path: Path, stack: np.ndarray, fingerprint: str = "a", tile: int = 8) -> caches.Cache:
    return caches.write(path, iter(stack), len(stack), ("ndsi", "ndsi_observed"), SHAPE, fingerprint, tile=tile)


def whole(cache: caches.Cache) -> np.ndarray:
    zero = np.zeros(1, "int64")
    return cache.gather(zero, zero, zero, cache.n_steps, *cache.shape)[0]


def test_a_cache_gives_back_the_stack(tmp_path: Path, stack: np.ndarray) -> None:
    written(tmp_path / "c", stack).verify()
    opened = caches.open(tmp_path / "c", "a")
    assert opened is not None
    assert (opened.channels, opened.shape, opened.n_steps) == (("ndsi", "ndsi_observed"), SHAPE, 5)
    np.testing.assert_array_equal(whole(opened), stack)


def test_never_seen_pixels_stay_nan(tmp_path: Path, stack: np.ndarray) -> None:
    stack[2, 0, 3:9, 4] = np.nan
    np.testing.assert_array_equal(whole(written(tmp_path / "c", stack)), stack)


def test_frames_of_a_tile_lie_side_by_side_and_only_the_padding_costs_space(tmp_path: Path, stack: np.ndarray) -> None:
    cache = written(tmp_path / "c", stack)
    assert cache.tiles.shape == (5, 3, 5, 2, 8, 8)
    np.testing.assert_array_equal(cache.tiles[1, 0], stack[:, :, 8:16, :8])
    assert np.isnan(cache.tiles[4, 2][..., 5:, :]).all()
    assert np.isnan(cache.tiles[4, 2][..., 5:]).all()
    assert (tmp_path / "c" / caches.DATA).stat().st_size == 4 * 5 * 2 * 40 * 24


def test_a_scene_of_whole_tiles_takes_no_more_than_its_values(tmp_path: Path) -> None:
    frames = np.ones((3, 1, 32, 16), "float32")
    caches.write(tmp_path / "c", iter(frames), 3, ("ndsi",), (32, 16), "a")
    assert (tmp_path / "c" / caches.DATA).stat().st_size == frames.nbytes


def test_another_fingerprint_layout_or_length_is_no_cache(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "c"
    assert caches.open(path, "a") is None
    written(path, stack)
    assert caches.open(path, "b") is None
    facts = runs.read_json(path / caches.FACTS)
    runs.write_json(path / caches.FACTS, {"layout": caches.LAYOUT + 1, "fingerprint": "a"})
    assert caches.open(path, "a") is None
    runs.write_json(path / caches.FACTS, facts)
    assert caches.open(path, "a") is not None
    with (path / caches.DATA).open("r+b") as file:
        file.truncate(100)
    assert caches.open(path, "a") is None
    (path / caches.DATA).unlink()
    assert caches.open(path, "a") is None


def test_a_cache_without_its_facts_is_unfinished(tmp_path: Path, stack: np.ndarray) -> None:
    written(tmp_path / "c", stack)
    (tmp_path / "c" / caches.FACTS).unlink()
    assert caches.open(tmp_path / "c", "a") is None


def test_verify_notices_one_changed_byte(tmp_path: Path, stack: np.ndarray) -> None:
    cache = written(tmp_path / "c", stack)
    with (tmp_path / "c" / caches.DATA).open("r+b") as file:
        file.seek(1001)
        byte = file.read(1)[0]
        file.seek(1001)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(GlaciercastError, match="differs from what was written"):
        cache.verify()


def test_a_cache_that_is_in_use_survives_its_rewriting(tmp_path: Path, stack: np.ndarray) -> None:
    old = written(tmp_path / "c", stack)
    new = written(tmp_path / "c", 2 * stack[:2], "b")
    np.testing.assert_array_equal(whole(old), stack)
    np.testing.assert_array_equal(whole(new), 2 * stack[:2])


@pytest.mark.parametrize(
    ("frames", "n_steps", "message"),
    [
        (np.zeros((4, 2, *SHAPE), "float32"), 5, "expected 5, found 4"),
        (np.zeros((6, 2, *SHAPE), "float32"), 5, "expected 5, found more"),
        (np.zeros((5, 1, *SHAPE), "float32"), 5, r"expected \(channel, y, x\) = \(2, 37, 21\), found \(1, 37, 21\)"),
    ],
)
def test_frames_that_do_not_fit_leave_the_cache_that_was_there(
    tmp_path: Path, stack: np.ndarray, frames: np.ndarray, n_steps: int, message: str
) -> None:
    written(tmp_path / "c", stack)
    with pytest.raises(ValueError, match=message):
        caches.write(tmp_path / "c", iter(frames), n_steps, ("ndsi", "ndsi_observed"), SHAPE, "b")
    left = caches.open(tmp_path / "c", "a")
    assert left is not None
    left.verify()
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [caches.FACTS, caches.DATA]


def test_an_empty_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to cache in 0 steps"):
        caches.write(tmp_path / "c", iter(()), 0, ("ndsi",), SHAPE, "a")


def test_meta_cannot_replace_what_open_relies_on(tmp_path: Path, stack: np.ndarray) -> None:
    caches.write(tmp_path / "c", iter(stack), 5, ("a", "b"), SHAPE, "a", {"cube": "x.zarr", "fingerprint": "other"})
    assert caches.open(tmp_path / "c", "a") is not None
    assert runs.read_json(tmp_path / "c" / caches.FACTS)["cube"] == "x.zarr"
