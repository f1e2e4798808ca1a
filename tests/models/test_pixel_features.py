"""What the pixel models see, feature by feature, and which pixels they learn from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, inputs, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import pixel_features, registry
from glaciercast.models.pixel_features import Rows
from glaciercast.models.ports import Ports
from glaciercast.models.residual import build

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",))


def test_every_plane_is_what_its_name_says():
    ports = Ports.of(TASK, departures=True)
    given = inputs(TASK, ports=ports)
    planes = pixel_features.planes(given, 3)
    names = pixel_features.names(TASK, ports)
    assert planes.shape == (2, len(names), 8, 8) and len(set(names)) == len(names)
    found = {name: planes[:, number] for number, name in enumerate(names)}
    for lag in range(3):
        frame = given.frames[:, 2 - lag]
        for v, name in enumerate(TASK.variables):
            assert torch.equal(found[f"{name}_lag{lag}"], frame[:, v])
            assert torch.equal(found[f"{name}_lag{lag}_observed"], frame[:, 2 + v])
            assert torch.equal(found[f"{name}_lag{lag}_departure"], frame[:, 4 + v])
    for lead in (1, 2):
        assert torch.equal(found[f"ndsi_reference_lead{lead}"], given.future[:, lead - 1, 0])
    assert torch.equal(found["elevation"], given.statics[:, 0])
    for name, part in (("season_sin", 0), ("season_cos", 1)):
        assert torch.equal(found[name], given.season[:, 2, part, None, None].expand(-1, 8, 8))


def test_the_surroundings_are_a_mean_over_the_pixels_inside_the_patch():
    given = inputs(TASK, rows=4, columns=5)
    planes = pixel_features.planes(given, 3)
    names = pixel_features.names(TASK, Ports.of(TASK))
    for channel, name in enumerate(("ndsi_around", "ndwi_around", "ndsi_around_observed", "ndwi_around_observed")):
        found, frame = planes[:, names.index(name)], given.frames[:, -1, channel].numpy()
        for y, x in np.ndindex(4, 5):
            expected = frame[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean(axis=(1, 2))
            np.testing.assert_allclose(found[:, y, x].numpy(), expected, rtol=0, atol=1e-6)
    alone = pixel_features.planes(given, 1)
    assert torch.equal(alone[:, names.index("ndwi_around")], given.frames[:, -1, 1])


def test_rows_are_what_the_loss_is_made_of():
    """Σ w y² over the rows is the loss of a forecast of no change: in training mode without the window's own year, else with it."""
    reference = registry.create("climatology", TASK).fit(training_data(variables=2))
    forecaster = build("unet_time", TASK, "climatology", STATS, reference, widths=(4,))
    batches = [batch(TASK, seed=seed) for seed in (1, 2)]
    losses = []
    for mode in (forecaster.train, forecaster.eval):
        mode()
        rows = list(pixel_features.rows(forecaster, lambda given: pixel_features.planes(given, 1), batches))
        assert all((each.weight > 0).any(dim=1).all() for each in rows)
        for each, given in zip(rows, batches, strict=True):
            squares, weight = forecaster.loss(given)
            assert (each.weight * each.change**2).sum().item() == pytest.approx(squares.item(), rel=1e-5)
            assert each.weight.sum().item() == pytest.approx(weight.item(), rel=1e-5)
        losses.append(squares.item())
    assert losses[0] != losses[1]


def test_features_and_changes_of_a_row_are_of_one_pixel():
    forecaster = build("unet_time", TASK, "none", STATS, widths=(4,)).eval()
    given = batch(TASK, missing=0.4)
    (rows,) = pixel_features.rows(forecaster, lambda seen: pixel_features.planes(seen, 1), [given])
    planes = pixel_features.planes(forecaster.read(given)[0], 1)
    at = [(b, y, x) for b, y, x in np.ndindex(3, 8, 8) if (given.target_weight[b, :, 0, y, x] > 0).any()]
    assert len(at) == len(rows.features) < 3 * 64
    for number, (b, y, x) in enumerate(at):
        assert torch.equal(rows.features[number], planes[b, :, y, x])
        for lead in range(2):
            weight = given.target_weight[b, lead, 0, y, x]
            expected = (given.target[b, lead, 0, y, x] - STATS.mean[0]) / STATS.std[0] if weight > 0 else torch.tensor(0.0)
            torch.testing.assert_close(rows.change[number, lead], expected, rtol=1e-6, atol=1e-6)
            assert rows.weight[number, lead] == weight


def numbered(start, stop):
    number = torch.arange(float(start), float(stop))[:, None]
    return Rows(number, 2 * number, 3 * number)


def test_few_pixels_are_all_drawn_and_many_evenly():
    every = pixel_features.draw([numbered(0, 30), numbered(30, 50)], 50, torch.Generator().manual_seed(0))
    assert sorted(every.features[:, 0].tolist()) == list(range(50))
    assert torch.equal(every.change, 2 * every.features) and torch.equal(every.weight, 3 * every.features)
    # 400 of 40 × 100 pixels, five times over: each batch of 100 gives 10 on average, with a standard deviation of 3 a draw
    counts = np.zeros(40)
    for seed in range(5):
        drawn = pixel_features.draw(
            (numbered(100 * part, 100 * part + 100) for part in range(40)), 400, torch.Generator().manual_seed(seed)
        )
        chosen = drawn.features[:, 0].numpy()
        assert len(chosen) == len(set(chosen)) == 400
        counts += np.bincount(chosen.astype(int) // 100, minlength=40) / 5
    assert counts.min() > 5.5 and counts.max() < 14.5 and abs(counts[:20].mean() - 10) < 1


def test_a_draw_repeats_with_its_seed():
    one, two, other = (
        pixel_features.draw([numbered(0, 90), numbered(90, 200)], 40, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(one.features, two.features) and not torch.equal(one.features, other.features)


def test_what_cannot_be_learnt_from_is_one_line():
    forecaster = build("unet_time", TASK, "none", STATS, widths=(4,))
    without = batch(TASK)._replace(target=None, target_weight=None)
    with pytest.raises(InputError, match="expected batches with targets, found one without"):
        list(pixel_features.rows(forecaster, lambda given: pixel_features.planes(given, 1), [without]))
    with pytest.raises(InputError, match="expected batches, found none"):
        pixel_features.draw([], 10, torch.Generator())
