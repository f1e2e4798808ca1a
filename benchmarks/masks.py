"""Snow against cloud: what each mask policy keeps and removes, over ice and around it; writes the tables of the docs.

Usage: python benchmarks/masks.py --tune RUN --report RUN [--data FOLDER]

RUN is what ``glaciercast simulate`` made; the two must differ. The tables were made with ``glaciercast simulate shisper-like --seed 0`` to
tune and ``glaciercast simulate parvati-like --seed 1000`` to report. FOLDER holds the real data: labelled pixels of snow, ice, rock and
water (two glaciers tune, two report) and a Landsat scene of the Greenland ice sheet, which is only reported. Writes
benchmarks/results/masks.json and docs/results/masks.md. Exits with 1 if the shipped default is not what was tuned.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rasterio
from rasterio.features import rasterize

from glaciercast.cube import masks
from glaciercast.cube.indices import SNOW_THRESHOLD, ndsi
from glaciercast.cube.masks import MaskPolicy

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/masks.py --tune RUN --report RUN --data FOLDER"
TUNING_SITES, REPORT_SITES = ("Gulkana", "Sperry"), ("SouthCascade", "Wolverine")
SNOW, SHADOWED, ICE, ROCK, WATER = range(1, 6)
FLAGGED, UNFLAGGED = {"qa_pixel": 22280, "scl": 9}, {"qa_pixel": 21824, "scl": 5}
SENSORS = {"qa_pixel": "Landsat", "scl": "Sentinel-2"}
THIN, THICK, SHADE = 10, 40, 30
"""Truth of the simulation, %: opacity from which a pixel is cloudy, opacity of thick cloud, and shadow from which it is shaded."""
WHERE = {"outline": "inside the outline", "box": "anywhere in the box"}
"""Where reflectance may overrule flags; of equals the first, which doubts less."""
MAX_CLOUD = 0.2
"""Share of cloud from which a scene is left out (Müller 2023)."""
COLDER = 3.0
"""K below the median of clear snow from which a Greenland pixel counts as cold; ice at one height varies by less."""


@dataclass(frozen=True)
class Pixels:
    """Pixels of one scene, all arrays (n,): raw quality, reflectance and temperature, and what is known of them."""

    name: str
    quality: masks.Quality
    values: np.ndarray
    bands: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]

    def clear(self, policy: MaskPolicy) -> np.ndarray:
        """Return which of them are clear, bool (n,); where no outline is told, it is everywhere."""
        everywhere = np.ones(self.values.shape, bool)
        return masks.clear(policy, self.quality, self.values, everywhere, self.bands, self.truth.get("outline", everywhere))

    def inside(self) -> Pixels:
        """Return those inside the outline."""
        chosen = self.truth["outline"]
        bands, truth = ({key: layer[chosen] for key, layer in layers.items()} for layers in (self.bands, self.truth))
        return Pixels(self.name, self.quality, self.values[chosen], bands, truth)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tune", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GLACIERCAST_DATA") or ROOT.parent / "shared" / "data"))
    options = parser.parse_args()
    if options.tune.resolve() == options.report.resolve():
        parser.error("--tune and --report are the same run: nothing is reported on what it was tuned on")
    labels = options.data / "snow_ice_pixels"
    tuning = ([scene.inside() for scene in simulated(options.tune)], list(labelled(labels, TUNING_SITES)))
    policies, scores = tune(*tuning)
    chosen = max(scores, key=lambda name: round(scores[name], 3))  # among equals the first, which is the simplest
    areas = placed(policies, chosen)
    whole = {part: over_the_area(areas, simulated(run)) for part, run in (("tuning", options.tune), ("report", options.report))}
    best = max(WHERE, key=lambda where: round(whole["tuning"][f"{chosen}, {where}"]["score"], 3))
    held = ([scene.inside() for scene in simulated(options.report)], list(labelled(labels, REPORT_SITES)))
    scene = greenland(next((options.data / "landsat_c2l2" / "greenland").glob("*_MTL.json")))
    brightest = brightest_snow(tuning[1])
    results = {
        "policies": {name: policy.model_dump() for name, policy in policies.items()},
        "score": {name: {"tuning": scores[name], "report": score(policy, *held)} for name, policy in policies.items()},
        "simulated": {name: against_truth(policy, held[0]) for name, policy in policies.items()},
        "labelled": {name: against_labels(policy, held[1]) for name, policy in policies.items()},
        "area": whole,
        "greenland": {name: on_greenland(policy, scene, brightest) for name, policy in policies.items()},
        "scene": flagged_facts(scene, brightest),
        "runs": [title(options.tune), title(options.report)],
        "pixels": {SENSORS[key]: sum(one.values.size for one in held[0] if one.quality == key) for key in SENSORS},
    }
    (ROOT / "benchmarks" / "results" / "masks.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    text = tables(results)
    (ROOT / "docs" / "results" / "masks.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    tuned = areas[f"{chosen}, {best}"]
    if tuned != MaskPolicy():
        sys.exit(f"the shipped default is {MaskPolicy()!r}, tuned was {chosen}, {best}: {tuned!r}")


def title(run: Path) -> str:
    return (run / "truth" / "README.txt").read_text(encoding="utf-8").split("(scenario ")[1].split(")")[0]


def tune(scenes: list[Pixels], labels: list[Pixels]) -> tuple[dict[str, MaskPolicy], dict[str, float]]:
    """Return the policies, each with its best thresholds on the tuning part, and their scores there."""
    values: dict[str, float] = {}

    def best(candidates: Iterable[MaskPolicy]) -> MaskPolicy:
        """Among equals the first, so candidates come strictest first."""
        found = {policy.model_dump_json(): policy for policy in candidates}
        for key, policy in found.items():
            values.setdefault(key, score(policy, scenes, labels))
        return found[max(found, key=lambda key: round(values[key], 4))]

    indices, greens, cirrus = (0.8, 0.7, 0.6, 0.5, 0.4), (0.3, 0.2, 0.1, 0.0), (False, True)
    plain = MaskPolicy(where="outline", max_swir16=None)
    candidates = product(indices, greens, cirrus)
    snow = [plain.model_copy(update={"min_ndsi": a, "min_green": b, "cirrus": c}) for a, b, c in candidates]
    index = best(snow)
    limits = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25)
    infrared = best(policy.model_copy(update={"max_swir16": limit}) for policy, limit in product(snow, limits))
    thermal = best(infrared.model_copy(update={"max_cooling": kelvin}) for kelvin in (3.0, 5.0, 10.0, 15.0, 20.0))
    cloud = product((0.3, 0.4, 0.5), (0.15, 0.2, 0.25, 0.3))
    both = best(
        infrared.model_copy(update={"name": "spectra_overrule", "cloud_green": green, "cloud_swir16": swir}) for green, swir in cloud
    )
    policies = {
        "flags alone": MaskPolicy(name="bits"),
        "flags, high confidence only": MaskPolicy(name="bits_confidence"),
        "flags, medium confidence too": MaskPolicy(name="bits_strict"),
        f"overruled by NDSI ≥ {SNOW_THRESHOLD} alone": plain.model_copy(update={"min_ndsi": SNOW_THRESHOLD, "min_green": 0.0}),
        "overruled by NDSI and green": index,
        "overruled by NDSI, green and 1.6 µm": infrared,
        "the same and temperature": thermal,
        "both ways": both,
    }
    return policies, {name: score(policy, scenes, labels) for name, policy in policies.items()}


def score(policy: MaskPolicy, scenes: list[Pixels], labels: list[Pixels]) -> float:
    """Return one number: clear snow and ice kept less cloud kept, and labelled snow and ice returned less what is removed of all labels."""
    truth, known = against_truth(policy, scenes), against_labels(policy, labels)
    parts = [row["ice"] - row["cloud"] for row in truth.values()] + [row["frozen"] - row["removed"] for row in known.values()]
    return float(np.mean(parts))


def against_truth(policy: MaskPolicy, scenes: list[Pixels]) -> dict[str, dict[str, float]]:
    """Return by sensor the shares kept of clear snow and ice, thin, thick and all cloud, and the share of cloud in what is kept."""
    result = {}
    for quality, sensor in SENSORS.items():
        kept, total = dict.fromkeys(("ice", "thin", "thick", "cloud"), 0), dict.fromkeys(("ice", "thin", "thick", "cloud"), 0)
        found = 0
        for scene in (one for one in scenes if one.quality == quality):
            clear, cloud = scene.clear(policy), scene.truth["cloud"]
            frozen = (cloud < THIN) & (scene.truth["shadow"] < SHADE) & np.isin(scene.truth["cover"], (1, 2))
            found += int(clear.sum())
            for name, area in (
                ("ice", frozen),
                ("thin", (cloud >= THIN) & (cloud < THICK)),
                ("thick", cloud >= THICK),
                ("cloud", cloud >= THIN),
            ):
                kept[name] += int((clear & area).sum())
                total[name] += int(area.sum())
        result[sensor] = {name: kept[name] / total[name] for name in kept} | {"in what is kept": kept["cloud"] / found}
    return result


def placed(policies: dict[str, MaskPolicy], chosen: str) -> dict[str, MaskPolicy]:
    """Return what is compared over the whole area: the flags, and NDSI alone, the chosen policy and both ways, in either place."""
    rows = {name: policy for name, policy in policies.items() if not policy.bands}
    for name in dict.fromkeys((f"overruled by NDSI ≥ {SNOW_THRESHOLD} alone", chosen, "both ways")):
        rows |= {f"{name}, {where}": policies[name].model_copy(update={"where": where}) for where in WHERE}
    return rows


def over_the_area(policies: dict[str, MaskPolicy], scenes: Iterable[Pixels]) -> dict[str, dict]:
    """Return by policy its score and, by sensor, what it keeps of the whole simulated area and which scenes pass the filter.

    A scene's cloud share is what its policy does not keep; its true one is the share of cloud from opacity `THIN` on.
    """
    kept = {name: {sensor: [] for sensor in SENSORS.values()} for name in policies}
    for scene in scenes:
        cloud = scene.truth["cloud"]
        lit, frozen = (cloud < THIN) & (scene.truth["shadow"] < SHADE), np.isin(scene.truth["cover"], (1, 2))
        areas = {
            "ice": lit & frozen,
            "beside": lit & frozen & ~scene.truth["outline"],
            "other": lit & ~frozen,
            "thin": (cloud >= THIN) & (cloud < THICK),
            "thick": cloud >= THICK,
        }
        sizes = {name: int(area.sum()) for name, area in areas.items()}
        for name, policy in policies.items():
            clear = scene.clear(policy)
            counts = {area: int((clear & where).sum()) for area, where in areas.items()}
            row = {"true": float((cloud >= THIN).mean()), "with shadow": float(1 - lit.mean()), "found": float(1 - clear.mean())}
            kept[name][SENSORS[scene.quality]].append(row | counts | {f"all {area}": size for area, size in sizes.items()})
    result = {}
    for name, sensors in kept.items():
        found = {sensor: summed(pd.DataFrame(rows)) for sensor, rows in sensors.items()}
        parts = [(row["clear"] - row["cloud"], row["clear passed"] - row["cloudy passed"]) for row in found.values()]
        result[name] = {"score": float(np.mean(parts)), **found}
    return result


def summed(scenes: pd.DataFrame) -> dict[str, float]:
    """Return shares of pixels kept, the error of the scenes' cloud share, and how many scenes pass the filter, from one row a scene."""
    total = scenes.sum()

    def share(*areas: str) -> float:
        return float(sum(total[area] for area in areas) / sum(total[f"all {area}"] for area in areas))

    truly, passed, error = scenes["true"] < MAX_CLOUD, scenes["found"] < MAX_CLOUD, scenes["found"] - scenes["true"]
    return {
        **{area: share(area) for area in ("ice", "beside", "other", "thin", "thick")},
        "clear": share("ice", "other"),
        "cloud": share("thin", "thick"),
        "error": float(error.abs().mean()),
        "bias": float(error.mean()),
        "error with shadow": float((scenes["found"] - scenes["with shadow"]).abs().mean()),
        "clear scenes": int(truly.sum()),
        "clear scenes with shadow": int((scenes["with shadow"] < MAX_CLOUD).sum()),
        "cloudy scenes": int((~truly).sum()),
        "clear passed": float(passed[truly].mean()),
        "cloudy passed": float(passed[~truly].mean()),
    }


