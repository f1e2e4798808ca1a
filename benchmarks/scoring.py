"""Scoring of full scenes with all figures and 2,000 bootstrap replicates: seconds, memory, and the same figures through other packages.

Usage: python benchmarks/scoring.py [--forecasts 100] [--peers PYTHON] [--peer-forecasts 2] [--report]

A forecast has 4 leads of 800×800 pixels with quantiles at five levels; forecasts, truths and gaps come from a seeded generator, one at a
time, whose time does not count. PYTHON is an interpreter that has the packages scores, xskillscore and scikit-image, which this one does
not require: it runs this file with ``--as-peer`` on some of the same forecasts, and its time per forecast is compared with ours for the
same figures, in one thread each. With ``--report`` also writes benchmarks/results/scoring.json and docs/results/scoring.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.special import ndtri

ROOT = Path(__file__).resolve().parents[1]
SIZE, LEADS, LEVELS, REPLICATES = 800, 4, (0.05, 0.25, 0.5, 0.75, 0.95), 2000
SNOW, SIDES, ZONE = 0.3, (5, 15, 45), 500
BLOCKS = 5
"""Forecasts that share a time block."""


def terrain() -> tuple[np.ndarray, np.ndarray]:
    """Return elevation in m and where the ice is."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    elevation = 3000 + 2000 * y + 300 * np.sin(7 * x) + 80 * np.cos(40 * x * y)
    return elevation.astype("float32"), (np.abs(x - 0.5) < 0.1) & (y > 0.2)


