"""Co-registration: how far a scene lies beside a reference, measured on stable ground, and the scene moved back by it.

The scene is matched by maximising the correlation of its texture with that of the reference over the pixels that are clear in both and lie
off the ice (the criterion of Evangelidis & Psarakis 2008, ECC, by Gauss–Newton steps with gain and offset), coarse to fine, from the best
whole shift by masked correlation (Padfield 2012). Texture is the image less its local mean, without its finest detail: sampling aliases
that, and interpolation gets it wrong. A scene that cannot be matched safely is flagged and left where it is.

Sources: Evangelidis & Psarakis (2008), IEEE Transactions on Pattern Analysis and Machine Intelligence 30, 1858–1865; Padfield (2012), IEEE
Transactions on Image Processing 21, 2706–2718; Keys (1981), IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1153–1160.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.cube import coregister_kernels as kernels
from glaciercast.cube.coregister_move import Match, Motion, composed
from glaciercast.errors import InputError

COLUMNS: dict[Motion, int] = {"translation": 2, "euclidean": 3, "affine": 6}
LEVELS = 3
"""Pyramid: whole, halves and quarters of the resolution."""
SMALLEST, ENOUGH = 24, 400
"""Pixels that the shorter side of a coarser level must have, and common usable pixels."""
SAME, STEPS = 1e-3, 12
"""Pixels of a step that ends the iteration, and the most steps."""
SETTLED = 0.02
"""Pixels that the last step of a match may have at most."""
SPREAD, FLOOR = 14.0, 0.01
"""Expected error of a match along each axis, pixels: ``SPREAD`` · ((1 − r²)/r²)^¾ / n^0.4, and what is left of a perfect one."""


class CoregistrationConfig(Config):
    """How scenes are matched, and which matches are believed."""

    motion: Motion = Field(default="translation", description="what may differ: shift; with rotation; with scale and shear too")
    max_shift: float = Field(
        default=8.0, gt=0, le=200, description="largest shift that is believed, pixels; it is searched a little beyond"
    )
    min_correlation: float = Field(default=0.3, gt=0, lt=1, description="least correlation of the textures that is believed")
    min_valid: float = Field(default=0.05, gt=0, le=1, description="least share of the scene that is clear stable ground in both")
    min_pixels: int = Field(default=500, ge=16, description="fewest pixels of clear stable ground in both")
    radius: int = Field(default=8, ge=2, le=100, description="pixels around each of which the local mean is taken off")
    smoothing: int = Field(default=2, ge=1, le=8, description="passes of the binomial filter against fine detail and noise")
    doubt: float = Field(
        default=3.0, gt=0, description="residuals beyond so many standard deviations count little (missed cloud, new snow)"
    )


@dataclass(frozen=True)
class Level:
    """Texture of one level of the pyramid, float32 (y, x), and where it counts, bool (y, x)."""

    texture: np.ndarray
    usable: np.ndarray


@dataclass(frozen=True)
class Textured:
    """A scene or reference ready for matching: its pyramid from fine to coarse. Made once, a reference serves every scene."""

    levels: tuple[Level, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scene."""
        height, width = self.levels[0].texture.shape
        return height, width


def textured(values: np.ndarray, clear: np.ndarray, stable: np.ndarray, config: CoregistrationConfig | None = None) -> Textured:
    """Return the texture of a scene on clear stable ground.

    Parameters
    ----------
    values
        One band, (y, x), any unit; NaN is no data.
    clear
        Where neither cloud nor shadow hides the ground, bool (y, x).
    stable
        Where the ground does not move, such as off the glacier's outline, bool (y, x).

    Raises
    ------
    InputError
        If the shapes differ, or the scene is smaller than 16×16 pixels.
    """
    config = config or CoregistrationConfig()
    check(values, clear, stable)
    usable = np.asarray(clear, bool) & np.asarray(stable, bool) & np.isfinite(values)
    layer = np.where(usable, values, 0).astype("float32")
    levels = [_level(layer, usable, config.radius, config.smoothing)]
    while len(levels) < LEVELS and min(layer.shape) // 2 >= SMALLEST:
        layer, usable = kernels.halve(layer, usable)
        levels.append(_level(layer, usable, config.radius, 1))  # a first guess; more would cost much ground beside clouds
    return Textured(tuple(levels))


def match(reference: Textured, scene: Textured, config: CoregistrationConfig | None = None) -> Match:
    """Return where `scene` lies against `reference`, and whether that is to be believed.

    Gain and offset between the two do not matter. Exchanging the two negates the shift (to the error of the estimate).

    Raises
    ------
    InputError
        If the two differ in shape.
    """
    config = config or CoregistrationConfig()
    if reference.shape != scene.shape:
        raise InputError(f"co-registration: expected a scene of {reference.shape} pixels as the reference, found {scene.shape}")
    number = _shared(reference.levels[0], scene.levels[0])
    shared = number / float(np.prod(reference.shape))
    if number < config.min_pixels:
        return refused(f"clear stable ground on {number} pixels, at least {config.min_pixels}", shared)
    if shared < config.min_valid:
        return refused(f"clear stable ground on {shared:.1%} of the scene, at least {config.min_valid:.0%}", shared)
    pairs = list(zip(reference.levels, scene.levels, strict=True))
    while _shared(*pairs[-1]) < ENOUGH and len(pairs) > 1:
        pairs.pop()
    start = _seed(*pairs[-1], config.max_shift / 2 ** (len(pairs) - 1))
    if start is None:
        return refused("no texture on stable ground", shared)
    matrix = np.array([[1, 0, start[0]], [0, 1, start[1]]], dtype="float64")
    for pair in pairs[:0:-1]:
        guess = _refine(*pair, matrix, "translation", config.doubt)
        matrix = matrix if guess is None else guess[0]
        matrix[:, 2] *= 2
    found = _refine(*pairs[0], matrix, config.motion, config.doubt)
    if found is None or found[2] > SETTLED:
        return refused("the match did not settle", shared)
    return _judged(*found[:2], shared, reference.shape, config)