def against_labels(policy: MaskPolicy, dates: list[Pixels]) -> dict[str, dict[str, float | None]]:
    """Return by sensor what would come back if every labelled pixel were flagged as cloud, and what would go if none were."""
    result = {}
    for quality, sensor in SENSORS.items():
        chosen = [one for one in dates if one.quality == quality]
        kept = np.concatenate([one.clear(policy) for one in chosen])
        flagged, label = (np.concatenate([one.truth[key] for one in chosen]) for key in ("flagged", "label"))
        areas = {name: flagged & (label == value) for name, value in LABELS.items()}
        shares = {name: float(kept[area].mean()) if area.any() else None for name, area in areas.items()}
        frozen = float(np.mean([share for name in ("snow", "shadowed snow", "ice") if (share := shares[name]) is not None]))
        result[sensor] = {**shares, "frozen": frozen, "removed": float(1 - kept[~flagged].mean())}
    return result


LABELS = {"snow": SNOW, "shadowed snow": SHADOWED, "ice": ICE, "rock": ROCK, "water": WATER}


def on_greenland(policy: MaskPolicy, scene: Pixels, brightest: float) -> dict[str, float]:
    """Return what a policy makes of the scene; there is no truth, but temperature is a witness that most policies don't ask."""
    kept, bits = scene.clear(policy), scene.clear(MaskPolicy(name="bits"))
    flagged = ~masks.clear_by_bits(scene.values, (3,))
    warmth = scene.bands["thermal"]
    cold = warmth < np.median(warmth[scene.truth["snow"] & np.isfinite(warmth)]) - COLDER
    return {
        "kept": float(kept.mean()),
        "flagged cloud returned": float(kept[flagged].mean()),
        "unflagged removed": float(1 - kept[bits].mean()),
        "cold": float(cold[kept & np.isfinite(warmth)].mean()),
        "bright": float((scene.bands["swir16"] > brightest)[kept].mean()),
    }


