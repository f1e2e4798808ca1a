"""The benchmark in words and numbers: one set of formatted cells that the page, Markdown and the terminal share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glaciercast.errors import InputError
from glaciercast.evaluate.table import band_lines
from glaciercast.report.style import squared, unit_words

REQUIRED = ("site", "variable", "units", "split", "leads", "lead_label", "clusters", "interval_note", "best_baseline", "models")
REQUIRED_MODEL = (
    "kind",
    "mse",
    "mae",
    "mse_by_lead",
    "mae_by_lead",
    "skill",
    "skill_by_lead",
    "skill_interval",
    "parameters",
    "train_seconds",
)
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """One formatted number; `best` marks the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Column titles and rows; the first cell of a row is the model's name."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def checked(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `results` if it has the keys of ``benchmark.json``.

    Raises
    ------
    InputError
        If a key is missing, a list does not fit the leads, or the best baseline is none of the baselines.
    """
    for key in REQUIRED:
        if key not in results:
            raise InputError(f"benchmark results: key '{key}' is missing")
    for name, model in results["models"].items():
        for key in REQUIRED_MODEL:
            if key not in model:
                raise InputError(f"benchmark results: model '{name}' has no key '{key}'")
        for key in ("mse_by_lead", "mae_by_lead", "skill_by_lead"):
            if len(model[key]) != len(results["leads"]):
                raise InputError(f"benchmark results: '{key}' of '{name}' needs {len(results['leads'])} values, found {len(model[key])}")
        if model["kind"] not in {"baseline", "network"}:
            raise InputError(f"benchmark results: kind of '{name}' must be baseline or network, found {model['kind']!r}")
    if results["models"].get(results["best_baseline"], {}).get("kind") != "baseline":
        raise InputError(f"benchmark results: best_baseline must name one of the baselines, found {results['best_baseline']!r}")
    return results


def scored_part(results: Mapping[str, Any]) -> str:
    """Return the part that was scored; results from before there was a choice are of the test part."""
    return str(results.get("part", "test"))


def ranked(results: Mapping[str, Any]) -> list[str]:
    """Return the models' names, lowest MSE first; models without a score last."""
    models = results["models"]
    return sorted(models, key=lambda name: math.inf if models[name]["mse"] is None else models[name]["mse"])


def benchmark_table(results: Mapping[str, Any]) -> Table:
    """Return scores over all leads, skill by lead with its interval, and what each model cost; lowest MSE first."""
    results = checked(results)
    names, models, unit = ranked(results), results["models"], _short(results["lead_label"])
    leads = range(len(results["leads"]))
    columns = [
        _scores([models[name]["mse"] for name in names]),
        _scores([models[name]["mae"] for name in names]),
        *(_skills([models[name]["skill_by_lead"][lead] for name in names]) for lead in leads),
        _skills([models[name]["skill"] for name in names]),
        [_interval(results, name) for name in names],
        [Cell(f"{models[name]['parameters']:,}") for name in names],
        [Cell(_seconds(models[name]["train_seconds"])) for name in names],
    ]
    header: tuple[str, ...] = ("Model", "Kind", f"MSE{_suffix(squared(results['units']))}", f"MAE{_suffix(unit_words(results['units']))}")
    header += (
        *(f"Skill, {results['leads'][lead]} {unit}" for lead in leads),
        "Skill, all leads",
        "Skill interval",
        "Parameters",
        "Training (s)",
    )
    return _assemble(header, names, [[Cell(models[name]["kind"]) for name in names], *columns])


def lead_table(results: Mapping[str, Any]) -> Table:
    """Return MSE and MAE by lead time; lowest total MSE first."""
    results = checked(results)
    names, unit = ranked(results), _short(results["lead_label"])
    header, columns = ["Model"], []
    for score, units in (("mse", squared(results["units"])), ("mae", unit_words(results["units"]))):
        for lead, step in enumerate(results["leads"]):
            header.append(f"{score.upper()}, {step} {unit}{_suffix(units)}")
            columns.append(_scores([results["models"][name][f"{score}_by_lead"][lead] for name in names]))
    return _assemble(tuple(header), names, columns)


def winner_sentence(results: Mapping[str, Any]) -> str:
    """Say in one sentence which model has the lowest MSE, true whether a network or a baseline wins."""
    results = checked(results)
    scored = {name: model for name, model in results["models"].items() if model["mse"] is not None}
    networks = [name for name in ranked(results) if name in scored and scored[name]["kind"] == "network"]
    baselines = [name for name in ranked(results) if name in scored and scored[name]["kind"] == "baseline"]
    if not scored:
        return "No model has a score, so nothing can be said about which one is best."
    texts = dict(zip(scored, (cell.text for cell in _scores([model["mse"] for model in scored.values()])), strict=True))
    if not networks:
        return f"Only baselines were scored; {baselines[0]} has the lowest MSE ({texts[baselines[0]]})."
    if not baselines:
        return f"No baseline has a score, so the lowest MSE, {texts[networks[0]]} by {networks[0]}, has nothing to be judged against."
    network, baseline = networks[0], baselines[0]
    ours, theirs = scored[network]["mse"], scored[baseline]["mse"]
    if ours == theirs:
        return f"The best network, {network}, and the best baseline, {baseline}, are level (MSE {texts[network]})."
    if theirs < ours:
        more = f"{_percent(ours / theirs - 1)} higher" if theirs else "above a perfect score"
        lowest = f"{baseline} has the lowest MSE ({texts[baseline]})"
        return f"No network beats the best baseline: {lowest}; that of the best network, {network}, is {more} ({texts[network]})."
    lowest = f"The network {network} has the lowest MSE ({texts[network]})"
    sentence = f"{lowest}, {_percent(1 - ours / theirs)} below that of the best baseline, {baseline} ({texts[baseline]})"
    return f"{sentence}{_confidence(results, network)}."


