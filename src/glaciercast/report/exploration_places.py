"""Words and tables of explored files of velocities, place by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glaciercast.report.exploration import MONTHS
from glaciercast.stats.seasonal import YEAR

MOST_LINES = 20
"""Places that the command tells of, a line each; the page has all."""
NOISY = 2.0
"""Times as large the errors have to be about the fastest day for a season to be doubted."""


def lines(path: str, told: Mapping[str, Any]) -> Iterator[str]:
    """Return what was found, a line a place."""
    kind = "times of image pairs" if told["paired"] else "dates"
    seen = told["coverage"]
    yield f"{path}: {seen['seen']} {kind}, {seen['first']} … {seen['last']}, {len(told['zones'])} place{'s' * (len(told['zones']) != 1)}"
    for row in told["zones"][:MOST_LINES]:
        yield f"{row['zone']}: " + "; ".join(part for part in (season(row), trend(row), surge(row)) if part)
    if len(told["zones"]) > MOST_LINES:
        yield f"{len(told['zones']) - MOST_LINES} more places: the page and the JSON have them"


def season(row: Mapping[str, Any]) -> str:
    """Return the season of a place in words, with its intervals, or why there is none."""
    if row["amplitude"] is None:
        return f"no season told: {row['reason']}"
    rests = f"{row['observations']} looks of {row['years']} year{'s' * (row['years'] != 1)}"
    if not row["seasonal"]:
        return f"no season beyond chance ({amplitude(row)} m/yr; {rests})"
    doubt = f", where errors are {row['error_season']:.0f} times as large" if (row["error_season"] or 0) >= NOISY else ""
    return f"season {amplitude(row)} m/yr, fastest on day {peak(row)}{doubt}; {rests}"


def amplitude(row: Mapping[str, Any]) -> str:
    """Return the amplitude with its interval, m/yr."""
    return f"{row['amplitude']:.1f} {_between(row['amplitude_interval'])}"


def peak(row: Mapping[str, Any]) -> str:
    """Return the day of the maximum with its interval; days from 0 on, around the year."""
    if row["peak_day_interval"] is None:
        return "any"
    low, high = (end % YEAR for end in row["peak_day_interval"])
    return f"{row['peak_day']:.0f} ({low:.0f} to {high:.0f})"


def trend(row: Mapping[str, Any]) -> str:
    """Return the trend in words; empty where a season is missing for the same reason."""
    found = row["long_term"]
    if "reason" in found:
        return "" if found["reason"] == row["reason"] else f"no trend: {found['reason']}"
    return f"trend {found['slope']:+z.2f} ({found['low']:+z.2f} to {found['high']:+z.2f}) m/yr per year"


def surge(row: Mapping[str, Any]) -> str:
    """Return the surges in words; empty without one."""
    return ", ".join(
        f"surge from {event['onset']} ({' to '.join(event['onset_interval'])}), peak {event['peak_speed']:,.0f} m/yr on {event['peak']}, "
        + (f"over on {event['end']}" if event["end"] else "going on")
        for event in row["surges"]
    )


def tables(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the tables of the page: seasons, trends and surges, looks by month."""
    level = f"{100 * next((row['long_term']['level'] for row in told['zones'] if 'level' in row['long_term']), 0.95):.0f} %"
    yield {
        "caption": f"Season along the mean flow, with {level} intervals",
        "head": [
            "place", "looks", "years", "left out", "mean span (days)", "vx, vy (m/yr)", "mean (m/yr)", "amplitude (m/yr)", "fastest on day",
            "by chance", "seen", "errors then",
        ],
        "rows": [_season_row(row) for row in told["zones"]],
    }  # fmt: skip
    yield {
        "caption": f"Trend of what the season leaves, and surges, with {level} intervals",
        "head": ["place", "trend (m/yr per year)", "p", "steps", "variance for autocorrelation", "surges"],
        "rows": [_trend_row(row) for row in told["zones"]],
    }
    yield {
        "caption": "Looks by calendar month of their middle (of 100 days or less, in the fit)",
        "head": ["place", *MONTHS],
        "rows": [[row["zone"], *(str(month["looks"]) for month in row["by_month"])] for row in told["zones"]],
    }


def _season_row(row: Mapping[str, Any]) -> list[str]:
    left = ", ".join(f"{row[key]} {words}" for key, words in _LEFT_OUT.items() if row[key]) or "none"
    span = "–" if row["median_span_days"] is None else f"{row['median_span_days']:.0f}"
    both = "–" if row["vx"] is None or row["vy"] is None else f"{row['vx']:z.1f}, {row['vy']:z.1f}"
    start = [row["zone"], str(row["observations"]), str(row["years"]), left, span, both]
    if row["amplitude"] is None:
        return [*start, "–", row["reason"], "–", "–", "–", "–"]
    then = "–" if row["error_season"] is None else f"× {row['error_season']:.1f}"
    return [
        *start, f"{row['mean']:.1f} ± {row['mean_error'] or float('nan'):.1f}", amplitude(row), peak(row) if row["seasonal"] else "–",
        f"{row['chance']:.2g}", "yes" if row["seasonal"] else "no", then,
    ]  # fmt: skip


def _trend_row(row: Mapping[str, Any]) -> list[str]:
    found = row["long_term"]
    events = surge(row) or f"none: {row['no_surges']}"
    if "reason" in found:
        return [row["zone"], found["reason"], "–", "–", "–", events]
    steps = f"{found['count']} {found['step']}s"
    return [row["zone"], trend(row).removeprefix("trend ").removesuffix(" m/yr per year"), f"{found['p_value']:.2g}", steps,
            f"× {found['inflation']:.1f}", events]  # fmt: skip


def _between(interval: list[float] | None) -> str:
    return "(no interval)" if interval is None else f"({interval[0]:.1f} to {interval[1]:.1f})"


_LEFT_OUT = {"outliers": "outliers", "in_surges": "in surges", "without_error": "without error"}
