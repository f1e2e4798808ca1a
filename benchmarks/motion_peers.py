"""Other trackers on one pair of scenes, in a Python of their own; `motion.py` starts this for each and reads what it writes.

Usage: python benchmarks/motion_peers.py METHOD PAIR.npz OUT.npz THREADS

PAIR.npz holds `im1` and `im2`. OUT.npz gets `x`, `y` (pixels), `dx`, `dy` (NaN where invalid), `halfway` (1: vectors describe the ground
halfway between the scenes, 0: in the first), `seconds` and `cpu`. Exits with 3 where the method's library is not installed.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.ndimage import gaussian_filter

STUDY = {"pyr_scale": 0.5, "levels": 6, "winsize": 15, "iterations": 10, "poly_n": 5, "poly_sigma": 1.2, "flags": 0}
STEP, CHIP, SMOOTH, FINER = 16, 32, 8.0, 32
WINDOWS = (64, 32, 32)


def high_passed(image: np.ndarray, smooth: float = SMOOTH) -> np.ndarray:
    return (image - gaussian_filter(image, smooth)).astype("float32")


def eight_bit(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    low, high = np.percentile([first, second], (0.5, 99.5))
    return [np.rint(np.clip((image - low) * 255 / (high - low), 0, 255)).astype("uint8") for image in (first, second)]


def dense(dx: np.ndarray, dy: np.ndarray) -> tuple:
    y, x = np.mgrid[STEP : dx.shape[0] - STEP : STEP, STEP : dx.shape[1] - STEP : STEP]
    return x, y, dx[y, x], dy[y, x], 0


def template(first, second, threads, search, peak):
    """Return chips of `CHIP` pixels by `cv2.matchTemplate`; rows of chips in threads. `peak`: sub-pixel estimator of 5×5 correlations."""
    import cv2

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(threads) as pool:
        one, two = pool.map(lambda image: high_passed(image, 4.0), (first, second))
        half, reach = CHIP // 2, CHIP // 2 + search
        rows, columns = (np.arange(reach, size - reach, STEP) for size in one.shape)
        dx, dy = np.full((2, rows.size, columns.size), np.nan)

        def line(n: int) -> None:
            i = rows[n]
            for m, j in enumerate(columns):
                chip, around = one[i - half : i + half, j - half : j + half], two[i - reach : i + reach, j - reach : j + reach]
                r = cv2.matchTemplate(around, chip, cv2.TM_CCOEFF_NORMED)
                _, _, _, (u, v) = cv2.minMaxLoc(r)
                if 1 < u < 2 * search - 1 and 1 < v < 2 * search - 1:
                    part_x, part_y = peak(r[v - 2 : v + 3, u - 2 : u + 3])
                    dx[n, m], dy[n, m] = u - search + part_x, v - search + part_y

        list(pool.map(line, range(rows.size)))
    x, y = np.meshgrid(columns - 0.5, rows - 0.5)
    return x, y, dx, dy, 0


def bicubic(r: np.ndarray) -> tuple[float, float]:
    import cv2

    near = cv2.resize(r, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
    _, _, _, (column, row) = cv2.minMaxLoc(near)
    return (column + 0.5) / FINER - 2.5, (row + 0.5) / FINER - 2.5


def parabola(r: np.ndarray) -> tuple[float, float]:
    (left, middle, right), (up, down) = r[2, 1:4].tolist(), r[1:4:2, 2].tolist()
    return (left - right) / (2 * (left - 2 * middle + right)), (up - down) / (2 * (up - 2 * middle + down))


def template_wide(first, second, threads):
    return template(first, second, threads, 18, bicubic)


def template_fast(first, second, threads):
    return template(first, second, threads, 10, parabola)


def template_fine(first, second, threads):
    return template(first, second, threads, 10, bicubic)


def farneback(first, second, threads):
    import cv2

    cv2.setNumThreads(threads)
    flow = cv2.calcOpticalFlowFarneback(*eight_bit(first, second), None, **STUDY)
    return dense(flow[..., 0], flow[..., 1])


def farneback_float(first, second, threads):
    import cv2

    cv2.setNumThreads(threads)
    flow = cv2.calcOpticalFlowFarneback(first, second, None, **STUDY)
    return dense(flow[..., 0], flow[..., 1])


def dis(first, second, threads):
    import cv2

    cv2.setNumThreads(threads)
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(0)
    method.setPatchSize(16)
    method.setPatchStride(4)
    flow = method.calc(*eight_bit(high_passed(first), high_passed(second)), None)
    return dense(flow[..., 0], flow[..., 1])


def openpiv(first, second, threads):
    from openpiv import windef

    settings = windef.PIVSettings()
    settings.windowsizes, settings.num_iterations = WINDOWS, len(WINDOWS)
    settings.overlap = tuple(max(size // 2, STEP) for size in WINDOWS)
    settings.min_max_u_disp = settings.min_max_v_disp = (-40, 40)
    settings.show_all_plots = settings.show_plot = False
    x, y, u, v, flags = windef.simple_multipass(high_passed(first), high_passed(second), settings)
    bad = np.asarray(flags) > 0
    return x, y[::-1], np.where(bad, np.nan, u), np.where(bad, np.nan, -v), 1


def ilk(first, second, threads):
    from skimage.registration import optical_flow_ilk

    dy, dx = optical_flow_ilk(high_passed(first), high_passed(second), radius=24)
    return dense(dx, dy)


def lucas_kanade(first, second, threads):
    from pysteps.motion.lucaskanade import dense_lucaskanade

    flow = dense_lucaskanade(np.stack(eight_bit(first, second)).astype("float32"))
    return dense(flow[0], flow[1])


METHODS = {
    "template": (template_wide, "cv2"),
    "template_fast": (template_fast, "cv2"),
    "template_fine": (template_fine, "cv2"),
    "dis": (dis, "cv2"),
    "farneback": (farneback, "cv2"),
    "farneback_float": (farneback_float, "cv2"),
    "openpiv": (openpiv, "openpiv"),
    "ilk": (ilk, "skimage"),
    "lucas_kanade": (lucas_kanade, "pysteps"),
}


def main() -> None:
    name, pair, out, threads = sys.argv[1:]
    method, library = METHODS[name]
    if importlib.util.find_spec(library) is None:
        sys.exit(3)
    with np.load(pair) as data:
        first, second = data["im1"], data["im2"]
    method(first[:256, :256].copy(), second[:256, :256].copy(), int(threads))  # imports and first calls
    start, cpu = time.perf_counter(), time.process_time()
    x, y, dx, dy, halfway = method(first, second, int(threads))
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    np.savez(out, x=x, y=y, dx=dx, dy=dy, halfway=halfway, **spent)


if __name__ == "__main__":
    main()
