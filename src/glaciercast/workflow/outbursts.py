"""Simulated lakes with floods of known hazard, and a lake's motion and temperature from a cube, as tables of the flood outlook."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs, store
from glaciercast.config import Config
from glaciercast.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

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


def lake_tables(
    cube: str | Path, out: str | Path, at: tuple[float, float], name: str = "lake", overrides: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write ``motion.csv`` and ``temperature.csv`` of a lake in a cube into the folder `out`, beside what is there, such as its areas.

    Parameters
    ----------
    at
        Longitude and latitude, degrees.
    name
        The lake's, as the other tables have it.
    overrides
        Keys of `hazard.tables.TableConfig`.

    Raises
    ------
    InputError
        If one of the files is there already, the folder holds another kind of run or other lakes, or as for `hazard.tables.of_cube`.
    """
    from glaciercast.hazard import tables

    settings = config.parse(tables.TableConfig, config.merge({}, overrides or {}), "--set")
    folder = Path(out)
    paths = {key: folder / f"{key}.csv" for key in ("motion", "temperature")}
    for path in paths.values():
        if path.exists():
            raise InputError(f"{path}: is there already; expected a folder without it")
    _check_beside(folder, name)
    made = tables.of_cube(store.locate(cube), *at, name=name, settings=settings)
    folder.mkdir(parents=True, exist_ok=True)
    partials = {key: path.with_name(path.name + ".partial") for key, path in paths.items()}
    for key, partial in partials.items():
        made[key].to_csv(partial, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\n")
    for key, path in paths.items():
        partials[key].replace(path)
    spans = {key: _span(table, "second" if key == "motion" else "time") for key, table in made.items()}
    return {"lake": name, "lon": at[0], "lat": at[1], **spans, "files": [str(path) for path in paths.values()]}


def _check_beside(folder: Path, name: str) -> None:
    """Check that a folder, where it holds something, holds this lake."""
    import pandas as pd

    state = folder / runs.STATE
    if state.is_file() and (command := runs.read_json(state).get("command")) != "hazard lakes":
        raise InputError(f"{folder}: holds a '{command}' run; expected a new folder, or one of 'hazard lakes'")
    if (table := folder / "lakes.csv").is_file():
        lakes = pd.read_csv(table, dtype=str)
        if "lake" in lakes and name not in (known := sorted(set(lakes["lake"]))):
            raise InputError(f"--name {name}: is none of the lakes in {table}: {', '.join(known[:5])}")


def _span(table: pd.DataFrame, taken: str) -> dict[str, Any]:
    """Return how many records there are, and from when to when."""
    first, last = (f"{table[taken].min():%Y-%m-%d}", f"{table[taken].max():%Y-%m-%d}") if len(table) else (None, None)
    return {"records": len(table), "first": first, "last": last}


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
