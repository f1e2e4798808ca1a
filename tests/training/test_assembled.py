"""A loss on the assembled scene reaches each tile by its weight."""

import numpy as np
import pytest
import torch
from tests.forecast.made import Smooth, series, task, wrapped

from glaciercast.errors import InputError
from glaciercast.forecast import scenes
from glaciercast.models import residual
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs
from glaciercast.patches import augment
from glaciercast.patches.normalise import Stats
from glaciercast.patches.sampling import PatchDataset
from glaciercast.patches.tiling import Blender, Tiling
from glaciercast.training import assembled
from glaciercast.training.config import AugmentConfig

TILING = Tiling((20, 30), (8, 8), 4)


class Pixelwise(Network):
    """The last frame less a tenth of the first one."""

    def forward(self, inputs, truth=None):
        values = inputs.frames[:, :, : self.ports.targets]
        return (values[:, -1:] - 0.1 * values[:, :1]).expand(-1, self.task.n_target, -1, -1, -1)


@pytest.fixture
def windows(tmp_path):
    made, asked = series(tmp_path, missing=0.2), task()
    return PatchDataset(made.cache, np.array([5, 6, 7]), TILING.origins, asked, made.season, made.season_index, (8, 8), made.statics)


def unet(head=None):
    """A U-Net whose last layer has left zero, so that its weights have a gradient throughout."""
    forecaster = residual.build("unet_time", task(), "none", Stats(np.zeros(1, "float32"), np.ones(1, "float32")), head=head, widths=(4, 6))
    with torch.no_grad():
        forecaster.network.readout.weight.normal_(0, 0.2, generator=torch.Generator().manual_seed(0))
    return forecaster.train()