def brightest_snow(dates: list[Pixels]) -> float:
    """Return the reflectance at 1.6 µm that 99 % of the snow labelled in Landsat scenes stays below."""
    snow = [one.bands["swir16"][one.truth["label"] == SNOW] for one in dates if one.quality == "qa_pixel"]
    return float(np.percentile(np.concatenate(snow), 99))


def flagged_facts(scene: Pixels, brightest: float) -> dict[str, float]:
    """Return what the scene's pixels flagged as cloud look like beside those flagged as snow and beside labelled snow."""
    flagged, snow = ~masks.clear_by_bits(scene.values, (3,)), scene.truth["snow"]
    green, swir, warmth = (scene.bands[name] for name in ("green", "swir16", "thermal"))
    index = ndsi(green, swir)
    return {
        "flagged": float(flagged.mean()),
        "flagged with NDSI of snow": float((index[flagged] >= SNOW_THRESHOLD).mean()),
        "snow p99 swir16": brightest,
        "flagged brighter than labelled snow": float((swir[flagged] > brightest).mean()),
        "swir16 of flagged": float(np.median(swir[flagged])),
        "swir16 of snow": float(np.median(swir[snow])),
        "K of flagged": float(np.nanmedian(warmth[flagged])),
        "K of snow": float(np.nanmedian(warmth[snow])),
    }