def made(number: int, elevation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return forecast, truth, weight (lead, y, x) and quantiles (level, lead, y, x), float32; the first lead has no gap."""
    rng = np.random.default_rng(number)

    def field(grain: int) -> np.ndarray:
        return ndimage.zoom(rng.standard_normal((SIZE // grain + 2,) * 2), grain, order=1)[:SIZE, :SIZE]

    truth, forecast, weight = (np.empty((LEADS, SIZE, SIZE), "float32") for _ in range(3))
    for lead in range(LEADS):
        line = 4000 + 300 * rng.standard_normal()
        snow = 0.4 + 0.4 * np.tanh((elevation - line) / 200)
        truth[lead] = snow + 0.05 * field(20) + 0.02 * rng.standard_normal((SIZE, SIZE))
        forecast[lead] = snow + 0.08 * (1 + lead / 4) * field(25) + 0.02
        weight[lead] = 1 if lead == 0 else np.clip(0.5 + field(50), 0, 1)
    truth[weight == 0] = np.nan
    spread = np.float32(0.08) * np.asarray(ndtri(LEVELS), "float32")
    return forecast, truth, weight, forecast + spread[:, None, None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--forecasts", type=int, default=100)
    parser.add_argument("--peers", type=Path, help="interpreter with scores, xskillscore and scikit-image")
    parser.add_argument("--peer-forecasts", type=int, default=2)
    parser.add_argument("--as-peer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if options.as_peer:
        options.as_peer.write_text(json.dumps(peers(options.peer_forecasts)))
        return
    result: dict = {"machine": {"cpus": os.cpu_count(), "platform": platform.platform()}, "ours": ours(options.forecasts)}
    if options.peers:
        result["peers"] = compared(options.peers, options.peer_forecasts, options.forecasts)
    page = document(result)
    print(page)
    if options.report:
        (ROOT / "benchmarks" / "results" / "scoring.json").write_text(json.dumps(result, indent=2) + "\n")
        (ROOT / "docs" / "results" / "scoring.md").write_text(page)


def timed(into: dict[str, float], name: str, function: Callable):
    """Return what a function returns, and add the seconds that it took to `into`."""
    start = time.perf_counter()
    found = function()
    into[name] = into.get(name, 0.0) + time.perf_counter() - start
    return found


def ours(n: int) -> dict:
    """Score `n` forecasts with every figure, and resample them."""
    from glaciercast.evaluate import figures, scoring
    from glaciercast.evaluate.strata import Ground
    from glaciercast.stats.bootstrap import Clusters

    elevation, ice = terrain()
    ground = Ground.of(elevation.shape, 9e-4, elevation, ice)
    borders = (np.arange(50, SIZE, 50), np.arange(50, SIZE, 50))

    def scored(number: int, seconds: dict) -> scoring.Scores:
        forecast, truth, weight, quantiles = made(number, elevation)
        month = np.arange(number, number + LEADS)[None] % 12 + 1

        def score() -> scoring.Scores:
            stated = (quantiles[:, None, :, None], LEVELS)
            scenes = (each[None, :, None] for each in (forecast, truth, weight))
            return scoring.of_scenes(*scenes, month, ground, borders, snow=True, stated=stated)

        return timed(seconds, "scoring", score)

    scored(0, {})  # compiles, once after an installation
    before, seconds = peak(), {}
    scores = scoring.Scores.joined([scored(number, seconds) for number in range(n)])
    clusters = Clusters.of(np.arange(n) // BLOCKS)
    tables = timed(seconds, "figures", lambda: figures.report(scores))
    found = timed(seconds, "bootstrap", lambda: {lead: figures.estimates([scores], clusters, lead=lead) for lead in (None, *range(LEADS))})
    return {
        "forecasts": n, "seconds": seconds, "total_s": sum(seconds.values()), "peak_gb": peak(), "peak_before_gb": before,
        "figures": tables["all"], "intervals": {name: each.interval for name, each in found[None].items()}, "strata": len(ground.labels),
        "json_mb": len(json.dumps(scores.to_json())) / 1e6,
    }  # fmt: skip


def peak() -> float:
    """Return the largest memory that this process has had, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def compared(python: Path, n: int, scaled: int) -> dict:
    """Return seconds per forecast of peers and of ours for each group of figures, by how much these differ, and totals of `scaled`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "peers.json"
        subprocess.run([python, __file__, "--peer-forecasts", str(n), "--as-peer", out], check=True)
        theirs = json.loads(out.read_text())
    mine = same_figures(n)
    groups = {}
    for name, group in theirs["groups"].items():
        ours_s, values = mine[name]
        both = np.array([values, group["values"]])
        if (np.isnan(both[0]) != np.isnan(both[1])).any():
            raise SystemExit(f"{name}: a figure is known to one package alone")
        apart = np.nanmax(np.abs(both[0] - both[1]))
        groups[name] = {
            "package": group["package"], "ours_s": ours_s, "peer_s": group["seconds"], "ratio": group["seconds"] / ours_s,
            "largest_difference": float(apart), "figures": len(values),
        }  # fmt: skip
    asked = {name: group for name, group in groups.items() if group["package"] in ("scores", "xskillscore")}
    totals = {key: sum((1 if name == BOOTSTRAP else scaled) * group[key] for name, group in asked.items()) for key in ("ours_s", "peer_s")}
    return {"forecasts": n, "versions": theirs["versions"], "groups": groups, **totals}


def strata(elevation: np.ndarray, ice: np.ndarray) -> np.ndarray:
    """Return the stratum of each pixel, place by elevation zone, in the order of `Ground.of`."""
    zones = np.floor(elevation / ZONE)
    return np.unique(np.where(ice, 0, 100) + zones, return_inverse=True)[1].reshape(elevation.shape)


def synthetic_sums() -> np.ndarray:
    """Return sums of 20 clusters to resample, (sum, cluster, figure): w, w·e², w·abs(e) and w·e of each lead and stratum."""
    return np.random.default_rng(7).random((4, 20, 60)) + np.array([1, 0, 0, 0])[:, None, None]


def same_figures(n: int) -> dict[str, tuple[float, list[float]]]:
    """Return group of figures → seconds a forecast, and the figures of all `n` forecasts, by this package."""
    from glaciercast.evaluate.strata import Ground
    from glaciercast.stats.bootstrap import bounds
    from glaciercast.stats.probabilistic import QuantileSums
    from glaciercast.stats.scores import ErrorSums
    from glaciercast.stats.structure import FractionSums, SimilaritySums
    from glaciercast.stats.tally import tally

    elevation, ice = terrain()
    ground, seconds, values = Ground.of(elevation.shape, 9e-4, elevation, ice), {}, {}

    def errors_and_mask(forecast, truth, weight, quantiles) -> list[float]:
        sums = tally(forecast, truth, weight, ground.stratum, ground.labels, np.ones((1, LEADS)))
        parts = [sums.within(lambda label, one=one: label == one) for one in ground.labels]
        return [
            getattr(one, name)(lead)[0] for one in (sums, *parts) for name in ("mse", "mae", "bias", "iou", "f1") for lead in range(LEADS)
        ]

    def of_quantiles(forecast, truth, weight, quantiles) -> list[float]:
        sums, _ = QuantileSums.by_stratum(quantiles, LEVELS, truth, weight, ground.stratum, len(ground.labels))
        found = [sums.mean_crps(lead) for lead in range(LEADS)]
        return found + [width for lead in range(LEADS) for width in sums.mean_width(lead).values()]

    def fractions(forecast, truth, weight, quantiles) -> list[float]:
        return FractionSums.of(forecast[:, :1], truth[:, :1], weight[:, :1], SIDES).fss()[0].tolist()

    def similarity(forecast, truth, weight, quantiles) -> list[float]:
        return SimilaritySums.of(forecast[:, :1], truth[:, :1], weight[:, :1], 2.0).ssim().tolist()

    groups = {ERRORS: errors_and_mask, QUANTILES: of_quantiles, FRACTIONS: fractions, SIMILARITY: similarity}
    for number in range(-1, n):  # the first one compiles
        forecast, truth, weight, quantiles = made(max(number, 0), elevation)
        arrays = (forecast[None], truth[None], weight[None], quantiles[:, None])
        for name, group in groups.items():
            found = timed(seconds if number >= 0 else {}, name, lambda group=group, arrays=arrays: group(*arrays))
            if number >= 0:
                values.setdefault(name, []).extend(found)
    drawn = np.random.RandomState(0).randint(0, 20, (REPLICATES, 20))
    counts = np.stack([(drawn == cluster).sum(axis=1) for cluster in range(20)], axis=1).astype("float64")
    weight, squared, absolute, signed = synthetic_sums()[:, :, None]

    def resampled() -> list[float]:
        sums = ErrorSums(weight, squared, absolute, signed).weighted(counts)
        return [
            end for above in (sums.squared, sums.absolute, sums.signed) for each in (above / sums.weight)[:, 0].T for end in bounds(each)
        ]

    values[BOOTSTRAP] = timed(seconds, BOOTSTRAP, resampled)
    return {name: (seconds[name] / (1 if name == BOOTSTRAP else n), [float(v) for v in found]) for name, found in values.items()}


ERRORS = "MSE, MAE, bias, IoU, F1 by lead, place and elevation zone"
QUANTILES = "CRPS of five quantiles and widths of their intervals by lead"
FRACTIONS = "FSS at three scales (one lead, no gaps)"
BOOTSTRAP = "2,000 replicates of 180 ratios, 20 clusters"
SIMILARITY = "SSIM (one lead, no gaps)"


def peers(n: int) -> dict:
    """Return the same from other packages; runs in an interpreter that has them and need not have this one."""
    from importlib.metadata import version

    import scores
    import scores.spatial
    import xarray as xr
    import xskillscore
    from scores.categorical import ThresholdEventOperator
    from skimage.metrics import structural_similarity

    elevation, ice = terrain()
    stratum = strata(elevation, ice)
    groups = (None, *np.unique(stratum))
    operator = ThresholdEventOperator(default_event_threshold=SNOW)

    def errors_and_mask(forecast, truth, weight, quantiles) -> list[float]:
        found = []
        for group in groups:
            pick = (slice(None), stratum == group) if group is not None else slice(None)
            f, t, w = (xr.DataArray(each[pick].reshape(LEADS, -1), dims=("lead", "pixel")) for each in (forecast, truth, weight))
            for metric in (scores.continuous.mse, scores.continuous.mae, scores.continuous.additive_bias):
                found += metric(f, t, preserve_dims=["lead"], weights=w).values.tolist()
            table = operator.make_contingency_manager(f, t).transform(preserve_dims=["lead"])
            found += table.critical_success_index().values.tolist() + table.f1_score().values.tolist()
        return found

    def of_quantiles(forecast, truth, weight, quantiles) -> list[float]:
        t, w, *q = (xr.DataArray(each, dims=("lead", "y", "x")) for each in (truth, weight, *quantiles))
        losses = [
            scores.continuous.quantile_score(one, t, level, preserve_dims=["lead"], weights=w) for one, level in zip(q, LEVELS, strict=True)
        ]
        edges = [0, *((np.array(LEVELS[1:]) + LEVELS[:-1]) / 2), 1]
        crps = 2 * sum(loss * share for loss, share in zip(losses, np.diff(edges), strict=True))
        widths = [
            scores.continuous.quantile_interval_score(q[k], q[-1 - k], t, LEVELS[k], LEVELS[-1 - k], preserve_dims=["lead"], weights=w)
            for k in range(2)
        ]
        return crps.values.tolist() + [float(one.interval_width_penalty[lead]) for lead in range(LEADS) for one in widths]

    def fractions(forecast, truth, weight, quantiles) -> list[float]:
        return [
            float(scores.spatial.fss_2d_single_field(forecast[0], truth[0], event_threshold=SNOW, window_size=(side, side)))
            for side in SIDES
        ]

    def similarity(forecast, truth, weight, quantiles) -> list[float]:
        return [float(structural_similarity(forecast[0], truth[0], data_range=2.0))]

    def resampled() -> list[float]:
        np.random.seed(0)  # noqa: NPY002 (the package draws from the global generator)
        sums = xr.DataArray(synthetic_sums(), dims=("sum", "cluster", "figure"))
        drawn = xskillscore.resample_iterations_idx(sums, REPLICATES, "cluster").sum("cluster")
        ends = (drawn[1:] / drawn[0]).quantile([0.025, 0.975], dim="iteration")
        return ends.transpose("sum", "figure", "quantile").values.ravel().tolist()

    listed = {
        ERRORS: ("scores", errors_and_mask), QUANTILES: ("scores", of_quantiles), FRACTIONS: ("scores", fractions),
        SIMILARITY: ("scikit-image", similarity),
    }  # fmt: skip
    seconds, values = {}, {}
    for number in range(-1, n):  # the first one imports what is imported late
        arrays = [each.astype("float64") for each in made(max(number, 0), elevation)]  # in float32 their weighted means are off by 1e-4
        for name, (_, group) in listed.items():
            found = timed(seconds if number >= 0 else {}, name, lambda group=group, arrays=arrays: group(*arrays))
            if number >= 0:
                values.setdefault(name, []).extend(found)
    result = {name: {"package": listed[name][0], "seconds": seconds[name] / n, "values": found} for name, found in values.items()}
    found = timed(seconds, BOOTSTRAP, resampled)
    result[BOOTSTRAP] = {"package": "xskillscore", "seconds": seconds[BOOTSTRAP], "values": found}
    return {"groups": result, "versions": {name: version(name) for name in ("scores", "xskillscore", "scikit-image", "xarray", "numpy")}}


DEFINITIONS = """
What counts, and what gaps do:

| figure | over | where pixels are missing |
| --- | --- | --- |
| MSE, MAE, bias, CRPS, coverage, spread over error | pixels, weighted by their observed fraction | they don't count |
| IoU, F1, snow-covered area | pixels that were observed at all, NDSI ≥ 0.3 | they don't count |
| SSIM | windows of 7×7 pixels inside the scene | moments of a window's observed pixels; windows less than half observed don't count |
| FSS | squares of 5, 15 and 45 pixels inside the scene | shares of the observed pixels; squares less than half observed don't count |
| power, forecast over truth | blocks of 64×64 pixels that overlap by half, under a Hann window | a block with a gap is left out of both |
| snow line | bands of 100 m with 20 observed pixels at least | the same pixels in forecast and truth |
| seam index | neighbouring pixels of the forecast | a forecast has no gaps |

The snow line is where the snow-covered share of the bands crosses one half; scenes whose truth has none don't count.
"""


def document(result: dict) -> str:
    own = result["ours"]
    lines = [
        f"Made by `python benchmarks/scoring.py --peers PYTHON --report` on {result['machine']['cpus']} CPUs.",
        "",
        f"{own['forecasts']} forecasts of {LEADS} leads of {SIZE}×{SIZE} pixels with quantiles at five levels, every figure by lead, "
        f"month, place and elevation zone ({own['strata']} strata), and {REPLICATES:,} bootstrap replicates of each figure over all leads "
        "and at each. Two threads: the spectra, and the rest.",
        "",
        "| part | seconds |",
        "| --- | ---: |",
        *(f"| {name} | {seconds:.1f} |" for name, seconds in own["seconds"].items()),
        f"| all | {own['total_s']:.1f} |",
        "",
        f"Largest memory of the process: {own['peak_gb']:.2f} GB, of which {own['peak_before_gb']:.2f} GB before the first one. The sums "
        f"that all tables are made from take {own['json_mb']:.1f} MB as JSON.",
        "",
    ]
    if "peers" not in result:
        return "\n".join(lines) + DEFINITIONS
    other = result["peers"]
    lines += [
        f"The same figures through other packages, per forecast (the replicates: once), on {other['forecasts']} of these forecasts, in the "
        "same run. Theirs get float64, as their weighted means of float32 are off by 1e-4. Packages: "
        f"{', '.join(f'{name} {number}' for name, number in other['versions'].items())}.",
        "",
        "| figures | package | seconds, ours | seconds, theirs | times as fast | largest difference |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, group in other["groups"].items():
        lines.append(
            f"| {name} | {group['package']} | {group['ours_s']:.4f} | {group['peer_s']:.4f} | {group['ratio']:.1f} | "
            f"{group['largest_difference']:.0e} |"
        )
    lines += [
        f"| all of `scores` and `xskillscore`, {own['forecasts']} forecasts | | {other['ours_s']:.1f} | {other['peer_s']:.1f} | "
        f"{other['peer_s'] / other['ours_s']:.1f} | |",
        "",
        "None of them has the snow line, the power spectrum, the seam index, or gaps in FSS and SSIM.",
    ]
    return "\n".join(lines) + "\n" + DEFINITIONS


if __name__ == "__main__":
    main()
