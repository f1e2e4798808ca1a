"""The front page shows the simulated glacier first, says who won in each part, and links to the full reports."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from glaciercast import runs, workflow
from glaciercast.config import Config
from glaciercast.errors import RunFolderError
from glaciercast.report.charts import skill_bars
from glaciercast.report.front import write_front
from glaciercast.report.tables import winner_sentence
from glaciercast.workflow import steps

Maker = Callable[..., dict[str, Any]]
EVIL = '<script>alert(1)</script>"><img src=http://x.example/y onerror=z>'


class Page(HTMLParser):
    """All start tags with their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for name, attributes in self.tags if name == tag and attribute in attributes]


def demo(folder: Path, simulated: dict[str, Any], real: dict[str, Any]) -> Path:
    """Write what the front page reads of a demo's parts."""
    for name, results in (("simulated", simulated), ("real", real)):
        for place in ("results", "figures"):
            (folder / name / place).mkdir(parents=True)
        (folder / name / "results" / "benchmark.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture
def parts(make_results: Maker) -> tuple[dict[str, Any], dict[str, Any]]:
    simulated, real = make_results(network_wins=False), make_results(intervals=True)
    simulated["site"].update(title="Made glacier", note="Simulated, not real: its truth is known.")
    real["site"].update(title="Made hills", note="Hills, not a glacier.", is_glacier=False)
    return simulated, real


def test_both_parts_stand_in_order_with_note_verdict_and_links(tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    path = write_front(demo(tmp_path, *parts))
    page = Page(path.read_text(encoding="utf-8"))
    words = ["Made glacier", "A glacier, but not a real one.", "its truth is known", winner_sentence(parts[0]), parts[0]["interval_note"]]
    words += ["Made hills", "Real, but not a glacier.", "Hills, not a glacier.", winner_sentence(parts[1]), parts[1]["interval_note"]]
    places = [page.text.index(text) for text in words]
    assert path == tmp_path / "report.html" and places == sorted(places)
    links = [link for link in page.values("a", "href") if not link.startswith("#")]
    assert links == ["simulated/report.html", "simulated/results/benchmark.md", "real/report.html", "real/results/benchmark.md"]
    assert page.values("section", "id") == ["simulated", "real"] and not page.values("img", "src")


def test_the_page_holds_the_figures_of_each_part_and_loads_nothing(
    tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]], make_results: Maker
) -> None:
    folder = demo(tmp_path, *parts)
    wanted = [folder / "simulated/figures/scenes.png", folder / "simulated/figures/forecast.png", folder / "real/figures/forecast.png"]
    for dpi, path in zip((50, 60, 70), wanted, strict=True):
        skill_bars(make_results()).savefig(path, dpi=dpi)
    html = write_front(folder).read_text(encoding="utf-8")
    page = Page(html)
    images = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in page.values("img", "src")]
    assert images == [path.read_bytes() for path in wanted]
    assert page.values("img", "width")[0] == str(round(7.6 * 50 / 1.5)) and all(page.values("img", "alt"))
    assert "default-src 'none'" in html and "url(" not in html and not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}


def test_what_users_wrote_is_escaped(tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for results in parts:
        results["site"].update(title=EVIL, note=EVIL, attribution=EVIL)
        results["interval_note"] = results["lead_label"] = EVIL
        results["models"][EVIL] = results["models"].pop("convlstm")
    page = Page(write_front(demo(tmp_path, *parts)).read_text(encoding="utf-8"))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert page.text.count(EVIL) == 2 * 6 + 1  # title twice, note, attribution, interval, leads; verdict where that network is the best


def test_a_part_without_results_is_named(tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    folder = demo(tmp_path, *parts)
    (folder / "real" / "results" / "benchmark.json").unlink()
    with pytest.raises(RunFolderError, match=r"real/results/benchmark\.json: cannot be read"):
        write_front(folder)
    assert not (folder / "report.html").exists()


def test_the_demo_does_the_simulated_part_first_and_each_part_once(
    tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    broken = ["real"]

    def simulate(scenario: str, out: Path, seed: int) -> None:
        calls.append(f"simulate {scenario} {seed}")
        with runs.run_folder(out, "simulate", Config()) as folder:
            runs.write_json(folder / "results" / "simulate.json", {})

    def run(settings: workflow.RunConfig, out: Path) -> dict[str, Any]:
        calls.append(f"{out.name}: {settings.recipe.name}")
        with runs.run_folder(out, "run", settings) as folder:
            runs.write_json(folder / "results" / "benchmark.json", parts[out.name == "real"])
            if out.name in broken:
                raise KeyboardInterrupt
            runs.write_json(folder / "results" / "run.json", {"part": out.name})
        return {"part": out.name}

    monkeypatch.setattr(steps, "simulate", simulate)
    monkeypatch.setattr(steps, "run", run)
    with pytest.raises(KeyboardInterrupt):
        workflow.demo(tmp_path / "demo")
    assert calls == ["simulate small 1", "simulated: simulated", "real: carpathians"]
    broken.clear()
    summary = workflow.demo(tmp_path / "demo")
    assert calls[3:] == ["real: carpathians"]  # what had finished is taken as it is
    assert list(summary.items()) == [
        ("simulated", {"part": "simulated"}), ("real", {"part": "real"}), ("report", str(tmp_path / "demo" / "report.html")),
    ]  # fmt: skip
    assert workflow.demo(tmp_path / "demo")["report"] == str(tmp_path / "demo-2" / "report.html") and len(calls) == 7
