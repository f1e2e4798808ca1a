"""Whole scenes from tiles: in their place, without seams, from what was there; with bands and beyond the trained leads."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.forecast.made import Disagreeing, Smooth, series, task, wrapped

from glaciercast.errors import InputError, LeakError
from glaciercast.forecast import scenes
from glaciercast.models import registry, residual
from glaciercast.models.heads import Gaussian
from glaciercast.patches.normalise import Stats
from glaciercast.patches.tiling import Tiling
from glaciercast.stats.seams import seam_index

ISSUE = 7


class Banded(torch.nn.Module):
    """State the last frame and, as quantiles, what lies so many times its row below or above it."""

    def forward(self, batch):
        return batch.past[:, -1:].expand(-1, 2, -1, -1, -1)

    def bands(self, batch, levels):
        row = batch.origin[:, :1, None, None, None] + torch.arange(batch.past.shape[-2])[None, None, None, :, None]
        return torch.stack([self(batch) + (level - 0.5) * row for level in (0.5, *levels)])


def test_a_forecast_from_tiles_is_that_of_the_whole_scene_away_from_their_edges(tmp_path):
    """A network that sees three pixels around each: tiles with the scene's own edges at theirs agree with the whole scene to rounding."""
    made, asked = series(tmp_path, (20, 30)), task()
    forecaster = wrapped(Smooth(asked), asked)
    whole = scenes.forecast_scene(forecaster, made, asked, ISSUE, tiling=Tiling((20, 30), (20, 30), 0))
    last = made.frames(range(ISSUE, ISSUE + 1))[0][0, 0]
    mean = sum(last[1 + dy : 19 + dy, 1 + dx : 29 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
    season = made.season[ISSUE + 1 : ISSUE + 3, 0]
    for lead in range(2):
        np.testing.assert_allclose(whole[lead, 0, 1:-1, 1:-1], mean + 0.1 * (lead + 1) + season[lead], atol=1e-6)
    tiles = scenes.forecast_scene(forecaster, made, asked, ISSUE)
    assert tiles.shape == (2, 1, 20, 30) and tiles.dtype == np.float32
    assert np.abs(tiles - whole).max() < 0.3 and np.abs(tiles - whole).mean() < 0.01
    inside = scenes.forecast_scene(forecaster, made, asked, ISSUE, tiling=Tiling((20, 30), (18, 28), 16))
    np.testing.assert_allclose(inside[..., 2:-2, 2:-2][..., 8, 12], whole[..., 2:-2, 2:-2][..., 8, 12], atol=1e-6)


def test_large_tiles_of_a_network_that_takes_any_size_say_what_the_whole_scene_says(tmp_path):
    """A two-level U-Net sees nine pixels around each: where one tile of 40 counts alone; nearly so where they blend."""
    made, asked = series(tmp_path, (56, 56)), task()
    forecaster = residual.build(
        "unet_time", asked, "none", Stats(np.zeros(1, "float32"), np.ones(1, "float32")), widths=(4, 6), norm="none"
    )
    torch.nn.init.normal_(forecaster.network.readout.weight, generator=torch.Generator().manual_seed(0))
    assert forecaster.network.any_size
    whole = scenes.forecast_scene(forecaster, made, asked, ISSUE, tiling=Tiling((56, 56), (56, 56), 0))
    tiles = scenes.forecast_scene(forecaster, made, asked, ISSUE, tiling=Tiling((56, 56), (40, 40), 24))
    for rows in (slice(0, 16), slice(40, 56)):
        np.testing.assert_allclose(tiles[..., rows, :16], whole[..., rows, :16], atol=1e-4)
        np.testing.assert_allclose(tiles[..., rows, 40:], whole[..., rows, 40:], atol=1e-4)
    assert np.sqrt(((tiles - whole) ** 2).mean()) < 0.03 * whole.std()


def test_pasted_patches_that_disagree_have_seams_and_blended_ones_have_none(tmp_path):
    y, x = np.mgrid[:100, :100]
    frames = np.broadcast_to(0.05 * y + 0.08 * x, (12, 1, 100, 100)).astype("float32")
    made, asked = series(tmp_path, frames=frames), task(patch=25)
    forecaster = wrapped(Disagreeing(asked), asked)
    index = {}
    for overlap in (0, 12):
        tiling = Tiling(made.shape, (25, 25), overlap)
        scene = scenes.forecast_scene(forecaster, made, asked, ISSUE, tiling=tiling)
        index[overlap] = seam_index(scene, *tiling.borders)
    assert index[0] >= 2 and index[12] <= 1.05


def test_how_many_tiles_pass_at_once_does_not_change_a_forecast(tmp_path, monkeypatch):
    made, asked = series(tmp_path), task()
    forecaster = wrapped(Smooth(asked), asked)
    many = scenes.forecast_scene(forecaster, made, asked, ISSUE)
    monkeypatch.setattr(scenes, "PIXELS", 64)
    np.testing.assert_array_equal(scenes.forecast_scene(forecaster, made, asked, ISSUE), many)


def test_a_baseline_sees_the_scene_whole_and_a_network_its_patch(tmp_path):
    asked = task()
    baseline = registry.create("persistence", asked)
    assert scenes.tiling_for(baseline, (20, 30), 8) == Tiling((20, 30), (20, 30), 0)
    network = wrapped(Smooth(asked), asked)
    assert scenes.tiling_for(network, (20, 30), 8) == Tiling((20, 30), (8, 8), 2)
    network.network.any_size = True
    assert scenes.tiling_for(network, (20, 30), 8) == Tiling((20, 30), (20, 30), 10)
    large = scenes.tiling_for(network, (800, 3000), 8)
    assert max(large.tile) <= 200 and large.overlap == 25 and len(large) * large.tile[0] * large.tile[1] < 1.35 * 800 * 3000
    made = series(tmp_path)
    expected = np.broadcast_to(made.frames(range(ISSUE, ISSUE + 1))[0], (2, 1, 20, 30))
    np.testing.assert_array_equal(scenes.forecast_scene(baseline, made, asked, ISSUE), expected)


def test_quantiles_are_blended_as_the_values_are(tmp_path):
    made, asked = series(tmp_path), task()
    tiling = Tiling((20, 30), (8, 8), 4)
    values, quantiles = scenes.forecast_bands(Banded(), made, asked, ISSUE, (0.1, 0.5, 0.9), tiling)
    np.testing.assert_array_equal(values, scenes.forecast_scene(Banded(), made, asked, ISSUE, tiling=tiling))
    rows = np.arange(20)[:, None]
    for level, band in zip((0.1, 0.5, 0.9), quantiles, strict=True):
        np.testing.assert_allclose(band, values + (level - 0.5) * rows, atol=1e-5)


def test_a_network_runs_once_for_its_values_and_quantiles(tmp_path):
    made, asked = series(tmp_path), task()
    forecaster = residual.build(
        "unet_time", asked, "last", Stats(np.zeros(1, "float32"), np.ones(1, "float32")), head=Gaussian(), widths=(4, 6), norm="none"
    )
    torch.nn.init.normal_(forecaster.network.readout.weight, generator=torch.Generator().manual_seed(0))
    calls = []
    forecaster.network.register_forward_hook(lambda *_: calls.append(1))
    values, quantiles = scenes.forecast_bands(forecaster, made, asked, ISSUE, (0.1, 0.5, 0.9))
    once = len(calls)
    np.testing.assert_array_equal(values, scenes.forecast_scene(forecaster, made, asked, ISSUE))
    assert once == len(calls) - once and (np.diff(quantiles, axis=0) > 0).all()
    np.testing.assert_array_equal(quantiles[1], values)


def test_what_states_no_quantiles_is_refused(tmp_path):
    made, asked = series(tmp_path), task()
    with pytest.raises(InputError, match="persistence: states no quantiles"):
        scenes.forecast_bands(registry.create("persistence", asked), made, asked, ISSUE, (0.5,))
    with pytest.raises(InputError, match="head 'value' states no quantiles"):
        scenes.forecast_bands(wrapped(Smooth(asked), asked), made, asked, ISSUE, (0.5,))


def test_what_comes_after_the_issue_step_is_not_read(tmp_path):
    made, asked = series(tmp_path / "a"), task()
    frames = made.frames(range(12))[0].copy()
    frames[ISSUE + 1 :] = np.nan
    blind = series(tmp_path / "b", frames=frames)
    forecaster = wrapped(Smooth(asked), asked)
    one, other = (scenes.forecast_scene(forecaster, each, asked, ISSUE, 6) for each in (made, blind))
    np.testing.assert_array_equal(one, other)
    late = made.available_at.copy()
    late[ISSUE - 2] = late[-1]
    with pytest.raises(LeakError, match="step 5 was available at"):
        scenes.forecast_scene(forecaster, dataclasses.replace(made, available_at=late), asked, ISSUE)


def test_a_dataset_has_its_times_units_and_bands(tmp_path):
    made, asked = series(tmp_path), task()
    values = np.random.default_rng(0).random((2, 1, 20, 30), "float32")
    quantiles = np.stack([values - 1, values + 1])
    dataset = scenes.to_dataset(values, made, ISSUE, asked, "m", quantiles, (0.05, 0.95))
    np.testing.assert_array_equal(dataset.ndsi, values[:, 0])
    np.testing.assert_array_equal(dataset.ndsi_quantile.sel(quantile=0.95), values[:, 0] + 1)
    assert dataset.ndsi_quantile.dims == ("quantile", "time", "y", "x") and dataset["quantile"].attrs["units"] == "1"
    assert dataset.ndsi.attrs["units"] == dataset.ndsi_quantile.attrs["units"] == "1"
    assert dataset.ndsi.attrs["ancillary_variables"] == "ndsi_quantile" and "ancillary_variables" not in dataset.ndsi_quantile.attrs
    assert dataset.ndsi_quantile.attrs["long_name"] == "quantiles of normalised difference snow index"
    assert [str(time)[:10] for time in dataset.time.values] == ["2017-01-01", "2017-04-01"] and dataset.lead.values.tolist() == [1, 2]
    np.testing.assert_array_equal(dataset.time_bounds[:, 1], made.ends[ISSUE + 1 : ISSUE + 3])
    assert dataset.issue_time.values == np.datetime64("2017-01-01")
    assert "ndsi_quantile" not in scenes.to_dataset(values, made, ISSUE, asked, "m")
