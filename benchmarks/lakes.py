"""Areas of lakes whose outline is known, by several ways to measure them, and drainage found in series; writes the table of the docs.

Usage: python benchmarks/lakes.py [--seed SEED] [--number N] [--report] [--simulated CUBE TRUTH LON,LAT]

Lakes of random outline are rendered finer than pixels (10, 20 and 30 m), on shores of rock, debris, grass, ice and snow, blurred, with
noise, shadow of terrain and cloud. Seeds below 1000 are for tuning, the table is of seed 1000. Otsu's threshold as peers take it is
that of scikit-image, which must be installed. CUBE was built from what ``glaciercast simulate`` made with TRUTH. With --report writes
benchmarks/results/lakes.json and docs/results/lakes.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from glaciercast.cube.indices import ndwi
from glaciercast.hazard import lakes_drops
from glaciercast.hazard.lakes_scenes import Look, Place
from glaciercast.hazard.lakes_series import Follower, touching
from glaciercast.hazard.lakes_settings import DropConfig, LakeConfig, WaterConfig
from glaciercast.hazard.lakes_water import Optics
from glaciercast.simulate import spectra

ROOT = Path(__file__).resolve().parents[1]
FINE = 6
"""Parts along the side of a pixel."""
BLUR = 0.35
"""Width (1 σ) of the sensor's blur beyond the pixel itself, pixels."""
BANDS = [spectra.BANDS.index(name) for name in ("green", "nir", "swir16")]
SHORES = {"rock": spectra.ROCK, "debris": spectra.DEBRIS, "grass": spectra.GRASS, "dry grass": spectra.DRY_GRASS, "ice": spectra.ICE}
SIZES = {"1–40": (1, 40), "40–400": (40, 400), "400–2000": (400, 2000)}
"""Pixels."""
NOISE = 0.004
DARK = 0.12
"""Light of the sky alone, green; in the near infrared a third of it."""


DRAINAGE = [
    "a clear look every", "floods", "found in their window", "of high or medium confidence", "confirmed", "false, a lake-year",
    "window, days (median)", "strict rule",
]  # fmt: skip

SIMULATED = [
    "scenario", "scenes", "areas", "longest gap, days", "compared", "error, % (bias)", "within, %", "floods", "found", "confirmed",
    "drops told",
]  # fmt: skip


DRY = ["scenario", "scenes", "rule", "places", "with a lake", "its areas", "drainages"]
DRY_KEYS = ("scenario", "scenes", "rule", "places", "lakes", "areas", "drops")


class Scene(NamedTuple):
    """A lake whose area is known, pixels."""

    optics: Optics
    near: np.ndarray
    area: float
    pixel: float


def rough(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Return smooth noise of standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), scale)
    return (noise - noise.mean()) / noise.std()


def blob(rng: np.random.Generator, side: int, area: float) -> np.ndarray:
    """Return a lake of random outline, bool (y, x) on fine pixels; `area` in pixels, roughly."""
    radius = np.sqrt(area / np.pi)
    rows, columns = (np.indices((side * FINE, side * FINE)) + 0.5) / FINE - side / 2
    rows, columns = rows + rng.uniform(-0.5, 0.5), columns + rng.uniform(-0.5, 0.5)
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 1.7)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    theta = np.arctan2(across * stretch, along / stretch)
    edge = 1 + sum(rng.normal(0, 0.18 / k) * np.cos(k * theta + rng.uniform(0, 7)) for k in range(2, 7))
    return np.asarray(np.hypot(along / np.sqrt(stretch), across * np.sqrt(stretch)) <= radius * np.maximum(edge, 0.3))


def blocks(fine: np.ndarray) -> np.ndarray:
    side = fine.shape[-1] // FINE
    return np.asarray(fine.reshape(*fine.shape[:-2], side, FINE, side, FINE).mean(axis=(-3, -1)))


