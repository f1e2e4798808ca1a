"""Velocity: what a change of sensors does to annual speeds of a real glacier, and the error of monthly steps by the longest span.

Usage: python benchmarks/velocity.py CUBE.nc [--simulated RUN CUBE.zarr] [--report]

CUBE.nc is the ITS_LIVE cube of RGI2000-v7.0-G-15-16257 (9,698 pairs). RUN is what ``glaciercast simulate`` made, CUBE.zarr what
``build`` made of it. With --report it writes docs/images/itslive-annual.png and docs/results/velocity.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid
from glaciercast.align.velocity import VelocityAlign, VelocitySteps
from glaciercast.align.weighted import error_weighted
from glaciercast.report import style

ROOT = Path(__file__).resolve().parents[1]
SPANS = (16, 32, 64, 128, 256, 546)
FAST = 25.0
"""m/yr, of the error-weighted mean over all years: the trunk of the glacier."""
ERAS = ((1986, 1997), (1998, 2003), (2004, 2013), (2014, 2018), (2019, 2024))
DRAWS = 200
FEWEST = 10
"""Pairs of a year that are drawn again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cube", type=Path)
    parser.add_argument("--simulated", nargs=2, type=Path, metavar=("RUN", "CUBE"))
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    real = trunk(options.cube)
    page = "# Velocity: measured\n\n" + eras_table(real)
    if options.simulated:
        page += "\n" + spans_table(*options.simulated)
    print(page)
    if options.report:
        (ROOT / "docs" / "results" / "velocity.md").write_text(page)
        draw(years(real), ROOT / "docs" / "images" / "itslive-annual.png")


def trunk(path: Path) -> dict[str, np.ndarray]:
    """Return vx, vy, v_error (pair, 1, pixel) of the fast ice, the year of each pair's middle, and its days."""
    with xr.open_dataset(path, decode_timedelta=False) as cube:
        cube.load()
    first, second = (pd.DatetimeIndex(cube[f"acquisition_date_img{image}"].values) for image in "12")
    days = ((second - first) / pd.Timedelta("1D")).to_numpy()
    arrays = {name: cube[name].values for name in ("vx", "vy", "v_error")}
    short = days <= VelocityAlign().max_span_days
    mean = error_weighted(*(values[short] for values in arrays.values()), np.zeros(short.sum()))
    fast = (cube.landice.values == 1) & (np.hypot(mean.vx[0], mean.vy[0]) > FAST)
    year = (first + (second - first) / 2).year.to_numpy()
    return {name: values[:, fast][:, None] for name, values in arrays.items()} | {"year": year, "days": days}


