"""Windows out of the memory map equal plain slices, whatever the sizes and origins."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast import runs
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.patches import cache as caches

SHAPE = (37, 21)


@settings(max_examples=40)
@given(st.data())
def test_windows_equal_slices(tmp_path_factory, data):
    draw = data.draw
    steps, channels, height, width = (draw(st.integers(1, top)) for top in (5, 3, 40, 40))
    stack = np.random.default_rng(0).random((steps, channels, height, width), dtype="float32")
    folder = tmp_path_factory.mktemp("cache")
    cache = caches.write(folder, stack, steps, tuple("abc"[:channels]), (height, width), "f", tile=draw(st.integers(1, 17)))
    n, h, w = (draw(st.integers(1, size)) for size in (steps, height, width))
    where = [(draw(st.integers(0, steps - n)), draw(st.integers(0, height - h)), draw(st.integers(0, width - w))) for _ in range(3)]
    windows = cache.gather(*np.array(where).T, n, h, w)
    for window, (step, row, col) in zip(windows, where, strict=True):
        np.testing.assert_array_equal(window, stack[step : step + n, :, row : row + h, col : col + w])


@pytest.fixture
def cache(tmp_path):
    stack = np.arange(4 * 2 * 20 * 30, dtype="float32").reshape(4, 2, 20, 30)
    return caches.write(tmp_path / "c", stack, 4, ("ndsi", "ndsi_observed"), (20, 30), "content")


@pytest.mark.parametrize(("step", "row", "col", "name"), [(2, 0, 0, "step"), (0, 11, 0, "row"), (0, 0, -1, "column")])
def test_a_window_that_reaches_outside_is_refused(cache, step, row, col, name):
    with pytest.raises(InputError, match=f"expected {name}s within"):
        cache.gather(np.array([step]), np.array([row]), np.array([col]), 3, 10, 10)


def test_a_cache_of_other_content_or_cut_short_is_not_opened(cache):
    assert caches.open(cache.path, "content") is not None
    assert caches.open(cache.path, "other") is None
    data = cache.path / caches.DATA
    data.write_bytes(data.read_bytes()[:-4])
    assert caches.open(cache.path, "content") is None


def test_an_unfinished_cache_is_not_opened(tmp_path):
    def frames():
        yield np.zeros((1, 4, 4), "float32")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caches.write(tmp_path, frames(), 2, ("a",), (4, 4), "f")
    assert caches.open(tmp_path, "f") is None


def test_damage_is_found_by_the_checksum(cache):
    cache.verify()
    data = cache.path / caches.DATA
    raw = bytearray(data.read_bytes())
    raw[100] ^= 1
    data.write_bytes(raw)
    with pytest.raises(GlaciercastError, match="differs from what was written"):
        cache.verify()


def test_it_is_no_larger_than_the_stack_where_tiles_fit(tmp_path):
    shape = (2 * caches.TILE, 3 * caches.TILE)
    stack = np.zeros((3, 1, *shape), "float32")
    caches.write(tmp_path, stack, 3, ("a",), shape, "f")
    assert (tmp_path / caches.DATA).stat().st_size == stack.nbytes


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 2, *SHAPE)).astype("float32")


def written(path: Path, stack: np.ndarray, fingerprint: str = "a", tile: int = 8) -> caches.Cache:
    return caches.write(path, iter(stack), len(stack), ("ndsi", "ndsi_observed"), SHAPE, fingerprint, tile=tile)


def whole(cache: caches.Cache) -> np.ndarray:
    zero = np.zeros(1, "int64")
    return cache.gather(zero, zero, zero, cache.n_steps, *cache.shape)[0]


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


def test_a_cache_goes_to_another_process_as_a_path(tmp_path):
    stack = np.arange(4 * 2 * 25 * 22, dtype="float32").reshape(4, 2, 25, 22)
    cache = caches.write(tmp_path, stack, 4, ("a", "b"), (25, 22), "print")
    sent = pickle.dumps(cache)
    assert len(sent) < 500
    zero = np.zeros(1, "int64")
    np.testing.assert_array_equal(pickle.loads(sent).gather(zero, zero, zero, 4, 25, 22)[0], stack)