def render(rng: np.random.Generator, water: np.ndarray, pixel: float, shade: np.ndarray | None = None) -> np.ndarray:
    """Return green, nir and swir16 (band, y, x) of a lake (fine pixels) among shores that vary over some 60 m."""
    shape, grain = water.shape, 60 / pixel * FINE
    first, second = rng.choice(len(SHORES), 2, replace=False)
    kinds = np.array(list(SHORES.values()))[:, BANDS]
    mix = 1 / (1 + np.exp(-3 * rough(rng, shape, grain)))
    land = kinds[first][:, None, None] * mix + kinds[second][:, None, None] * (1 - mix)
    snowy = 1 / (1 + np.exp(-4 * (rough(rng, shape, grain) - rng.uniform(1, 3))))
    land = land * np.exp(0.15 * rough(rng, shape, grain)) * (1 - snowy) + spectra.OLD_SNOW[BANDS][:, None, None] * snowy
    lake = spectra.WATER[BANDS][:, None, None] * rng.uniform(0.6, 1.4) * (1 + 0.08 * rough(rng, shape, 4 * grain))
    light = np.where(water, lake, land)
    if shade is not None:
        light = np.where(shade, light * np.array([DARK, DARK / 3, DARK / 6])[:, None, None], light)
    light = np.stack([ndimage.gaussian_filter(band, BLUR * FINE) for band in light])
    seen = blocks(light)
    return (seen + NOISE * rng.standard_normal(seen.shape)).astype("float32")


def scene(seed: int, size: str, pixel: float, shadow: bool) -> Scene:
    """Return a lake of a class of sizes; with `shadow`, the terrain throws one beside it that the mask of light knows to a pixel."""
    rng = np.random.default_rng([seed, list(SIZES).index(size), int(pixel), shadow])
    low, high = SIZES[size]
    area = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    side = int(max(32, 4.2 * np.sqrt(area)))
    water = blob(rng, side, area)
    shade = None
    if shadow:
        edge = side / 2 + 0.75 * np.sqrt(area) + 3 * ndimage.gaussian_filter1d(rng.standard_normal(side * FINE), FINE * 3)
        shade = np.broadcast_to((np.arange(side * FINE) / FINE)[None, :] > edge[:, None], water.shape)
    green, nir, swir16 = render(rng, water, pixel, shade)
    clear = np.ones(green.shape, bool)
    lit = clear if shade is None else blocks(shade.astype("float64")) < rng.uniform(0.05, 0.5)
    near = np.hypot(*(np.indices(green.shape) + 0.5 - side / 2)) <= max(2.0, np.sqrt(area) / 2)
    optics = Optics(green, nir, swir16, clear, lit, np.zeros(green.shape, "float32"))
    return Scene(optics, near, float(blocks(water.astype("float64")).sum()), pixel)


def place(near: np.ndarray, pixel: float) -> Place:
    box = GeoBox(near.shape, Affine(pixel, 0, 450000, 0, -pixel, 4030000), "EPSG:32643")
    whole = slice(0, near.shape[0]), slice(0, near.shape[1])
    middle = near.shape[0] // 2
    return Place(74.5, 36.4, box, *whole, middle, middle, near, np.ones(near.shape, bool))


def look(optics: Optics, number: int = 0) -> Look:
    time = np.datetime64("2020-06-01", "ns") + np.timedelta64(8 * number, "D")
    return Look("made", f"S{number}", "made", time, time, optics, None)


def ours(made: Scene, shoreline: str) -> tuple[float, float]:
    """Return area and error in pixels."""
    settings = LakeConfig(shoreline=shoreline, min_seen=0.1)
    found = Follower(place(made.near, made.pixel), settings).step(look(made.optics))
    return found.area / made.pixel**2, found.area_error / made.pixel**2


def above_zero(made: Scene) -> tuple[float, float]:
    return float(touching(ndwi(made.optics.green, made.optics.nir) > 0, made.near).sum()), np.nan


def otsu(made: Scene) -> tuple[float, float]:
    from skimage.filters import threshold_otsu

    index = ndwi(made.optics.green, made.optics.nir)
    level = threshold_otsu(index[np.isfinite(index)])
    return float(touching(index > level, made.near).sum()), np.nan


METHODS: dict[str, Callable[[Scene], tuple[float, float]]] = {
    "unmixed shore (default)": lambda made: ours(made, "subpixel"),
    "own threshold, pixels counted": lambda made: ours(made, "count"),
    "NDWI > 0, pixels counted": above_zero,
    "Otsu of scikit-image, pixels counted": otsu,
}