def simulated(run: Path) -> Iterator[Pixels]:
    """Yield every simulated scene's pixels with data; ``outline`` tells which lie on the glacier."""
    outline = geopandas.read_file(next((run / "archive" / "outlines").glob("*.shp")))
    for collection, quality in (("landsat-c2-l2", "qa_pixel"), ("sentinel-2-l2a", "scl")):
        for path in sorted((run / "archive" / collection).glob("*/*2*.json")):
            item = json.loads(path.read_text(encoding="utf-8")) if path.stem == path.parent.name else None
            if item is None:
                continue
            files = {key: path.parent / asset["href"] for key, asset in item["assets"].items()}
            with rasterio.open(files["qa_pixel" if quality == "qa_pixel" else "SCL"]) as file:
                values, transform, crs = file.read(1), file.transform, file.crs
            bands = landsat_bands(files) if quality == "qa_pixel" else sentinel2_bands(files, item["properties"]["s2:processing_baseline"])
            with rasterio.open(run / "truth" / "scenes" / f"{path.stem}.tif") as file:
                cover, cloud, shadow = file.read()
            seen = cover > 0
            inside = rasterize(outline.to_crs(crs).geometry, values.shape, transform=transform).astype(bool)
            truth = {"cover": cover[seen], "cloud": cloud[seen], "shadow": shadow[seen], "outline": inside[seen]}
            yield Pixels(path.stem, quality, values[seen], {name: band[seen] for name, band in bands.items()}, truth)


