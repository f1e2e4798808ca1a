"""Co-registration: error and time on pairs with known shifts beside other methods, and on simulated scenes; writes the docs' tables.

Usage: python benchmarks/coregister.py --pairs FILE [--run RUN ...] [--every N] [--report]

FILE is an NPZ with `kind`, `shift` (case, 2: columns, rows), `first`, `second`, `cloud1`, `cloud2` and `glacier` (case, y, x). RUN is what
``glaciercast simulate parvati-like`` made; its truth holds the geolocation error of every scene. Of its later scenes every N-th is placed.
Plain ECC needs OpenCV 5 (``findTransformECCWithMask``), phase correlation scikit-image, and AROSICS itself; what is not installed is named.
With --report writes benchmarks/results/coregister.json and docs/results/coregistration.md. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from glaciercast import grid
from glaciercast.cube import coregister, coregister_move, indices, masks, registration
from glaciercast.cube.coregister import CoregistrationConfig
from glaciercast.cube.references import References
from glaciercast.cube.registration import Frame, Registration
from glaciercast.cube.shading import Relief
from glaciercast.sites import catalogue
from glaciercast.sources import dem
from glaciercast.sources.access import Reader
from glaciercast.sources.fetch import Fetcher
from glaciercast.sources.landsat import Landsat
from glaciercast.sources.sentinel2 import Sentinel2
from glaciercast.sources.stac import Catalogue

ROOT = Path(__file__).resolve().parents[1]
CONFIG = CoregistrationConfig()
BARS = {"clean": 0.010, "cloud30": 0.012, "moving": 0.012, "cloud60moving": 0.018}
CPU_SECONDS, OF_PLAIN, JITTER = 0.25, 0.5, 0.05
CLEAR = 0.4
"""Share of stable ground that a scene has to show to count for the bar."""
WAYS = {"frames and relief": Registration(enabled=True), "frames alone": Registration(enabled=True, relief=False)}
SOON = pd.Timedelta(days=20)
"""Clear scenes within so long should show the same NDSI, but for weather."""
Shift = tuple[float, float]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    results = {"pairs": on_pairs(dict(np.load(options.pairs))), "lacking": lacking()}
    results["scenes"] = {run.name: on_scenes(run, options.every) for run in options.run}
    text = tables(results)
    print(text)
    if options.report:
        (ROOT / "benchmarks" / "results" / "coregister.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        (ROOT / "docs" / "results" / "coregistration.md").write_text(text + "\n", encoding="utf-8")
    if missed := misses(results):
        sys.exit("missed: " + "; ".join(missed))


def ours() -> Callable[..., Shift]:
    """Return the way of `match`; the reference's texture is made once for all scenes, so it is not timed."""
    prepared: dict[int, coregister.Textured] = {}

    def estimate(first, second, clear1, clear2, stable):
        found = coregister.match(prepared[id(first)], coregister.textured(second, clear2, stable, CONFIG), CONFIG)
        return -found.columns, -found.rows

    def prepare(first, clear1, stable):
        prepared.clear()
        prepared[id(first)] = coregister.textured(first, clear1, stable, CONFIG)

    estimate.prepare = prepare
    return estimate


def plain_ecc(first, second, clear1, clear2, stable) -> Shift:
    import cv2

    cv2.setNumThreads(1)
    matrix = np.eye(2, 3, dtype="float32")
    masks = [clear & stable for clear in (clear1, clear2)]
    images = [_high_passed(image, mask) for image, mask in zip((first, second), masks, strict=True)]
    flags = [mask.astype("uint8") for mask in masks]
    cv2.findTransformECCWithMask(*images, *flags, matrix, cv2.MOTION_TRANSLATION, (3, 50, 1e-6))
    return float(matrix[0, 2]), float(matrix[1, 2])


def phase(first, second, clear1, clear2, stable) -> Shift:
    from skimage.registration import phase_cross_correlation

    masks = [clear & stable for clear in (clear1, clear2)]
    images = [np.where(mask, image, np.median(image[mask])) for image, mask in zip((first, second), masks, strict=True)]
    rows, columns = phase_cross_correlation(*images, upsample_factor=100)[0]
    return -float(columns), -float(rows)


def masked_phase(first, second, clear1, clear2, stable) -> Shift:
    from skimage.registration import phase_cross_correlation

    found = phase_cross_correlation(first, second, reference_mask=clear1 & stable, moving_mask=clear2 & stable)[0]
    return -float(found[1]), -float(found[0])


