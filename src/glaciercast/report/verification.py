"""The page of an outlook's verification: one HTML file that holds everything, loads nothing and runs no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.hazard.verify import Verified
from glaciercast.report import html
from glaciercast.report import verification_figures as figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADS = ("days", "model", "floods", "Brier", "skill over the season", "slope", "PR-AUC", "prevalence")
ALERT_HEADS = ("days", "model", "floods warned of", "Peirce", "alarms", "false", "false a lake-year", "mean lead (d)", "under alert")
KNOWN_HEADS = ("days", "model", "floods", "expected skill", "oracle's", "share of its gain", "slope")
NONE = "–"
CAPTIONS = {
    "skill": "Brier skill over the seasonal base rate of the same fold ({floods}). Black lines: 95 % intervals; none below 8 floods. A bar "
    "above zero whose interval reaches zero shows no skill.",
    "reliability": "Reliability ({floods}): on the diagonal a chance comes true as often as it says. Below: how many outlooks gave such a "
    "chance; points that few outlooks made are noise.",
    "precision-recall": "Precision and recall of outlooks ({floods}); an outlook that does not look lies on the line of the prevalence.",
    "value": "Relative economic value ({floods}) of acting where the chance reaches the cost ratio. Below zero, acting by the base rate "
    "alone costs less.",
    "lead": "Lead time of each flood that was warned of, {when} ({floods}); at the right how many were. An alert after the flood never "
    "counts.",
    "timeline": "Chances within {horizon} days at each lake, by models that never learnt from it or that season, with the floods as "
    "triangles ({floods}): the season and the best of the other models by their Brier score.",
}


def write_page(path: Path, verified: Verified, starts: Mapping[str, np.datetime64], provenance: Mapping[str, Any]) -> Path:
    """Write the page, and each figure as a PNG under ``figures/`` beside it; returns the page.

    Parameters
    ----------
    starts
        Days on which floods began, by name.
    provenance
        Versions and time.
    """
    sections = [_section(path.parent / "figures", verified, starts, protocol) for protocol in verified.result["protocols"]]
    text = html.render(
        "verification.html",
        facts=verified.result,
        sections=sections,
        provenance={"made": provenance.get("created", ""), **provenance.get("packages", {})},
    )
    _write(path, text.encode("utf-8"))
    return path


def text_table(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the main figures in lines for a terminal."""
    rows = [("protocol", *HEADS), *((cell["protocol"], *_row(cell)) for cell in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _section(folder: Path, verified: Verified, starts: Mapping[str, np.datetime64], protocol: str) -> dict[str, Any]:
    cells = [cell for cell in verified.result["cells"] if cell["protocol"] == protocol]
    scored = [cell for cell in cells if "curve" in cell]
    return {
        "name": protocol,
        "meaning": verified.result["protocols"][protocol],
        "tables": list(_tables(scored, verified.result)),
        "claims": [f"{cell['model']}, {cell['horizon']} days: {cell['claim']}" for cell in cells if cell["model"] != "season"],
        "notes": list(dict.fromkeys(f"{cell['horizon']} days: {cell['interval_note']}" for cell in scored)),
        "left_out": _left_out(cells),
        "figures": [_saved(folder, f"{protocol}-{name}", *drawn) for name, drawn in _drawn(scored, verified, starts, protocol)],
    }


def _tables(cells: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"title": "Scores of chances", "heads": HEADS, "rows": [_row(cell) for cell in cells]}
    alerts = [(cell, cell["alerts"]) for cell in cells if cell["alerts"]]
    if alerts:
        title = f"Alerts where the chance reaches the cost ratio of {facts['cost_ratio']:g}"
        yield {"title": title, "heads": ALERT_HEADS, "rows": [_alert_row(*each) for each in alerts]}
    fixed = [(cell, cell["fixed_hit_rate"]) for cell in cells if cell["fixed_hit_rate"]]
    if fixed:
        title = f"Alerts at the threshold that warns of {facts['hit_rate']:.0%} of the floods (chosen with hindsight, to compare models)"
        yield {"title": title, "heads": ALERT_HEADS, "rows": [_alert_row(*each) for each in fixed]}
    known = [cell for cell in cells if cell["known"]]
    if known:
        rows = [_known_row(cell) for cell in known]
        yield {"title": "Against the known chances of the simulation", "heads": KNOWN_HEADS, "rows": rows}


def _drawn(
    cells: Sequence[Mapping[str, Any]], verified: Verified, starts: Mapping[str, np.datetime64], protocol: str
) -> Iterator[tuple[str, tuple[Figure, str]]]:
    if not cells:
        return
    floods, facts = figures.floods_words(cells), verified.result
    ratio, horizon = facts["cost_ratio"], _middle(facts["horizons"])
    hindsight = f"at the threshold that warns of {facts['hit_rate']:.0%} of the floods"
    when = hindsight if ratio is None else f"at the cost ratio of {ratio:g}"
    draw = {
        "skill": figures.skill, "reliability": figures.reliability, "precision-recall": figures.precision_recall,
        "value": figures.economic_value, "lead": figures.lead_times,
    }  # fmt: skip
    for name, drawn in draw.items():
        yield name, (drawn(cells), CAPTIONS[name].format(floods=floods, when=when))
    longest = [cell for cell in cells if cell["horizon"] == horizon]
    pairs = {each["model"]: _pairs(verified, each) for each in longest if each["model"] in _shown(longest)}
    if pairs:
        caption = CAPTIONS["timeline"].format(floods=figures.floods_words(longest), horizon=horizon)
        yield "timeline", (figures.timeline(pairs, starts, ratio), caption)


def _middle(horizons: Sequence[int]) -> int:
    return sorted(horizons)[len(horizons) // 2]


def _shown(cells: Sequence[Mapping[str, Any]]) -> set[str]:
    others = sorted((cell["brier"]["value"], cell["model"]) for cell in cells if cell["model"] != "season")
    return {"season", *(name for _, name in others[:1])}


def _pairs(verified: Verified, cell: Mapping[str, Any]) -> Any:
    return next(
        pairs for key, pairs in verified.pairs.items()
        if (key.model, key.protocol, key.horizon) == (cell["model"], cell["protocol"], cell["horizon"])
    )  # fmt: skip


def _left_out(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    seen = {cell["horizon"]: cell["folds_left_out"] for cell in cells if cell["folds_left_out"]}
    return [
        f"{horizon} days: {len(names)} fold{'s' * (len(names) != 1)} without a flood to learn from "
        f"{'is' if len(names) == 1 else 'are'} not scored: {_some(names)}"
        for horizon, names in seen.items()
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    head = (str(cell["horizon"]), cell["model"], str(cell["floods"]))
    if "brier" not in cell:
        return (*head, *[NONE] * 5)
    skill = "0 by definition" if cell["model"] == "season" else _figure(cell["skill"], 3)
    prevalence = f"{cell['prevalence']:.4f}"
    return (*head, _figure(cell["brier"], 4), skill, _figure(cell["slope"], 2), _figure(cell["pr_auc"], 3), prevalence)


def _alert_row(cell: Mapping[str, Any], alerts: Mapping[str, Any]) -> tuple[str, ...]:
    floods = alerts["hits"] + alerts["misses"]
    rate = alerts["false_per_lake_year"]
    return (
        str(cell["horizon"]), cell["model"], f"{alerts['hits']} of {floods}", _figure(alerts["peirce"], 2), str(alerts["alarms"]),
        str(alerts["false_alarms"]), NONE if rate is None else f"{rate:.2f}", _figure(alerts["lead_mean_days"], 1),
        f"{alerts['alert_share']:.1%}",
    )  # fmt: skip


def _known_row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    known, base = cell["known"], cell["model"] == "season"
    skill, share = ("0 by definition", NONE) if base else (_figure(known["skill"], 3), _figure(known["share"], 2))
    oracle, slope = _figure(known["skill_oracle"], 3), _figure(known["slope"], 2)
    return str(cell["horizon"]), cell["model"], str(cell["floods"]), skill, oracle, share, slope


def _figure(figure: Mapping[str, Any], digits: int) -> str:
    if figure["value"] is None:
        return NONE
    told = f"{figure['value']:.{digits}f}"
    return told if figure["interval"] is None else f"{told} ({figure['interval'][0]:.{digits}f} to {figure['interval'][1]:.{digits}f})"


def _saved(folder: Path, name: str, figure: Figure, caption: str) -> dict[str, Any]:
    stream = io.BytesIO()
    # No time and no version in the file: the same figure gives the same bytes.
    figure.savefig(stream, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    png = stream.getvalue()
    _write(folder / f"{name}.png", png)
    size = [int.from_bytes(png[start : start + 4], "big") for start in (16, 20)]  # the header of a PNG
    return {"name": name, "caption": caption, "data": base64.b64encode(png).decode("ascii"), "size": size}


def _write(path: Path, data: bytes) -> None:
    """Write so that a reader sees either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
