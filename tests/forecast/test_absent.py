"""A forecast without an input is that of arrays in which it is missing, says so, and is refused to networks that never learnt it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.forecast.made import QUARTERS, series, task

from glaciercast.errors import InputError
from glaciercast.forecast import absent, rolling, scenes
from glaciercast.models import registry, residual
from glaciercast.models.base import TrainingData
from glaciercast.patches import cache as caches
from glaciercast.patches import normalise, splits
from glaciercast.patches.normalise import Stats
from glaciercast.training import networks
from glaciercast.training.config import TrainingConfig

ISSUE = 7
TWO = ("ndsi", "lst_day")
TASK = task(variables=TWO, targets=("ndsi",))
WHY = "not observed in the 3 steps up to 2016-10-01"


def network(name="multimodal", data=None, **options):
    """Return a network of random weights on a climatology, as if it were trained."""
    reference = None if data is None else registry.create("climatology", TASK).fit(data)
    kind = "none" if data is None else "climatology"
    stats = Stats(np.full(2, 0.2, "float32"), np.full(2, 0.9, "float32"))
    made = residual.build(name, TASK, kind, stats, reference, **{"widths": (4, 6), **options})
    torch.nn.init.normal_(made.network.readout.weight, generator=torch.Generator().manual_seed(0))
    return made.eval()


def data_of(made, steps=8):
    values, observed = made.frames(range(steps))
    return TrainingData(values, observed, made.season_index[:steps], np.arange(steps), QUARTERS)


def seen_until(folder, made, last, filled):
    """Return a series of which the second input is not observed after step `last`: filled with its last value, or unknown."""
    values, observed = (each.copy() for each in made.frames(range(made.n_steps)))
    values[last + 1 :, 1] = values[last, 1] if filled else np.nan
    observed[last + 1 :, 1] = 0
    stack = np.concatenate([values, observed], axis=1)
    return replace(made, cache=caches.write(folder, stack, len(stack), made.cache.channels, made.shape, "made"))


@pytest.mark.parametrize("climatology", [False, True])
def test_a_forecast_without_an_input_is_that_of_arrays_that_hold_nan_and_0(tmp_path, climatology):
    made = series(tmp_path / "a", variables=TWO)
    frames = made.frames(range(12))[0].copy()
    frames[:, 1] = np.nan
    forecaster = network(data=data_of(made) if climatology else None)
    expected = scenes.forecast_scene(forecaster, series(tmp_path / "b", frames=frames, variables=TWO), TASK, ISSUE)
    found = scenes.forecast_scene(forecaster, absent.without(made, TASK, ["lst_day"], "why"), TASK, ISSUE)
    np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).all() and np.abs(found - scenes.forecast_scene(forecaster, made, TASK, ISSUE)).max() > 0.01
    narrow = series(tmp_path / "c", frames=made.frames(range(12))[0][:, :1], variables=TWO[:1])  # of a cube that has no temperature
    lacking = absent.without(narrow, TASK, ["lst_day"], "not in the cube")
    np.testing.assert_array_equal(scenes.forecast_scene(forecaster, lacking, TASK, ISSUE), expected)
    assert lacking.attributes["missing_inputs"] == "lst_day (not in the cube)" and "missing_inputs" not in made.attributes


def test_a_window_without_an_input_holds_the_others_as_they_are(tmp_path):
    made = series(tmp_path, variables=TWO, missing=0.2)
    lacking = absent.without(made, TASK, ["lst_day"], "why")
    where = (np.array([2, 3]), np.array([0, 4]), np.array([5, 1]), 4, 6, 7)
    there, window = made.cache.gather(*where), np.empty((2, 4, 4, 6, 7), "float32")
    assert lacking.cache.gather(*where, out=window) is window
    np.testing.assert_array_equal(window[:, :, [0, 2]], there[:, :, [0, 2]])
    assert np.isnan(window[:, :, 1]).all() and (window[:, :, 3] == 0).all()


def test_an_input_that_ended_before_the_frames_that_are_read_is_missing_and_its_fills_are_hidden(tmp_path):
    made, forecaster = series(tmp_path, variables=TWO), network()
    ended = seen_until(tmp_path / "b", made, ISSUE - 3, filled=True)
    at = absent.at(forecaster, ended, TASK, ISSUE)
    assert at.attributes["missing_inputs"] == f"lst_day ({WHY})"
    expected = scenes.forecast_scene(forecaster, absent.without(made, TASK, ["lst_day"], "why"), TASK, ISSUE)
    np.testing.assert_array_equal(scenes.forecast_scene(forecaster, at, TASK, ISSUE), expected)
    assert scenes.to_dataset(expected, at, ISSUE, TASK, "m").attrs["missing_inputs"] == f"lst_day ({WHY})"
    late = seen_until(tmp_path / "c", made, ISSUE - 2, filled=True)  # one frame of three still has it
    assert absent.at(forecaster, late, TASK, ISSUE) is late and absent.at(forecaster, made, TASK, ISSUE) is made


def test_a_network_that_never_learnt_it_reads_fills_but_is_refused_where_there_are_none(tmp_path):
    made, forecaster = series(tmp_path, variables=TWO), network("unet_time")
    filled = seen_until(tmp_path / "b", made, ISSUE - 3, filled=True)
    at = absent.at(forecaster, filled, TASK, ISSUE)
    assert at.attributes["missing_inputs"] == f"lst_day ({WHY}; filled values are read)"
    both = (scenes.forecast_scene(forecaster, each, TASK, ISSUE) for each in (at, filled))
    np.testing.assert_array_equal(*both)
    unknown = seen_until(tmp_path / "c", made, ISSUE - 3, filled=False)
    with pytest.raises(InputError, match=rf"unet_time: reads 'lst_day', {WHY}, and was not trained to do without \(see 'multimodal'\)"):
        absent.at(forecaster, unknown, TASK, ISSUE)
    absent.at(registry.create("persistence", TASK), unknown, TASK, ISSUE)  # a baseline reads no more than what it forecasts
    with pytest.raises(InputError, match="was not trained to do without"):
        absent.at(network(drop=0.0), unknown, TASK, ISSUE)


def test_a_target_that_was_not_observed_is_no_missing_input(tmp_path):
    frames = series(tmp_path / "a", variables=TWO).frames(range(12))[0].copy()
    frames[5:8, 0] = np.nan
    made = series(tmp_path / "b", frames=frames, variables=TWO)
    assert absent.at(network("unet_time"), made, TASK, ISSUE) is made


def test_it_goes_on_beyond_the_trained_leads(tmp_path):
    made, forecaster = series(tmp_path, variables=TWO), network()
    lacking = absent.without(made, TASK, ["lst_day"], "why")
    rolling.check(forecaster, lacking, TASK, ISSUE, 6)
    rolled = scenes.forecast_scene(forecaster, lacking, TASK, ISSUE, 6)
    np.testing.assert_array_equal(rolled[:2], scenes.forecast_scene(forecaster, lacking, TASK, ISSUE))


def shaded(folder):
    """Return 60 quarters: NDSI is a signal that lasts and a shade that does not, of which the temperature is the view."""
    rng = np.random.default_rng(0)
    signal, shade = rng.normal(size=(2, 60, 16, 16))
    for step in range(1, 60):
        signal[step] = 0.95 * signal[step - 1] + np.sqrt(1 - 0.95**2) * signal[step]
    return series(folder, frames=np.stack([signal + shade, shade], axis=1).astype("float32"), variables=TWO)


@pytest.mark.slow
def test_a_missing_product_costs_less_if_products_were_dropped_in_training(tmp_path):
    """Without the temperature the best forecast is 0.475 of the last NDSI; a network that never missed it takes all of that for signal."""
    made, asked = shaded(tmp_path), task(variables=TWO, targets=("ndsi",), n_input=1, n_target=1)
    split = splits.by_time(60, n_input=1, n_target=1, history=5)
    steps = split.training_steps
    values, observed = made.frames(steps)
    data = TrainingData(values, observed, made.season_index[steps.start : steps.stop], np.array(steps), QUARTERS)
    np.testing.assert_allclose(normalise.fit(values, observed).std, [2**0.5, 1], atol=0.05)
    training = TrainingConfig(epochs=8, patience=8, batch_size=16, learning_rate=0.01, device="cpu", threads=1)
    lacking, lost = absent.without(made, asked, ["lst_day"], "why"), {}
    for drop in (0.0, 0.3):
        forecaster, _ = networks.fit_network(
            "multimodal", made, asked, split, data, tmp_path / str(drop), training, stride=4, options={"drop": drop, "widths": (8,)}
        )
        for name, given in {"all": made, "one": lacking}.items():
            scored = [
                scenes.forecast_scene(forecaster, given, asked, int(issue))[0, 0] - made.frames(range(issue + 1, issue + 2))[0][0, 0]
                for issue in split.issues("test")
            ]
            lost[drop, name] = float(np.mean(np.square(scored)))
    assert lost[0.3, "one"] < 0.6 * lost[0.0, "one"]
    assert max(lost[0.0, "all"], lost[0.3, "all"]) < 0.9 * lost[0.3, "one"]
