"""Models of lakes blended with the season: followed where lakes tell something, the season itself where they don't."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_samples

from glaciercast.errors import InputError
from glaciercast.hazard import calibration, models
from glaciercast.hazard.models_base import OutlookConfig
from glaciercast.hazard.models_blend import Blended


@dataclasses.dataclass(frozen=True)
class Told:
    """A learner of two candidates: nonsense, and the logit that a feature holds."""

    def learn(self, records, samples, horizon, season, seed):
        return self

    def __call__(self, records, samples, season, only=None):
        both = np.stack([-season, samples.column("told")])
        return both if only is None else both[[only]]


@pytest.fixture(scope="module")
def by_lake():
    return with_truth(made_samples.made(20, 5))


def with_truth(made: made_samples.Made) -> made_samples.Made:
    """Return samples with a feature that tells the true logit."""
    told = np.log(made.truth) - np.log1p(-made.truth)
    samples = dataclasses.replace(made.samples, values=np.column_stack([made.samples.values, told]), names=(*made.samples.names, "told"))
    return dataclasses.replace(made, samples=samples)


FEWER = OutlookConfig(rounds=(20, 40))
BOOSTED = pytest.param("boosted", marks=pytest.mark.slow)


def skill(made, chance: np.ndarray) -> float:
    """Return the expected Brier skill against the season."""
    season = models.create("season")
    season.fit(made.records, made.samples, 30)
    reference = season.predict(made.records, made.samples).chance
    scores = [np.mean((each - made.truth) ** 2 + made.truth * (1 - made.truth)) for each in (chance, reference)]
    return 1 - scores[0] / scores[1]


def test_the_true_candidate_is_chosen_and_followed():
    by_lake = with_truth(made_samples.made(24, 6))
    model = Blended("told", Told(), OutlookConfig())
    model.fit(by_lake.records, by_lake.samples, 30)
    assert (model.chosen, model.blend.weight) == (1, pytest.approx(1, abs=0.15))
    found = model.predict(by_lake.records, by_lake.samples)
    assert calibration.reliability(found.chance, by_lake.truth)[1] == pytest.approx(1, abs=0.15)
    assert skill(by_lake, found.chance) > 0.8 * skill(by_lake, by_lake.truth)


@pytest.mark.parametrize("name", ["logistic", BOOSTED, "area_rule"])
def test_models_find_what_the_lake_tells(by_lake, name):
    model = models.create(name, FEWER)
    model.fit(by_lake.records, by_lake.samples.take(by_lake.samples.lake < "lake 14"), 30)
    test = dataclasses.replace(by_lake, samples=by_lake.samples.take(by_lake.samples.lake >= "lake 14"))
    test = dataclasses.replace(test, truth=by_lake.truth[by_lake.samples.lake >= "lake 14"])
    found = model.predict(test.records, test.samples)
    assert skill(test, found.chance) > (0.3 if name == "area_rule" else 0.5) * skill(test, test.truth)
    assert 0.7 < calibration.reliability(found.chance, test.truth)[1] < 1.3


@pytest.mark.parametrize("name", ["logistic", BOOSTED, "area_rule", "dates"])
def test_where_floods_depend_on_the_season_alone_models_add_nothing(name):
    made, other = made_samples.made(16, 5, by_lake=0.0), made_samples.made(16, 5, by_lake=0.0, seed=1)
    model, season = models.create(name, FEWER), models.create("season")
    for each in (model, season):
        each.fit(made.records, made.samples, 30)
    chance, reference = (each.predict(other.records, other.samples).chance for each in (model, season))
    scores = [np.mean((each - other.truth) ** 2 + other.truth * (1 - other.truth)) for each in (chance, reference)]
    assert abs(1 - scores[0] / scores[1]) < 0.02


def test_what_gets_no_weight_is_the_season_to_the_last_bit(by_lake):
    model, season = models.create("logistic"), models.create("season")
    for each in (model, season):
        each.fit(by_lake.records, by_lake.samples, 30)
    model.blend = calibration.SEASON_ALONE
    found, reference = (each.predict(by_lake.records, by_lake.samples) for each in (model, season))
    for field in ("chance", "low", "high"):
        np.testing.assert_array_equal(getattr(found, field), getattr(reference, field))


@pytest.mark.parametrize("name", ["base_rate", "season", "dates", "area_rule", "logistic", BOOSTED])
def test_chances_lie_in_their_interval_and_the_same_seed_gives_the_same(by_lake, name):
    found, some = [], by_lake.samples.take(by_lake.samples.lake < "lake 08")
    for _ in range(2):
        model = models.create(name, FEWER)
        model.fit(by_lake.records, some, 30, seed=3)
        found.append(model.predict(by_lake.records, some))
    assert ((found[0].low >= 0) & (found[0].low <= found[0].chance) & (found[0].chance <= found[0].high) & (found[0].high <= 1)).all()
    for field in ("chance", "low", "high"):
        np.testing.assert_array_equal(getattr(found[0], field), getattr(found[1], field))


def test_the_chance_varies_with_the_lake_and_is_no_constant(by_lake):
    model = models.create("boosted", FEWER)
    model.fit(by_lake.records, by_lake.samples, 30)
    july = by_lake.samples.take(by_lake.samples.day_of_year == 190)
    assert np.ptp(model.predict(by_lake.records, july).chance) > 0.1


def test_a_model_that_has_learnt_nothing_says_so(by_lake):
    with pytest.raises(InputError, match="logistic has learnt nothing yet: fit it first"):
        models.create("logistic").predict(by_lake.records, by_lake.samples)


def test_four_floods_of_one_lake_give_an_outlook_and_no_error():
    made = made_samples.made(1, 6, rate=1.0, every=3)
    for name in ("dates", "area_rule", "logistic", "boosted"):
        model = models.create(name)
        model.fit(made.records, made.samples, 30)
        assert np.isfinite(model.predict(made.records, made.samples).chance).all()