def areas(seed: int, number: int) -> list[dict[str, Any]]:
    """Return the scores of all methods by size, resolution and shadow."""
    rows = []
    for shadow in (False, True):
        for size in SIZES:
            for pixel in (10.0, 20.0, 30.0):
                scenes = [scene(seed * 1000 + n, size, pixel, shadow) for n in range(number)]
                for name, method in METHODS.items():
                    found = np.array([method(made) for made in scenes])
                    rows.append({"shadow": shadow, "size": size, "pixel": pixel, "method": name, **score(found, scenes)})
    return rows


def score(found: np.ndarray, scenes: list[Scene]) -> dict[str, Any]:
    true = np.array([made.area for made in scenes])
    area, error = np.nan_to_num(found[:, 0]), found[:, 1]  # no area: missed
    off = area / true - 1
    within = np.abs(area - true) <= error
    return {
        "lakes": len(scenes),
        "error": float(np.median(np.abs(off))),
        "mean_error": float(np.abs(off).mean()),
        "bias": float(np.median(off)),
        "gross": float((np.abs(off) > 0.5).mean()),
        "missed": float((area == 0).mean()),
        "within": float(within.mean()) if np.isfinite(error).any() else None,
    }


def hidden(seed: int, number: int) -> list[dict[str, Any]]:
    """Return errors under cloud: a lake that rises over eight looks, half of them with cloud over a part of it."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for n in range(number):
        for name, share, off, sigma in _under_cloud(np.random.default_rng([seed, n, 77])):
            part = "up to 20 %" if share <= 0.2 else "20–50 %" if share <= 0.5 else "over 50 %"
            found.setdefault((part, name), []).append((off, sigma))
    rows = []
    for (part, name), values in sorted(found.items()):
        off, sigma = np.array(values).T
        within = float((np.abs(off) <= sigma).mean()) if np.isfinite(sigma).any() else None
        rows.append(
            {
                "hidden": part,
                "method": name,
                "areas": off.size,
                "error": float(np.abs(off).mean()),
                "bias": float(off.mean()),
                "within": within,
            }
        )
    return rows


def _under_cloud(rng: np.random.Generator) -> Iterator[tuple[str, float, float, float]]:
    side, pixel = 64, 30.0
    rows, columns = (np.indices((side * FINE, side * FINE)) + 0.5) / FINE - side / 2
    angle = rng.uniform(0, np.pi)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    ground = 0.12 * (np.hypot(along, 1.8 * across)) ** 2 + 4 * rough(rng, along.shape, 5 * FINE)
    model = blocks(ground) + 3 * rng.standard_normal((side, side))
    near = np.hypot(*(np.indices((side, side)) + 0.5 - side / 2)) <= 6
    settings = LakeConfig(min_seen=0.05)
    followers = {"from the level, elevation known": Follower(place(near, pixel), settings, model)}
    followers["from the level, by earlier looks alone"] = Follower(place(near, pixel), settings)
    for number, level in enumerate(np.linspace(8, rng.uniform(20, 40), 8)):
        inside, _ = ndimage.label(ground < level)
        water = (
            inside == inside[inside.shape[0] // 2, inside.shape[1] // 2]
            if inside[inside.shape[0] // 2, inside.shape[1] // 2]
            else ground < level
        )
        green, nir, swir16 = render(rng, water, pixel)
        cloud = rough(rng, (side, side), 5) > rng.uniform(-1.2, 1.2) if number % 2 else np.zeros((side, side), bool)
        bands = [np.where(cloud, np.float32(np.nan), band) for band in (green, nir, swir16)]
        optics = Optics(*bands, ~cloud, np.ones(cloud.shape, bool), np.full(cloud.shape, np.nan, "float32"))
        share = blocks(water.astype("float64"))
        true, covered = share.sum(), float((share * cloud).sum() / share.sum())
        for name, follower in followers.items():
            found = follower.step(look(optics, number))
            if number % 2 and covered > 0.02 and np.isfinite(found.area):
                yield name, covered, found.area / pixel**2 / true - 1, found.area_error / pixel**2 / true
        if number % 2 and covered > 0.02:
            yield "clear pixels alone", covered, -covered, np.nan


def drops(seed: int, number: int) -> list[dict[str, Any]]:
    """Return how many drainages of simulated lakes are found, at several rates of clear looks; winters are frozen."""
    rows = []
    for every in (5, 10, 20, 40):
        counts = dict.fromkeys(("floods", "found", "good", "confirmed", "false", "strict", "years"), 0)
        gaps = []
        for n in range(number):
            _count(np.random.default_rng([seed, n, every]), every, seed * 1000 + n, counts, gaps)
        rows.append({"every_days": every, **counts, "window_days": float(np.median(gaps)) if gaps else None})
    return rows


def _count(rng: np.random.Generator, every: int, seed: int, counts: dict[str, int], gaps: list[float]) -> None:
    from glaciercast.simulate import lake
    from glaciercast.simulate.scenario import LakeSpec

    dates = pd.date_range("2015-01-01", "2020-12-31")
    summer = np.clip(np.cos(2 * np.pi * (np.asarray(dates.day_of_year) - 205) / 365.25), 0, None)
    level = np.linspace(0, 100, 101)
    hypsometry = lake.Hypsometry(level, 60.0 * level**2.5, 150.0 * level**1.5, 0.0, 100.0)
    history = lake.make(LakeSpec(start="2015-01-01", base_hazard=0.05), hypsometry, 9e4 * summer * rng.uniform(0.7, 1.5), dates, seed)
    taken = np.flatnonzero((rng.random(dates.size) < 1 / every) & (summer > 0.02 * rng.uniform()))
    if taken.size < 4:
        return
    true = history.area[taken]
    error = np.hypot(900.0, 0.03 * true)
    wild = np.where(rng.random(taken.size) < 0.05, rng.uniform(0.7, 1.0, taken.size), 1.0)  # haze that no mask found
    area = np.maximum(0, true * wild + error * rng.standard_normal(taken.size))
    time = dates[taken].to_numpy("datetime64[ns]")
    series = lakes_drops.Series(time, time, area, error, np.ones(taken.size))
    found = [drop for drop in lakes_drops.detect(series, DropConfig(), 900.0) if drop.confidence != "doubtful"]
    starts = history.events["start"].to_numpy("datetime64[ns]")
    floods = [start for start in starts if time[0] < start < time[-1]]
    matched = {id(drop): [s for s in floods if drop.earliest <= s + np.timedelta64(2, "D") and s <= drop.latest] for drop in found}
    counts["floods"] += len(floods)
    counts["found"] += len({s for hits in matched.values() for s in hits})
    counts["good"] += len({s for drop in found if drop.confidence in ("high", "medium") for s in matched[id(drop)]})
    counts["confirmed"] += len({s for drop in found if drop.confirmed for s in matched[id(drop)]})
    counts["false"] += sum(not hits for hits in matched.values())
    counts["strict"] += _strict(series, floods)
    counts["years"] += 6
    gaps.extend(float((drop.latest - drop.earliest) / np.timedelta64(1, "D")) for drop in found)


def _strict(series: lakes_drops.Series, floods: list[Any]) -> int:
    """Return how many floods a stricter rule finds: half the area gone within 30 days, and the next look shows no more."""
    days, area, hits = series.days(), series.area, set()
    for n in range(1, area.size - 1):
        if area[n - 1] > 5400 and area[n] <= 0.5 * area[n - 1] and days[n] - days[n - 1] <= 30 and area[n + 1] <= 0.5 * area[n - 1]:
            hits |= {s for s in floods if series.time[n - 1] <= s + np.timedelta64(2, "D") and s <= series.time[n]}
    return len(hits)


def simulated(cube: str, truth: Path, at: tuple[float, float]) -> dict[str, Any]:
    """Return scores on a simulated glacier's own lake, whose true surface every scene has beside it."""
    import rasterio

    from glaciercast import store
    from glaciercast.hazard import lakes

    lake = lakes.follow(store.open_cube(cube), at=at)
    off, within = [], []
    for one in lake.measured:
        day = f"{pd.Timestamp(one.time):%Y%m%d}"
        kind = "LC0" if one.product == "landsat" else "S2"
        files = sorted((truth / "scenes").glob(f"{kind}*{day}*.tif"))
        if not files:
            continue
        with rasterio.open(files[0]) as file:
            true = float((file.read(1) == 6).sum() * abs(file.transform.a) ** 2)
        if true >= 40 * lake.where.pixel**2:
            off.append(one.area / true - 1)
            within.append(abs(one.area - true) <= one.area_error)
    floods = pd.read_csv(truth / "lake_events.csv", parse_dates=["start"])["start"]
    table = lake.drop_table()
    hits = [any((row.earliest <= start) & (start.normalize() <= row.latest) for row in table.itertuples()) for start in floods]
    scenario = (truth / "README.txt").read_text(encoding="utf-8").split("(scenario ")[1].split(")")[0]
    return {
        "scenario": scenario, "pixel": lake.where.pixel, "longest_gap_days": gap(lake.measured),
        "scenes": len(lake.looks), "areas": len(lake.measured), "compared": len(off), "error": float(np.mean(np.abs(off))),
        "median_error": float(np.median(np.abs(off))), "bias": float(np.mean(off)), "within": float(np.mean(within)), "floods": len(floods),
        "found": int(sum(hits)), "drops": len(table), "confirmed": int(table["confirmed"].sum()), "grades": table["confidence"].tolist(),
    }  # fmt: skip


