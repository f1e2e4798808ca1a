"""The compiled copy of windows out of the tiled layout of `glaciercast.patches.cache`."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def _copy(typing_context: Any, target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:
    """Copy `count` floats from ``source[start]`` to ``target[to]`` by memcpy: numba's own loop over so few takes four times as long."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target_value, to_value, source_value, start_value, count_value = arguments
        target_data = context.make_array(signature.args[0])(context, builder, target_value).data
        source_data = context.make_array(signature.args[2])(context, builder, source_value).data
        item = context.get_constant(types.intp, 4)
        to_pointer, start_pointer = builder.gep(target_data, [to_value]), builder.gep(source_data, [start_value])
        cgutils.raw_memcpy(builder, to_pointer, start_pointer, count_value, item)  # type: ignore[no-untyped-call,unused-ignore]
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), generate


# One function on purpose: a helper that numba loads from its disk cache is not inlined. One thread as well: OpenMP's threads spin and
# stall each other on a busy machine, so `copy_windows` shares the windows out among threads of its own.
@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def gather(tiles, layout, steps, rows, cols, out, extent):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Copy windows into `out`; the caller has checked that they lie inside.

    Parameters
    ----------
    tiles
        float32, flat, of the layout (tile row, tile column, step, channel, y, x): the frames of one tile that a window
        needs lie side by side, so a 50×50 window of 8 steps costs some 50 memory pages instead of 400.
    layout
        The six extents of that layout.
    steps, rows, cols
        First step, row and column of each window, int64 (window,).
    out
        float32, flat, of (window, step, channel, y, x).
    extent
        Steps, height and width of a window.
    """
    _, n_tile_cols, total_steps, n_channels, tile_h, tile_w = layout
    n_steps, height, width = extent
    plane = tile_h * tile_w
    planes = n_steps * n_channels
    for window in range(steps.size):
        row0, col0 = rows[window], cols[window]
        for tile_row in range(row0 // tile_h, (row0 + height - 1) // tile_h + 1):
            top = max(row0, tile_row * tile_h)
            bottom = min(row0 + height, (tile_row + 1) * tile_h)
            for tile_col in range(col0 // tile_w, (col0 + width - 1) // tile_w + 1):
                left = max(col0, tile_col * tile_w)
                count = min(col0 + width, (tile_col + 1) * tile_w) - left
                tile = ((tile_row * n_tile_cols + tile_col) * total_steps + steps[window]) * n_channels * plane
                inside = tile + (top - tile_row * tile_h) * tile_w + left - tile_col * tile_w
                outside = window * planes * height * width + (top - row0) * width + left - col0
                for index in range(planes):
                    start = inside + index * plane
                    to = outside + index * height * width
                    for _ in range(bottom - top):
                        _copy(out, to, tiles, start, count)  # type: ignore[call-arg,unused-ignore]
                        start += tile_w  # type: ignore[unreachable,unused-ignore]
                        to += width


THREAD_BYTES = 1 << 20
"""A thread pays from about this much to copy."""


def copy_windows(
    tiles: np.ndarray, steps: np.ndarray, rows: np.ndarray, cols: np.ndarray, out: np.ndarray, extent: tuple[int, int, int]
) -> None:
    """Copy windows into `out` with as many threads as there are cores and as pay.

    Parameters
    ----------
    tiles
        float32 (tile row, tile column, step, channel, y, x) in C order.
    steps, rows, cols, extent
        As `gather`.
    out
        float32 (window, step, channel, y, x) in C order.
    """
    flat, layout = tiles.reshape(-1), tiles.shape
    n_threads = max(1, min(os.cpu_count() or 1, out.nbytes // THREAD_BYTES))
    bounds = np.linspace(0, steps.size, n_threads + 1).astype("int64")

    def part(index: int) -> None:
        here = slice(bounds[index], bounds[index + 1])
        gather(flat, layout, steps[here], rows[here], cols[here], out[here].reshape(-1), extent)

    others = [_pool().submit(part, index) for index in range(1, n_threads)]
    part(0)
    for other in others:
        other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
    return ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="gather")
