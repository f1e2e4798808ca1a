"""What CFMask (Landsat) and Sen2Cor (Sentinel-2) would say of a scene, with the errors that make glaciers hard.

Two errors have a known share (`OpticalSpec`): clear bright snow and ice that is called cloud, in patches that prefer the brightest
pixels, and thin cloud that is not seen. Everything else is decided from the truth of the scene, cut at the thresholds below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.simulate.scenario import OpticalSpec
from glaciercast.simulate.scene import Cover, Scene

THIN, THICK, OPAQUE = 0.1, 0.4, 0.7
"""Opacity from which a cloud is thin (may be missed), thick (never missed), and so opaque that Sen2Cor is sure of it."""
CIRRUS_ONLY = 0.2
"""Thin cloud below this opacity shows in the cirrus band of OLI and nowhere else."""
DOUBTFUL = 0.25
"""Missed cloud from this opacity on raises CFMask's confidence to medium."""
SHADOWED = 0.3
BRIGHT = 0.4
"""Green reflectance from which snow and ice can look like cloud."""
DILATION = 3
"""Pixels by which CFMask widens clouds (Landsat 8-9 Collection 2 Level 2 Science Product Guide)."""
PATCH = 450.0
"""Size of the patches in which masks err, m."""


_SURFACE = np.array([0, 11, 11, 5, 5, 4, 6], np.uint8)
"""Class of Sen2Cor by `Cover`: none, snow, ice, debris, rock, vegetation, water."""


@dataclass(frozen=True)
class Detection:
    """What a mask finds in a scene, bool (y, x) each, and where it errs."""

    cloud: np.ndarray
    """Called cloud, rightly or not (without what only the cirrus band shows)."""
    thin: np.ndarray
    """Thin cloud that was found."""
    shadow: np.ndarray
    snow: np.ndarray
    water: np.ndarray
    wrong: np.ndarray
    """Clear bright snow or ice that is called cloud."""
    missed: np.ndarray
    """Thin cloud that is not found."""


def bright_ice(scene: Scene) -> np.ndarray:
    """Return where clear, sunlit snow or ice is bright enough to look like cloud, bool (y, x)."""
    clear: np.ndarray = scene.valid & (scene.cloud < THIN) & (scene.shadow < SHADOWED)
    clear &= _frozen(scene) & (green(scene) > BRIGHT)
    return clear


def green(scene: Scene) -> np.ndarray:
    """Return the green reflectance on `scene.grid`: that of Sentinel-2 averaged from 10 to 20 m; NaN outside the scene."""
    band = scene.bands["green"]
    if scene.fine is None:
        return band
    averaged: np.ndarray = band[::2, ::2] + band[1::2, ::2]
    averaged += band[::2, 1::2]
    averaged += band[1::2, 1::2]
    averaged *= np.float32(0.25)
    return averaged


def detect(scene: Scene, spec: OpticalSpec, rng: np.random.Generator) -> Detection:
    """Decide what a mask finds in a scene.

    Parameters
    ----------
    scene
        The truth.
    spec
        `bright_ice_as_cloud` is the share of `bright_ice` that is called cloud, `missed_cloud` the share of the cloud with an opacity
        of 0.1–0.4 that is not found: both exact to a pixel, in every scene.
    rng
        Places the errors.
    """
    thin = scene.valid & (scene.cloud >= THIN) & (scene.cloud < THICK)
    missed = _largest(thin, patches(scene, rng), spec.missed_cloud)
    candidates, brightness = bright_ice(scene), green(scene)
    spread = float(np.std(brightness[candidates])) if candidates.any() else 0.0
    score = patches(scene, rng)
    if spread > 0:
        score += np.float32(0.5 / spread) * brightness
    wrong = _largest(candidates, score, spec.bright_ice_as_cloud)
    thin &= ~missed
    cloud = (scene.valid & (scene.cloud >= THICK)) | thin | wrong
    surface = scene.valid & ~cloud
    shadow = surface & (scene.shadow >= SHADOWED)
    return Detection(
        cloud=cloud,
        thin=thin,
        shadow=shadow,
        snow=surface & ~shadow & _frozen(scene) & _looks_frozen(scene),
        water=surface & (scene.cover == Cover.WATER),
        wrong=wrong,
        missed=missed,
    )


def qa_pixel(scene: Scene, spec: OpticalSpec, rng: np.random.Generator) -> np.ndarray:
    """Return QA_PIXEL of Landsat Collection 2, uint16 (y, x), as CFMask would: 21824 clear land, 30048 snow, 22280 cloud, 1 fill."""
    return qa_bits(scene, detect(scene, spec, rng))