def dry(cube: str, truth: Path, seed: int, number: int = 12) -> list[dict[str, Any]]:
    """Return what is followed at least 1.5 km from all water that any scene ever had, with and without the rule of light."""
    from glaciercast import grid, store
    from glaciercast.cube import regions
    from glaciercast.hazard import lakes_scenes

    opened = store.open_cube(cube)
    box = grid.of(next(iter(lakes_scenes.products(opened).values())), "/optical")
    water, rng, places = _water(truth), np.random.default_rng([seed, 5]), []
    while len(places) < number:
        x, y = box.affine * tuple(rng.uniform(0.1, 0.9, 2) * (box.shape.x, box.shape.y))
        if np.hypot(*(water - (x, y)).T).min() >= 1500:
            places.append(regions.move(np.array([[x, y]]), str(box.crs), regions.DEGREES)[0])
    scenario = (truth / "README.txt").read_text(encoding="utf-8").split("(scenario ")[1].split(")")[0]
    return [
        {"scenario": scenario, "scenes": sum(each.sizes["time"] for each in lakes_scenes.products(opened).values()), "places": number}
        | {"rule": name, **_followed(opened, places, LakeConfig(water=WaterConfig(least_light=least)))}
        for name, least in (("brightness as it is", 1.0), ("brightness as on level ground (default)", WaterConfig().least_light))
    ]


