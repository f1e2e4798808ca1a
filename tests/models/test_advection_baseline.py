"""The advection baseline: a known motion is found and goes on, and nothing moves that stands still."""

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task

from glaciercast.models import registry
from glaciercast.models.advection_baseline import steady_motion

SIZE = 32
CHOSEN = task(patch=SIZE, n_input=4)


def texture(shift_x, shift_y, size=SIZE, waves=60, seed=0):
    """A smooth random texture of variance 1, moved by any fraction of a pixel: plane waves of 8 to 20 pixels."""
    generator = np.random.default_rng(seed)
    direction, length, phase = (
        generator.uniform(0, 2 * np.pi, waves),
        generator.uniform(8, 20, waves),
        generator.uniform(0, 2 * np.pi, waves),
    )
    rows, columns = np.mgrid[:size, :size]
    x, y = columns[..., None] - shift_x, rows[..., None] - shift_y
    wave = np.cos(2 * np.pi / length * (x * np.cos(direction) + y * np.sin(direction)) + phase)
    return torch.from_numpy((wave.sum(-1) * np.sqrt(2 / waves)).astype("float32"))


def moving(speed, steps, start=0, **options):
    return torch.stack([texture(speed[0] * step, speed[1] * step, **options) for step in range(start, start + steps)])


def given(past, n_target=2, chosen=CHOSEN):
    """One window with this past (H, y, x), all seen."""
    past = past[None, :, None]
    return batch(chosen, 1)._replace(past=past, past_observed=torch.ones_like(past))


def error(forecast, truth, border=6):
    inner = (..., slice(border, -border), slice(border, -border))
    return float((forecast[inner] - truth[inner]).square().mean().sqrt())


@pytest.mark.parametrize("speed", [(1.5, 0.0), (-0.9, 1.2), (0.14, -0.05), (3.0, 2.0)])
def test_a_moving_texture_is_forecast_where_persistence_fails(speed):
    past, truth = moving(speed, 5), moving(speed, 2, start=5)
    advection, persistence = (registry.create(name, CHOSEN)(given(past)) for name in ("advection", "persistence"))
    for lead in range(2):
        assert error(advection[0, lead, 0], truth[lead]) < 0.1 * error(persistence[0, lead, 0], truth[lead])


@pytest.mark.parametrize("speed", [(1.5, 0.0), (-0.9, 1.2), (0.14, -0.05), (3.0, 2.0)])
def test_the_motion_is_that_of_the_texture(speed):
    frames = moving(speed, 4)[None]
    motion = steady_motion(frames, torch.ones_like(frames), 5.0)[0, :, 6:-6, 6:-6]
    assert (motion - torch.tensor(speed)[:, None, None]).abs().max() < 0.05 * max(1, np.hypot(*speed))


def test_what_stands_still_persists_bit_for_bit():
    past = texture(0, 0).expand(5, -1, -1)
    advection, persistence = (registry.create(name, CHOSEN)(given(past)) for name in ("advection", "persistence"))
    assert torch.equal(advection, persistence)


def test_a_constant_frame_and_a_single_frame_do_not_move():
    frames = torch.full((1, 3, 20, 20), 0.3)
    assert not steady_motion(frames, torch.ones_like(frames), 5.0).any()
    frames = torch.randn(2, 1, 20, 20)
    assert not steady_motion(frames, torch.ones_like(frames), 5.0).any()


def test_gain_and_offset_of_each_frame_are_of_no_account():
    frames = moving((1.5, -0.4), 4)[None]
    weight = torch.rand(frames.shape, generator=torch.Generator().manual_seed(1))
    expected = steady_motion(frames, weight, 5.0)
    for gain, offset in ((1e-3, 0.4), (250.0, -30.0)):
        torch.testing.assert_close(steady_motion(gain * frames + offset, weight, 5.0), expected, rtol=0, atol=1e-3)
    gains, offsets = torch.tensor([1.0, 0.5, 2.0, 1.3])[:, None, None], torch.tensor([0.0, 3.0, -1.0, 0.2])[:, None, None]
    torch.testing.assert_close(steady_motion(gains * frames + offsets, weight, 5.0), expected, rtol=0, atol=1e-3)


