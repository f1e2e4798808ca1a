"""Heads state what they are trained to state: losses by closed form and integration, quantiles that never cross."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from glaciercast import config
from glaciercast.config import Config
from glaciercast.errors import ConfigError, InputError
from glaciercast.models.heads import AnyHead, Gaussian, Quantiles, Value, parse

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def written(head, *shape, seed=0, w=2):
    """Return random numbers of a network, (*shape, K·W, 3, 4), float64."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, head.parameters * w, 3, 4, generator=generator, dtype=torch.float64)


def truths(*shape, seed=9, w=2):
    return torch.randn(*shape, w, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_quantiles_are_the_median_and_steps_outward_from_it():
    head, out = Quantiles(), written(Quantiles(), 2)
    stated = head.quantiles(out, LEVELS)
    normal = [NormalDist().inv_cdf(level) for level in LEVELS]
    for b, w, y, x in np.ndindex(2, 2, 3, 4):
        numbers = [out[b, k * 2 + w, y, x].item() for k in range(5)]  # K blocks of the W targets
        steps = [math.log1p(math.exp(numbers[k + 1])) * (normal[k + 1] - normal[k]) for k in range(4)]
        median = numbers[0]
        expected = [median - steps[1] - steps[0], median - steps[1], median, median + steps[2], median + steps[2] + steps[3]]
        assert stated[:, b, w, y, x].tolist() == pytest.approx(expected)


def test_quantiles_never_cross_whatever_the_network_writes():
    out = 50 * written(Quantiles(levels=(0.01, 0.1, 0.5, 0.6)), 100)
    stated = Quantiles(levels=(0.01, 0.1, 0.5, 0.6)).quantiles(out, (0.01, 0.05, 0.1, 0.3, 0.5, 0.55, 0.6))
    assert (stated.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("head", [Quantiles(), Quantiles(levels=(0.1, 0.4, 0.5)), Gaussian()], ids=["quantiles", "lopsided", "gaussian"])
def test_an_untrained_network_states_a_normal_distribution_of_log_2(head):
    levels = head.levels if isinstance(head, Quantiles) else LEVELS
    stated = head.quantiles(torch.zeros(head.parameters, 1, 1, dtype=torch.float64), levels).flatten()
    floor = head.floor if isinstance(head, Gaussian) else 0.0
    np.testing.assert_allclose(stated, [(math.log(2) + floor) * NormalDist().inv_cdf(level) for level in levels], atol=1e-12)


def test_the_pinball_loss_is_that_of_koenker_and_bassett():
    head, out, target = Quantiles(), written(Quantiles(), 2), truths(2)
    loss, stated = head.loss(out, target), head.quantiles(out, LEVELS)
    for place in np.ndindex(*target.shape):
        y = target[place].item()
        pinball = []
        for level, quantile in zip(LEVELS, stated[:, *place].tolist(), strict=True):
            pinball.append(level * (y - quantile) if y >= quantile else (1 - level) * (quantile - y))
        assert loss[place].item() == pytest.approx(2 * sum(pinball) / 5)


def test_the_median_alone_is_scored_by_its_absolute_error():
    out, target = written(Value()), truths()
    torch.testing.assert_close(Quantiles(levels=(0.5,)).loss(out, target), Value(error="absolute").loss(out, target))


@pytest.mark.parametrize("head", [Quantiles(), Gaussian()], ids=["quantiles", "gaussian"])
def test_descending_the_loss_finds_the_quantiles_of_the_data(head):
    data = torch.from_numpy(np.random.default_rng(0).gamma(3.0, 0.5, 1000)).reshape(-1, 1, 1, 1)
    if isinstance(head, Gaussian):
        data = torch.from_numpy(np.random.default_rng(0).normal(1.5, 0.4, 1000)).reshape(-1, 1, 1, 1)
    out = torch.zeros(head.parameters, 1, 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([out], max_iter=25, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = head.loss(out.expand(1000, -1, -1, -1), data).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    stated = head.quantiles(out.detach(), LEVELS).flatten().numpy()
    np.testing.assert_allclose(stated, np.quantile(data.numpy(), LEVELS), atol=0.05)


def test_the_gaussian_loss_is_the_integral_of_the_squared_difference_of_distributions():
    head, out, target = Gaussian(), written(Gaussian()), truths()
    mean, scale = (values.numpy() for values in head.moments(out))
    points = np.linspace(-60, 60, 240_001)
    for place in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
        squares = (ndtr((points - mean[place]) / scale[place]) - (points >= target[place].item())) ** 2
        assert head.loss(out, target)[place].item() == pytest.approx(np.trapezoid(squares, points), abs=3e-4)


def test_the_gaussian_scale_keeps_above_its_floor_and_its_loss_has_a_gradient_there():
    head = Gaussian(floor=0.02)
    out = torch.stack([torch.zeros(1, 1), torch.full((1, 1), -1e4)]).requires_grad_()
    assert head.moments(out)[1].item() == pytest.approx(0.02)
    head.loss(out, torch.full((1, 1, 1), 40.0)).sum().backward()
    assert out.grad.isfinite().all() and out.grad[0].item() == pytest.approx(-1.0)


@pytest.mark.parametrize("head", [Value(), Quantiles(), Gaussian()], ids=lambda head: head.kind)
def test_losses_have_the_gradient_of_their_differences(head):
    target = truths(2)
    assert torch.autograd.gradcheck(lambda out: head.loss(out, target), (written(head, 2).requires_grad_(),))


def test_a_gaussian_states_any_level():
    head, out = Gaussian(), written(Gaussian(), 2)
    mean, scale = head.moments(out)
    stated = head.quantiles(out, (0.001, 0.5, 0.975))
    torch.testing.assert_close(stated[1], mean)
    torch.testing.assert_close((stated[2] - mean) / scale, torch.full_like(mean, 1.959964), rtol=1e-6, atol=0)
    torch.testing.assert_close((stated[0] - mean) / scale, torch.full_like(mean, -3.090232), rtol=1e-6, atol=0)


def test_between_trained_levels_quantiles_are_linear_and_beyond_them_refused():
    head, out = Quantiles(), written(Quantiles(), 2)
    trained, asked = head.quantiles(out, LEVELS), head.quantiles(out, (0.1, 0.5, 0.9))
    torch.testing.assert_close(asked[0], 0.75 * trained[0] + 0.25 * trained[1])
    torch.testing.assert_close(asked[1], out[:, :2], rtol=0, atol=0)
    torch.testing.assert_close(asked[2], 0.25 * trained[3] + 0.75 * trained[4])
    with pytest.raises(InputError, match=r"was trained on levels 0\.05 to 0\.95, found 0\.025"):
        head.quantiles(out, (0.025,))
    for state in (head, Gaussian()):
        with pytest.raises(InputError, match="expected between 0 and 1, found 1"):
            state.quantiles(written(state), (0.5, 1.0))
        with pytest.raises(InputError, match="at least one"):
            state.quantiles(written(state), ())
    with pytest.raises(InputError, match="head 'value' states no quantiles"):
        Value().quantiles(written(Value()), (0.5,))


def test_a_head_is_written_by_its_kind_or_with_options():
    class Spec(Config):
        head: AnyHead = Value()

    def read(head):
        return config.parse(Spec, {"head": head}, "models.yml").head

    assert read("gaussian") == Gaussian() == parse("gaussian") and Spec().head == Value() == parse({})
    assert read({"kind": "quantiles", "levels": [0.1, 0.5, 0.9]}).levels == (0.1, 0.5, 0.9)
    assert read({"error": "absolute"}) == Value(error="absolute") and read(Gaussian(floor=0.1)).floor == 0.1
    for head in (Value(), Quantiles(levels=(0.1, 0.5)), Gaussian(floor=0.1)):
        assert parse(head.model_dump(mode="json")) == head
    for wrong, message in [
        ("gausian", r"models\.yml: key 'head': expected one of .*, value \(did you mean 'gaussian'\?\), found 'gausian'"),
        ({"kind": "quantiles", "level": []}, r"models\.yml: unknown key 'head\.quantiles\.level'"),
        ({"kind": "quantiles", "levels": [0.1, 0.9]}, r"expected ascending levels between 0 and 1, 0\.5 among them, found \[0\.1, 0\.9\]"),
        (7, r"models\.yml: key 'head'"),
    ]:
        with pytest.raises(ConfigError, match=message):
            read(wrong)
    with pytest.raises(InputError, match=r"unknown head 'quantile' \(did you mean 'quantiles'\?\)"):
        parse("quantile")


@pytest.mark.parametrize("levels", [(0.0, 0.5), (0.5, 0.5), (0.9, 0.5, 0.1), (0.5, 1.0), ()])
def test_unusable_levels_are_refused(levels):
    with pytest.raises(ConfigError, match="expected ascending levels"):
        parse({"kind": "quantiles", "levels": levels})
