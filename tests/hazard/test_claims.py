"""What may be claimed of few floods."""

import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import claims


def test_four_floods_are_too_few_whatever_the_skill():
    assert claims.of_skill(0.9, (0.8, 1.0), 4) == "4 floods: too few for any claim of skill (fewer than 8)."
    assert not claims.may_claim(4, (0.8, 1.0))


def test_an_interval_that_includes_zero_claims_nothing():
    said = claims.of_skill(0.1, (-0.05, 0.2), 30)
    assert said == (
        "Brier skill 0.100 against the seasonal base rate (-0.050 to 0.200, 30 floods): the interval includes zero, so no skill is claimed."
    )
    assert not claims.may_claim(30, (-0.05, 0.2))


def test_a_skill_above_and_one_below_zero_are_told_apart():
    assert claims.of_skill(0.1, (0.05, 0.2), 30).endswith(": better than the seasonal base rate.")
    assert claims.of_skill(-0.1, (-0.2, -0.05), 30).endswith(": worse than the seasonal base rate.")
    assert claims.may_claim(8, (0.05, 0.2))


def test_without_an_interval_none_is_claimed():
    assert "so none is claimed" in claims.of_skill(0.3, None, 12)


def test_how_many_floods_a_figure_rests_on():
    assert claims.rests_on(1, 1) == "It rests on 1 flood of 1 lake. 1 flood: too few for any claim of skill (fewer than 8)."
    assert claims.rests_on(20, 6) == "It rests on 20 floods of 6 lakes."


def test_a_temperature_model_without_temperature_is_refused():
    claims.require(["temperature"], ["areas", "temperature"], "logistic")
    with pytest.raises(InputError, match="model 'logistic' can't be said to rest on temperature: it rests only on areas, motion"):
        claims.require(["temperature"], ["areas", "motion"], "logistic")
    with pytest.raises(InputError, match="it rests on none of the records of lakes"):
        claims.require(["temperature"], [], "season")