def arosics(first, second, clear1, clear2, stable) -> Shift:
    from arosics import COREG
    from geoarray import GeoArray

    place = (0, 30, 0, 24000, 0, -30), "EPSG:32643"
    bad = [GeoArray((~(clear & stable)).astype("uint8"), *place) for clear in (clear1, clear2)]
    keys = {"ws": (256, 256), "max_shift": 20, "mask_baddata_ref": bad[0], "mask_baddata_tgt": bad[1], "q": True, "CPUs": 1}
    found = COREG(GeoArray(first, *place), GeoArray(second, *place), **keys)
    found.calculate_spatial_shifts()
    return -float(found.x_shift_px), -float(found.y_shift_px)


def _high_passed(image: np.ndarray, mask: np.ndarray, sigma: float = 8.0) -> np.ndarray:
    weight = np.maximum(gaussian_filter(mask.astype("float32"), sigma, truncate=3), 1e-6)
    mean = gaussian_filter(np.where(mask, image, 0).astype("float32"), sigma, truncate=3) / weight
    return np.where(mask, image - mean, 0).astype("float32")


def on_pairs(data: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return each method's median error by kind of pair (px) and its least CPU time for a scene (s)."""
    methods: dict[str, Callable[..., Shift]] = {"glaciercast": ours()}
    if _has("cv2", "findTransformECCWithMask"):
        methods["plain ECC, both masks, high-passed (OpenCV 5)"] = plain_ecc
    if importlib.util.find_spec("skimage"):
        methods["phase correlation, filled by the median (scikit-image)"] = phase
        methods["masked correlation, whole pixels (scikit-image)"] = masked_phase
    if importlib.util.find_spec("arosics"):
        methods["AROSICS, window 256, masks given"] = arosics
    found: dict[str, dict[str, float]] = {}
    for name, method in methods.items():
        errors: dict[str, list[float]] = {}
        seconds = []
        for k, kind in enumerate(data["kind"]):
            first, second = data["first"][k], data["second"][k]
            masks = ~data["cloud1"][k], ~data["cloud2"][k], ~data["glacier"][k]
            if hasattr(method, "prepare"):
                method.prepare(first, masks[0], masks[2])
            for _ in range(3 if k else 4):  # the first compiles
                start = time.process_time()
                shift = method(first, second, *masks)
                seconds.append(time.process_time() - start)
            errors.setdefault(str(kind), []).append(float(np.hypot(*(np.array(shift) - data["shift"][k]))))
        medians = {kind: float(np.median(values)) for kind, values in errors.items()}
        found[name] = {**medians, "cpu": float(np.min(np.reshape(seconds[1:], (-1, 3)), axis=1).mean()), "pairs": len(data["kind"])}
    return found


def lacking() -> list[str]:
    """Return which peers could not be compared."""
    wanted = {"OpenCV 5": _has("cv2", "findTransformECCWithMask")}
    wanted |= {name: importlib.util.find_spec(module) is not None for name, module in (("scikit-image", "skimage"), ("AROSICS", "arosics"))}
    return [name for name, there in wanted.items() if not there]


def _has(module: str, name: str) -> bool:
    return importlib.util.find_spec(module) is not None and hasattr(importlib.import_module(module), name)


def on_scenes(run: Path, every: int) -> dict[str, object]:
    """Return how far scenes of the archive `run` are placed from the truth, and what that does to NDSI, by way of placing."""
    target = grid.make(catalogue.find("parvati").grid)
    truth = pd.read_csv(run / "truth" / "scenes.csv").set_index("item")
    outline = ice(run, target)
    reader = Reader()
    holdings, fetcher = Catalogue(str(run / "archive" / "catalog.json"), reader), Fetcher(reader)
    terrain = dem.terrain(dem.find(holdings, target), target, fetcher)
    relief = Relief(terrain["elevation"], terrain["slope"], terrain["aspect"], target.resolution.x)
    frames = list(scenes(holdings, fetcher, target, truth, outline))
    landsat = [one for one in frames if one["product"] == "landsat"]
    found: dict[str, object] = {"scenes": len(frames)}
    for name, settings in WAYS.items():
        first = registration.chosen(np.array([one["frame"].time for one in landsat]), settings)
        chosen = [one for one, wanted in zip(landsat, first, strict=True) if wanted]
        start = time.process_time()
        reference = References.build((one["frame"] for one in chosen), ~outline, settings, relief)
        made = time.process_time() - start
        end = max(one["frame"].time for one in chosen)
        later = [one for one in frames if one["frame"].time > end][::every]
        start = time.process_time()
        placed = [(one, reference.place(one["frame"])) for one in later]
        each = (time.process_time() - start) / len(later)
        rows = pd.DataFrame([judged(one, match) for one, match in placed])
        facts = {"frames": len(chosen), "kept": reference.times.size, "made": made, "each": each}
        found[name] = {**facts, **summary(rows), **pays(placed)}
    return found


def judged(scene: dict, match) -> dict[str, object]:
    error = float(np.hypot(-match.columns - scene["columns"], -match.rows - scene["rows"]))
    jitter = float(np.hypot(scene["columns"], scene["rows"]))
    return {
        "product": scene["product"],
        "share": scene["share"],
        "accepted": match.accepted,
        "error": error,
        "expected": match.error,
        "jitter": jitter,
    }


def summary(rows: pd.DataFrame) -> dict[str, object]:
    enough, few = rows[rows.share >= CLEAR], rows[rows.share < CLEAR]
    used = enough[enough.accepted]
    return {
        "clear": len(enough),
        "accepted": len(used),
        "as delivered": float(enough.jitter.median()),
        "median": float(used.error.median()),
        "p90": float(used.error.quantile(0.9)),
        "products": {str(name): of_product(one) for name, one in rows.groupby("product")},
        "few_clear": len(few),
        "few_accepted": int(few.accepted.sum()),
        "few_median": float(few.error[few.accepted].median()),
        "worst": float(rows.error[rows.accepted].max()),
    }


def of_product(rows: pd.DataFrame) -> dict[str, float]:
    """Return how many scenes of a product were placed and how well, with however little clear ground."""
    used = rows.error[rows.accepted]
    told = {"scenes": len(rows), "accepted": len(used), "median": float(used.median()), "worst": float(used.max())}
    return told | {"expected": float(rows.expected[rows.accepted].median())}


def pays(placed: list) -> dict[str, float]:
    """Return the RMS of NDSI, as delivered and placed, against the scene moved by its true error, and between scenes of a few days."""
    errors: dict[str, list[float]] = {"delivered": [], "placed": [], "delivered pairs": [], "placed pairs": []}
    before = None
    for one, match in sorted(placed, key=lambda each: each[0]["frame"].time):
        if one["share"] < CLEAR or not match.accepted:
            continue
        seen = np.where(one["frame"].clear, one["ndsi"], np.float32(np.nan))
        layers = {"delivered": seen, "placed": coregister_move.move(seen, match)}
        right = coregister_move.move(seen, registration.shifted(-one["columns"], -one["rows"]))
        for name, layer in layers.items():
            errors[name].append(rms(layer - right))
            if before is not None and one["frame"].time - before[0] < SOON.to_timedelta64():
                errors[f"{name} pairs"].append(rms(layer - before[1][name]))
        before = one["frame"].time, layers
    return {name: float(np.median(values)) for name, values in errors.items() if values}


def rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(difference, dtype="float64"))))


