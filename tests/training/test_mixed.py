"""Windows of two cubes are read by one forecaster, each against the normaliser and climatology of its own cube."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.training.made import TASK, Frames, windows

from glaciercast.models import registry
from glaciercast.models.residual import build
from glaciercast.training import assembled, mixed

HOME, GUEST = Frames(scene=12, seed=1), Frames(scene=14, seed=2)


def forecaster(frames, mean, std, residual="climatology"):
    stats = SimpleNamespace(mean=np.array([mean], "float32"), std=np.array([std], "float32"))
    reference = registry.create("climatology", TASK).fit(frames.data) if residual == "climatology" else None
    model = build("unet_time", TASK, residual, stats, reference, seed=3, widths=(4, 8))
    torch.nn.init.normal_(model.network.readout.weight, generator=torch.Generator().manual_seed(1))
    return model


@pytest.fixture(params=["climatology", "last", "none"])
def pair(request):
    home, guest = forecaster(HOME, 0.4, 0.2, request.param), forecaster(GUEST, 0.6, 0.5, request.param)
    guest.network = home.network
    return home, guest


@pytest.mark.parametrize("training", [True, False])
def test_a_window_has_the_loss_that_it_has_in_its_own_cube(pair, training):
    home, guest = pair
    move = mixed.Move.between(home, guest, columns=12)
    both = mixed.beside(home, guest, move).train(training)
    batch = windows(GUEST).__getitems__([0, 77, 301])
    for mine, yours in zip(both.loss(move.batch(batch)), guest.train(training).loss(batch), strict=True):
        torch.testing.assert_close(mine, yours, rtol=1e-4, atol=1e-4)
    batch = windows(HOME).__getitems__([0, 77, 200])
    for mine, yours in zip(both.loss(batch), home.train(training).loss(batch), strict=True):
        torch.testing.assert_close(mine, yours)


def test_a_batch_holds_windows_of_both():
    home, guest = forecaster(HOME, 0.4, 0.2), forecaster(GUEST, 0.6, 0.5)
    move = mixed.Move.between(home, guest, columns=12)
    here, there = windows(HOME), windows(GUEST)
    together = mixed.Together(here, there, move)
    assert len(together) == len(here) + len(there) == 250 + 490
    batch = together.__getitems__([249, 739, 3, 250])
    assert torch.equal(batch.origin, torch.tensor([[4, 4], [0, 3], [6, 12 + 6], [0, 12]]))
    torch.testing.assert_close(batch.past[:2], here.__getitems__([249, 3]).past, rtol=0, atol=0, equal_nan=True)
    expected = (there.__getitems__([489, 0]).target - 0.6) / 0.5 * 0.2 + 0.4
    torch.testing.assert_close(batch.target[2:], expected, equal_nan=True)
    assert len(together.__getitems__([600]).past) == len(together[5].past) == 1


def test_a_scene_is_that_of_one_cube_and_has_the_loss_that_it_has_there():
    home, guest = forecaster(HOME, 0.4, 0.2), forecaster(GUEST, 0.6, 0.5)
    guest.network = home.network
    here, there = windows(HOME), windows(GUEST)
    for each, shape in ((here, (12, 12)), (there, (14, 14))):
        each.origins = assembled.tiling_for(shape, (8, 8)).origins
    move = mixed.Move.between(home, guest, columns=12)
    batches = list(assembled.loader(mixed.Together(here, there, move), shuffle=False))
    assert [len(batch.past) for batch in batches] == [4] * 20
    both = mixed.beside(home, guest, move).train()
    expected = assembled.batch_loss(guest.train(), next(iter(assembled.loader(there, shuffle=False))), "scene")
    found = assembled.batch_loss(both, batches[10], "scene")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
