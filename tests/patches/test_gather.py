"""The compiled gather equals plain slicing, and refuses what lies outside."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.patches import cache as caches


def cached(path: Path, stack: np.ndarray, tile: int) -> caches.Cache:
    names = tuple(f"c{i}" for i in range(stack.shape[1]))
    return caches.write(path, iter(stack), len(stack), names, (stack.shape[2], stack.shape[3]), "a", tile=tile)


def sliced(stack: np.ndarray, starts: np.ndarray, extent: tuple[int, int, int]) -> np.ndarray:
    n, height, width = extent
    return np.stack([stack[s : s + n, :, r : r + height, c : c + width] for s, r, c in starts])


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], int, tuple[int, int, int], np.ndarray]:
    shape = tuple(draw(st.integers(1, limit)) for limit in (6, 3, 40, 40))
    extent = tuple(draw(st.integers(1, shape[axis])) for axis in (0, 2, 3))
    start = st.tuples(*(st.integers(0, shape[axis] - size) for axis, size in zip((0, 2, 3), extent, strict=True)))
    starts = np.array(draw(st.lists(start, min_size=1, max_size=5)), "int64")
    return shape, draw(st.integers(1, 17)), (extent[0], extent[1], extent[2]), starts


@settings(max_examples=60, deadline=None)
@given(cases())
def test_gather_equals_slicing_for_any_size_tile_and_origin(case: tuple[tuple[int, ...], int, tuple[int, int, int], np.ndarray]) -> None:
    shape, tile, extent, starts = case
    stack = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    with tempfile.TemporaryDirectory() as folder:
        found = cached(Path(folder), stack, tile).gather(*starts.T, *extent)
    np.testing.assert_array_equal(found, sliced(stack, starts, extent))


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    return np.random.default_rng(1).random((6, 2, 50, 41), dtype="float32")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, stack: np.ndarray) -> caches.Cache:
    return cached(tmp_path_factory.mktemp("cache"), stack, caches.TILE)


def test_windows_at_every_corner_and_across_tiles(cache: caches.Cache, stack: np.ndarray) -> None:
    starts = np.array([(0, 0, 0), (3, 33, 24), (0, 33, 0), (3, 0, 24), (1, 7, 9), (2, 16, 16), (2, 15, 17)])
    np.testing.assert_array_equal(cache.gather(*starts.T, 3, 17, 17), sliced(stack, starts, (3, 17, 17)))


def test_gather_writes_every_value_of_the_given_memory_and_nothing_else(cache: caches.Cache, stack: np.ndarray) -> None:
    memory = np.full((4, 3, 2, 17, 17), -1.0, "float32")
    starts = np.array([(0, 1, 2), (3, 33, 24)])
    out = cache.gather(*starts.T, 3, 17, 17, out=memory[1:3])
    assert np.shares_memory(out, memory)
    np.testing.assert_array_equal(memory[1:3], sliced(stack, starts, (3, 17, 17)))
    assert (memory[[0, 3]] == -1).all()


def test_no_windows_give_an_empty_batch(cache: caches.Cache) -> None:
    none = np.zeros(0, "int64")
    assert cache.gather(none, none, none, 3, 17, 17).shape == (0, 3, 2, 17, 17)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ((-1, 0, 0), "steps within 0 … 5, found -1 … 1"),
        ((4, 0, 0), "steps within 0 … 5, found 4 … 6"),
        ((0, -1, 0), "rows within 0 … 49, found -1 … 15"),
        ((0, 34, 0), "rows within 0 … 49, found 34 … 50"),
        ((0, 0, -2), "columns within 0 … 40, found -2 … 14"),
        ((0, 0, 25), "columns within 0 … 40, found 25 … 41"),
    ],
)
def test_a_window_outside_is_refused_by_name(cache: caches.Cache, start: tuple[int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cache.gather(*(np.array([value]) for value in start), 3, 17, 17)


def test_a_window_that_ends_in_the_padding_is_refused(cache: caches.Cache) -> None:
    zero = np.zeros(1, "int64")
    with pytest.raises(InputError, match="columns within 0 … 40"):
        cache.gather(zero, zero, zero, 1, 1, 42)


def test_starts_of_different_number_are_refused(cache: caches.Cache) -> None:
    zeros = np.zeros(3, "int64")
    with pytest.raises(InputError, match="one step, row and column each"):
        cache.gather(zeros, zeros[:1], zeros, 1, 2, 2)


@pytest.mark.parametrize("extent", [(0, 2, 2), (1, 0, 2), (1, 2, -1)])
def test_an_empty_window_is_refused(cache: caches.Cache, extent: tuple[int, int, int]) -> None:
    zero = np.zeros(1, "int64")
    with pytest.raises(InputError, match="at least one step and pixel"):
        cache.gather(zero, zero, zero, *extent)


@pytest.mark.parametrize("fault", ["shape", "dtype", "order", "writeable"])
def test_memory_that_does_not_fit_is_refused(cache: caches.Cache, fault: str) -> None:
    out = np.zeros(
        (1, 3, 2, 18 if fault == "shape" else 17, 17), "float64" if fault == "dtype" else "float32", "F" if fault == "order" else "C"
    )
    out.flags.writeable = fault != "writeable"
    zero = np.zeros(1, "int64")
    with pytest.raises(ValueError, match="out: expected writeable float32"):
        cache.gather(zero, zero, zero, 3, 17, 17, out=out)
