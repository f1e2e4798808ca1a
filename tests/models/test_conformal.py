"""Calibration gives intervals that hold what they say, around quantiles and around baselines, and leaves the forecast as it was."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_model
from tests.models.batches import batch, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import conformal, registry, residual
from glaciercast.models.conformal import LEVELS, Calibrated, bands, calibrate, check_windows, stated
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Gaussian, Quantiles, Value
from glaciercast.patches.sampling import Batch

STATS = SimpleNamespace(mean=np.array([0.5, 0.5], "float32"), std=np.array([0.1, 2.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"))


class Windows:
    """Windows of 24 issue steps at two origins, as `PatchDataset` gives them; truths are N(0.5, 0.3²)."""

    def __init__(self, seed=0, issues=24):
        self.issues, self.origins = np.arange(issues), np.zeros((2, 2), "int64")
        self.batch, self.asked = batch(TASK, 2 * issues, seed), []

    def __len__(self):
        return len(self.issues) * len(self.origins)

    def __getitems__(self, indices):
        self.asked.append(len(indices))
        return Batch(*(values[indices] for values in self.batch))


def network(head, kind="none"):
    return residual.build("unet_time", TASK, kind, STATS, head=head, widths=(4, 8))


def covered(quantiles, given, inner=0):
    """Return the observed-weighted share of truths between two quantiles, per lead and variable."""
    inside = (quantiles[inner] <= given.target) & (given.target <= quantiles[-1 - inner])
    weight = given.target_weight
    return ((weight * inside).sum(dim=(0, 3, 4)) / weight.sum(dim=(0, 3, 4))).numpy()


@pytest.mark.parametrize("head", [Quantiles(), Gaussian(), Value()], ids=lambda head: head.kind)
def test_calibrated_intervals_hold_what_they_say_on_other_windows(head):
    forecaster, fresh = network(head), Windows(seed=1).batch
    calibrated = calibrate(forecaster, Windows(), STATS.std)
    quantiles = calibrated.quantiles(fresh, LEVELS)
    np.testing.assert_allclose(covered(quantiles, fresh), 0.9 + 0.9 / 24, atol=0.025)
    np.testing.assert_allclose(covered(quantiles, fresh, inner=1), 0.5 + 0.5 / 24, atol=0.06)
    if not isinstance(head, Value):  # the intervals of the first variable are too narrow, those of the second far too wide
        before = forecaster.quantiles(fresh, LEVELS)
        assert (covered(before, fresh)[:, 0] < 0.4).all() and (covered(before, fresh)[:, 1] > 0.99).all()
        assert (calibrated.offset[:, :, 0] > 0).all() and (calibrated.offset[:, :, 1] < 0).all()
        assert ((quantiles[-1] - quantiles[0]) < (before[-1] - before[0]))[:, :, 1].all()


def test_the_forecast_and_the_median_stay_as_they_are():
    forecaster, given = network(Gaussian(), "last"), batch(TASK)
    calibrated = calibrate(forecaster, Windows(), STATS.std)
    torch.testing.assert_close(calibrated(given), forecaster(given), rtol=0, atol=0)
    torch.testing.assert_close(calibrated.quantiles(given, (0.5,))[0], forecaster(given), rtol=0, atol=0)
    assert calibrated.name == "unet_time" and calibrated.task == TASK


def test_both_ends_move_by_the_offset_of_their_lead_and_variable():
    forecaster, given = network(Quantiles()), batch(TASK)
    offset = np.array([[[0.1, 1.0], [0.2, 2.0]], [[0.0, 0.5], [-0.01, -0.5]]])
    before = forecaster.quantiles(given, LEVELS)
    after = Calibrated(forecaster, LEVELS, offset).quantiles(given, (0.95, 0.05, 0.25, 0.75))
    moved = torch.tensor(offset, dtype=torch.float32)[:, None, :, :, None, None].expand(2, *given.target.shape)
    torch.testing.assert_close(after[0], before[4] + moved[0])
    torch.testing.assert_close(after[1], before[0] - moved[0])
    torch.testing.assert_close(after[2], before[1] - moved[1])
    torch.testing.assert_close(after[3], before[3] + moved[1])


def test_no_interval_turns_inside_out_or_lies_across_another():
    stated_ones = torch.randn(5, 6, 2, 2, 4, 4).sort(dim=0).values
    offset = np.random.default_rng(0).normal(size=(2, 2, 2))
    adjusted = Calibrated(network(Quantiles()), LEVELS, offset).adjust(stated_ones)
    assert (adjusted.diff(dim=0) >= 0).all()
    torch.testing.assert_close(adjusted[2], stated_ones[2], rtol=0, atol=0)
    plain = torch.cat([stated_ones[:2] - torch.tensor(offset).float()[:, None, :, :, None, None], stated_ones[2:3]])
    assert (adjusted[:2] <= plain[:2]).all()  # never narrower than what was calibrated


def test_a_baseline_gets_intervals_of_constant_width():
    climatology, given = registry.create("climatology", TASK).fit(training_data(variables=2)), batch(TASK)
    calibrated = calibrate(climatology, Windows(), STATS.std)
    low, high = calibrated.quantiles(given, (0.05, 0.95))
    width = 2 * calibrated.offset[0][None, :, :, None, None].expand_as(low)
    torch.testing.assert_close(high - low, width)
    torch.testing.assert_close((low + high) / 2, climatology(given))
    assert (covered(calibrated.quantiles(given, LEVELS), given) > 0.85).all()


def test_a_value_network_states_its_forecast_and_an_ensemble_of_them_its_quantiles():
    given, one = batch(TASK), network(Value(), "last")
    torch.testing.assert_close(stated(one, given, LEVELS), one(given).expand(6, -1, -1, -1, -1, -1))
    two = residual.build("unet_time", TASK, "last", STATS, seed=1, widths=(4, 8))
    torch.nn.init.normal_(two.network.readout.weight)
    together = Ensemble([one, two])
    torch.testing.assert_close(stated(together, given, LEVELS)[1:], together.quantiles(given, LEVELS))
    assert (calibrate(together, Windows(), STATS.std).quantiles(given, LEVELS).diff(dim=0) >= 0).all()


def test_the_size_of_batches_changes_nothing_and_blocks_are_counted():
    windows = Windows()
    small, large = (calibrate(network(Gaussian()), windows, STATS.std, batch_size=size) for size in (5, 48))
    assert max(windows.asked) == 48 and torch.equal(small.offset, large.offset)
    assert (small.blocks == 24).all()
    assert (calibrate(network(Gaussian()), windows, STATS.std, block=2).blocks == 12).all()
    with pytest.raises(InputError, match="a 90% interval takes 9 blocks in which ndsi was observed at lead 1, found 8; ask"):
        calibrate(network(Gaussian()), windows, STATS.std, block=3)


def test_one_file_holds_everything(tmp_path):
    calibrated, given = calibrate(network(Gaussian(), "same_season"), Windows(), STATS.std), batch(TASK)
    save_model(calibrated, str(tmp_path / "model.safetensors"))
    assert calibrated.recipe()["calibrated"] == list(LEVELS)
    again = conformal.rebuild(calibrated.recipe())
    assert load_model(again, tmp_path / "model.safetensors") == (set(), [])
    torch.testing.assert_close(again.eval().quantiles(given, LEVELS), calibrated.quantiles(given, LEVELS), rtol=0, atol=0)
    assert again.recipe() == calibrated.recipe() and torch.equal(again.blocks, calibrated.blocks)


def test_levels_that_were_not_calibrated_are_refused():
    calibrated = calibrate(network(Quantiles()), Windows(), STATS.std)
    with pytest.raises(InputError, match=r"calibrated are 0\.05, 0\.25, 0\.5, 0\.75, 0\.95, found 0\.1"):
        calibrated.quantiles(batch(TASK), (0.1,))
    with pytest.raises(InputError, match="unet_time: is calibrated already"):
        Calibrated(calibrated)
    with pytest.raises(InputError, match="levels: expected ascending ones, symmetric around"):
        calibrate(network(Gaussian()), Windows(), STATS.std, levels=(0.1, 0.5))


@pytest.mark.parametrize("head", [Quantiles(), Quantiles(levels=(0.1, 0.5, 0.9)), Gaussian()], ids=["quantiles", "three", "gaussian"])
def test_forecast_and_quantiles_of_one_pass_are_those_of_two_bit_for_bit(head):
    given, levels = batch(TASK), head.levels if isinstance(head, Quantiles) else LEVELS
    one, two = (residual.build("unet_time", TASK, "last", STATS, seed=seed, head=head, widths=(4, 8)).eval() for seed in (0, 1))
    for network in (one, two):
        torch.nn.init.normal_(network.network.readout.weight)
    for forecaster in (one, Ensemble([one, two]).eval(), calibrate(one, Windows(), STATS.std, levels)):
        calls = []
        hook = one.network.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        both = bands(forecaster, given, levels)
        hook.remove()
        assert len(calls) == 1
        torch.testing.assert_close(both[0], forecaster(given), rtol=0, atol=0)
        torch.testing.assert_close(both[1:], forecaster.quantiles(given, levels), rtol=0, atol=0)


def test_too_few_windows_are_told_before_anything_is_fitted():
    check_windows(LEVELS, 9)
    check_windows((0.1, 0.5, 0.9), 4)
    with pytest.raises(InputError, match="a 90% interval takes 9 windows in the validation part, found 8; give it a larger share"):
        check_windows(LEVELS, 8)
    with pytest.raises(InputError, match="levels: expected ascending ones, symmetric around"):
        check_windows((0.1, 0.5), 100)
