"""The renderer's inner loop: the reflectance of every pixel from surface, snow, light, shadow and cloud at its own place."""

# Numba keeps compiled kernels beside the source and looks at this file only: after a change in noise, snow, spectra or clouds run
# `make clean`.

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from glaciercast.simulate import clouds, snow, spectra
from glaciercast.simulate.noise import fractal_noise, gradient_noise
from glaciercast.simulate.scene import Cover

ROCK, SNOWY, BARE_ICE, STONY, GRASSY, LAKE = (
    int(kind) for kind in (Cover.ROCK, Cover.SNOW, Cover.ICE, Cover.DEBRIS, Cover.VEGETATION, Cover.WATER)
)
NODES = 16
"""Pixels between the nodes at which scene coordinates are transformed exactly; between them they are linear to below a centimetre."""
STATIC = ("elevation", "gradient east", "gradient north", "roughness", "crevasses", "lake floor", "exposure", "along", "across", "grass")
ELEVATION, EAST, NORTH, ROUGHNESS, CREVASSES, LAKE_FLOOR, EXPOSURE, ALONG, ACROSS, GRASS = range(len(STATIC))
"""Layers of `statics`: m, rise per metre, snow needed (median 1), 0–1, bool, −1 … +1, m along and across the trunk, 0–1."""
SUNLIT, ORIGIN_EAST, ORIGIN_NORTH, GROUND_WARMTH, MARGIN, DEBRIS = range(6)
"""Layers of `dynamic`: share of the direct sun, offset of the ice's origin (m), K, ice where positive, share under debris."""
CLEAN, STONES, BEDROCK, GREEN, DRY, POND = range(2, 8)
"""Rows of `spectra.SURFACES` below the two of snow."""
COVER, SNOW, CLOUD, SHADOW, LIT, WARMTH = range(6)
"""Layers of truth beside the bands."""


@numba.njit(cache=True, nogil=True, inline="always")
def _between(field: Any, i: Any, j: Any, u: Any, v: Any, k: int) -> Any:
    top = field[i, j, k] + v * (field[i, j + 1, k] - field[i, j, k])
    bottom = field[i + 1, j, k] + v * (field[i + 1, j + 1, k] - field[i + 1, j, k])
    return top + u * (bottom - top)


@numba.njit(cache=True, nogil=True, inline="always")
def _bilinear(field: Any, row: Any, column: Any) -> Any:
    r = min(max(row, np.float32(0)), np.float32(field.shape[0] - 1.01))
    c = min(max(column, np.float32(0)), np.float32(field.shape[1] - 1.01))
    i, j = int(r), int(c)
    u, v = r - np.float32(i), c - np.float32(j)
    top = field[i, j] + v * (field[i, j + 1] - field[i, j])
    bottom = field[i + 1, j] + v * (field[i + 1, j + 1] - field[i + 1, j])
    return top + u * (bottom - top)


