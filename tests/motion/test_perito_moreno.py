"""Perito Moreno: real ice moves as the same scene under known shifts says, banks rest once registered, haze is flagged."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from glaciercast.motion.stable import correct, nmad

pytestmark = pytest.mark.slow
EXPECTED = 1.87, -2.00
"""What a plain correlation of 48 px gave, pixels, and the bars of the issue around it."""
WITHIN, BANK, BANK_NMAD, CLOSED, MORE_THAN = 0.15, 0.02, 0.15, 0.23, 288


@cache
def module():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "motion_real.py"
    spec = importlib.util.spec_from_file_location("motion_real", path)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@cache
def found(folder: Path) -> dict[str, dict[str, float]]:
    return module().real(folder)


@cache
def tracks(folder: Path, first: str, second: str):
    bench = module()
    return bench.tracked(bench.read(folder, first), bench.read(folder, second))


def on_ice(folder: Path, like) -> np.ndarray:
    mask = module().read(folder, "mask")
    return mask[like.y.astype(int), like.x.astype(int)] > 127


def test_the_ice_is_measured_and_moves_as_a_search_by_correlation_says(real_data):
    results = found(real_data("perito_moreno"))
    ours, plain = results["glaciercast"], results["plain, a wider search area"]
    assert ours["valid"] >= 0.95
    assert ours["dx"] == pytest.approx(2.25, abs=0.1) and ours["dx"] == pytest.approx(plain["dx"], abs=WITHIN)
    assert ours["dy"] == pytest.approx(-2.23, abs=0.1) and ours["dy"] == pytest.approx(plain["dy"], abs=WITHIN)
    assert max(abs(plain["apart_dx"]), abs(plain["apart_dy"])) < 0.02  # vectors of the same ground


def test_windows_of_one_place_give_what_was_expected_and_are_pulled_towards_rest(real_data):
    results = found(real_data("perito_moreno"))
    plain, known = results["plain, two windows of one place"], results["plain, two windows of one place, moved scene"]
    assert (plain["dx"], plain["dy"]) == pytest.approx(EXPECTED, abs=WITHIN)
    assert known["dx"] == pytest.approx(known["true_dx"] - 0.28, abs=0.06)
    assert known["dy"] == pytest.approx(known["true_dy"] + 0.17, abs=0.06)


def test_the_same_scene_moved_by_a_known_field_comes_back(real_data):
    ours = found(real_data("perito_moreno"))["glaciercast, moved scene"]
    assert ours["dx"] == pytest.approx(ours["true_dx"], abs=0.02)
    assert ours["dy"] == pytest.approx(ours["true_dy"], abs=0.02)
    assert ours["error"] < 0.08 and ours["valid"] >= 0.95


def test_the_banks_rest_once_their_common_shift_is_taken_off(real_data):
    """Both banks lie (-0.26, -1.05) px off between the dates; plain chips hold the edge of the black, which lies still."""
    folder = real_data("perito_moreno")
    pair = tracks(folder, "20200205", "20200220")
    banks = ~on_ice(folder, pair)
    for component, shift in ((pair.dx, -0.26), (pair.dy, -1.05)):
        assert np.nanmedian(component[banks]) == pytest.approx(shift, abs=0.05)
        assert nmad(component[banks]) <= BANK_NMAD
    halves = [banks & (pair.y + pair.x * 0.4 < 760), banks & (pair.y + pair.x * 0.4 >= 760)]
    assert all(np.nanmedian(pair.dy[half]) == pytest.approx(-1.05, abs=0.15) for half in halves)
    dx, dy, _ = correct(pair.dx, pair.dy, banks)
    assert max(abs(np.nanmedian(dx[banks])), abs(np.nanmedian(dy[banks]))) <= BANK
    plain = found(folder)["plain, a wider search area"]
    assert max(abs(plain["bank_dx"]), abs(plain["bank_dy"])) <= BANK


def test_haze_is_flagged_and_what_is_seen_through_it_closes(real_data):
    folder = real_data("perito_moreno")
    whole, before, after = (
        tracks(folder, *days) for days in (("20200205", "20200220"), ("20200205", "20200212"), ("20200212", "20200220"))
    )
    assert not whole.concern
    for hazy in (before, after):
        assert "vectors are valid, expected at least 50%" in hazy.concern
    closed = whole.valid & before.valid & after.valid & on_ice(folder, whole)
    assert closed.sum() > MORE_THAN
    away = np.hypot(before.dx + after.dx - whole.dx, before.dy + after.dy - whole.dy)[closed]
    assert np.median(away) <= CLOSED
