"""The report page: one HTML file that holds everything, loads nothing and runs no script."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError
from glaciercast.evaluate.card import BASELINES
from glaciercast.report import html, more_scores
from glaciercast.report.style import label, squared, unit_words
from glaciercast.report.tables import benchmark_table, checked, lead_table, markdown_table, scored_part, text_table, winner_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["markdown_table", "text_table", "write_page"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
VARIABLES = {
    "ndsi": "Normalised Difference Snow Index, (green − shortwave infrared) / (green + shortwave infrared): "
    "near 1 over clean snow, near 0 or below over rock",
    "ndwi": "Normalised Difference Water Index, (green − near infrared) / (green + near infrared): high over open water",
    "vx": "eastward surface velocity",
    "vy": "northward surface velocity",
    "speed": "surface speed",
    "lst_day": "land surface temperature by day",
    "lst_night": "land surface temperature at night",
}


def write_page(
    path: Path,
    results: Mapping[str, Any],
    figures: Mapping[str, tuple[Figure | Path, str]],
    notes: Sequence[str],
    provenance: Mapping[str, Any],
) -> Path:
    """Write the report as one self-contained HTML file, and each figure as a PNG under ``figures/`` beside it.

    Parameters
    ----------
    path
        The HTML file to write; its folder is made if needed.
    results
        The object stored in ``benchmark.json``.
    figures
        By name (letters, digits, ``-`` and ``_``; it becomes the file's name): a matplotlib figure or a PNG file, and its caption.
    notes
        Limits of the result, one plain sentence or paragraph each.
    provenance
        Versions, time and config digest; nested mappings are flattened.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the results lack a key, a figure's name is unusable, or a file is no PNG.
    """
    checked(results)
    images = {name: _png(name, figure) for name, (figure, _) in figures.items()}
    shown = [
        {
            "name": name,
            "caption": caption,
            "alt": _alternative(name, figure),
            "data": base64.b64encode(images[name]).decode("ascii"),
            "size": _size(images[name]),
        }
        for name, (figure, caption) in figures.items()
    ]
    text = html.render("report.html", **_context(results), figures=shown, notes=list(notes), provenance=list(_flat(provenance)))
    for name, data in images.items():
        _write(path.parent / "figures" / f"{name}.png", data)
    _write(path, text.encode("utf-8"))
    return path


def _context(results: Mapping[str, Any]) -> dict[str, Any]:
    site, split, models = results["site"], results["split"], results["models"]
    resolution = site.get("resolution")
    return {
        "site": {key: site.get(key) or "" for key in ("name", "title", "note", "attribution", "crs")},
        "title": site.get("title") or site.get("name") or "Forecast report",
        "is_glacier": bool(site.get("is_glacier")),
        "resolution": f"{resolution:g} m" if isinstance(resolution, (int, float)) else str(resolution or ""),
        "variable": label(results["variable"]),
        "meaning": VARIABLES.get(results["variable"], ""),
        "units": unit_words(results["units"]),
        "squared_units": squared(results["units"]),
        "leads": _listing([str(lead) for lead in results["leads"]]),
        "lead_label": results["lead_label"] if results["leads"] != [1] else results["lead_label"].removesuffix("s"),
        "winner": winner_sentence(results),
        "table": benchmark_table(results),
        "lead_table": lead_table(results),
        "more_scores": more_scores.table(results),
        "best_baseline": results["best_baseline"],
        "baselines": {name: BASELINES.get(name, "") for name, model in models.items() if model["kind"] == "baseline"},
        "n_networks": sum(model["kind"] == "network" for model in models.values()),
        "residuals": {name: model["residual"] for name, model in models.items() if model.get("residual") not in {None, "none"}},
        "part": scored_part(results),
        "interval_note": results["interval_note"],
        "has_intervals": any(model["skill_interval"] for model in models.values()),
        "clusters": results["clusters"],
        "split_text": split.get("text", ""),
        "parts": {name: split[name] for name in ("train", "validation", "test") if split.get(name)},
        "gap_steps": split.get("gap_steps"),
    }


def _png(name: str, figure: Figure | Path) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(f"report: figure name {name!r} must consist of letters, digits, '-' and '_'")
    if isinstance(figure, Path):
        try:
            data = figure.read_bytes()
        except OSError as error:
            raise InputError(f"{figure}: cannot be read: {error.strerror}") from error
        if not data.startswith(PNG_SIGNATURE):
            raise InputError(f"{figure}: expected a PNG image, found another kind of file")
        return data
    stream = io.BytesIO()
    # No time and no version in the file: the same figure gives the same bytes.
    figure.savefig(stream, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _alternative(name: str, figure: Figure | Path) -> str:
    """Return what a screen reader says in the image's place: the figure's own title, or else its name."""
    if not isinstance(figure, Path):
        titles = [figure.get_suptitle(), *(axes.get_title(loc="left") for axes in figure.axes)]
        title = next((text for text in titles if text), "")
        if title:
            return f"Figure: {' '.join(title.split())}. The caption describes it."
    return f"Figure: {name.replace('_', ' ').replace('-', ' ')}. The caption describes it."


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}: ")
        else:
            yield f"{prefix}{str(key).replace('_', ' ')}", str(value)


def _listing(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _write(path: Path, data: bytes) -> None:
    """Write so that a reader sees either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
