"""Counts and choices of floods."""

import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, catalogue_counts


@pytest.fixture
def floods(tmp_path):
    """Return five floods, dated well and badly."""
    rows = "2019-06-22,ice\n2020-12,ice\n1999-2000,moraine\n2003,moraine\nbefore 1966,bedrock\n"
    (tmp_path / "own.csv").write_text("lake,date,type\n" + "".join(f"L,{row}\n" for row in rows.splitlines()), encoding="utf-8")
    return catalogue.read(tmp_path / "own.csv").events


def test_a_flood_counts_where_it_began_for_certain(floods):
    counts = catalogue_counts.counts(floods)
    assert counts["by_type"] == {"ice": 2, "moraine": 2, "bedrock": 1}
    assert {month: number for month, number in counts["by_month"].items() if number} == {"6": 1, "12": 1, "unknown": 3}
    assert counts["by_decade"] == {"2000s": 1, "2010s": 1, "2020s": 1, "unknown": 2}
    assert counts["by_precision"] == {"day": 1, "month": 1, "season": 0, "year": 1, "years": 2, "unknown": 0}


def test_choices_keep_what_is_certain(floods):
    assert len(catalogue_counts.chosen(floods, kind="ice")) == 2
    assert len(catalogue_counts.chosen(floods, first="2000")) == 3
    assert len(catalogue_counts.chosen(floods, last="2003")) == 3
    assert len(catalogue_counts.chosen(floods, first="2000", last="2003")) == 1
    assert len(catalogue_counts.chosen(floods, lake="lake L")) == 5


def test_a_choice_that_leaves_nothing_is_an_error(floods):
    with pytest.raises(InputError, match="type 'icy'"):
        catalogue_counts.chosen(floods, kind="icy")
    with pytest.raises(InputError, match="no flood of the catalogue"):
        catalogue_counts.chosen(floods, first="2025")
    with pytest.raises(InputError, match="no flood of a lake"):
        catalogue_counts.chosen(floods, lake="M")
