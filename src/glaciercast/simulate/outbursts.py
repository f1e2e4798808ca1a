"""Many simulated lakes with floods of known hazard, as tables of what could have been known and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.simulate import outbursts_images, outbursts_lakes, outbursts_seen
from glaciercast.simulate.outbursts_lakes import Valley
from glaciercast.simulate.outbursts_spec import HazardSpec, OutburstSpec, SeenSpec
from glaciercast.simulate.seeds import generator

__all__ = ["HORIZONS", "HazardSpec", "OutburstSpec", "Outbursts", "SeenSpec", "simulate", "write"]

HORIZONS = (7, 30, 90)
"""Days ahead for which the known chance is told."""
APART = 30
"""Least days between two floods that were moved to one lake."""
TRIES = 1000
DAY = np.timedelta64(1, "D")
TIME = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class Outbursts:
    """Simulated lakes, what was seen of them, and the truth.

    Attributes
    ----------
    tables
        ``lakes``, ``areas``, ``motion``, ``temperature`` and ``events``, in the columns of the flood outlook's records.
    images
        Reflectance in green, nir and swir16, float32 (image, band, y, x), NaN in clouds; ``areas.image`` points into it.
    truth
        One row a lake and day of the watch: lake, issue, chance_7, chance_30, chance_90 (that a flood begins within as many days from this
        one), filled (share of the full volume).
    valleys
        What the tables were made from.
    """

    tables: dict[str, pd.DataFrame]
    images: np.ndarray
    truth: pd.DataFrame
    valleys: tuple[Valley, ...]


def simulate(spec: OutburstSpec, seed: int) -> Outbursts:
    """Return lakes with floods and how satellites see them; the same seed gives the same to the last bit.

    The chances of `truth` are those of one who knows the hazard and, where it depends on the lake, the inflow to come
    (`lake.warning`). Where floods are shuffled, they are what the day of the year tells: each flood is as likely in any lake and year.
    """
    valleys = tuple(outbursts_lakes.make(spec, seed, number) for number in range(spec.lakes))
    tables = {
        name: pd.concat([make(spec, valley, seed) for valley in valleys], ignore_index=True)
        for name, make in (
            ("areas", outbursts_seen.areas),
            ("motion", outbursts_seen.motion),
            ("temperature", outbursts_seen.temperature),
            ("events", outbursts_seen.events),
        )
    }
    tables["lakes"] = _lakes(spec, valleys)
    truth = pd.concat([_truth(spec, valley) for valley in valleys], ignore_index=True)
    if spec.mode == "shuffled":
        truth = _seasonal_truth(spec, truth, tables["events"])
        tables["events"] = _moved(spec, tables["events"], seed)
    images, tables["areas"] = _images(spec, valleys, tables["areas"], seed)
    return Outbursts(tables, images, truth, valleys)


def write(outbursts: Outbursts, folder: str | Path) -> list[Path]:
    """Write ``lakes.csv``, ``areas.csv``, ``motion.csv``, ``temperature.csv``, ``events.csv``, ``truth.csv`` and ``images.npy``.

    Times are ISO 8601, UTC. Each file is whole or not there; returns them.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for name, table in {**outbursts.tables, "truth": outbursts.truth}.items():
        path = place / f"{name}.csv"
        partial = path.with_name(path.name + ".partial")
        digits = "%.9g" if name == "truth" else None
        table.to_csv(partial, index=False, date_format=TIME, float_format=digits, lineterminator="\n")
        partial.replace(path)
        files.append(path)
    if len(outbursts.images):
        path, partial = place / "images.npy", place / "images.partial.npy"
        np.save(partial, outbursts.images, allow_pickle=False)
        partial.replace(path)
        files.append(path)
    return files