def landsat_bands(files: dict[str, Path]) -> dict[str, np.ndarray]:
    """Return reflectance and temperature by the Landsat Collection 2 Level 2 Science Product Guide."""
    thermal = files["lwir11" if "lwir11" in files else "lwir"]
    return {
        "green": numbers(files["green"], 2.75e-5, -0.2),
        "swir16": numbers(files["swir16"], 2.75e-5, -0.2),
        "thermal": numbers(thermal, 0.00341802, 149.0),
    }


def sentinel2_bands(files: dict[str, Path], baseline: str) -> dict[str, np.ndarray]:
    """Return reflectance at 20 m; the offset goes by the processing baseline."""
    offset = -0.1 if baseline >= "04.00" else 0.0
    green = numbers(files["B03"], 1e-4, offset)
    rows, columns = green.shape
    return {"green": green.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)), "swir16": numbers(files["B11"], 1e-4, offset)}


def numbers(path: Path, scale: float, offset: float) -> np.ndarray:
    with rasterio.open(path) as file:
        raw = file.read(1)
    return np.where(raw > 0, raw * np.float32(scale) + np.float32(offset), np.float32(np.nan))


def labelled(folder: Path, sites: tuple[str, ...]) -> Iterator[Pixels]:
    """Yield the labelled pixels of `sites`, date by date, each pixel twice: flagged as cloud, and not.

    The Landsat columns lack the product's offset of −0.2, and so does the temperature the product's scale (see the data's own notes).
    """
    for name, quality in (("Landsat", "qa_pixel"), ("Sentinel-2_SR", "scl")):
        table = pd.read_csv(folder / f"{name}_training_data.csv.gz")
        for (site, date), rows in table[table["site_name"].isin(sites)].groupby(["site_name", "image_date"]):
            if quality == "qa_pixel":
                kelvin = rows["ST_B10"] / 2.75e-5 * 0.00341802 + 149.0
                bands = {"green": rows["SR_B3"] - 0.2, "swir16": rows["SR_B6"] - 0.2, "thermal": kelvin}
            else:
                bands = {"green": rows["B3"], "swir16": rows["B11"]}
            twice = {key: np.tile(band.to_numpy("float32"), 2) for key, band in bands.items()}
            flagged = np.repeat([True, False], len(rows))
            values = np.where(flagged, FLAGGED[quality], UNFLAGGED[quality])
            yield Pixels(f"{site} {date}", quality, values, twice, {"label": np.tile(rows["class"].to_numpy(), 2), "flagged": flagged})


