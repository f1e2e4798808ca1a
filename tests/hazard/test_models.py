"""The registry of the outlook's models."""

import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import models


def test_each_table_model_is_made_by_its_name():
    made = [models.create(name).name for name in models.names() if not name.startswith("network")]
    assert made == ["base_rate", "season", "dates", "area_rule", "logistic", "boosted"]


def test_an_unknown_model_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown model of the outlook 'seasons' \(did you mean 'season'\?\)"):
        models.create("seasons")


def test_each_model_says_what_it_is():
    assert all(models.summary(name) for name in models.names())
