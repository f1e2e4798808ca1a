"""What all scores share: parts merge into exactly the whole, survive JSON, and are resampled as if drawn again."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stats.made_sums import KINDS, scenes, tallied

from glaciercast.errors import GlaciercastError
from glaciercast.stats.structure import FractionSums


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), cuts=st.sets(st.integers(1, 4)))
def test_merging_any_parts_equals_one_pass_to_the_last_bit(kind, seed, cuts):
    arrays = scenes(seed)
    edges = [0, *sorted(cuts), 5]
    rows = [slice(*pair) for pair in itertools.pairwise(edges)]
    of = KINDS[kind]
    if kind == "strata":  # months belong to the forecasts, so that parts must know theirs
        parts = [tallied(*(each[part] for each in arrays), first=part.start) for part in rows]
    else:
        parts = [of(*(each[part] for each in arrays)) for part in rows]
    whole = of(*arrays)
    assert type(whole).joined(parts).to_json() == whole.to_json()
    assert type(whole).from_json(json.loads(json.dumps(whole.to_json()))).to_json() == whole.to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_weighted_rows_are_sums_of_repeated_forecasts(kind):
    whole = KINDS[kind](*scenes(1))
    drawn = np.array([[0, 0, 3, 1, 0], [4, 4, 4, 2, 1]])
    counts = np.stack([np.bincount(row, minlength=5) for row in drawn]).astype("float64")
    found = whole.weighted(counts)
    for row, index in enumerate(drawn):
        repeated = whole.chosen(index).total()
        for name in found._summed():
            np.testing.assert_allclose(getattr(found, name)[row], getattr(repeated, name)[0], rtol=1e-12, atol=1e-12)


def test_leads_that_are_masked_add_nothing():
    sums = KINDS["errors"](*scenes(2))
    mask = np.zeros((5, 2), bool)
    mask[[1, 3], [0, 1]] = True
    kept = sums.at_leads(mask)
    assert kept.mse() == pytest.approx((sums.squared[1, 0] + sums.squared[3, 1]) / (sums.weight[1, 0] + sums.weight[3, 1]))
    assert kept.weight[0].tolist() == [0, 0]


def test_parts_of_different_scales_do_not_add_up():
    arrays = scenes()
    with pytest.raises(GlaciercastError, match="FractionSums: parts with different sides do not add up"):
        FractionSums.of(*arrays, (1, 3)) + FractionSums.of(*arrays, (1, 5))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "seams"])
def test_what_was_not_observed_changes_no_score(kind):
    forecast, truth, weight = scenes(3)
    wild = np.where(weight == 0, np.random.default_rng(0).choice([np.nan, 1e6, -5.0], size=forecast.shape), forecast)
    spoiled = np.where(weight == 0, 7.0, truth)
    assert KINDS[kind](wild, spoiled, weight).to_json() == KINDS[kind](forecast, truth, weight).to_json()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("seams", "snow")])
def test_a_model_may_not_choose_its_pixels(kind):
    forecast, truth, weight = scenes(4)
    forecast[2, 1, 3, 20] = np.nan
    with pytest.raises(GlaciercastError, match="forecast values are not finite where they are scored"):
        KINDS[kind](forecast, truth, weight)