def markdown_table(results: Mapping[str, Any]) -> str:
    """Return the benchmark as Markdown: scores and skill, who won, errors by lead time; best values bold."""
    words = f"{winner_sentence(results)} {results['interval_note']}"
    parts = [_markdown(benchmark_table(results), 2), words, _markdown(lead_table(results), 1)]
    return "\n\n".join([*parts, *(["\n".join(f"- {line}" for line in band_lines(results))] if band_lines(results) else [])]) + "\n"


def text_table(results: Mapping[str, Any]) -> str:
    """Return the same as `markdown_table` in aligned plain text for terminals, best values starred."""
    tables = f"{_aligned(benchmark_table(results), 2)}\n\n{_aligned(lead_table(results), 1)}\n* best of its column"
    return _printable_lines(f"{tables}\n\n{winner_sentence(results)}\n{results['interval_note']}\n")


def _markdown(table: Table, words: int) -> str:
    """Format a table whose first `words` columns are text."""
    lines = [table.header, tuple("---" if column < words else "---:" for column in range(len(table.header)))]
    lines += [tuple(f"**{_escaped(cell.text)}**" if cell.best else _escaped(cell.text) for cell in row) for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _aligned(table: Table, words: int) -> str:
    """Format a table whose first `words` columns are text."""
    header = [title if column < words else f"{title} " for column, title in enumerate(table.header)]
    lines = [header, *([_printable(cell.text) + ("*" if cell.best else " ") for cell in row] for row in table.rows)]
    widths = [max(len(line[column].rstrip()) for line in lines) + 1 for column in range(len(header))]
    return "\n".join(
        " ".join(
            text.rstrip().ljust(width) if column < words else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _assemble(header: tuple[str, ...], names: list[str], columns: list[list[Cell]]) -> Table:
    return Table(header, tuple((Cell(name), *(column[row] for column in columns)) for row, name in enumerate(names)))


def _scores(values: list[float | None]) -> list[Cell]:
    """Format errors with as many decimals as give the smallest three significant digits (those below a thousandth of the largest aside)."""
    known = [abs(value) for value in values if value is not None]
    telling = [value for value in known if value and value >= max(known) / 1000]
    decimals = min(max(2 - math.floor(math.log10(min(telling))), 0), 9) if telling else 3
    best = min(known, default=None)
    return [Cell(NONE) if value is None else Cell(f"{value:.{decimals}f}", value == best) for value in values]


def _skills(values: list[float | None]) -> list[Cell]:
    best = max((value for value in values if value is not None), default=None)
    return [Cell(NONE) if value is None else Cell(f"{value:+.3f}" if value else "0.000", value == best) for value in values]


def _interval(results: Mapping[str, Any], name: str) -> Cell:
    interval = results["models"][name]["skill_interval"]
    if name == results["best_baseline"]:
        return Cell("reference")
    return Cell("none" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}")


def _confidence(results: Mapping[str, Any], network: str) -> str:
    interval = results["models"][network]["skill_interval"]
    if interval is None:
        return "; without an interval, chance cannot be ruled out"
    words = f"of its skill against {results['best_baseline']} ({interval[0]:+.3f} to {interval[1]:+.3f})"
    if interval[0] > 0:
        return f", and the interval {words} lies above 0"
    return (
        f", but the interval {words} includes 0, so that it may be chance"
        if interval[1] >= 0
        else f", but the interval {words} lies below 0"
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _percent(fraction: float) -> str:
    if fraction < 0.001:
        return "less than 0.1 %"
    return f"{100 * fraction:.0f} %" if fraction >= 0.1 else f"{100 * fraction:.1f} %"


def _suffix(units: str) -> str:
    return "" if units == "dimensionless" else f" ({units})"


def _short(lead_label: str) -> str:
    return {"months": "mo", "days": "d", "weeks": "wk", "years": "yr"}.get(lead_label, lead_label)


def _escaped(text: str) -> str:
    """Keep a cell's text from ending its cell, its row, or turning into markup."""
    return _printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _printable_lines(text: str) -> str:
    lines: Iterable[str] = (_printable(line) for line in text.split("\n"))
    return "\n".join(lines)