def greenland(metadata: Path) -> Pixels:
    """Return the valid pixels of the Greenland scene, all of them ice sheet."""
    stem = metadata.name.removesuffix("_MTL.json")
    names = {"green": "SR_B3", "swir16": "SR_B6", "lwir11": "ST_B10"}
    bands = landsat_bands({key: metadata.with_name(f"{stem}_{name}.TIF") for key, name in names.items()})
    with rasterio.open(metadata.with_name(f"{stem}_QA_PIXEL.TIF")) as file:
        values = file.read(1)
    valid = values != 1
    bands = {name: band[valid] for name, band in bands.items()}
    snow = ~masks.clear_by_bits(values[valid], (5,)) & (((values[valid] >> 8) & 3) == 1)
    return Pixels(stem, "qa_pixel", values[valid], bands, {"snow": snow})


def tables(results: dict) -> str:
    """Return the Markdown page's tables."""
    names = list(results["policies"])

    def compare(key: str, columns: dict[str, str], sensor: str | None = None) -> str:
        found = {name: results[key][name] if sensor is None else results[key][name][sensor] for name in names}
        return table(["policy", *columns.values()], [[name, *(percent(found[name][column]) for column in columns)] for name in names])

    scores = [
        [name, thresholds(results["policies"][name]), *(f"{value:.3f}" for value in results["score"][name].values())] for name in names
    ]
    simulated = {
        "ice": "clear snow and ice",
        "thin": f"cloud of opacity {THIN}–{THICK} %",
        "thick": f"cloud from {THICK} %",
        "in what is kept": "cloud in what is kept",
    }
    labelled = {label: f"{label} returned" for label in LABELS} | {"removed": "removed"}
    real = {
        "kept": "valid pixels kept",
        "flagged cloud returned": "flagged as cloud, returned",
        "unflagged removed": "not flagged, removed",
        "bright": "kept and brighter at 1.6 µm than snow",
        "cold": f"kept and {COLDER:g} K colder than clear snow",
    }
    parts = [INTRODUCTION.format(tuned=results["runs"][0], told=results["runs"][1])]
    parts += [
        table(["policy", "thresholds", "score, tuning part", "score"], scores),
        SCORE,
        "## Simulated: kept inside the outline, %",
        FLAGS,
    ]
    for sensor, count in results["pixels"].items():
        parts += [f"{sensor}, {count / 1e6:.1f} million pixels:", compare("simulated", simulated, sensor)]
    parts += ["## Simulated: the whole area", AREA, whole_area(results["area"])]
    parts += ["## Labelled pixels, %", LABELLED]
    for sensor in SENSORS.values():
        parts += [f"{sensor}:", compare("labelled", labelled, sensor)]
    return "\n\n".join(
        [*parts, "## Greenland, one Landsat scene of the ice sheet, %", compare("greenland", real), witness(results["scene"])]
    )


INTRODUCTION = f"""Made by `{COMMAND}`. Tuned on {{tuned}} (simulated) and the labelled pixels of
{" and ".join(TUNING_SITES)}. All columns but the first score are of {{told}} (simulated), of
{" and ".join(REPORT_SITES)}, and of the Greenland scene: no threshold was tuned on them. Which choices had seen
some of them stands on the page on clouds over ice."""
SCORE = """Score: mean over both sensors of (share of clear snow and ice kept − share of cloud kept) in the simulation and of
(labelled snow and ice returned − labelled pixels removed). Best on the tuning part, of equals the simplest: the default's thresholds."""
FLAGS = "The errors of the flags are simulated: how much a policy gains is an assumption, one policy can be compared with another."
AREA = f"""Snow beside the glacier is flagged too. A scene's cloud share is all that is not kept, shadow included; its true one is cloud
of opacity {THIN} % or more, and below {100 * MAX_CLOUD:g} % a scene is clear. Score: mean over both sensors of (clear ground kept −
cloud kept) and (clear scenes passing the filter of {100 * MAX_CLOUD:g} % − cloudy scenes passing); the default overrules where the
chosen policy is best on the tuning part. The errors of the flags are simulated here too, over all bright snow alike: that is what the
number of scenes passing rests on. The shares and errors that count shadow were added after a first table."""
LABELLED = """Real, clear, and without a quality band. Returned: what a policy would keep if every pixel were flagged as cloud.
Removed: what it would reject if none were, all classes together. – is a class that these glaciers lack."""


