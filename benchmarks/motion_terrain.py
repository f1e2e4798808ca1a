"""The tracker on a simulated glacier: error and trust by what lies at the surface, against the velocity that moved it.

Cloudless 10 m scenes of the scenario `SCENARIO` without geolocation error; light, cast shadow, snow and texture are those of their days.
Texture moves with every particle, light and snow stay with the place, so that what a tracker finds may be either. The second scene of a
pair is taken when the sun stands in the same direction as in the first. Where it stands lower, shade outweighs the ice's own brightness,
and the sum of both lies elsewhere on the ice: up to .05 px between 62° and 45° (summer), which no tracker can tell from motion; in early
summer the sun is alike in both scenes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.ndimage import map_coordinates, uniform_filter

from glaciercast.motion.tracking import Tracks, track
from glaciercast.simulate import render, scenario, sun, world
from glaciercast.simulate.scene import Cover, Overpass, Scene
from glaciercast.simulate.world import World

SCENARIO, SEED = "shisper-like", 3
PAIRS = {
    "early summer, 40 days": ("2017-06-11", "2017-07-21"),
    "summer, 40 days": ("2017-08-05", "2017-09-14"),
    "melting snow, 40 days": ("2017-05-27", "2017-07-06"),
    "autumn, 50 days": ("2017-09-14", "2017-11-03"),
    "winter, 40 days": ("2017-01-20", "2017-03-01"),
    "surge, 5 days": ("2018-06-25", "2018-06-30"),
}
SATURATED = "winter, 40 days, sensor saturated over snow"
"""The winter pair once more, with constant snow but for the sensor's noise: ground without texture."""
HOUR = pd.Timedelta(hours=5, minutes=40)
"""Of the first visits, UTC."""
PIXEL, AROUND = 10.0, 600.0
"""Of the scenes, and what they hold around the ice, m."""
CHIP = 33
"""Pixels over which the surface of a vector is judged."""
BARE, COVERED = 0.1, 0.9
"""Share of snow below which ground counts as bare, and above which as covered."""
SHEARED = 0.02
"""Change of displacement, pixels a pixel, from which ice counts as sheared."""
WRONG = 0.5
"""Pixels by which a believed vector is wrong rather than inexact; it has to be beyond three of its errors, too."""
CLASSES = ("snow-covered ice", "snow patches", "shadow", "shear margins", "debris", "bare ice", "rock", "snow-covered rock")


def terrain(pairs: dict[str, tuple[str, str]] = PAIRS) -> dict[str, dict[str, dict[str, float]]]:
    """Return what `scores` says of each pair and class."""
    made = world.make(scenario.load(SCENARIO), SEED)
    fine = around_ice(made)
    results = {}
    for title, days in pairs.items():
        first = pd.Timestamp(days[0]) + HOUR
        second = as_lit(made, first, pd.Timestamp(days[1]))
        scenes = [seen(made, when, fine) for when in (first, second)]
        images = {title: [scene.bands["red"] for scene in scenes]}
        if SATURATED.startswith(title):
            images[SATURATED] = [saturated(made, scene, number) for number, scene in enumerate(scenes)]
        for name, pair in images.items():
            tracks = track(*pair)
            results[name] = scores(tracks, truth(made, first, second, fine, tracks), classes(made, scenes, fine, tracks))
    return results


def around_ice(made: World) -> GeoBox:
    """Return pixels of `PIXEL` metres around everything that moves, an even number of them along each side."""
    rows, columns = np.nonzero(made.ice)
    left, top = made.grid.affine * (columns.min(), rows.min())
    right, bottom = made.grid.affine * (columns.max() + 1, rows.max() + 1)
    size = [int((far + 2 * AROUND) / PIXEL / 2) * 2 for far in (top - bottom, right - left)]
    return GeoBox((size[0], size[1]), Affine(PIXEL, 0, left - AROUND, 0, -PIXEL, top + AROUND), made.grid.crs)


def sun_at(made: World, when: pd.Timestamp) -> tuple[float, float]:
    """Return the sun's elevation and azimuth, degrees."""
    area = made.scenario.area
    elevation, azimuth = sun.position(when.to_datetime64(), area.lon, area.lat)
    return float(elevation), float(azimuth)


def as_lit(made: World, first: pd.Timestamp, day: pd.Timestamp) -> pd.Timestamp:
    """Return the minute of `day` at which the sun's azimuth is next to that at `first`."""
    minutes = [day + HOUR + pd.Timedelta(minutes=by) for by in range(-120, 121)]
    return min(minutes, key=lambda when: abs(sun_at(made, when)[1] - sun_at(made, first)[1]))