def scenes(holdings: Catalogue, fetcher: Fetcher, target, truth: pd.DataFrame, outline: np.ndarray):
    """Yield every scene with clear stable ground under the default mask, as a build has it, with its true shift (pixels right, down)."""
    for product in (Landsat(), Sentinel2()):
        box = catalogue.find("parvati").box
        items = holdings.search(product.collection, box, pd.Timestamp("2013-01-01"), pd.Timestamp("2023-01-01"), product.keep)
        for overpass in product.overpasses(items):
            read = product.read(overpass, target, fetcher, ("green", "nir", "swir16"))
            clear = masks.clear(masks.MaskPolicy(), product.quality, read.mask, read.mask_valid, read.bands, outline)
            share = float(clear[~outline].mean())
            if share > CONFIG.min_valid:
                error = truth.loc[[item.id for item in overpass.items], ["shift_x", "shift_y"]].mean() / target.resolution.x
                frame = Frame(np.datetime64(overpass.time).astype("datetime64[ns]"), read.bands["nir"], clear, overpass.sun)
                facts = {"product": product.name, "share": share, "columns": float(error.shift_x), "rows": -float(error.shift_y)}
                yield {"frame": frame, "ndsi": indices.ndsi(read.bands["green"], read.bands["swir16"]), **facts}