def _lakes(spec: OutburstSpec, valleys: tuple[Valley, ...]) -> pd.DataFrame:
    rows = [
        {
            "lake": valley.name, "lon": valley.lon, "lat": valley.lat, "dam": valley.dam,
            "watched_from": pd.Timestamp(spec.first), "watched_to": pd.Timestamp(spec.last),
        }
        for valley in valleys
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _truth(spec: OutburstSpec, valley: Valley) -> pd.DataFrame:
    days = pd.date_range(spec.first, spec.last, freq="D")
    begin = int(valley.history.dates.searchsorted(days[0]))
    part = slice(begin, begin + days.size)
    known = {f"chance_{horizon}": outbursts_lakes.chances(spec, valley, horizon)[part] for horizon in HORIZONS}
    return pd.DataFrame({"lake": valley.name, "issue": days, **known, "filled": valley.history.filled[part]})


def _images(spec: OutburstSpec, valleys: tuple[Valley, ...], areas: pd.DataFrame, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the images, of all areas or evenly of as many as there may be, and the areas with their numbers."""
    number = np.full(len(areas), np.nan)
    chosen = np.unique(np.linspace(0, len(areas) - 1, min(spec.seen.images, len(areas))).round().astype(int))
    number[chosen] = np.arange(chosen.size)
    made = [np.zeros((0, 3, outbursts_images.SIDE, outbursts_images.SIDE), np.float32)]
    for valley in valleys:
        rows = areas.iloc[chosen][areas["lake"].iloc[chosen].to_numpy() == valley.name]
        snow = outbursts_seen.snow_cover(valley, rows["time"].to_numpy())
        made.append(outbursts_images.make(spec, valley, rows, snow, seed))
    table = areas.drop(columns="true_area")
    table["image"] = pd.Series(number).astype("Int64")
    return np.concatenate(made), table


def _seasonal_truth(spec: OutburstSpec, truth: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Return the chances where each flood keeps its day of the year and falls on any lake and year alike."""
    cells = spec.lakes * len(_years(spec))
    share = np.bincount(events["start"].dt.day_of_year, minlength=367)[:367] / cells
    issues = pd.date_range(spec.first, spec.last, freq="D")
    changed = truth.copy()
    for horizon in HORIZONS:
        days = pd.date_range(issues[0], issues[-1] + (horizon - 1) * DAY, freq="D").day_of_year.to_numpy()
        logs = np.log1p(-np.minimum(share[days], 0.999))
        known = -np.expm1(np.lib.stride_tricks.sliding_window_view(logs, horizon).sum(1))
        changed[f"chance_{horizon}"] = np.tile(known, spec.lakes)
    return changed


def _years(spec: OutburstSpec) -> list[int]:
    return list(range(spec.first.year, spec.last.year + 1))


def _moved(spec: OutburstSpec, events: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the floods on the same days of the year, each at a lake and in a year drawn at random while it is watched."""
    rng = generator(seed, "outbursts", "shuffle")
    taken: list[tuple[int, pd.Timestamp]] = []
    for day_of_year in events["start"].dt.day_of_year.to_numpy():
        taken.append(_free_place(spec, int(day_of_year), taken, rng))
    by = pd.DatetimeIndex([start for _, start in taken]) - pd.DatetimeIndex(events["start"])
    dates = {key: pd.DatetimeIndex(events[key]) + by for key in ("start", "earliest", "latest", "end")}
    moved = pd.DataFrame({"lake": [f"lake-{lake:03d}" for lake, _ in taken], **dates})
    moved = moved.sort_values(["lake", "start"], ignore_index=True)
    number = moved.groupby("lake").cumcount() + 1
    moved.insert(0, "event", moved["lake"] + "-" + number.astype(str))
    return moved


def _free_place(
    spec: OutburstSpec, day_of_year: int, taken: list[tuple[int, pd.Timestamp]], rng: np.random.Generator
) -> tuple[int, pd.Timestamp]:
    """Return a lake and a day in one of the years, with no other flood of the lake near it."""
    for _ in range(TRIES):
        lake, year = int(rng.integers(spec.lakes)), int(rng.choice(_years(spec)))
        start = pd.Timestamp(year, 1, 1) + pd.Timedelta(days=day_of_year - 1)
        inside = pd.Timestamp(spec.first) <= start <= pd.Timestamp(spec.last)
        if inside and all(other != lake or abs((start - at).days) >= APART for other, at in taken):
            return lake, start
    raise InputError(f"{len(taken) + 1} floods can't be shuffled among {spec.lakes} lakes and {len(_years(spec))} years: too many")
