"""The verification page: figures that say how many floods they rest on, and words that claim no more than these allow."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.hazard import made_outlooks
from tests.hazard.made_outlooks import EMBARGO, HORIZON

from glaciercast.hazard import verify
from glaciercast.report import verification, verification_figures


def verified(lakes, protocol="forward", cost_ratio=0.1):
    return verify.run(
        lakes.records, ["constant", "fitted"], [HORIZON], protocol, verify.VerifyConfig(cost_ratio=cost_ratio), samples=lakes.samples,
        truth=lakes.truth, embargo=EMBARGO, create=made_outlooks.create,
    )  # fmt: skip


def starts(lakes):
    return dict(zip(lakes.samples.events["event"], lakes.samples.events["start"].to_numpy(), strict=True))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    lakes = made_outlooks.made(lakes=6, years=5, seed=1)
    found = verified(lakes)
    path = tmp_path_factory.mktemp("page") / "verification.html"
    verification.write_page(path, found, starts(lakes), {"created": "2024-01-01", "packages": {"glaciercast": "0"}})
    return found.result, path


def test_each_figure_names_the_number_of_floods(page):
    result, path = page
    text = path.read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert len(captions) == 6
    for caption in captions:
        assert re.search(r"\(\d+ floods\)", caption)
    assert len(list((path.parent / "figures").glob("*.png"))) == 6
    assert all(f"({cell['floods']} floods)" in captions[0] for cell in result["cells"])


def test_the_page_holds_all_claims_and_loads_nothing(page):
    result, path = page
    text = path.read_text(encoding="utf-8")
    for cell in result["cells"]:
        if cell["model"] != "season":
            assert cell["claim"] in text
    assert not re.search(r"<script|src=\"(?!data:)|href=\"http", text)
    assert re.search(r"without a flood to learn from (is|are) not scored: 2001", text)


def test_few_floods_and_no_cost_ratio_are_told_and_names_escaped(tmp_path):
    lakes = made_outlooks.made(lakes=1, years=6, by_lake=False, seed=7, rate=0.7)
    assert len(lakes.samples.events) == 4
    found = verified(lakes, "event", None)
    found.result["cells"][1]["claim"] += "<script>alert(1)</script>"  # as a lake's name in a user's file might hold
    path = verification.write_page(tmp_path / "verification.html", found, starts(lakes), {})
    text = path.read_text(encoding="utf-8")
    assert "4 floods: too few for any claim of skill" in text
    assert "No interval is given" in text
    assert "they need a stated cost ratio" in text
    assert "Alerts where the chance reaches" not in text
    assert "<script>" not in text


def test_the_skill_bars_are_the_figures_of_the_cells(page):
    result, _ = page
    cells = result["cells"]
    bars = verification_figures.skill(cells).axes[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], [cell["skill"]["value"] for cell in cells[1:]])


def test_the_timeline_has_a_row_a_lake_and_a_triangle_a_flood():
    lakes = made_outlooks.made(lakes=6, years=5, seed=1)
    found = verified(lakes)
    pairs = {key.model: each for key, each in found.pairs.items()}
    rows = verification_figures.timeline(pairs, starts(lakes), 0.1).axes
    assert len(rows) == 6
    drawn = [line.get_xydata() for row in rows for line in row.get_lines() if line.get_label() == "flood"]
    assert sum(len(each) for each in drawn) == len(next(iter(pairs.values())).floods)


def test_the_text_table_has_a_line_a_cell(page):
    result, _ = page
    lines = verification.text_table(result["cells"])
    assert len(lines) == 1 + len(result["cells"])
    assert lines[0].startswith("protocol  days  model")