@numba.njit(cache=True, nogil=True, inline="always")
def _clip(value: Any) -> Any:
    return min(max(value, np.float32(0)), np.float32(1))


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def draw(
    nodes: Any, statics: Any, dynamic: Any, opacity: Any, pad: Any, base: Any, cold: Any,
    swe_table: Any, age_table: Any, table: Any, sun: tuple[float, float], resolution: Any, full_cover: Any,
    lake_level: Any, green: Any, seed: Any, octaves: Any, surfaces: Any, cloud: Any, scattered: Any,
    images: Any, truth: Any,
) -> None:  # fmt: skip
    """Fill `images` (band, y, x) and `truth` (layer, y, x) of one scene."""
    f: Any = np.float32
    bands, rows, columns = images.shape
    high, wide = statics.shape[0] - 1.01, statics.shape[1] - 1.01
    sin_h, cos_h = f(math.sin(sun[0])), f(math.cos(sun[0]))
    to_east, to_north = f(math.sin(sun[1])), f(math.cos(sun[1]))
    per_height = cos_h / max(sin_h, f(0.05))
    air_mass = min(f(3.0), f(0.707) / max(sin_h, f(0.1)))
    cells = f(1.0 / (resolution * clouds.COARSE))
    kinds = surfaces.shape[0]
    share = np.zeros(kinds, np.float32)
    for i in range(rows):
        gi, u = i // NODES, f(i % NODES) / f(NODES)
        for j in range(columns):
            gj, v = j // NODES, f(j % NODES) / f(NODES)
            r = nodes[gi, gj, 0] + u * (nodes[gi + 1, gj, 0] - nodes[gi, gj, 0])
            r += v * ((nodes[gi, gj + 1, 0] + u * (nodes[gi + 1, gj + 1, 0] - nodes[gi, gj + 1, 0])) - r)
            c = nodes[gi, gj, 1] + u * (nodes[gi + 1, gj, 1] - nodes[gi, gj, 1])
            c += v * ((nodes[gi, gj + 1, 1] + u * (nodes[gi + 1, gj + 1, 1] - nodes[gi, gj + 1, 1])) - c)
            r, c = min(max(r, 0.0), high), min(max(c, 0.0), wide)
            p, q = int(r), int(c)
            a, b = f(r - p), f(c - q)
            east, north = c * resolution, -r * resolution

            z = _between(statics, p, q, a, b, ELEVATION)
            gx, gy = _between(statics, p, q, a, b, EAST), _between(statics, p, q, a, b, NORTH)
            margin = _between(dynamic, p, q, a, b, MARGIN)
            lit = _between(dynamic, p, q, a, b, SUNLIT)
            norm = f(1) / math.sqrt(f(1) + gx * gx + gy * gy)
            incidence = max(f(0), (sin_h - cos_h * (gx * to_east + gy * to_north)) * norm)

            place = (z - table[0]) / table[1]
            facing = (_between(statics, p, q, a, b, EXPOSURE) - table[2]) / table[3]
            swe = _bilinear(swe_table, place, facing)
            age = _bilinear(age_table, place, facing)
            white = math.tanh(f(snow.WHOLE) / full_cover * swe / _between(statics, p, q, a, b, ROUGHNESS))

            for k in range(kinds):
                share[k] = f(0)
            shape = f(1)
            cover = ROCK
            if _between(statics, p, q, a, b, LAKE_FLOOR) > f(0.5) and z < lake_level:
                share[POND] = f(1)
                white = white * f(0.2)  # thin ice that snow lies on for a short while
                cover, incidence = LAKE, sin_h
            elif margin > f(0):
                mx, my = east + _between(dynamic, p, q, a, b, ORIGIN_EAST), north + _between(dynamic, p, q, a, b, ORIGIN_NORTH)
                rough = fractal_noise(mx / 240.0, my / 240.0, seed, octaves, 0.75)
                aside, ahead = 10.0 * to_east, 10.0 * to_north  # to both sides: shading stays with the ice wherever the sun stands
                tilt = fractal_noise((mx + aside) / 240.0, (my + ahead) / 240.0, seed, octaves, 0.75)
                tilt -= fractal_noise((mx - aside) / 240.0, (my - ahead) / 240.0, seed, octaves, 0.75)
                stony = _between(dynamic, p, q, a, b, DEBRIS)
                stony = _clip(stony + f(1.3) * gradient_noise(mx / 420.0, my / 420.0, seed + 7) * stony * (f(1) - stony) + f(0.12) * rough)
                pr, pc = min(max(-my / resolution, f(0)), f(high)), min(max(mx / resolution, f(0)), f(wide))
                k0, m0 = int(pr), int(pc)
                ka, kb = pr - f(k0), pc - f(m0)
                split = gradient_noise(
                    _between(statics, k0, m0, ka, kb, ALONG) / 95.0, _between(statics, k0, m0, ka, kb, ACROSS) / 330.0, seed + 13
                )
                crack = _between(statics, p, q, a, b, CREVASSES) * _clip(f(1.8) * split - f(0.2))  # crevasses lie across the flow
                share[STONES] = stony
                share[CLEAN] = f(1) - stony
                shape = (f(1) + f(0.14) * rough - f(0.35) * crack) * (f(1) + (f(0.4) + f(0.57) * stony) * -tilt * per_height)
                cover = STONY if stony > f(0.5) else BARE_ICE
                shape = max(shape, f(0.15))
            else:
                grain = fractal_noise(east / 260.0, north / 260.0, seed + 31, octaves, 0.7)
                bed = gradient_noise(east / 1500.0, north / 1500.0, seed + 41)
                grass = _clip(_between(statics, p, q, a, b, GRASS) + f(0.5) * grain)
                grass = grass * f(0.9)
                share[BEDROCK] = f(1) - grass
                share[GREEN] = grass * green
                share[DRY] = grass * (f(1) - green)
                shape = f(1) + f(0.17) * grain + f(0.18) * bed
                if grass > f(0.5):
                    cover = GRASSY
            young = math.exp(-age / f(spectra.SNOW_AGE))
            snow_shape = f(1) + f(0.5) * (shape - f(1)) * f(0.25)
            if white > f(0.5):
                cover = SNOWY

            shadow_length = max(f(0), base - z) * per_height
            cr = f(r * resolution - to_north * shadow_length) * cells + f(pad)
            cc = f(c * resolution + to_east * shadow_length) * cells + f(pad)
            dark = _bilinear(opacity, cr, cc)
            veil = _bilinear(opacity, f(r * resolution) * cells + f(pad), f(c * resolution) * cells + f(pad))
            direct = min(incidence / max(sin_h, f(0.08)), f(2.5)) * lit * (f(1) - f(0.85) * dark)
            sky = f(0.5) * (f(1) + norm)

            for k in range(bands):
                ground = f(0)
                for m in range(2, kinds):
                    ground += share[m] * surfaces[m, k]
                ground *= shape
                bright = (surfaces[1, k] + young * (surfaces[0, k] - surfaces[1, k])) * snow_shape
                surface = ground + white * (bright - ground)
                diffuse = min(f(0.6), scattered[k] * air_mass)
                reflectance = surface * ((f(1) - diffuse) * direct + diffuse * sky)
                above = cloud[k] * (f(0.75) + f(0.25) * veil) * (f(0.85) + f(0.15) * (f(1) - dark))
                images[k, i, j] = reflectance + veil * (above - reflectance)
            truth[COVER, i, j] = f(cover)
            truth[SNOW, i, j] = white
            truth[CLOUD, i, j] = veil
            truth[SHADOW, i, j] = dark
            truth[LIT, i, j] = incidence * lit
            warmth = _between(dynamic, p, q, a, b, GROUND_WARMTH)
            truth[WARMTH, i, j] = warmth + veil * (cold - warmth)