def saturated(made: World, scene: Scene, number: int) -> np.ndarray:
    """Return the red band with constant snow and the sensor's noise on it."""
    red, noise = scene.bands["red"], made.scenario.optical.noise
    constant = 1 + noise * 1.5 * np.random.default_rng(number).normal(size=red.shape)
    return np.where(np.repeat(np.repeat(scene.snow, 2, 0), 2, 1) > COVERED, constant, red).astype("float32")


def seen(made: World, when: pd.Timestamp, fine: GeoBox) -> Scene:
    area = made.scenario.area
    elevation, azimuth = sun_at(made, when)
    visit = Overpass("sentinel2", "Sentinel-2A", when, area.crs, 134, 0, "43SDA", elevation, azimuth, 0.0, 0.0, 0.0)
    return render.scene(made, visit, fine.zoom_out(2), fine)


def at(field: np.ndarray, made: World, fine: GeoBox, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a field of the master grid at pixels (`x`, `y`) of the scenes, bilinear as the truth is."""
    east, north = fine.affine * (x + 0.5, y + 0.5)
    column, row = ~made.grid.affine * (east, north)
    return map_coordinates(np.asarray(field, "float64"), [row - 0.5, column - 0.5], order=1, mode="nearest")


def truth(made: World, first: pd.Timestamp, second: pd.Timestamp, fine: GeoBox, tracks: Tracks) -> np.ndarray:
    """Return the displacement to the right and downwards of the ground that lies at each vector halfway, pixels, (2, y, x)."""
    east, north = made.flow.origins(second, first, made.ice)
    found = np.zeros((2, *tracks.x.shape))
    for _ in range(20):
        x, y = tracks.x + found[0] / 2, tracks.y + found[1] / 2
        found = np.stack([-at(east, made, fine, x, y), at(north, made, fine, x, y)]) / PIXEL
    return found


def classes(made: World, scenes: list[Scene], fine: GeoBox, tracks: Tracks) -> np.ndarray:
    """Return the class of each vector (place in `CLASSES`; the first that holds), int (y, x)."""
    nodes = tracks.y.astype(int), tracks.x.astype(int)

    def over_chip(layer: np.ndarray) -> np.ndarray:
        return uniform_filter(np.repeat(np.repeat(layer.astype("float64"), 2, 0), 2, 1), CHIP)[nodes]

    snow = np.stack([over_chip(scene.snow) for scene in scenes])
    dark = np.max([over_chip(scene.lit <= 0) for scene in scenes], axis=0) > 0.5
    on_ice = at(made.ice, made, fine, tracks.x, tracks.y) > 0.5
    debris = over_chip(scenes[0].cover == Cover.DEBRIS) > 0.5
    days = (scenes[1].overpass.time, scenes[0].overpass.time)
    moved = np.stack(made.flow.origins(*days, made.ice)) / made.grid.resolution.x
    sheared = at(np.linalg.norm(np.stack([np.gradient(part) for part in moved]), axis=(0, 1)), made, fine, tracks.x, tracks.y) > SHEARED
    holds = [
        on_ice & (snow > COVERED).all(0),
        on_ice & (snow > BARE).any(0),
        dark,
        on_ice & sheared,
        on_ice & debris,
        on_ice,
        (snow < BARE).all(0),
        np.ones_like(on_ice),
    ]
    return np.argmax(holds, axis=0)


def scores(tracks: Tracks, true: np.ndarray, kinds: np.ndarray) -> dict[str, dict[str, float]]:
    """Return of each class how many vectors there are, the share valid and of these the wrong, their error and how it is told."""
    apart = np.abs(np.stack([tracks.dx, tracks.dy]) - true)
    told = np.stack([tracks.error_x, tracks.error_y])
    far = (np.hypot(*apart) > WRONG) & (apart > 3 * told).any(0)
    results = {}
    for number, name in enumerate(CLASSES):
        mine = kinds == number
        used = mine & tracks.valid
        row = {"vectors": float(mine.sum()), "moved": float(np.hypot(*true)[mine].mean()) if mine.any() else np.nan}
        if used.any():
            row |= {
                "valid": float(used.sum() / mine.sum()),
                "error": float(np.hypot(*apart)[used].mean()),
                "median": float(np.median(np.hypot(*apart)[used])),
                "within": float((apart < told)[:, used].mean()),
                "wrong": float(far[used].mean()),
            }
        results[name] = row
    return results
