"""The tables of the docs are those of the committed results: nobody has typed a number."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("benchmarks_pages", ROOT / "benchmarks" / "pages.py")
pages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pages)


@pytest.mark.parametrize("name", ["skill", "movement", "learnable", "lakes", "outlook", "outlook_real", "seasons", "warming"])
def test_a_page_of_the_docs_is_made_of_its_committed_results(name):
    assert pages.page(name).read_text(encoding="utf-8") == pages.document(name)


def test_another_number_in_the_results_makes_another_page():
    results = json.loads(pages.results("skill").read_text(encoding="utf-8"))
    before = pages.module("skill").document(results)
    results["real"]["models"]["persistence"]["mse"] = 0.4321
    after = pages.module("skill").document(results)
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1 and "persistence (baseline) | 0.4321 |" in changed[0]
