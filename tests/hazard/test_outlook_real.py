"""Chances from dates alone on the floods of a real catalogue."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest

from glaciercast.hazard import catalogue


@cache
def module():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "outlook_real.py"
    spec = importlib.util.spec_from_file_location("outlook_real", path)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_lakes_that_the_catalogue_follows(real_data):
    lakes = module().watched(catalogue.read(real_data("hmaglofdb") / "HMAGLOFDB.csv").events)
    found = {row.lake: (row.watched_from.year, row.watched_to.year, row.floods) for row in lakes.itertuples()}
    assert found == {
        "Khurdopin": (2018, 2021, 3),
        "Kyagar": (1960, 2019, 27),
        "Merzbacher": (1955, 2008, 65),
        "North Terong": (1991, 2002, 3),
        "Shisper": (2020, 2022, 3),
    }


@pytest.mark.slow
def test_real_floods_know_a_season_and_dates_add_nothing_that_can_be_claimed(real_data):
    _, cells = module().scored(real_data("hmaglofdb") / "HMAGLOFDB.csv", [90], ["forward"], ("base_rate", "dates"))
    skill = {cell["model"]: cell["skill"] for cell in cells}
    assert skill["base_rate"]["interval"][1] < -0.05
    assert skill["dates"]["interval"][0] < 0 < skill["dates"]["interval"][1]
    assert {cell["floods"] for cell in cells} == {98}