def _water(truth: Path) -> np.ndarray:
    """Return places of open water in any scene, (place, x and y), m."""
    import rasterio

    found = []
    for path in sorted((truth / "scenes").glob("*.tif")):
        with rasterio.open(path) as file:
            rows, columns = np.nonzero(file.read(1)[::3, ::3] == 6)
            found.append(np.column_stack(file.transform * (3 * columns + 0.5, 3 * rows + 0.5)))
    return np.concatenate(found)


def _followed(cube: Any, places: list[np.ndarray], settings: LakeConfig) -> dict[str, int]:
    """Return how many areas of 6 pixels or more, lakes so large, and drainages are found where no lake is."""
    from glaciercast.errors import InputError
    from glaciercast.hazard import lakes

    areas = found = drained = 0
    for lon, lat in places:
        try:
            lake = lakes.follow(cube, at=(float(lon), float(lat)), settings=settings)
        except InputError:
            continue  # no water there, or a sliver beside water: what a user is told
        large = [one.area >= 6 * lake.where.pixel**2 for one in lake.measured]
        areas, found = areas + sum(large), found + any(large)
        drained += sum(drop.confidence != "doubtful" for drop in lake.drops)
    return {"areas": int(areas), "lakes": int(found), "drops": int(drained)}


def gap(looks: Any) -> float:
    """Return the longest time between two areas, days."""
    return float(np.diff([look.time for look in looks]).max() / np.timedelta64(1, "D"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--number", type=int, default=40, help="lakes of each size and resolution")
    parser.add_argument("--simulated", nargs=3, metavar=("CUBE", "TRUTH", "LON,LAT"), action="append", default=[])
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "seed": options.seed,
        "areas": areas(options.seed, options.number),
        "hidden": hidden(options.seed, options.number),
        "drops": drops(options.seed, options.number),
        "simulated": [],
        "dry": [],
    }
    for cube, truth, at in options.simulated:
        lon, lat = (float(part) for part in at.split(","))
        results["simulated"].append(simulated(cube, Path(truth), (lon, lat)))
        results["dry"] += dry(cube, Path(truth), options.seed)
    if options.report:
        path = ROOT / "benchmarks" / "results" / "lakes.json"
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "lakes.md").write_text(document(results), encoding="utf-8")
    print(document(results))


