"""The page holds the table, escapes what users wrote, loads nothing, and keeps its figures beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from glaciercast.errors import InputError
from glaciercast.report.charts import skill_bars
from glaciercast.report.page import write_page
from glaciercast.report.tables import benchmark_table, winner_sentence

Maker = Callable[..., dict[str, Any]]
PROVENANCE = {"packages": {"numpy": "2.4.6"}, "config_digest": "ab12"}


class Page(HTMLParser):
    """All start tags with their attributes, and the text of all cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self.in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"td", "th"}:
            self.cells.append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.in_cell:
            self.cells[-1] += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def page(folder: Path, results: dict[str, Any], figures: dict[str, Any] | None = None, notes: tuple[str, ...] = ()) -> Page:
    return Page(write_page(folder / "report.html", results, figures or {}, list(notes), PROVENANCE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("network_wins", [True, False])
def test_the_page_holds_every_number_of_the_table_and_says_who_won(tmp_path: Path, make_results: Maker, network_wins: bool) -> None:
    results = make_results(network_wins=network_wins, intervals=True)
    made = page(tmp_path, results)
    # Two score tables: the first is the benchmark; names of a row may bear a tag, best values a star.
    cells = [cell.strip().removeprefix("★ ") for cell in made.cells]
    for row in benchmark_table(results).rows:
        start = next(i for i, cell in enumerate(cells) if cell.split()[:1] == [row[0].text])
        assert cells[start + 1 : start + len(row)] == [cell.text for cell in row[1:]]
    assert winner_sentence(results) in made.text
    assert sum("★" in cell for cell in made.cells) == sum(cell.best for row in benchmark_table(results).rows for cell in row) + 4


def test_what_users_wrote_is_escaped_wherever_it_stands(tmp_path: Path, make_results: Maker) -> None:
    evil = '<script>alert(1)</script>"><img src=http://x.example/y onerror=z>'
    results = make_results()
    results["site"].update(title=evil, note=evil, attribution=evil, is_glacier=False)
    results["split"]["text"] = results["interval_note"] = evil
    results["models"][evil] = results["models"].pop("unet")
    results["models"][evil]["residual"] = evil
    figures = {"skill": (skill_bars(results), evil)}
    made = page(tmp_path, results, figures, notes=(evil,))
    assert not made.named("script") and len(made.named("img")) == 1
    assert "onerror" not in {name for _, attributes in made.tags for name in attributes}
    assert made.text.count(evil) >= 7


def test_the_page_loads_nothing(tmp_path: Path, make_results: Maker) -> None:
    made = page(tmp_path, make_results(), {"skill": (skill_bars(make_results()), "Skill.")})
    sources = [value for tag, a in made.tags if tag != "a" for key, value in a.items() if key in {"src", "href", "srcset", "data"}]
    assert sources and all(str(value).startswith("data:image/png;base64,") for value in sources)
    assert {tag for tag, _ in made.tags} & {"script", "link", "iframe", "object", "embed"} == set()
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "@import" not in html and "url(" not in html and "default-src 'none'" in html


def test_figures_are_embedded_and_saved_as_the_same_bytes(tmp_path: Path, make_results: Maker) -> None:
    first = page(tmp_path, make_results(), {"skill": (skill_bars(make_results()), "Skill against the best baseline.")})
    saved = tmp_path / "figures" / "skill.png"
    (image,) = first.named("img")
    assert base64.b64decode(str(image["src"]).split(",")[1]) == saved.read_bytes()
    assert str(image["alt"]).startswith("Figure: Skill over all lead times") and "Skill against the best baseline." in first.text
    # a figure given as a file, even as the one that the page itself wrote, is taken as it is
    again = page(tmp_path, make_results(), {"skill": (saved, "Again.")})
    assert again.named("img")[0]["src"] == image["src"] and again.named("img")[0]["alt"] == "Figure: skill. The caption describes it."


def test_a_site_that_is_no_glacier_says_so_and_a_glacier_does_not(tmp_path: Path, make_results: Maker) -> None:
    results = make_results()
    assert "not a glacier" not in page(tmp_path, results).text
    results["site"].update(is_glacier=False, note="Hills in Normandy.")
    text = page(tmp_path, results).text
    assert "This site is not a glacier." in text and "Hills in Normandy." in text


def test_the_page_is_accessible(tmp_path: Path, make_results: Maker) -> None:
    made = page(tmp_path, make_results(), {"skill": (skill_bars(make_results()), "Skill.")})
    assert made.named("html") == [{"lang": "en"}]
    assert all(header.get("scope") in {"col", "row"} for header in made.named("th"))
    assert all(image.get("alt") for image in made.named("img"))
    assert len(made.named("h1")) == 1 and len(made.named("caption")) == len(made.named("table"))
    assert any(meta.get("name") == "viewport" for meta in made.named("meta"))


def test_split_limits_attribution_and_provenance_are_told(tmp_path: Path, make_results: Maker) -> None:
    made = page(tmp_path, make_results(), notes=("Composites are six-month means.",))
    cells = [cell.strip() for cell in made.cells]
    start = cells.index("validation")
    assert cells[start : start + 3] == ["validation", "2020-06", "2021-05"]
    assert cells[cells.index("packages: numpy") + 1] == "2.4.6" and cells[cells.index("config digest") + 1] == "ab12"
    for words in (
        "Composites are six-month means.",
        "U.S. Geological Survey",
        "one stretch of time (2021-11 to 2023-12)",
        "Gap between parts: 5 steps",
    ):
        assert words in made.text


def test_unusable_figures_are_refused_before_anything_is_written(tmp_path: Path, make_results: Maker) -> None:
    other = tmp_path / "note.txt"
    other.write_text("no image")
    for figures, words in (
        ({"../escape": (other, "")}, "must consist of letters"),
        ({"note": (other, "")}, "expected a PNG image"),
        ({"none": (tmp_path / "none.png", "")}, "cannot be read"),
    ):
        with pytest.raises(InputError, match=words):
            write_page(tmp_path / "out" / "report.html", make_results(), figures, [], {})
    assert not (tmp_path / "out").exists()


def test_scores_of_the_validation_part_are_said_to_be_for_choosing(tmp_path: Path, make_results: Maker) -> None:
    html = {
        part: write_page(tmp_path / part / "r.html", make_results() | {"part": part}, {}, [], PROVENANCE) for part in ("validation", "test")
    }
    choosing, final = (Page(path.read_text(encoding="utf-8")).text for path in html.values())
    assert "Scores on the validation part" in choosing and "These are scores for choosing" in choosing and "2020-06 to 2021-05" in choosing
    assert "Scores on the test part" in final and "for choosing" not in final and "2021-11 to 2023-12" in final
