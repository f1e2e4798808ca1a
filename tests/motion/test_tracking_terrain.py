"""The tracker on a simulated glacier: what can be measured is, with errors that hold, and snow without texture is not guessed."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@cache
def scores() -> dict[str, dict[str, dict[str, float]]]:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "motion_terrain.py"
    spec = importlib.util.spec_from_file_location("motion_terrain", path)
    assert spec and spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    return bench.terrain(
        {title: bench.PAIRS[title] for title in ("early summer, 40 days", "summer, 40 days", "winter, 40 days", "surge, 5 days")}
    )


def test_debris_that_moves_by_one_and_a_half_pixels_is_measured():
    for title in ("early summer, 40 days", "summer, 40 days"):
        debris = scores()[title]["debris"]
        assert debris["moved"] > 1.4 and debris["valid"] > 0.95
        assert debris["error"] < 0.05 and debris["wrong"] == 0


def test_two_thirds_of_debris_lie_within_their_error_under_the_same_sun():
    """In late summer the sun sinks from 62° to 45° and shifts what shade and brightness make together: half of the vectors lie within."""
    assert 0.6 <= scores()["early summer, 40 days"]["debris"]["within"] <= 0.75


def test_half_of_debris_lies_within_its_error_where_the_sun_sank():
    assert 0.5 <= scores()["summer, 40 days"]["debris"]["within"] <= 0.75


def test_a_surge_of_eight_pixels_is_measured():
    debris = scores()["surge, 5 days"]["debris"]
    assert debris["moved"] > 8 and debris["valid"] > 0.85
    assert debris["median"] < 0.1 and debris["wrong"] < 0.03


def test_margins_that_shear_too_much_are_invalid():
    gentle, fast = (scores()[title]["shear margins"] for title in ("summer, 40 days", "surge, 5 days"))
    assert gentle["valid"] > 0.65 and gentle["median"] < 0.1
    assert fast["moved"] > 6 and fast["valid"] < 0.1


def test_snow_without_texture_is_invalid_and_with_a_little_it_is_measured():
    seen = scores()["winter, 40 days"]["snow-covered ice"]
    blank = scores()["winter, 40 days, sensor saturated over snow"]["snow-covered ice"]
    assert seen["valid"] > 0.95 and seen["median"] < 0.1
    assert blank["valid"] < 0.03


def test_ground_beside_the_ice_rests():
    rock = scores()["summer, 40 days"]["rock"]
    assert rock["median"] < 0.08 and rock["wrong"] < 0.01
    assert 0.6 <= rock["within"] <= 0.75