def test_what_was_not_seen_has_no_say():
    """A third of each frame is hidden under clouds and filled with something absurd, or NaN."""
    speed = (1.5, 0.6)
    past, truth = moving(speed, 5), moving(speed, 2, start=5)
    clouded = past.clone()
    weight = torch.ones_like(past)
    for step, (row, column) in enumerate([(0, 0), (10, 4), (3, 18), (20, 12), (8, 8)][:4]):
        clouded[step, row : row + 12, column : column + 12] = torch.nan if step % 2 else 50.0
        weight[step, row : row + 12, column : column + 12] = 0
    window = given(clouded)._replace(past_observed=weight[None, :, None])
    forecast = registry.create("advection", CHOSEN)(window)
    still = registry.create("persistence", CHOSEN)(window)
    for lead in range(2):
        assert error(forecast[0, lead, 0], truth[lead]) < 0.15 * error(still[0, lead, 0], truth[lead])
    spoiled = window._replace(past=torch.where(window.past_observed > 0, window.past, torch.randn(window.past.shape)))
    torch.testing.assert_close(registry.create("advection", CHOSEN)(spoiled), forecast, rtol=0, atol=1e-5)


def test_gaps_of_the_last_frame_move_with_it_and_are_never_filled_by_nan():
    past = moving((2.0, 0.0), 5)
    past[:, 10:16, 10:16] = torch.nan
    weight = past.isfinite().float()
    model = registry.create("advection", CHOSEN)
    model.fallback = torch.tensor([9.0])
    forecast = model(given(past)._replace(past_observed=weight[None, :, None]))
    assert forecast.isfinite().all()
    # what arrives out of the gap: pixels that were seen keep what they have, others take the training mean
    inside = forecast[0, 0, 0, 10:16, 10:18]
    assert (inside[:, 2:6] == 9.0).all()
    assert torch.equal(inside[1:-1, 6], past[-1, 11:15, 16])
    assert forecast[0, 0, 0].eq(9.0).sum() <= 36


def test_frames_that_share_a_single_pixel_give_a_finite_motion():
    """Their spread is rounding; divided by it, the next pixel's gradient would overflow."""
    torch.manual_seed(0)
    frames, weight = 84 * torch.rand(200, 2, 25, 25), torch.full((200, 2, 25, 25), 0.39)
    weight[:, 1] = 0.0
    weight[:, 1, 8:13, 8:13] = 0.7  # of which one pixel is left by kernels and gradients that must read nothing else
    assert steady_motion(frames, weight, 5.0).isfinite().all()


def test_gradients_of_one_direction_give_a_finite_motion():
    """Of which rounding may leave no determinant."""
    ramp = torch.arange(25.0)[:, None] + torch.arange(25.0)
    for seed in range(20):
        torch.manual_seed(seed)
        frames = torch.stack([torch.cos(ramp * torch.rand(()) * 3), torch.cos(ramp * torch.rand(()) * 3)])[None]
        frames[..., 3:, :] += 1e-7
        weight = torch.zeros(1, 2, 25, 25)
        weight[..., :9, :9] = 1.0
        assert steady_motion(frames + 1e3, weight, 0.3).isfinite().all()


def test_each_target_moves_for_itself_and_other_variables_have_no_say():
    chosen = task(patch=SIZE, variables=("ndsi", "lst", "speed"), targets=("ndsi", "lst"), n_input=4)
    fields = [moving((1.5, 0.0), 5), moving((0.0, -1.0), 5, seed=1), torch.randn(5, SIZE, SIZE)]
    past = torch.stack(fields, dim=1)[None]
    window = batch(chosen, 1)._replace(past=past, past_observed=torch.ones_like(past))
    forecast = registry.create("advection", chosen)(window)
    for number in range(2):
        alone = registry.create("advection", CHOSEN)(given(fields[number]))
        torch.testing.assert_close(forecast[:, :, number], alone[:, :, 0], rtol=0, atol=1e-5)


def test_only_the_input_frames_are_looked_at():
    past = moving((1.5, 0.0), 5)
    earlier = torch.cat([torch.full((1, SIZE, SIZE), 7.0), past[1:]])
    model = registry.create("advection", CHOSEN)
    assert torch.equal(model(given(past)), model(given(earlier)))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 8), (24, 31)])
def test_any_patch_size_and_any_gaps_give_a_forecast(rows, columns):
    chosen = task(variables=("ndsi", "ndwi"))
    window = batch(chosen, missing=0.5, size=32, scene=40)
    window = window._replace(past=window.past[..., :rows, :columns], past_observed=window.past_observed[..., :rows, :columns])
    model = registry.create("advection", chosen)
    model.fallback = torch.tensor([0.5, 0.5])
    forecast = model(window)
    assert forecast.shape == (3, 2, 2, rows, columns) and forecast.isfinite().all() and forecast.abs().max() < 5
