"""What real velocities show of seasons, trends and surges, and how often the intervals hold what was set in simulated ones.

Usage: python benchmarks/seasons.py [--data ../shared/data] [--seeds 200] [--report]

Read as ``glaciercast explore FILE`` does: the quarterly table of fourteen glaciers, the series of Lowell Glacier, the image pairs of
RGI2000-v7.0-G-15-16257. What is absent is skipped with a reason. Writes benchmarks/results/seasons.json and, with --report,
docs/results/seasons.md and two figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from glaciercast.explore import velocities
from glaciercast.explore.looks import Place
from glaciercast.explore.settings import ExploreConfig, VelocitiesConfig
from glaciercast.report import exploration_places, exploration_series
from glaciercast.stats.seasonal import YEAR, years
from glaciercast.workflow import exploring_velocities

ROOT = Path(__file__).resolve().parents[1]
GLACIERS, LOWELL = "itslive_hma/regional_quarterly_velocity.csv.gz", "lowell_surge/Lowell_example_interp.nc"
PAIRS = "itslive_hma/itslive_RGI15-16257_compact.nc"
LATE = np.datetime64("2015-01-01")
"""From here on Sentinel-2 sees the glaciers, too."""
FIRST_SEED = 1000
SHORT = "128 days or less, over the same pixels"
KEPT = (
    "zone", "observations", "years", "mean", "mean_error", "amplitude", "amplitude_interval", "peak_day", "peak_day_interval", "chance",
    "seasonal", "error_season", "long_term", "reason", "outliers", "in_surges", "surges", "yearly_peaks", "vx", "vy",
)  # fmt: skip
SETTINGS = ExploreConfig()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    results: dict = {"seeds": options.seeds, "simulated": simulated(options.seeds)}
    for name, measure in ((GLACIERS, glaciers), (LOWELL, lowell), (PAIRS, pairs)):
        if (options.data / name).is_file():
            results |= measure(options.data / name, options.report)
        else:
            print(f"skipped {name}: not in {options.data} (--data)", file=sys.stderr)
    (ROOT / "benchmarks" / "results" / "seasons.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.report:
        (ROOT / "docs" / "results" / "seasons.md").write_text(document(results) + "\n", encoding="utf-8")


def glaciers(path: Path, draw: bool) -> dict:
    """Return rows of the glaciers, of all years and of those with Sentinel-2."""
    found = exploring_velocities.read(path, SETTINGS)
    late = dataclasses.replace(found, places=tuple(since(place) for place in found.places))
    told = {label: velocities.describe(one, SETTINGS)[1] for label, one in (("all years", found), ("since 2015", late))}
    if draw:
        shown = [one for one in told["all years"] if one.row["amplitude"] is not None]
        figure = exploration_series.seasons("Fourteen glaciers of High Mountain Asia, quarters 1986–2024", shown)
        figure.savefig(ROOT / "docs" / "images" / "seasons-glaciers.png", dpi=110, metadata={"Software": None})
    return {"glaciers": {label: [kept(one.row) for one in part] for label, part in told.items()}}


def since(place: Place) -> Place:
    """Return the late looks of a place, along the flow of all of them."""
    return dataclasses.replace(sliced(place, place.first >= LATE), speed=None)


def sliced(place: Place, chosen: np.ndarray) -> Place:
    return dataclasses.replace(place, **{key: getattr(place, key)[chosen] for key in ("first", "second", "values", "error", "looked")})


def lowell(path: Path, draw: bool) -> dict:
    found = exploring_velocities.read(path, SETTINGS)
    told = velocities.describe(found, SETTINGS)[1]
    if draw:
        figure = exploration_series.series("Lowell Glacier, every 5 days 2013–2022", told)
        figure.savefig(ROOT / "docs" / "images" / "seasons-lowell.png", dpi=110, metadata={"Software": None})
    return {"lowell": kept(told[0].row)}


def pairs(path: Path, draw: bool) -> dict:
    """Return rows of the ice of one glacier: from short pairs, from all, and from the short ones over the pixels of all."""
    rows, settings = {}, {span: ExploreConfig(velocities=VelocitiesConfig(max_span_days=span)) for span in (128.0, None)}
    for label, span in (("128 days or less", 128.0), ("all, where these tell a direction", None)):
        found = exploring_velocities.read(path, settings[span])
        rows[label] = kept(velocities.describe(found, settings[span])[1][0].row)
    place = found.places[0]
    short = dataclasses.replace(sliced(place, place.second - place.first <= np.timedelta64(128, "D")), speed=None)
    rows[SHORT] = kept(velocities.tell(short, True, False, SETTINGS).row)
    return {"pairs": rows}


def kept(row: dict) -> dict:
    return {key: row[key] for key in KEPT}


def moment(year: np.ndarray) -> np.ndarray:
    """Return years since 2000 as times."""
    return np.datetime64("2000-01-01", "ns") + (np.asarray(year) * YEAR * 86400e9).astype("timedelta64[ns]")


def seen(first: np.ndarray, second: np.ndarray, mean: float, trend: float, amplitude: float, day: float) -> np.ndarray:
    """Return the mean over each span of mean, trend about the middle of all, and harmonic, by its integral."""
    begin, end = years(first), years(second)
    centre = (begin.min() + end.max()) / 2

    def integral(at: np.ndarray) -> np.ndarray:
        return mean * at + trend * (at - centre) ** 2 / 2 + amplitude * np.sin(2 * np.pi * (at - day / YEAR)) / (2 * np.pi)

    return (integral(end) - integral(begin)) / (end - begin)


def remembering(rng: np.random.Generator, number: int, memory: float, spread: float) -> np.ndarray:
    """Return an AR(1) series."""
    values = rng.normal(size=number) * spread
    for k in range(1, number):
        values[k] = memory * values[k - 1] + np.sqrt(1 - memory**2) * values[k]
    return values


def quarters(rng: np.random.Generator) -> tuple:
    """Return 39 years of quarters: winters six times as noisy as summers, errors stated five times too large, and a memory."""
    edges = moment(np.arange(-14, 25, 0.25))
    number = len(edges) - 1
    error = np.where(np.arange(number) % 4 < 2, 50.0, 8.0) * np.linspace(1.6, 0.6, number)
    return edges[:-1], edges[1:], error, 0.2 * error * rng.normal(size=number) + remembering(rng, number, 0.6, 2.0)


def scattered(rng: np.random.Generator) -> tuple:
    """Return 900 image pairs over ten years, three of which hold 73 % of them, with errors that a year and a quarter share."""
    share = np.array([2, 2, 3, 4, 5, 5, 6, 18, 30, 25]) / 100
    begin = np.sort(15 + rng.choice(10, 900, p=share) + rng.beta(2, 2, 900))
    span = rng.choice([10, 16, 32, 48, 96, 120], 900) / YEAR
    error = np.maximum(np.round(0.5 / span * rng.lognormal(0, 0.4, 900)), 1.0)
    year, quarter = 3 * rng.normal(size=10), 3 * rng.normal(size=40)
    shared = year[(begin - 15).astype(int)] + quarter[(4 * (begin - 15)).astype(int)]
    return moment(begin), moment(begin + span), error, 0.5 * error * rng.normal(size=900) + shared


def months(rng: np.random.Generator, number: int) -> tuple:
    """Return years of months whose errors remember the month before."""
    edges = moment(15 + np.arange(12 * number + 1) / 12)
    return edges[:-1], edges[1:], np.full(12 * number, 3.0), remembering(rng, 12 * number, 0.5, 3.0)


def overlapping(rng: np.random.Generator) -> tuple:
    """Return eight years of values every five days that span thirty, smoothed over half a year, as inversions are."""
    middle = np.arange(13, 21, 5 / YEAR)
    half = 15 / YEAR
    return moment(middle - half), moment(middle + half), np.ones(len(middle)), remembering(rng, len(middle), 0.97, 6.0)


CASES = {
    "quarters of 39 years, noisy winters": (quarters, False, (10, 0.1, 4, 120)),
    "900 image pairs of 10 uneven years": (scattered, True, (60, -0.5, 8, 170)),
    "months of 5 years": (lambda rng: months(rng, 5), False, (60, -1, 8, 170)),
    "months of 12 years": (lambda rng: months(rng, 12), False, (60, -1, 8, 170)),
    "every 5 days, 8 years, smooth": (overlapping, False, (40, 1, 10, 150)),
}
"""Name → maker, whether of pairs, mean (m/yr), trend (m/yr per year), amplitude (m/yr), day of the maximum."""


def simulated(seeds: int) -> dict:
    """Return how often the 95 % intervals hold what was set, and how often a season is seen where none was."""
    found = {}
    for name, (maker, paired, truth) in CASES.items():
        mean, trend, amplitude, day = truth
        counts = dict.fromkeys(("amplitude", "day", "trend", "seen", "false"), 0)
        widths = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            first, second, error, noise = maker(np.random.default_rng(seed))
            row = row_of(first, second, seen(first, second, *truth) + noise, error, paired)
            ends, slope = row["peak_day_interval"], row["long_term"]
            counts["amplitude"] += row["amplitude_interval"][0] <= amplitude <= row["amplitude_interval"][1]
            counts["day"] += ends is None or abs((row["peak_day"] - day + YEAR / 2) % YEAR - YEAR / 2) <= (ends[1] - ends[0]) / 2
            counts["trend"] += slope["low"] <= trend <= slope["high"]
            counts["seen"] += row["seasonal"]
            counts["false"] += row_of(first, second, seen(first, second, mean, trend, 0.0, 0.0) + noise, error, paired)["seasonal"]
            widths.append(row["amplitude_interval"][1] - row["amplitude_interval"][0])
        found[name] = {"truth": truth, **{key: int(count) for key, count in counts.items()}, "width": float(np.median(widths))}
    return found


def row_of(first: np.ndarray, second: np.ndarray, values: np.ndarray, error: np.ndarray, paired: bool) -> dict:
    order = np.argsort(first + (second - first) / 2)
    columns = [part[order] for part in (first, second, values, error)]
    return velocities.tell(Place("made", "point", *columns, np.ones(len(first), bool), None), paired, not paired, SETTINGS).row


def document(results: dict) -> str:
    """Return the page."""
    lines = ["Made by `python benchmarks/seasons.py --report`. Intervals hold 95 %.", ""]
    if "glaciers" in results:
        lines += of_glaciers(results["glaciers"])
    if "lowell" in results:
        lines += of_lowell(results["lowell"])
    if "pairs" in results:
        lines += of_pairs(results["pairs"])
    return "\n".join(lines + of_seeds(results))


def of_glaciers(found: dict) -> list[str]:
    every, late = found["all years"], found["since 2015"]
    sure = [row for row in every if row["seasonal"]]
    winter = sum(row["peak_day"] < 45 or row["peak_day"] > 320 for row in sure)
    doubted = sum((row["error_season"] or 0) >= exploration_places.NOISY for row in sure)
    again = [row["zone"] for row in late if row["seasonal"]]
    both = sum(row["zone"] in again for row in sure)
    directed = sum(row["amplitude"] is not None for row in every)
    shrunk = np.median([other["amplitude"] / row["amplitude"] for row, other in zip(every, late, strict=True) if row["seasonal"]])
    lines = [
        "### Fourteen glaciers of High Mountain Asia, by quarter",
        "",
        f"Of {len(every)} glaciers, {directed} have a direction of flow and {len(sure)} a season beyond chance; {winter} of these are "
        f"fastest between mid-November and mid-February. **Read that as noise first.** {doubted} of them are fastest when the table's "
        "stated errors are two or more times as large as half a year later; the others' errors are not stated. "
        f"In the quarters since 2015 alone, from better images, {both} of the {len(sure)} are beyond chance, and the amplitudes are "
        f"{shrunk:.2f} times (median) those of all years: seasons that shrink with the noise. No glacier surges. The table's values are "
        "means over whole glaciers, whose branches flow in many directions. A quarter flattens a season by a tenth, which the fit undoes.",
        "",
        "| glacier | quarters | mean, m/yr | amplitude, m/yr | fastest on day | by chance | errors then | since 2015 "
        "| trend, m/yr per year |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row, other in zip(every, late, strict=True):
        lines.append("| " + " | ".join(glacier_cells(row, other)) + " |")
    return [
        *lines,
        "",
        'In bold: beyond chance; days are told of these alone. "Errors then": the median error about the fastest day over that half a year '
        'later. "Since 2015": the amplitude, m/yr.',
        "",
        "![Amplitude, day of the maximum and trend of each glacier](../images/seasons-glaciers.png)",
        "",
    ]


def glacier_cells(row: dict, late: dict) -> list[str]:
    name = row["zone"].removeprefix("RGI2000-v7.0-")
    if row["amplitude"] is None:
        return [name, "–", *["–"] * 5, "–", row["reason"]]
    then = "–" if row["error_season"] is None or row["error_season"] == 1 else f"× {row['error_season']:.1f}"
    slope = row["long_term"]
    return [
        name, str(row["observations"]), f"{row['mean']:.1f} ± {row['mean_error']:.1f}", bold(row),
        exploration_places.peak(row) if row["seasonal"] else "–", chance(row), then, bold(late),
        f"{slope['slope']:+z.2f} ({slope['low']:+z.2f} to {slope['high']:+z.2f})",
    ]  # fmt: skip


def chance(row: dict) -> str:
    return "< 0.0001" if row["chance"] < 1e-4 else f"{row['chance']:.2g}"


def bold(row: dict) -> str:
    if row["amplitude"] is None:
        return "–"
    words = exploration_places.amplitude(row)
    return f"**{words}**" if row["seasonal"] else words


def of_lowell(row: dict) -> list[str]:
    event = row["surges"][0]
    before = [peak for peak in row["yearly_peaks"] if peak["date"] < event["onset"]]
    springs = ", ".join(f"{peak['date']} ({peak['speed']:.0f})" for peak in before)
    slope = row["long_term"]
    end = f"is over on {event['end']}" if event["end"] else "goes on at the end of the series"
    return [
        "### Lowell Glacier",
        "",
        f"The surge begins on {event['onset']} ({' to '.join(event['onset_interval'])}), peaks at {event['peak_speed']:,.0f} m/yr on "
        f"{event['peak']} ({' to '.join(event['peak_interval'])}) and {end}; quiet speed {event['quiet_speed']:.0f} m/yr. Before it, "
        f"{row['observations']} values of {row['years']} years have an amplitude of {exploration_places.amplitude(row)} m/yr, fastest on "
        f"day {exploration_places.peak(row)}, which chance makes in {100 * row['chance']:.0f} of 100 cases: speed-ups of some weeks, at "
        f"other dates each year, are no harmonic. The fastest dates of the years before the surge, with speeds in m/yr: {springs}. A trend "
        f"of {slope['slope']:+.1f} m/yr per year has an interval from {slope['low']:+.1f} to {slope['high']:+.1f}: eight years that "
        "remember each other tell none.",
        "",
        "![Lowell Glacier: speed, the fit before the surge, and the surge](../images/seasons-lowell.png)",
        "",
    ]


def of_pairs(rows: dict) -> list[str]:
    lines = [
        "### Image pairs of RGI2000-v7.0-G-15-16257",
        "",
        "| pairs | looks | years | mean, m/yr | amplitude, m/yr | day | by chance | trend, m/yr per year |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, row in rows.items():
        slope = row["long_term"]
        lines.append(
            f"| {label} | {row['observations']} | {row['years']} | {row['mean']:.1f} ± {row['mean_error']:.1f} | {bold(row)} "
            f"| {exploration_places.peak(row)} | {chance(row)} | {slope['slope']:+z.2f} ({slope['low']:+z.2f} to {slope['high']:+z.2f}) |"
        )
    short, every = rows[SHORT], rows["all, where these tell a direction"]
    return [
        *lines,
        "",
        f"Over the same pixels short pairs say {short['mean']:.1f} m/yr and all pairs {every['mean']:.1f}: which spans are taken changes "
        "the mean by more than any season. Mismatches are many in short pairs, and over a year snow does not match any more; the pairs "
        "alone do not tell which is nearer to the ice. Pairs of more than 128 days, which hardly see a season, are left out unless they "
        "are asked for. The direction of flow is then known of fewer and faster pixels. Most looks are of few years (Sentinel-2), so that "
        "intervals are wide.",
        "",
    ]


def of_seeds(results: dict) -> list[str]:
    seeds = results["seeds"]
    lines = [
        "### Simulated series",
        "",
        f"How often, in {seeds} seeds, the interval holds what was set; how often the season is seen; and how often one is seen where "
        "there is none (1.1 % at most are meant to be).",
        "",
        "| series | set amplitude, m/yr | amplitude held | day held | trend held | seen | seen where none is | median width, m/yr |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in results["simulated"].items():
        shares = " | ".join(f"{100 * row[key] / seeds:.1f} %" for key in ("amplitude", "day", "trend", "seen", "false"))
        lines.append(f"| {name} | {row['truth'][2]} | {shares} | {row['width']:.1f} |")
    return lines


if __name__ == "__main__":
    main()