def document(results: dict[str, Any]) -> str:
    """Return the page of the docs."""
    parts = [
        f"Made by `python benchmarks/lakes.py --report`, seed {results['seed']}: lakes of random outline among shores of rock, debris, "
        "grass, ice and snow, rendered finer than pixels. Nothing was tuned on this seed. Error: median of the absolute error of the area, "
        "relative; in brackets the median of the error itself. Within: share of lakes whose area lies within the stated error (1 σ; 68 % "
        "would be right). Off by half or more counts lakes that were missed: here those below two or three pixels.",
        _areas_table(results["areas"], False),
        "With a shadow of the terrain beside the lake:",
        _areas_table(results["areas"], True),
        "## Under cloud\n\nA lake that rises over eight looks, half of them with cloud; the elevation model is off by 3 m (1 σ). "
        "Error: mean of the absolute error. By default a scene that shows less than half gives no area.",
        _table(
            ["water hidden", "filled", "areas", "error, % (bias)", "within, %"],
            [[r["hidden"], r["method"], str(r["areas"]), _off(r), _percent(r["within"])] for r in results["hidden"]],
        ),
        "## Drainage\n\nLakes that fill and drain by the simulator's hazard over six years, seen on random clear days outside winter, 3 % "
        "noise, one look in twenty up to 30 % too small without a word. Strict rule: half of the area gone within 30 days and still gone "
        "at the next look.",
        _table(DRAINAGE, [_drainage(row) for row in results["drops"]]),
    ]
    if results["simulated"]:
        parts += [
            "## A simulated glacier's own lake\n\nAgainst the surface that each scene really had. Both glaciers are of seed 0 and were "
            "looked at while the method was made: they are no untouched test. `shisper-optical` is shisper-like from July 2018 on, without "
            "velocity and temperature, built with at most 20 % cloud and with at most 70 %; `shisper-small` a glacier of a fifth of its "
            "size, with at most 70 %.",
            _table(SIMULATED, [_simulated(row) for row in results["simulated"]]),
            "## Where no lake is\n\nIn the same cubes, at places drawn at random, at least 1.5 km from all water that any scene ever had: "
            "how often there seems to be a lake of 6 pixels or more. With the brightness of ice on slopes that the sun grazes taken as it "
            "is, and as it would be on level ground.",
            _table(DRY, [[str(row[key]) for key in DRY_KEYS] for row in results["dry"]]),
        ]
    return "\n\n".join(parts) + "\n"


def _drainage(row: dict[str, Any]) -> list[str]:
    counts = [_of(row, name) for name in ("found", "good", "confirmed")]
    window = "–" if row["window_days"] is None else f"{row['window_days']:.0f}"
    false = f"{row['false'] / max(row['years'], 1):.3f}"
    return [f"{row['every_days']} days", str(row["floods"]), *counts, false, window, _of(row, "strict")]


def _simulated(row: dict[str, Any]) -> list[str]:
    counts = [str(row[name]) for name in ("floods", "found", "confirmed", "drops")]
    areas = [str(row["scenes"]), str(row["areas"]), f"{row['longest_gap_days']:.0f}", str(row["compared"])]
    return [row["scenario"], *areas, _off(row), _percent(row["within"]), *counts]


def _areas_table(rows: list[dict[str, Any]], shadow: bool) -> str:
    chosen = [row for row in rows if row["shadow"] == shadow]
    head = ["pixels of the lake", "method", *(f"{pixel} m, % (bias)" for pixel in (10, 20, 30)), "off by half or more, %", "within, %"]
    body = []
    for size in SIZES:
        for name in METHODS:
            own = [row for row in chosen if row["size"] == size and row["method"] == name]
            within = None if own[0]["within"] is None else float(np.mean([row["within"] for row in own]))
            body.append([size, name, *map(_off, own), _percent(float(np.mean([row["gross"] for row in own]))), _percent(within)])
    return _table(head, body)


def _off(row: dict[str, Any]) -> str:
    return f"{100 * row['error']:.1f} ({100 * row['bias']:+.1f})"


def _of(row: dict[str, Any], name: str) -> str:
    return f"{row[name]} ({100 * row[name] / max(row['floods'], 1):.0f} %)"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    main()
