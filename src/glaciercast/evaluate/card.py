"""The card of a benchmark: what was compared on which data, what keeps the parts apart, and what the numbers don't say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BASELINES = {
    "persistence": "the last state seen stays as it is",
    "same_season": "what was there in the same season of the year before",
    "climatology": "the mean of that season over the training years, pixel by pixel",
    "damped_anomaly": "climatology plus a part of the present departure from it, the part fitted on the training years",
    "linear_trend": "climatology, moved by the pixel's trend over the training years",
    "advection": "the last state seen, carried on along the motion between the latest frames",
    "harmonic": "the mean cycle of the training years as a few harmonics, pixel by pixel",
    "season_shift": "that cycle, moved by the present departure and by how early or late the season is around it",
}
"""What each baseline forecasts."""
LIMITS = (
    "Only observed pixels count. Clouds choose them: a composite is made of clear days, which are not average days.",
    "NDSI shows snow and clean ice. Debris-covered ice is dark and does not show; a change of NDSI is a change of cover, no motion of ice.",
    "A few years of one place: the scores don't say how models do elsewhere, in other years, or under another climate.",
    "Fits on a CPU repeat bit for bit; on a GPU they differ in the last digits.",
)
"""What holds for every benchmark."""
ELSEWHERE = (
    "Baselines that are fitted pixel by pixel (climatology, damped anomaly, linear trend, harmonic, season shift) know nothing of the "
    "blocks that are scored and take the mean of other pixels there: they are weaker than under a split by time."
)
"""What holds where parts lie in other blocks of the scene."""
CHOOSING = "The validation part is for choosing: weights and epochs were chosen on it, so networks look better here than they are."
UNSTATED = "none is stated in the data"


def markdown(results: Mapping[str, Any], code: str) -> str:
    """Return the card of a benchmark's results (``benchmark.json``) as Markdown.

    Parameters
    ----------
    results
        Of one cube or of a grid.
    code
        Version and source of the package that made them (`evaluate.cells.code_identity`).
    """
    lines = [f"# Benchmark card: {results['site']['title'] or 'without a title'}", ""]
    for heading, told in _sections(results, code):
        lines += [f"## {heading}", "", *(f"- {line}" for line in told), ""]
    return "\n".join(lines)


def seals(results: Mapping[str, Any]) -> list[str]:
    """Return what the leak check of each site found, and how often its test part was opened, a line each."""
    lines = []
    for name, place in (results.get("sites") or {"": results}).items():
        prefix = f"{name}: " if name else ""
        opening = place["opening"]["sentence"] if place["opening"] else "The test part is sealed and was not opened for this table."
        lines += [prefix + place["leaks"]["text"], prefix + opening]
    return lines


def _sections(results: Mapping[str, Any], code: str) -> Iterator[tuple[str, list[str]]]:
    places = results.get("sites") or {"": results}
    yield "Data", [line for name, place in places.items() for line in _data(name, place)]
    yield "Task", _task(results)
    yield "Split and leaks", [results["split"]["text"].rstrip(".") + ".", *seals(results)]
    yield "Baselines", [f"`{name}`: {BASELINES.get(name, 'see the models')}" for name in _named(results, "baseline")]
    yield "Networks", _networks(results)
    yield "Intervals", [results["interval_note"], "Skill is 1 − MSE / MSE(best baseline), on the same pixels."]
    yield "Limits", [*_limits(results), *LIMITS]
    yield "Code", [f"glaciercast {code}; versions of all packages are in `provenance.json`, settings in `config.yml`."]


def _data(name: str, place: Mapping[str, Any]) -> list[str]:
    site = place["site"]
    title = f"{name}: {site['title']}" if name else str(site["title"])
    resolution = site["resolution"]
    told = f"{title}, {resolution:g} m, {site['crs']}" if isinstance(resolution, int | float) else f"{title}, {resolution}, {site['crs']}"
    licence = f"Attribution and licence: {site['attribution'] or UNSTATED}."
    return [f"{told}.", *([str(site["note"])] if site["note"] else []), licence]


def _task(results: Mapping[str, Any]) -> list[str]:
    leads = results["leads"]
    return [
        f"{results['variable']} ({'dimensionless' if results['units'] == '1' else results['units']}), {leads[0]} to {leads[-1]} "
        f"{results['lead_label']} ahead, over observed pixels of the {results['part']} part.",
        *([CHOOSING] if results["part"] == "validation" else []),
    ]


def _networks(results: Mapping[str, Any]) -> list[str]:
    models = results["models"]
    told = [f"`{name}`: {models[name]['parameters']:,} parameters" for name in _named(results, "network")]
    seeds = results.get("seeds") or []
    return [*told, *([f"Each from the seeds {', '.join(map(str, seeds))}."] if len(seeds) > 1 else [])] or ["none"]


def _limits(results: Mapping[str, Any]) -> list[str]:
    networks = len(_named(results, "network"))
    limits = [] if results["site"]["is_glacier"] else ["The scenes show no glacier."]
    if results["split"]["name"] in ("space", "both"):
        limits.append(ELSEWHERE)
    if networks > 1:
        limits.append(f"{networks} networks were compared on the same part: the best of several looks better than it is.")
    return limits


def _named(results: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, model in results["models"].items() if model["kind"] == kind]
