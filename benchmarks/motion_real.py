"""Perito Moreno: the tracker beside plain correlations on a real pair, and on the same scene moved by a known field.

The plain trackers have chips of 48 px every 24 px, input high-passed, and peaks refined by parabolas. One compares a chip with a wider
search area, the other two windows of one place and size: of what moves, part leaves the window, which pulls its peak towards rest.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from glaciercast.motion.outliers import blurred, stood_in
from glaciercast.motion.tracking import Tracks, track

FIRST, HAZY, LAST = "20200205", "20200212", "20200220"
CHIP, APART, REACH, FAINT = 48, 24, 12, 0.3
"""Side of the plain chips, pixels between them, search, and least correlation that counts as found."""
PASSED = {"a wider search area": 8.0, "two windows of one place": 20.0}
"""Standard deviations of the plain trackers' high-pass, pixels."""
NOISE = 0.22
"""Standard deviation of the noise on the moved scene, of that of the ice; plain chips then correlate as those of the real pair."""
Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Places, displacements (vector, 2: columns, rows) and correlations."""


def real(folder: Path) -> dict[str, dict[str, float]]:
    """Return what each tracker says of ice and banks, of the real pair and of the moved scene."""
    first, last, mask = (read(folder, name) for name in (FIRST, LAST, "mask"))
    ice = mask > 127
    tracks = tracked(first, last)
    field = np.stack([blurred(part, 0.8) for part in stood_in(np.nan_to_num(np.stack([tracks.dx, tracks.dy])), tracks.valid)])
    moved, back = moved_by(first, ice, field, tracks)
    results = {"glaciercast": of_tracks(tracks, ice)}
    results["glaciercast, moved scene"] = of_tracks(tracked(first, moved), ice, back)
    for name, sigma in PASSED.items():
        pair = [image - gaussian_filter(image, sigma) for image in (first, last, moved)]
        work = searched if name == "a wider search area" else windowed
        plain = work(pair[0], pair[1])
        results[f"plain, {name}"] = of_plain(plain, ice, work is windowed) | beside(tracks, plain, ice, work is windowed)
        results[f"plain, {name}, moved scene"] = of_plain(work(pair[0], pair[2]), ice, work is windowed, back)
    return results


def read(folder: Path, name: str) -> np.ndarray:
    return cv2.imread(str(folder / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE).astype("float32")


def blackened(scene: np.ndarray) -> np.ndarray:
    """Return where land was blacked out, and what compression spread of it."""
    return cv2.dilate((scene <= 8).astype("uint8"), np.ones((5, 5), "uint8")) > 0


def tracked(first: np.ndarray, second: np.ndarray) -> Tracks:
    return track(first, second, mask=(blackened(first), blackened(second)))


def moved_by(first: np.ndarray, ice: np.ndarray, field: np.ndarray, at: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """Return the scene moved by a field given at vectors, with noise, in whole numbers, and the displacement at its pixels (2, y, x)."""
    y, x = np.mgrid[0 : first.shape[0], 0 : first.shape[1]].astype("float64")
    step = at.x[0, 1] - at.x[0, 0]
    nodes = [(y - at.y[0, 0]) / step, (x - at.x[0, 0]) / step]
    back = np.stack([map_coordinates(part, nodes, order=1, mode="nearest") for part in field])
    from_ = [y - back[1], x - back[0]]
    moved = map_coordinates(spline_filter(first.astype("float64")), from_, prefilter=False, mode="nearest")
    noise = gaussian_filter(np.random.default_rng(0).normal(size=first.shape), 1.2)
    moved += noise / noise.std() * NOISE * first[ice].std()
    black = map_coordinates(blackened(first).astype("float64"), from_, order=1) > 0.01
    return np.where(black, 0, np.clip(np.rint(moved), 9, 255)).astype("float32"), back


def true_at(back: np.ndarray, x: np.ndarray, y: np.ndarray, share: float) -> np.ndarray:
    """Return the displacement of what lies at (x, y) after all but `share` of it, (2, …)."""
    found = np.zeros((2, *x.shape))
    for _ in range(20):
        found = np.stack([map_coordinates(part, [y + share * found[1], x + share * found[0]], order=1, mode="nearest") for part in back])
    return found


def of_tracks(tracks: Tracks, ice: np.ndarray, back: np.ndarray | None = None) -> dict[str, float]:
    at = tracks.y.astype(int), tracks.x.astype(int)
    used = ice[at] & tracks.valid
    moved = np.stack([tracks.dx, tracks.dy])
    truth = None if back is None else true_at(back, tracks.x, tracks.y, 0.5)[:, used]
    banks = moved[:, ~ice[at] & tracks.valid]
    return summary(moved[:, used], banks, used.sum() / ice[at].sum(), truth)


def of_plain(vectors: Vectors, ice: np.ndarray, halfway: bool, back: np.ndarray | None = None) -> dict[str, float]:
    place, moved, height = vectors
    on_ice, used = ice[place[:, 1], place[:, 0]], height > FAINT
    middle = place.T - 0.5
    truth = None if back is None else true_at(back, middle[0], middle[1], 0.5 if halfway else 1.0)[:, on_ice & used]
    return summary(moved[on_ice & used].T, moved[~on_ice & used].T, (on_ice & used).sum() / on_ice.sum(), truth)


def beside(tracks: Tracks, vectors: Vectors, ice: np.ndarray, halfway: bool) -> dict[str, float]:
    """Return the median difference of the tracker's to plain vectors of the same ground."""
    place, moved, height = vectors
    used = ice[place[:, 1], place[:, 0]] & (height > FAINT)
    middle = (place - 0.5 + (0 if halfway else moved / 2))[used].T
    at = [
        (middle[1] - tracks.y[0, 0]) / (tracks.y[1, 0] - tracks.y[0, 0]),
        (middle[0] - tracks.x[0, 0]) / (tracks.x[0, 1] - tracks.x[0, 0]),
    ]
    apart = [map_coordinates(part, at, order=1, cval=np.nan) - own for part, own in zip((tracks.dx, tracks.dy), moved[used].T, strict=True)]
    return {f"apart_{name}": float(np.nanmedian(part)) for name, part in zip(("dx", "dy"), apart, strict=True)}