def ice(run: Path, target) -> np.ndarray:
    """Return where the outline of the archive lies, bool (y, x)."""
    import geopandas
    from rasterio.features import rasterize

    outline = geopandas.read_file(next((run / "archive" / "outlines").glob("*.shp"))).to_crs(str(target.crs))
    return rasterize(outline.geometry, target.shape, transform=target.affine).astype(bool)


def misses(results: dict) -> list[str]:
    own = results["pairs"]["glaciercast"]
    limits = {kind: BARS[kind] for kind in BARS if kind in own} | {"cpu": CPU_SECONDS}
    plain = [row["cpu"] for name, row in results["pairs"].items() if name.startswith("plain ECC")]
    if plain:
        limits["cpu"] = min(limits["cpu"], OF_PLAIN * plain[0])
    missed = [f"{key} {own[key]:.4f}, at most {limit:.4g}" for key, limit in limits.items() if own[key] > limit]
    for run, found in results["scenes"].items():
        best = found["frames and relief"]["median"]
        missed += [f"jitter of {run} {best:.3f} px, at most {JITTER}"] if best > JITTER else []
    return missed


def tables(results: dict) -> str:
    pairs = results["pairs"]
    kinds = [key for key in pairs["glaciercast"] if key not in ("cpu", "pairs")]
    lines = ["Made by `python benchmarks/coregister.py --pairs FILE --run RUN … --report`. Everything here is simulated.", ""]
    lines += [f"## Pairs with known shifts: median error, px ({pairs['glaciercast']['pairs']} pairs, least of three times)", ""]
    lines += ["| method | " + " | ".join(kinds) + " | CPU s a scene |", "| --- |" + " --- |" * (len(kinds) + 1)]
    for name, row in pairs.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[kind]:.4f}" for kind in kinds) + f" | {row['cpu']:.3f} |")
    lines += ["", f"Not installed here, so not compared: {', '.join(results['lacking'])}."] if results["lacking"] else []
    for run, found in results["scenes"].items():
        lines += ["", f"## Scenes of the simulated archive `{run}`: known geolocation error, px of 30 m", "", *of_run(found)]
    return "\n".join(lines)


def of_run(found: dict) -> list[str]:
    any_way = found["frames and relief"]
    lines = [
        f"The first two years of Landsat make the reference ({any_way['frames']} frames); later scenes of Landsat and",
        f"Sentinel-2 are placed with the default mask. Errors are absolute, of scenes with at least {CLEAR:.0%} of stable",
        f"ground clear. As delivered their median error is {any_way['as delivered']:.3f} px.",
        "",
        "| matched with | scenes | accepted | median | 90 % | less clear, accepted | median | worst of all | CPU s each |",
        "| --- |" + " --- |" * 8,
    ]
    for name in WAYS:
        row = found[name]
        few = f"{row['few_accepted']} of {row['few_clear']} | {row['few_median']:.3f} | {row['worst']:.3f} | {row['each']:.2f}"
        numbers = f"{row['median']:.3f} | {row['p90']:.3f}"
        lines.append(f"| {name} | {row['clear']} | {row['accepted']} | {numbers} | {few} |")
    lines += ["", "All scenes, by product; the expected error is that along each axis that the scene's own match tells.", ""]
    lines += ["| matched with | product | scenes | accepted | median | worst | expected, median |", "| --- |" + " --- |" * 6]
    for name in WAYS:
        for product, row in found[name]["products"].items():
            numbers = f"{row['scenes']} | {row['accepted']} | {row['median']:.3f} | {row['worst']:.3f} | {row['expected']:.3f}"
            lines.append(f"| {name} | {product} | {numbers} |")
    lines += ["", "| NDSI, median RMS of scenes | as delivered | placed |", "| --- | --- | --- |"]
    lines.append(f"| against the scene moved by its true error | {any_way['delivered']:.4f} | {any_way['placed']:.4f} |")
    if "placed pairs" in any_way:
        told = f"{any_way['delivered pairs']:.4f} | {any_way['placed pairs']:.4f}"
        lines.append(f"| between scenes less than {SOON.days} days apart | {told} |")
    return lines


if __name__ == "__main__":
    main()
