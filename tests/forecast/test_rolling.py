"""Beyond the trained leads a forecaster goes on from its own forecasts, in the right season, and nothing of them counts as observed."""

import numpy as np
import pytest
import torch
from tests.forecast.made import Smooth, series, task, wrapped

from glaciercast.errors import InputError
from glaciercast.forecast import rolling, scenes
from glaciercast.models import registry
from glaciercast.models.base import TrainingData
from glaciercast.patches.sampling import PatchDataset
from glaciercast.patches.tiling import Tiling

ISSUE = 7
TWO = ("ndsi", "speed")


@pytest.mark.parametrize("leads", [3, 4, 5, 8])
def test_the_first_leads_equal_the_unrolled_ones_bit_for_bit(tmp_path, leads):
    made, asked = series(tmp_path), task()
    forecaster = wrapped(Smooth(asked), asked)
    rolled = scenes.forecast_scene(forecaster, made, asked, ISSUE, leads)
    assert rolled.shape == (leads, 1, 20, 30)
    np.testing.assert_array_equal(rolled[:2], scenes.forecast_scene(forecaster, made, asked, ISSUE))


def test_rolled_leads_equal_a_forecast_of_a_series_in_which_the_first_ones_came_true(tmp_path):
    """The check by the other way round: write the first forecast into the series as if it had been seen, and issue there."""
    made, asked = series(tmp_path / "a", missing=0.1), task()
    forecaster = wrapped(Smooth(asked), asked)
    rolled = scenes.forecast_scene(forecaster, made, asked, ISSUE, 6)
    frames = made.frames(range(12))[0].copy()
    for done in (2, 4):
        frames[ISSUE + 1 : ISSUE + 1 + done] = rolled[:done]
        came_true = series(tmp_path / str(done), frames=frames)
        expected = scenes.forecast_scene(forecaster, came_true, asked, ISSUE + done)
        np.testing.assert_array_equal(rolled[done : done + 2], expected)  # the network reads no observed fraction


def test_a_batch_that_went_on_holds_the_forecast_as_its_past_by_value(tmp_path):
    made, asked = series(tmp_path, variables=TWO), task(variables=TWO, targets=("ndsi",))
    windows = PatchDataset(
        made.cache, np.array([ISSUE]), np.array([[3, 4], [0, 0]]), asked, made.season, made.season_index, (8, 8), with_target=False
    )
    batch = windows.__getitems__([0, 1])
    forecast = torch.from_numpy(np.random.default_rng(0).random((2, 4, 1, 8, 8), "float32"))
    for steps in (2, 4):
        gone = rolling.gone_on(batch, forecast[:, :steps], made, ISSUE, 2)
        kept = 5 - steps
        assert gone.past.shape == batch.past.shape
        torch.testing.assert_close(gone.past[:, :kept], batch.past[:, steps:], rtol=0, atol=0)
        torch.testing.assert_close(gone.past[:, kept:, :1], forecast[:, :steps], rtol=0, atol=0)
        assert gone.past[:, kept:, 1:].isnan().all() and (gone.past_observed[:, kept:] == 0).all()
        torch.testing.assert_close(gone.past_observed[:, :kept], batch.past_observed[:, steps:], rtol=0, atol=0)
        last = ISSUE + steps
        assert gone.issue.tolist() == [last, last]
        np.testing.assert_array_equal(gone.season_past[1], made.season[last - 4 : last + 1])
        np.testing.assert_array_equal(gone.season_future[0], made.season[last + 1 : last + 3])
        np.testing.assert_array_equal(gone.index_past[0], made.season_index[last - 4 : last + 1])
        np.testing.assert_array_equal(gone.index_future[1], made.season_index[last + 1 : last + 3])


def test_a_forecast_longer_than_the_history_leaves_nothing_of_the_past(tmp_path):
    made, asked = series(tmp_path), task()
    windows = PatchDataset(
        made.cache, np.array([ISSUE]), np.zeros((1, 2), int), asked, made.season, made.season_index, (8, 8), with_target=False
    )
    batch = windows.__getitems__([0])
    forecast = torch.arange(6.0)[None, :, None, None, None].expand(1, 6, 1, 8, 8)
    gone = rolling.gone_on(batch, forecast, made, ISSUE, 2)
    assert gone.past[0, :, 0, 0, 0].tolist() == [1, 2, 3, 4, 5] and (gone.past_observed == 0).all()


def test_rolled_baselines_stay_what_they_are(tmp_path):
    """Persistence persists, same season repeats the last year, climatology repeats itself: closed forms at any lead."""
    made, asked = series(tmp_path), task()
    values, observed = made.frames(range(6))
    data = TrainingData(values, observed, made.season_index[:6], np.arange(6), 4)
    known = made.frames(range(ISSUE + 1))[0][:, 0]
    rolled = {
        name: scenes.forecast_scene(registry.create(name, asked).fit(data), made, asked, ISSUE, 7)[:, 0]
        for name in ("persistence", "same_season", "climatology")
    }
    for lead in range(7):
        np.testing.assert_array_equal(rolled["persistence"][lead], known[ISSUE])
        np.testing.assert_array_equal(rolled["same_season"][lead], known[ISSUE + 1 + lead % 4 - 4])
    np.testing.assert_array_equal(rolled["climatology"][4:], rolled["climatology"][:3])


def test_leads_end_with_the_calendar(tmp_path):
    made, asked = series(tmp_path, horizon=5), task()
    forecaster = registry.create("persistence", asked)
    assert len(scenes.forecast_scene(forecaster, made, asked, 11, 4)) == 4
    for leads in (0, 5):  # the last step of the calendar is no whole forecast
        with pytest.raises(InputError, match=rf"leads: expected 1 to 4 steps, as far as the calendar of the series goes, found {leads}"):
            scenes.forecast_scene(forecaster, made, asked, 11, leads)


def test_a_network_that_reads_what_it_does_not_forecast_goes_no_further_than_trained(tmp_path):
    made, asked = series(tmp_path, variables=TWO), task(variables=TWO, targets=("ndsi",))
    network = wrapped(Smooth(asked), asked)
    assert scenes.forecast_scene(network, made, asked, ISSUE, 2).shape == (2, 1, 20, 30)
    with pytest.raises(InputError, match="leads: expected at most 2, as 'speed' is read but not forecast; found 3; make 'speed' a target"):
        scenes.forecast_scene(network, made, asked, ISSUE, 3)
    network.network.missing_ok = True
    assert np.isfinite(scenes.forecast_scene(network, made, asked, ISSUE, 3)).all()
    persistence = registry.create("persistence", asked)
    rolled = scenes.forecast_scene(persistence, made, asked, ISSUE, 5, Tiling((20, 30), (20, 30), 0))
    np.testing.assert_array_equal(rolled[4, 0], made.frames(range(ISSUE, ISSUE + 1))[0][0, 0])
