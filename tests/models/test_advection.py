"""Transport along a motion field against shifts, ramps, parabolas, a full turn and finite differences."""

import numpy as np
import pytest
import torch

from glaciercast.models.advection import carried, origins, sampled

KERNELS = ["linear", "cubic"]


def uniform(x: float, y: float, rows: int = 9, columns: int = 11, n: int = 1) -> torch.Tensor:
    return torch.tensor([x, y], dtype=torch.float32)[None, :, None, None].expand(n, 2, rows, columns)


def turn(size: int, angle: float) -> torch.Tensor:
    """A solid rotation by `angle` radians a step about the middle, (1, 2, size, size)."""
    axis = torch.arange(size) - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return angle * torch.stack([-y, x])[None]


def gaussian(size: int, x: float, y: float, width: float) -> torch.Tensor:
    axis = torch.arange(size) - (size - 1) / 2
    return torch.exp(-((axis[:, None] - y) ** 2 + (axis[None] - x) ** 2) / (2 * width**2))[None, None]


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_motion_leaves_every_bit_as_it_was(kernel):
    frame = torch.randn(2, 3, 9, 11)
    moved = carried(frame, uniform(0, 0, n=2), 4, kernel)
    assert torch.equal(moved, frame[:, None].expand(-1, 4, -1, -1, -1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_whole_pixels_are_exact_and_the_border_flows_in(kernel):
    frame = torch.randn(1, 2, 9, 11)
    moved = carried(frame, uniform(2, -1), 2, kernel)[0]
    assert torch.equal(moved[0, :, :-1, 2:], frame[0, :, 1:, :-2])
    assert torch.equal(moved[1, :, :-2, 4:], frame[0, :, 2:, :-4])
    assert torch.equal(moved[0, :, :-1, 0], frame[0, :, 1:, 0])
    assert torch.equal(moved[0, :, -1, 2:], frame[0, :, -1, :-2])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shift", [0.5, 0.14, -1.3])
def test_a_ramp_moves_as_far_as_it_is_carried(kernel, shift):
    ramp = torch.arange(11.0).expand(1, 1, 9, 11) + 2 * torch.arange(9.0)[:, None]
    moved = carried(ramp, uniform(shift, 0), 1, kernel)[0, 0, 0]
    torch.testing.assert_close(moved[:, 3:-3], (ramp - shift)[0, 0, :, 3:-3])


def test_torchs_cubic_kernel_would_move_a_ramp_by_a_third_too_far():
    ramp = torch.arange(11.0).expand(1, 1, 9, 11)
    x, y = torch.meshgrid((torch.arange(11) - 0.14) / 5 - 1, torch.arange(9) / 4 - 1, indexing="xy")
    moved = torch.nn.functional.grid_sample(ramp, torch.stack([x, y], -1)[None], mode="bicubic", align_corners=True)
    assert (ramp - moved)[0, 0, 4, 5].item() == pytest.approx(0.183, abs=5e-4)


def test_the_cubic_kernel_is_exact_for_parabolas():
    parabola = (torch.arange(11.0) - 5).square().expand(1, 1, 9, 11)
    moved = carried(parabola, uniform(0.3, 0.4), 1)[0, 0, 0]
    torch.testing.assert_close(moved[2:-2, 2:-3], ((torch.arange(11.0) - 5.3).square().expand(9, 11))[2:-2, 2:-3])


@pytest.mark.parametrize("kernel", KERNELS)
def test_sampling_is_the_double_sum_of_the_kernel(kernel):
    field, points = torch.randn(1, 1, 5, 6, dtype=torch.float64), torch.tensor([[[3.3, -2.0, 0.4], [1.6, 9.0, 3.9]]], dtype=torch.float64)

    def weight(t: float) -> float:
        t = abs(t)
        if kernel == "linear":
            return max(0.0, 1 - t)
        return 1.5 * t**3 - 2.5 * t**2 + 1 if t < 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0  # Keys 1981, eq. 15

    for place, (x, y) in enumerate(points[0].T.tolist()):
        x, y = min(max(x, 0), 5), min(max(y, 0), 4)
        expected = sum(
            weight(x - column) * weight(y - row) * field[0, 0, min(max(row, 0), 4), min(max(column, 0), 5)].item()
            for row in range(-3, 9)
            for column in range(-3, 9)
        )
        assert sampled(field, points, kernel)[0, 0, place].item() == pytest.approx(expected, abs=1e-12)


def test_a_full_turn_brings_everything_back():
    steps, start = 48, gaussian(41, 9, 0, 2.5)
    moved = carried(start, turn(41, 2 * np.pi / steps), steps)[0]
    assert (moved[-1] - start[0]).abs().max() < 0.04
    quarter, half = gaussian(41, 0, 9, 2.5)[0], gaussian(41, -9, 0, 2.5)[0]
    assert (moved[steps // 4 - 1] - quarter).abs().max() < 0.02
    assert (moved[steps // 2 - 1] - half).abs().max() < 0.03


def test_trajectories_are_of_second_order():
    def error(steps: int) -> float:
        came = origins(turn(41, np.pi / 2 / steps).double(), steps)[0, -1, :, 20, 30]  # from a quarter turn back
        return float((came - torch.tensor([20.0, 10.0])).norm())

    assert error(8) < 0.11
    assert error(8) / error(16) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_agrees_with_finite_differences(kernel):
    torch.manual_seed(3)
    frame = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    motion = (torch.rand(1, 2, 3, 4, dtype=torch.float64) * 0.6 + 0.2).requires_grad_()
    assert torch.autograd.gradcheck(lambda f, m: carried(f, m, 2, kernel), (frame, motion))


def test_from_no_motion_the_cubic_kernel_learns_both_ways_alike():
    frame, motion = torch.randn(1, 1, 7, 7), uniform(0, 0, 7, 7).clone().requires_grad_()
    carried(frame, motion, 1).sum().backward()
    central = (frame[0, 0, 1:-1, 2:] - frame[0, 0, 1:-1, :-2]) / 2
    torch.testing.assert_close(motion.grad[0, 0, 1:-1, 1:-1], -central)