def test_the_scene_is_the_one_that_a_forecast_blends():
    tiles = torch.randn(len(TILING), 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blended = torch.empty(2, 3, 20, 30)
    Blender(TILING, blended).add(0, tiles)
    torch.testing.assert_close(assembled.assemble(tiles, TILING), blended, rtol=0, atol=1e-6)


def test_the_gradient_of_a_pixel_is_the_weight_of_each_tile_there():
    tiles = torch.zeros(len(TILING), 8, 8, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(20, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (assembled.assemble(tiles, TILING) * slope).sum().backward()
    for number, found in enumerate(tiles.grad):
        torch.testing.assert_close(found, TILING.weight(number) * slope[TILING.window(number)])


def test_a_squared_error_of_the_scene_has_the_closed_gradient_and_passes_a_numerical_check():
    tiling = Tiling((6, 7), (4, 4), 2)
    tiles = torch.randn(len(tiling), 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    truth = torch.randn(6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(lambda t: (assembled.assemble(t, tiling) - truth).square().sum(), (tiles,))
    scene = assembled.assemble(tiles, tiling)
    (scene - truth).square().sum().backward()
    for number, found in enumerate(tiles.grad):
        torch.testing.assert_close(found, 2 * tiling.weight(number) * (scene - truth)[tiling.window(number)].detach())


def test_the_loss_is_the_error_of_the_forecast_scene(windows, tmp_path):
    """By another way: forecast the scene, subtract the truth, weigh by what was observed."""
    made, asked = series(tmp_path / "again", missing=0.2), task()
    forecaster = wrapped(Smooth(asked), asked)
    batch = list(assembled.loader(windows, shuffle=False))[1]  # issued at step 6
    losses, weight = assembled.scene_loss(forecaster, batch, TILING)
    forecast = scenes.forecast_scene(forecaster, made, asked, 6, tiling=TILING)
    truth, observed = made.frames(range(7, 9))
    seen = np.isfinite(truth)
    assert weight.item() == pytest.approx(observed[seen].sum(), rel=1e-5)
    assert losses.item() == pytest.approx((observed * (forecast - truth) ** 2)[seen].sum(), rel=1e-4)


@pytest.mark.parametrize("at_once", [1, 5, 1000])
def test_how_many_tiles_are_computed_at_once_changes_nothing(windows, at_once):
    batch = next(iter(assembled.loader(windows, shuffle=False)))
    found = []
    for number in (len(TILING), at_once):
        forecaster = unet()
        losses, weight = assembled.scene_loss(forecaster, batch, TILING, number)
        (losses / weight).backward()
        found.append((losses.detach(), [parameter.grad for parameter in forecaster.network.parameters()]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
    assert all(grad.abs().sum() > 0 for grad in found[0][1])


def test_the_loss_of_a_scene_falls_where_it_is_learnt(windows):
    forecaster = unet()
    optimiser = torch.optim.Adam(forecaster.network.parameters(), lr=1e-2)
    history = []
    for _ in range(4):
        for batch in assembled.loader(windows, shuffle=False):
            losses, weight = assembled.scene_loss(forecaster, batch, TILING)
            optimiser.zero_grad()
            (losses / weight).backward()
            optimiser.step()
            history.append((losses / weight).item())
    assert history[-1] < 0.7 * history[0]


def by_loop(forecaster, batch):
    """Loss of the blended scene, tile by tile and pixel by pixel, of one lead and variable after the other."""
    inputs, truth, weight = forecaster.lesson(batch)
    out = [forecaster.network(Inputs(*(part[[number]] for part in inputs)))[0] for number in range(len(TILING))]
    losses = total = torch.zeros(())
    for row, column in np.ndindex(*TILING.shape):
        blended = {name: torch.zeros(2, 1) for name in ("out", "truth", "weight")}
        for number, (top, left) in enumerate(TILING.origins):
            y, x = row - top, column - left
            if 0 <= y < 8 and 0 <= x < 8:
                share = TILING.weight(number)[y, x].float()
                for name, tile in (("out", out[number]), ("truth", truth[number]), ("weight", weight[number])):
                    blended[name] = blended[name] + share * tile[..., y, x]
        losses = losses + (blended["weight"] * (blended["out"] - blended["truth"]) ** 2).sum()
        total = total + blended["weight"].sum()
    return losses, total


def test_the_gradient_through_the_blended_scene_is_that_of_a_slow_loop(windows):
    batch, grads = next(iter(assembled.loader(windows, shuffle=False))), []
    for loss in (lambda model: assembled.scene_loss(model, batch, TILING), lambda model: by_loop(model, batch)):
        forecaster = unet()
        losses, weight = loss(forecaster)
        (losses / weight).backward()
        grads.append([losses.detach(), weight, *(parameter.grad for parameter in forecaster.network.parameters())])
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("amounts", [AugmentConfig(flips=True, rotations=True), AugmentConfig(cloud_gaps=0.5)], ids=["turned", "cloudy"])
def test_a_varied_scene_is_one_scene(windows, tmp_path, amounts):
    """What sees pixels alone has the loss of the scene as it is where it is turned; under clouds, that of the scene with those clouds."""
    asked = task()
    forecaster, again = wrapped(Pixelwise(asked), asked), series(tmp_path / "again", missing=0.2)
    for number, batch in enumerate(assembled.loader(windows, shuffle=False)):
        views = augment.draw(amounts, batch, 1, 0, together=True)
        found = torch.stack(assembled.scene_loss(forecaster, batch, TILING, views=views))
        whole = PatchDataset(again.cache, windows.issues, np.zeros((1, 2)), asked, again.season, again.season_index, TILING.shape)[number]
        if amounts.cloud_gaps:
            tiled = assembled.assemble(views.hidden.double(), TILING).round().bool()
            still = augment.Views(torch.zeros(1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64), hidden=tiled[None])
            whole = still.batch(whole, asked.variables)
        torch.testing.assert_close(found, torch.stack(forecaster.loss(whole)), rtol=1e-4, atol=1e-3)


def test_what_is_not_a_whole_scene_is_refused(windows):
    batch = next(iter(assembled.loader(windows, shuffle=False)))
    with pytest.raises(InputError, match=f"assembled scene: expected all {len(TILING)} tiles in their order, found {len(TILING)} others"):
        assembled.scene_loss(unet(), batch._replace(origin=batch.origin.flip(0)), TILING)
    with pytest.raises(InputError, match="expected batches with targets"):
        assembled.scene_loss(unet(), batch._replace(target=None), TILING)


def test_scenes_come_whole_and_in_an_order_that_seed_and_epoch_decide(windows):
    n = len(TILING)
    order = assembled.SceneOrder(windows.scenes, seed=4)
    first = list(order)
    assert list(order) == first and sorted(part[0] // n for part in first) == [0, 1, 2]
    assert all(part == list(range(part[0], part[0] + n)) for part in first)
    orders = set()
    for epoch in range(6):
        order.set_epoch(epoch)
        orders.add(tuple(part[0] for part in order))
    assert len(orders) > 1 and len(order) == 3
    batch = next(iter(assembled.loader(windows, shuffle=False)))
    np.testing.assert_array_equal(batch.origin, TILING.origins)


def test_a_batch_tells_its_tiling_wherever_its_scene_lies(tmp_path):
    made, asked = series(tmp_path), task()
    tiling = assembled.tiling_for((11, 19), (8, 8))
    corner = np.array([6, 9])
    tiles = PatchDataset(made.cache, np.array([5]), tiling.origins + corner, asked, made.season, made.season_index, (8, 8))
    found = assembled.tiling_of(next(iter(assembled.loader(tiles))))
    assert found == tiling and found.overlap == 2


def test_scenes_of_two_sizes_are_batches_of_two_sizes():
    assert list(assembled.SceneOrder([2, 1, 3], shuffle=False)) == [[0, 1], [2], [3, 4, 5]]
