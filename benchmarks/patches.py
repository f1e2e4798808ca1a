"""Random training patches from a memory map, against this machine's copy rate and the published layout, in one run.

Usage: python benchmarks/patches.py [--repeats 15] [--tile 20] [--scan 8 10 16 20 25 32]

The cube has 96 steps of 800×800 float32 pixels; a patch is 8 steps of 50×50. Rates are bytes of patches delivered a second, medians
over interleaved repeats. "copy" copies contiguous blocks of the same size from random places of an array as large as the cube, in one
thread, into the same preallocated batch; our gather and the plain one may use all cores. "pickled" reads one torch file a sequence, as
the published code lays them out (written just now, so cached by the system, as is our file). The scan compares sides of a tile, over any
origin and over origins every 10 pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numba import njit, prange

from glaciercast.patches import cache as caches

STEPS, SIZE, PATCH, WINDOW, BATCH = 96, 800, 50, 8, 64


@njit(parallel=True)
def plain_gather(cube, steps, rows, cols, out):
    """Copy patches out of a (step, y, x) array, in parallel over patches."""
    for window in prange(out.shape[0]):
        for step in range(out.shape[1]):
            for row in range(out.shape[3]):
                for col in range(out.shape[4]):
                    out[window, step, 0, row, col] = cube[steps[window] + step, rows[window] + row, cols[window] + col]


def timed(function, *arguments):
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batches", type=int, default=16, help="batches a repeat")
    parser.add_argument("--tile", type=int, default=caches.TILE)
    parser.add_argument("--scan", type=int, nargs="*", default=[8, 10, 16, 20, 25, 32], help="sides of tiles to compare")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "patches.json")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    cube = rng.random((STEPS, SIZE, SIZE), dtype="float32")
    block = WINDOW * PATCH * PATCH
    out = np.empty((BATCH, WINDOW, 1, PATCH, PATCH), "float32")

    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for tile in sorted({options.tile, *options.scan}):
            made[tile] = caches.write(
                Path(folder) / str(tile), (f[None] for f in cube), STEPS, ("ndsi",), (SIZE, SIZE), "benchmark", tile=tile
            )
        cache = made[options.tile]
        disk = (cache.path / caches.DATA).stat().st_size / cube.nbytes
        n_files = 512
        files = []
        for number in range(n_files):
            step, row, col = rng.integers(0, STEPS - WINDOW), *rng.integers(0, SIZE - PATCH, 2)
            files.append(Path(folder) / f"{number}.pt")
            torch.save(torch.from_numpy(cube[step : step + WINDOW, row : row + PATCH, col : col + PATCH].copy()), files[-1])

        def origins(stride):
            steps = rng.integers(0, STEPS - WINDOW + 1, (options.batches, BATCH))
            rows, cols = (rng.integers(0, (SIZE - PATCH) // stride + 1, (options.batches, BATCH)) * stride for _ in range(2))
            return steps, rows, cols

        def copy(starts):
            flat = cube.reshape(-1)
            for batch in starts:
                for window, start in enumerate(batch):
                    np.copyto(out[window].reshape(-1), flat[start : start + block])

        def ours(cache, steps, rows, cols):
            for s, r, c in zip(steps, rows, cols, strict=True):
                cache.gather(s, r, c, WINDOW, PATCH, PATCH, out=out)

        def plain(steps, rows, cols):
            for s, r, c in zip(steps, rows, cols, strict=True):
                plain_gather(cube, s, r, c, out)

        def pickled(names):
            for name in names:
                out[0, :, 0] = torch.load(name, weights_only=True).numpy()

        s, r, c = (a[0] for a in origins(1))
        assert all(
            np.array_equal(patch, cube[i : i + WINDOW, None, j : j + PATCH, k : k + PATCH])
            for patch, i, j, k in zip(cache.gather(s, r, c, WINDOW, PATCH, PATCH), s, r, c, strict=True)
        )
        plain(*origins(1))
        for tile_cache in made.values():  # brings every page of every file into memory
            tile_cache.tiles.max()
        seconds: dict[str, list[float]] = {}
        scan: dict[tuple[int, int], list[float]] = {}
        for _ in range(options.repeats):
            starts = rng.integers(0, cube.size - block, (options.batches, BATCH))
            for name, function, arguments in (
                ("copy", copy, (starts,)),
                ("ours, any origin", ours, (cache, *origins(1))),
                ("ours, stride 10", ours, (cache, *origins(10))),
                ("plain gather, any origin", plain, origins(1)),
            ):
                seconds.setdefault(name, []).append(timed(function, *arguments) / (options.batches * BATCH))
            seconds.setdefault("pickled, one file a sequence", []).append(timed(pickled, rng.choice(files, 128)) / 128)
            for tile in options.scan:
                for stride in (1, 10):
                    scan.setdefault((tile, stride), []).append(timed(ours, made[tile], *origins(stride)) / (options.batches * BATCH))

    rate = {name: 4 * block / float(np.median(values)) for name, values in seconds.items()}
    result = {
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "tile": options.tile,
        "disk_relative_to_cube": disk,
        "patches_per_second": {name: value / (4 * block) for name, value in rate.items()},
        "share_of_copy_rate": {name: value / rate["copy"] for name, value in rate.items()},
        "times_pickled": {name: value / rate["pickled, one file a sequence"] for name, value in rate.items()},
        "tile_scan_share_of_copy_rate": {
            str(tile): {
                "any origin": 4 * block / float(np.median(scan[tile, 1])) / rate["copy"],
                "stride 10": 4 * block / float(np.median(scan[tile, 10])) / rate["copy"],
            }
            for tile in options.scan
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{'':<30} {'patches/s':>10} {'of copy':>8} {'× pickled':>10}")
    for name, value in rate.items():
        print(
            f"{name:<30} {value / (4 * block):>10,.0f} {value / rate['copy']:>8.2f} {value / rate['pickled, one file a sequence']:>10.1f}"
        )
    print(f"disk: {disk:.3f} × the cube; copy: {rate['copy'] / 1e9:.1f} GB/s")
    for tile, shares in result["tile_scan_share_of_copy_rate"].items():
        print(f"tile {tile:>3}: any origin {shares['any origin']:.2f}, stride 10 {shares['stride 10']:.2f} of the copy rate")


if __name__ == "__main__":
    main()