def summary(ice: np.ndarray, banks: np.ndarray, valid: float, truth: np.ndarray | None) -> dict[str, float]:
    row = {"valid": float(valid), "dx": float(np.median(ice[0])), "dy": float(np.median(ice[1]))}
    for name, part in zip(("bank_dx", "bank_dy"), banks, strict=True):
        row |= {name: float(np.median(part)), f"{name}_nmad": float(1.4826 * np.median(np.abs(part - np.median(part))))}
    if truth is not None:
        row |= {"true_dx": float(np.median(truth[0])), "true_dy": float(np.median(truth[1]))}
        row |= {"error": float(np.median(np.hypot(*(ice - truth))))}
    return row


def searched(first: np.ndarray, second: np.ndarray) -> Vectors:
    """Return vectors of chips that are compared with a search area of `REACH` pixels around them."""
    half, wide = CHIP // 2, CHIP // 2 + REACH
    found = []
    for i, j in places(first.shape, wide):
        chip = first[i - half : i + half, j - half : j + half]
        if chip.std() > 1e-3:
            around = second[i - wide : i + wide, j - wide : j + wide]
            found.append((j, i, *peak(cv2.matchTemplate(around, chip, cv2.TM_CCOEFF_NORMED), REACH)))
    return collected(found)


def windowed(first: np.ndarray, second: np.ndarray) -> Vectors:
    """Return vectors of pairs of windows at the same place, by the circular correlation of their Fourier transforms."""
    half = CHIP // 2
    found = []
    for i, j in places(first.shape, half):
        one, two = (image[i - half : i + half, j - half : j + half].astype("float64") for image in (first, second))
        if min(one.std(), two.std()) > 1e-3:
            one, two = one - one.mean(), two - two.mean()
            surface = scipy.fft.irfft2(scipy.fft.rfft2(two) * scipy.fft.rfft2(one).conj()) / np.sqrt((one**2).sum() * (two**2).sum())
            found.append((j, i, *peak(scipy.fft.fftshift(surface), half)))
    return collected(found)


def places(shape: tuple[int, ...], inset: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(inset, shape[0] - inset, APART) for j in range(inset, shape[1] - inset, APART)]


def peak(surface: np.ndarray, middle: int) -> tuple[float, float, float]:
    """Return columns, rows and height of the peak; NaN at the edge of the surface."""
    i, j = (int(place) for place in np.unravel_index(surface.argmax(), surface.shape))
    if not (0 < i < surface.shape[0] - 1 and 0 < j < surface.shape[1] - 1):
        return np.nan, np.nan, np.nan
    (left, top, right), (up, down) = surface[i, j - 1 : j + 2], surface[i - 1 : i + 2 : 2, j]
    part_x, part_y = (0.5 * (low - high) / (low - 2 * top + high) for low, high in ((left, right), (up, down)))
    return j - middle + part_x, i - middle + part_y, float(top)


def collected(found: list[tuple[float, ...]]) -> Vectors:
    table = np.array(found)
    return table[:, :2].astype(int), table[:, 2:4], np.nan_to_num(table[:, 4])