def qa_bits(scene: Scene, found: Detection) -> np.ndarray:
    """Return QA_PIXEL of a detection, uint16 (y, x).

    Bits: 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 cloud shadow, 5 snow, 6 clear, 7 water; confidences (1 low, 2 medium, 3 high) of
    cloud 8-9, shadow 10-11, snow 12-13, cirrus 14-15 (never set for ETM+, which has no cirrus band). "Clear" means that neither cloud nor
    dilated cloud is set: pixels in shadow, under snow or under cirrus alone carry it.
    """
    cirrus_band = scene.overpass.platform != "landsat-7"
    cirrus = found.thin & cirrus_band
    cloud = found.cloud & ~(cirrus & (scene.cloud < CIRRUS_ONLY))
    dilated = _dilate(cloud) & ~cloud & scene.valid
    doubtful = found.missed & (scene.cloud >= DOUBTFUL)
    snow = found.snow & ~cloud
    bits = np.full(scene.cover.shape, _low(cirrus_band), np.uint16)
    for flag, value in (
        (dilated, 1 << 1),
        (cirrus, 1 << 2 | 2 << 14),
        (cloud, 1 << 3 | 2 << 8),
        (found.shadow, 1 << 4 | 2 << 10),
        (snow, 1 << 5 | 2 << 12),
        (~(cloud | dilated), 1 << 6),
        (found.water, 1 << 7),
        (doubtful, 3 << 8),  # replaces low (1) by medium (2): 1 xor 3
    ):
        bits ^= flag * np.uint16(value)
    bits[~scene.valid] = 1
    return bits


def scl(scene: Scene, spec: OpticalSpec, rng: np.random.Generator) -> np.ndarray:
    """Return the scene classification of Sentinel-2 Level-2A, uint8 (y, x), as Sen2Cor would."""
    return scl_classes(scene, detect(scene, spec, rng))


def scl_classes(scene: Scene, found: Detection) -> np.ndarray:
    """Return the scene classification of a detection, uint8 (y, x) on the 20 m grid.

    Classes: 0 no data, 2 dark or terrain shadow, 3 cloud shadow, 4 vegetation, 5 not vegetated, 6 water, 7 unclassified (patchy snow),
    8 cloud, medium probability, 9 cloud, high probability, 10 thin cirrus, 11 snow or ice. Class 1 (defective) does not occur.
    """
    classes: np.ndarray = _SURFACE[scene.cover]
    patchy = ~_frozen(scene) & (scene.snow > 0.25)
    not_seen_as_ice = (scene.cover == Cover.SNOW) | (scene.cover == Cover.ICE)
    sure = (scene.cloud >= OPAQUE) | (found.wrong & (green(scene) > 2 * BRIGHT))
    for flag, value in (  # later ones win
        (patchy | not_seen_as_ice, 7),
        (found.snow, 11),
        (scene.lit <= 0, 2),
        (found.shadow, 3),
        (found.cloud, 8),
        (found.cloud & sure, 9),
        (found.thin, 10),
        (~scene.valid, 0),
    ):
        classes[flag] = value
    return classes


def patches(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random field, float32 (y, x), mean 0, standard deviation about 1, that varies over `PATCH` metres.

    Cubic B-splines over independent normal numbers: smooth to the second derivative, and two matrix products.
    """
    step = PATCH / abs(float(scene.grid.resolution.x))
    across, along = (_splines(size, step) for size in scene.grid.shape)
    knots = rng.standard_normal((across.shape[1], along.shape[1]), dtype=np.float32)
    field: np.ndarray = across @ knots @ along.T
    return field * np.float32(1 / 0.479)  # the variance of a cubic B-spline sum over unit normals is 0.479 on average per axis


def _splines(size: int, step: float) -> np.ndarray:
    """Weights (pixel, knot) of cubic B-splines whose knots lie `step` pixels apart."""
    distance = np.abs(np.arange(size)[:, None] / step - np.arange(-1, int(size / step) + 3)[None, :])
    near = (4 - 6 * distance**2 + 3 * distance**3) / 6
    far = np.maximum(2 - distance, 0) ** 3 / 6
    weights: np.ndarray = np.where(distance < 1, near, far).astype(np.float32)
    return weights


def _frozen(scene: Scene) -> np.ndarray:
    frozen: np.ndarray = (scene.snow > 0.5) | (scene.cover == Cover.SNOW) | (scene.cover == Cover.ICE)
    return frozen


def _looks_frozen(scene: Scene) -> np.ndarray:
    """CFMask's test of snow (Zhu & Woodcock 2012, eq. 20, without the temperature): NDSI > 0.15, NIR > 0.11, green > 0.1."""
    visible, swir = green(scene), scene.bands["swir16"]
    nir = scene.bands["nir" if scene.fine is None else "nir_narrow"]
    looks: np.ndarray = (visible - swir > 0.15 * (visible + swir)) & (nir > 0.11) & (visible > 0.1)
    return looks


def _largest(candidates: np.ndarray, score: np.ndarray, share: float) -> np.ndarray:
    """Mark the `share` of the candidates with the highest scores."""
    chosen = np.zeros(candidates.shape, bool)
    places = np.flatnonzero(candidates)
    count = round(share * places.size)
    if count:
        order = np.argpartition(score.ravel()[places], places.size - count)
        chosen.ravel()[places[order[-count:]]] = True
    return chosen


def _dilate(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    size = 2 * DILATION + 1
    widened: np.ndarray = ndimage.maximum_filter(mask.view(np.uint8), size=size, mode="constant") > 0
    return widened


def _low(cirrus_band: bool) -> int:
    return 1 << 8 | 1 << 10 | 1 << 12 | (1 << 14 if cirrus_band else 0)