def witness(scene: dict[str, float]) -> str:
    """Return in words what the flagged pixels of the Greenland scene look like."""
    return f"""QA_PIXEL calls {scene["flagged"]:.1%} of the valid pixels cloud, and {scene["flagged with NDSI of snow"]:.0%} of
those have an NDSI of {SNOW_THRESHOLD} or more. Yet {scene["flagged brighter than labelled snow"]:.0%} of them are brighter at 1.6 µm than
99 % of the labelled snow on the tuning sites ({scene["snow p99 swir16"]:.2f}). Their medians are {scene["swir16 of flagged"]:.2f} and
{scene["K of flagged"]:.1f} K, those of the pixels flagged as snow {scene["swir16 of snow"]:.2f} and {scene["K of snow"]:.1f} K."""


def whole_area(parts: dict) -> str:
    """Return the tables of the whole area: scores, then by sensor pixels and scenes of the report part."""
    names = list(parts["tuning"])
    scores = [[spelled(name), *(f"{part[name]['score']:.3f}" for part in parts.values())] for name in names]
    texts = [table(["policy, where", "score, tuning part", "score"], scores)]
    pixels = {"ice": "clear snow and ice", "beside": "of it outside the outline", "other": "other clear ground"}
    pixels |= {"thin": f"cloud of opacity {THIN}–{THICK} %", "thick": f"cloud from {THICK} %"}
    for part, runs in parts.items():
        for sensor in SENSORS.values():
            found = {name: runs[name][sensor] for name in names}
            first = found[names[0]]
            clear, cloudy, both = first["clear scenes"], first["cloudy scenes"], first["clear scenes with shadow"]
            texts.append(f"{sensor}, {part} part, {clear} clear ({both} if shadow counts as cloud) and {cloudy} cloudy scenes:")
            rows = [
                [
                    spelled(name),
                    *(percent(row[key]) for key in pixels),
                    f"{100 * row['error']:.1f} ({100 * row['bias']:+.1f})",
                    f"{100 * row['error with shadow']:.1f}",
                    f"{round(row['clear passed'] * clear)}",
                    f"{round(row['cloudy passed'] * cloudy)}",
                ]
                for name, row in found.items()
            ]
            head = [f"{text}, % kept" for text in pixels.values()]
            head += ["error of the cloud share, absolute (mean), points", "against cloud or shadow"]
            head += ["clear scenes passing", "cloudy scenes passing"]
            texts.append(table(["policy, where", *head], rows))
    return "\n\n".join(texts)


def spelled(name: str) -> str:
    """Return a row's name with the place in words."""
    policy, _, where = name.rpartition(", ")
    return f"{policy}, {WHERE[where]}" if where in WHERE else name


def thresholds(policy: dict) -> str:
    tests = [f"NDSI ≥ {policy['min_ndsi']:g}", f"green ≥ {policy['min_green']:g}"]
    tests += [f"1.6 µm ≤ {policy['max_swir16']:g}"] if policy["max_swir16"] is not None else []
    tests += [f"at most {policy['max_cooling']:g} K colder"] if policy["max_cooling"] is not None else []
    tests += ["cirrus too"] if policy["cirrus"] else []
    if policy["name"] == "spectra_overrule":
        tests.append(f"cloud: green ≥ {policy['cloud_green']:g} and 1.6 µm ≥ {policy['cloud_swir16']:g}")
    return f"`{policy['name']}`" + (f": {', '.join(tests)}" if "overrule" in policy["name"] else "")


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
