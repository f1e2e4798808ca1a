"""Units and names as a reader would write them."""

from __future__ import annotations

import pytest

from glaciercast.report.style import label, squared, unit_words, with_units


@pytest.mark.parametrize(
    ("units", "words", "square"),
    [("1", "dimensionless", "dimensionless"), ("K", "K", "K²"), ("m yr-1", "m yr-1", "(m yr-1)²"), ("m/yr", "m/yr", "(m/yr)²")],
)
def test_units_are_written_out_and_squared(units: str, words: str, square: str) -> None:
    assert (unit_words(units), squared(units), with_units("Error", units)) == (words, square, f"Error ({words})")


def test_indices_are_capitals_and_other_names_words() -> None:
    assert [label(name) for name in ("ndsi", "speed", "lst_day")] == ["NDSI", "speed", "lst day"]
