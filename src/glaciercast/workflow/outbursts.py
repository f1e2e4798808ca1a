"""Simulated lakes with floods of known hazard, and a lake's motion and temperature from a cube, as tables of the flood outlook."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs
from glaciercast.config import Config

if TYPE_CHECKING:
    from glaciercast.simulate.outbursts import Outbursts
    from glaciercast.simulate.outbursts_spec import OutburstSpec

LAST = dt.date(2023, 12, 31)


class _Identity(Config):
    """What a run folder of simulated lakes was made from."""

    seed: int
    spec: dict[str, Any]


def read_outburst_spec(overrides: dict[str, Any], years: int | None = None) -> OutburstSpec:
    """Return what simulated lakes are made of, from dotted keys (``hazard.base``); `years` end with 2023."""
    from glaciercast.simulate.outbursts_spec import OutburstSpec

    if years is not None:
        overrides = {"first": dt.date(LAST.year - years + 1, 1, 1), "last": LAST, **overrides}
    return config.parse(OutburstSpec, config.merge({}, overrides), "hazard simulate")


def simulate_outbursts(spec: OutburstSpec, out: str | Path, seed: int = 0) -> dict[str, Any]:
    """Write simulated lakes into the run folder `out`: the tables and images of the flood outlook, and ``truth.csv``.

    Returns
    -------
    dict
        Counts of lakes, years, floods and records, lake-years with and without floods, mean known chance by horizon, and the files.
    """
    from glaciercast.simulate import outbursts

    with runs.run_folder(out, "hazard simulate", _Identity(seed=seed, spec=config.plain(spec))) as folder:
        made = outbursts.simulate(spec, seed)
        files = outbursts.write(made, folder)
        summary = {**_summary(spec, made, seed), "files": [str(path) for path in files]}
        runs.write_json(folder / "results" / "simulate.json", summary)
    return summary


def _summary(spec: OutburstSpec, made: Outbursts, seed: int) -> dict[str, Any]:
    from glaciercast.simulate.outbursts import HORIZONS

    events = made.tables["events"]
    flooded = len(set(zip(events["lake"], events["start"].dt.year, strict=True)))
    years = spec.last.year - spec.first.year + 1
    return {
        "mode": spec.mode,
        "seed": seed,
        "lakes": spec.lakes,
        "first": str(spec.first),
        "last": str(spec.last),
        "floods": len(events),
        "lake_years_with_floods": flooded,
        "lake_years_without": spec.lakes * years - flooded,
        "records": {name: len(table) for name, table in made.tables.items() if name not in ("lakes", "events")},
        "images": len(made.images),
        "mean_chance": {str(days): float(made.truth[f"chance_{days}"].mean()) for days in HORIZONS},
    }
