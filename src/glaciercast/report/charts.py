"""Charts of scores: error by lead time, skill against the best baseline, and the course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError
from glaciercast.report import style
from glaciercast.report.tables import checked, ranked, scored_part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SKILL_FLOOR = -1.0


@style.styled
def scores_by_lead(results: Mapping[str, Any]) -> Figure:
    """Draw the MSE of each model against lead time: baselines dashed and grey (the best one black), networks solid and coloured.

    Parameters
    ----------
    results
        The object stored in ``benchmark.json``.

    Raises
    ------
    InputError
        If a key of the results is missing.
    """
    results = checked(results)
    figure = style.new_figure(7.6, 4.0)
    axes = figure.subplots()
    looks = _looks(results)
    for name in ranked(results):
        axes.plot(
            results["leads"], [_or_nan(v) for v in results["models"][name]["mse_by_lead"]], label=_legend_name(results, name), **looks[name]
        )
    axes.set_xticks(results["leads"])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.08)
    axes.grid(axis="y")
    axes.set_xlabel(f"Lead time ({results['lead_label']})")
    axes.set_ylabel(f"MSE of {style.label(results['variable'])} ({style.squared(results['units'])})")
    axes.set_title(f"Error by lead time over the {scored_part(results)} part (lower is better)")
    figure.legend(loc="outside right upper", title="best at the top", alignment="left")
    return figure


@style.styled
def skill_bars(results: Mapping[str, Any]) -> Figure:
    """Draw the skill of each model against the best baseline, with whiskers where the results hold intervals.

    Skill is 1 − MSE / MSE(best baseline). Bars that reach below −1 are cut there; their number stands beside them.

    Parameters
    ----------
    results
        The object stored in ``benchmark.json``.

    Raises
    ------
    InputError
        If a key of the results is missing.
    """
    results = checked(results)
    names = ranked(results)[::-1]
    figure = style.new_figure(7.6, 1.5 + 0.38 * len(names))
    axes = figure.subplots()
    looks = _looks(results)
    low, high = -0.15, 0.15
    for place, name in enumerate(names):
        model = results["models"][name]
        skill, interval = model["skill"], model["skill_interval"]
        if skill is None:
            axes.text(0.01, place, "no score", va="center", color="#555555")
            continue
        drawn = max(skill, SKILL_FLOOR)
        axes.barh(place, drawn, height=0.62, color=looks[name]["color"], alpha=0.85 if model["kind"] == "network" else 0.55)
        low, high = min(low, drawn), max(high, drawn)
        text = f"{skill:+.3f}" if name != results["best_baseline"] else "0 by definition"
        if interval is not None:
            ends = [max(end, SKILL_FLOOR) for end in interval]
            axes.plot(ends, [place, place], color="black", linewidth=1.3)
            for end, drawn_end in zip(interval, ends, strict=True):
                axes.plot(
                    drawn_end, place, color="black", marker="|" if end >= SKILL_FLOOR else "<", markersize=8 if end >= SKILL_FLOOR else 5
                )
            low, high = min(low, ends[0]), max(high, ends[1])
            text += f"  [{interval[0]:+.2f}, {interval[1]:+.2f}]"
        if min(skill, *(interval or [skill])) < SKILL_FLOOR:
            text += "  (cut at the left edge)"
        edge = max(0.0, drawn, *(interval or [drawn]))
        axes.annotate(text, (edge, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(0, color="black", linewidth=1.2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(low - 0.05 * (high - low), high + 0.45 * (high - low))
    axes.grid(axis="x")
    axes.annotate(
        f"0 = {results['best_baseline']} (best baseline)",
        (0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=8,
    )
    axes.set_xlabel("Skill, 1 − MSE / MSE of the best baseline (dimensionless; right of the line is better)")
    without = not any(results["models"][name]["skill_interval"] for name in names)
    axes.set_title(
        "Skill over all lead times" + (f" (no intervals; independent clusters: {results['clusters']})" if without else ""), pad=16
    )
    return figure


@style.styled
def training_curve(history: Sequence[Mapping[str, Any]], best_epoch: int, loss_label: str = "Loss (normalised units)") -> Figure:
    """Draw the losses of a training by epoch and mark the epoch whose weights were kept.

    Parameters
    ----------
    history
        One mapping an epoch with ``epoch`` and one or more numbers whose names end in ``loss`` or ``mse``; other keys are left out.
    best_epoch
        The epoch, as numbered in `history`, whose weights were kept; 0: those before the first.
    loss_label
        Label of the vertical axis, with units.

    Raises
    ------
    InputError
        If `history` holds no epochs or no losses, or does not hold `best_epoch`.
    """
    epochs = [int(row["epoch"]) for row in history]
    if best_epoch not in [0, *epochs]:
        raise InputError(f"training curve: best epoch {best_epoch} is not among the {len(epochs)} epochs of the history")
    keys = list(dict.fromkeys(key for row in history for key in row if key.endswith(("loss", "mse"))))
    if not keys:
        raise InputError(f"training curve: expected keys that end in 'loss' or 'mse', found {sorted(history[0])}")
    figure = style.new_figure(7.0, 3.6)
    axes = figure.subplots()
    # Validation, which chose the weights, gets the warm colour that stands out.
    for index, key in enumerate(sorted(keys, key=lambda key: key.startswith("val"))):
        values = [_or_nan(row.get(key)) for row in history]
        axes.plot(
            epochs,
            values,
            color=style.NETWORK_COLOURS[index % 6],
            marker=style.MARKERS[index % 8],
            markersize=3,
            label=key.replace("_", " "),
        )
    kept = f"epoch {best_epoch}" if best_epoch else "those of the start"
    axes.axvline(best_epoch, color="black", linestyle="--", linewidth=1, label=f"weights kept: {kept}")
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)
    axes.grid(axis="y")
    axes.set_xlabel("Epoch")
    axes.set_ylabel(loss_label)
    axes.set_title("Training: loss by epoch")
    axes.legend()
    return figure


def _looks(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return line settings by model, the same in every figure as they follow the order of the results."""
    looks: dict[str, dict[str, Any]] = {}
    count = {"baseline": 0, "network": 0}
    for name, model in results["models"].items():
        index = count[model["kind"]]
        count[model["kind"]] += 1
        if name == results["best_baseline"]:
            look: dict[str, Any] = {"color": "#000000", "linestyle": "--", "linewidth": 2.0, "zorder": 4}
        elif model["kind"] == "baseline":
            look = {"color": style.BASELINE_COLOURS[index % 4], "linestyle": style.DASHES[index % 4], "linewidth": 1.4, "zorder": 3}
        else:
            look = {"color": style.NETWORK_COLOURS[index % 6], "linestyle": "-", "linewidth": 2.0, "zorder": 5}
        looks[name] = {**look, "marker": style.MARKERS[(sum(count.values()) - 1) % 8], "markersize": 5}
    return looks


def _legend_name(results: Mapping[str, Any], name: str) -> str:
    if name == results["best_baseline"]:
        return f"{name} (best baseline)"
    return f"{name} ({results['models'][name]['kind']})"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
