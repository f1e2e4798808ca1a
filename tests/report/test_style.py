"""Units and names as a reader would write them."""

from __future__ import annotations

import pytest

from glaciercast.report.style import label, squared, unit_words, with_units, wrapped


@pytest.mark.parametrize(
    ("units", "words", "square"),
    [("1", "dimensionless", "dimensionless"), ("K", "K", "K²"), ("m yr-1", "m yr-1", "(m yr-1)²"), ("m/yr", "m/yr", "(m/yr)²")],
)
def test_units_are_written_out_and_squared(units: str, words: str, square: str) -> None:
    assert (unit_words(units), squared(units), with_units("Error", units)) == (words, square, f"Error ({words})")


def test_indices_are_capitals_and_other_names_words() -> None:
    assert [label(name) for name in ("ndsi", "speed", "lst_day")] == ["NDSI", "speed", "lst day"]


def test_words_are_wrapped_to_a_hundred_and_twenty_characters_of_a_point_in_an_inch() -> None:
    assert wrapped("ab " * 20, 2, 8).splitlines() == [" ".join(["ab"] * 10)] * 2  # 30 characters, of which a line holds 10 words
    assert wrapped("ab " * 20, 1, 12).splitlines() == [" ".join(["ab"] * 3)] * 6 + ["ab ab"]
    assert wrapped("", 2, 8) == ""