def refused(reason: str, shared: float = 0.0) -> Match:
    """Return the match of a scene that could not be matched."""
    return Match(np.nan, np.nan, np.nan, shared, np.eye(2, 3), False, reason)


def expected_error(r: float, number: float) -> float:
    """Return the standard deviation of a shift along each axis, pixels, from the correlation and the number of pixels compared.

    Independent noise would give ((1 − r²)/r²)^½ / n^½. What differs between scenes is snow and shadow, which hang together over many pixels
    and move the shift itself: the powers and the factor are those that errors of simulated scenes follow (docs/science/coregistration.md).
    """
    r2 = r * r
    return float(np.hypot(SPREAD * (max(1 - r2, 0.0) / r2) ** 0.75 / number**0.4, FLOOR))


def check(values: np.ndarray, clear: np.ndarray, stable: np.ndarray) -> None:
    """Raise InputError unless the three have one shape (y, x) that is large enough."""
    if not values.shape == clear.shape == stable.shape or values.ndim != 2:
        raise InputError(f"co-registration: values, clear and stable differ in shape: {values.shape}, {clear.shape}, {stable.shape}")
    if min(values.shape) < 16:
        raise InputError(f"co-registration: expected a scene of at least 16×16 pixels, found {values.shape[0]}×{values.shape[1]}")


def _level(values: np.ndarray, usable: np.ndarray, radius: int, smoothing: int) -> Level:
    texture = np.where(usable, values - kernels.box_mean(values, usable, radius), np.float32(0))
    for _ in range(smoothing):
        texture, usable = kernels.low_pass(texture, usable)
    return Level(texture, usable)


def _shared(reference: Level, scene: Level) -> int:
    return int(np.count_nonzero(reference.usable & scene.usable))


def _seed(reference: Level, scene: Level, largest: float) -> tuple[float, float] | None:
    """Return the best whole shift (columns, rows) by masked correlation, or None where nothing correlates."""
    reach = min(int(np.ceil(largest)) + 1, min(reference.texture.shape) // 2)
    r, number = kernels.masked_correlation(reference.texture, reference.usable, scene.texture, scene.usable, reach)
    r = np.where(number >= max(16, number.max() / 4), r, -2.0)  # a few pixels correlate by chance
    row, column = (int(index) for index in np.unravel_index(np.argmax(r), r.shape))
    return None if r[row, column] <= 0 else (float(column - reach), float(row - reach))


def _refine(reference: Level, scene: Level, matrix: np.ndarray, motion: Motion, doubt: float) -> tuple[np.ndarray, float, float] | None:
    """Return the matrix after Gauss–Newton steps, the correlation there and the last step's size, or None if they diverge."""
    model, fit, width, size = COLUMNS[motion], np.array([1.0, 0.0]), np.inf, np.inf
    for _ in range(STEPS):
        normal, right, sums = kernels.normal_equations(
            reference.texture, reference.usable, scene.texture, scene.usable, matrix, model, fit, width
        )
        n, a, b, aa, bb, ab, residuals = sums
        spread = (aa - a * a / n) * (bb - b * b / n) if n > 4 * len(right) else 0.0
        if spread <= 0 or np.linalg.cond(normal / np.sqrt(np.outer(np.diag(normal), np.diag(normal)))) > 1e8:
            return None
        solution = np.linalg.solve(normal, right)
        r = (ab - a * b / n) / np.sqrt(spread)
        if solution[0] <= 0:
            return None
        step = solution[2:] / solution[0]
        matrix = composed(matrix, step, motion, reference.texture.shape)
        size = float(np.abs(step[:2]).max())
        if np.isfinite(width) and size < SAME:
            break
        if size > max(reference.texture.shape) / 4:
            return None
        fit = solution[:2]
        if np.isfinite(width):  # standard deviation of normal residuals from their mean size
            scale = 1.2533 * residuals / n
        else:  # `fit` was a guess until now
            scale = np.sqrt((bb - b * b / n) / n * max(1 - r * r, 0.0))
        width = doubt * max(scale, 1e-4 * np.sqrt(bb / n))  # never 0, though the two be equal
    return matrix, float(r), size


def _judged(matrix: np.ndarray, r: float, shared: float, shape: tuple[int, int], config: CoregistrationConfig) -> Match:
    height, width = shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    columns, rows = (float(value) for value in middle[:2] - matrix @ middle)
    size = max(abs(columns), abs(rows))
    if size > config.max_shift:
        reason = f"shift of {size:.1f} pixels, at most {config.max_shift:g}"
    elif r < config.min_correlation:
        reason = f"correlation of {r:.2f}, at least {config.min_correlation:g}"
    else:
        reason = ""
    error = expected_error(max(r, 1e-3), shared * height * width)
    return Match(columns, rows, r, shared, matrix, not reason, reason, error)
