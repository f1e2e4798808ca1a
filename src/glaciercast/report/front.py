"""The front page of a demo: the simulated glacier first, then the real scenes, each with its verdict and its forecast."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from glaciercast import runs
from glaciercast.report import html
from glaciercast.report.style import label
from glaciercast.report.tables import winner_sentence

PARTS = {"simulated": ("Simulated glacier", "A glacier, but not a real one."), "real": ("Real scenes", "Real, but not a glacier.")}
"""Folders of the parts in the order of the page, with the heading and what to keep in mind."""
SHOWN = {
    "scenes": "Scenes in false colour, the clearest of every two months of the year: snow is turquoise, bare ice a deeper blue, "
    "clouds white, rock brown, vegetation green.",
    "forecast": "One forecast beside what was then observed: the best baseline and the best network, each with its error.",
}
"""Figures of a part that the page shows where the part has them."""


def write_front(folder: Path) -> Path:
    """Write ``report.html`` of a demo from the finished reports of its parts in `folder`; returns the page.

    The page holds its figures; it links to the report of each part by a relative path, so that the folder can be moved.

    Raises
    ------
    RunFolderError
        If the results of a part are missing.
    InputError
        If the results of a part lack a key.
    """
    page, partial = folder / "report.html", folder / "report.html.partial"
    partial.write_text(html.render("front.html", parts=[_part(folder, name) for name in PARTS]), encoding="utf-8")
    partial.replace(page)
    return page


def _part(folder: Path, name: str) -> dict[str, Any]:
    heading, warning = PARTS[name]
    results = runs.read_json(folder / name / "results" / "benchmark.json")
    leads = results["leads"]
    return {
        "name": name,
        "heading": heading,
        "warning": warning,
        "title": results["site"]["title"],
        "note": results["site"]["note"],
        "attribution": results["site"]["attribution"],
        "verdict": winner_sentence(results),
        "interval_note": results["interval_note"],
        "subject": f"{label(results['variable'])}, {leads[0]} to {leads[-1]} {results['lead_label']} ahead",
        "report": f"{name}/report.html",
        "table": f"{name}/results/benchmark.md",
        "figures": [
            _figure(path, caption) for key, caption in SHOWN.items() if (path := folder / name / "figures" / f"{key}.png").is_file()
        ],
    }


def _figure(path: Path, caption: str) -> dict[str, Any]:
    png = path.read_bytes()
    size = [int.from_bytes(png[start : start + 4], "big") for start in (16, 20)]  # the header of a PNG
    return {"name": path.stem, "caption": caption, "data": base64.b64encode(png).decode("ascii"), "size": size}