def weighted_speed(real: dict[str, np.ndarray], groups: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the mean over the trunk of each group's error-weighted speed, m/yr."""
    found = error_weighted(*(real[name][chosen] for name in ("vx", "vy", "v_error")), groups[chosen])
    return np.nanmean(np.hypot(found.vx, found.vy), axis=(1, 2))


def eras_table(real: dict[str, np.ndarray]) -> str:
    """Return speeds of the trunk by era: the mean of speeds, and error-weighted components with and without long pairs."""
    short = real["days"] <= VelocityAlign().max_span_days
    lines = [
        "| years | pairs of at most 128 days | mean speed | error-weighted | ± | error-weighted, all spans |",
        "|---|---|---|---|---|---|",
    ]
    for first, last in ERAS:
        inside = (real["year"] >= first) & (real["year"] <= last)
        speeds = np.nanmean(np.hypot(real["vx"][inside & short], real["vy"][inside & short]))
        alike = np.zeros(len(inside))
        one, every = (weighted_speed(real, alike, np.flatnonzero(inside & spans))[0] for spans in (short, np.ones(len(inside), bool)))
        spread = bootstrap(real, np.flatnonzero(inside & short))
        lines.append(f"| {first}–{last} | {(inside & short).sum()} | {speeds:.0f} | {one:.1f} | {spread:.1f} | {every:.1f} |")
    return "\n".join(lines) + "\n"


def bootstrap(real: dict[str, np.ndarray], chosen: np.ndarray) -> float:
    """Return the standard deviation of the error-weighted speed over `DRAWS` draws of whole pairs."""
    rng = np.random.default_rng(0)
    alike = np.zeros(len(real["year"]))
    return float(np.std([weighted_speed(real, alike, rng.choice(chosen, len(chosen)))[0] for _ in range(DRAWS)]))


def years(real: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return one row a year: mean speed, error-weighted speed of short and of all pairs, and the former's bootstrap error."""
    rows = []
    for year in np.unique(real["year"]):
        inside = real["year"] == year
        short = np.flatnonzero(inside & (real["days"] <= VelocityAlign().max_span_days))
        if len(short) < FEWEST:
            continue
        alike = np.zeros(len(inside))
        rows.append(
            {
                "year": year,
                "mean": np.nanmean(np.hypot(real["vx"][short], real["vy"][short])),
                "weighted": weighted_speed(real, alike, short)[0],
                "error": bootstrap(real, short),
                "every": weighted_speed(real, alike, np.flatnonzero(inside))[0],
            }
        )
    return pd.DataFrame(rows)


@style.styled
def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the annual speeds."""
    figure = style.new_figure(7.5, 4)
    axes = figure.add_subplot()
    blue, red, green = style.NETWORK_COLOURS[:3]
    axes.plot(table.year, table["mean"], "s--", color=red, markersize=4, label="mean of speeds, pairs of at most 128 days")
    axes.errorbar(
        table.year, table.weighted, table.error, fmt="o", color=blue, markersize=5, capsize=2,
        label="error-weighted components, at most 128 days (bars: 1σ, bootstrap over pairs)",
    )  # fmt: skip
    axes.plot(table.year, table.every, "^:", color=green, markersize=4, label="error-weighted components, all spans up to 546 days")
    axes.set(ylim=(0, 1.35 * table["mean"].max()), xlabel="year of the middle of the pair", ylabel="speed (m/yr), mean over the trunk")
    axes.set_title("One glacier, four generations of sensors (RGI2000-v7.0-G-15-16257, ITS_LIVE)")
    axes.grid(axis="y")
    axes.legend(loc="upper right")
    figure.savefig(path)


def spans_table(run: Path, path: Path) -> str:
    """Return the error of monthly steps against the simulated truth by the longest span that counts, on the ice."""
    group = xr.open_zarr(path, group="velocity/itslive", consolidated=False, chunks={})
    native = grid.of(group, "/velocity/itslive")
    with xr.open_dataset(run / "truth" / "world.nc") as world, xr.open_dataset(run / "truth" / "daily.nc") as daily:
        fields = world.interp(x=group.x, y=group.y).load()
        factors = daily[["sliding_factor", "surge_factor"]].load()
    edges = pd.date_range(group.acquired_first.values.min(), factors.time.values[-1], freq="MS", normalize=True)
    month = edges.searchsorted(factors.time.values, side="right") - 1
    ice = fields.ice.values > 0.5
    lines = ["| longest span, days | ice with a value, % | median error, m/yr | the same, two-sided |", "|---|---|---|---|"]
    for span in SPANS:
        cells = []
        for sided in ("past", "two_sided"):
            steps = VelocitySteps(group, VelocityAlign(max_span_days=span), native, edges, looks_ahead=sided == "two_sided")
            errors = np.concatenate(
                [_error(steps.step(k).arrays, fields, factors.isel(time=month == k))[ice] for k in range(len(edges) - 1)]
            )
            cells.append((np.isfinite(errors).mean() * 100, np.nanmedian(errors)))
        lines.append(f"| {span} | {cells[0][0]:.0f} | {cells[0][1]:.1f} | {cells[1][1]:.1f} ({cells[1][0]:.0f} %) |")
    return "\n".join(lines) + "\n"


def _error(arrays: dict[str, np.ndarray], fields: xr.Dataset, factors: xr.Dataset) -> np.ndarray:
    """Return the length of the difference to the true mean velocity of a step, m/yr (y, x)."""
    sliding, surge = (float(factors[name].mean()) for name in ("sliding_factor", "surge_factor"))
    true = {f"v{c}": (fields[f"creep_v{c}"] + sliding * fields[f"sliding_v{c}"] + surge * fields[f"surge_v{c}"]).values for c in "xy"}
    return np.hypot(*(arrays[name] - values for name, values in true.items()))


if __name__ == "__main__":
    main()
