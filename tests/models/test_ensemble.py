"""An ensemble is its members: means and mixtures by value, one stored reference, and nothing but alike members."""

from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from scipy.optimize import brentq
from tests.models.batches import batch, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import ensemble, registry, residual
from glaciercast.models.ensemble import Ensemble, pooled
from glaciercast.models.heads import Gaussian, Quantiles, Value

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"))
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def member(seed, head=None, kind="climatology", data_seed=0, **options):
    """Return a network of random weights, as if it were trained, on a fitted reference."""
    reference = registry.create("climatology", TASK).fit(training_data(variables=2, seed=data_seed)) if kind == "climatology" else None
    made = residual.build("unet_time", TASK, kind, STATS, reference, seed=seed, head=head, **(options or {"widths": (4, 8)}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.nn.init.normal_(made.network.readout.weight)
    return made.eval()


def physical(members, given, outs):
    """Return normalised changes as physical values, on the reference of the first member."""
    return members[0].read(given)[1] + outs * torch.tensor(STATS.std)[:, None, None]


@pytest.mark.parametrize("kind", ["none", "last", "same_season", "climatology"])
def test_the_forecast_is_the_mean_of_the_members(kind):
    members, given = [member(seed, kind=kind) for seed in range(3)], batch(TASK)
    together = Ensemble(members)
    torch.testing.assert_close(together(given), torch.stack([one(given) for one in members]).mean(dim=0))
    for number, one in enumerate(members):
        torch.testing.assert_close(together.members(given)[number], one(given))


def test_quantiles_of_values_are_their_order_statistics():
    members, given = [member(seed) for seed in range(4)], batch(TASK)
    ordered = torch.stack([one(given) for one in members]).sort(dim=0).values
    stated = Ensemble(members).quantiles(given, (0.2, 0.4, 0.5, 0.6, 0.7, 0.8))  # k/(M + 1) = 0.2, 0.4, 0.6, 0.8
    expected = [ordered[0], ordered[1], (ordered[1] + ordered[2]) / 2, ordered[2], (ordered[2] + ordered[3]) / 2, ordered[3]]
    torch.testing.assert_close(stated, torch.stack(expected))


def test_values_hold_a_further_draw_as_often_as_their_levels_say_and_no_oftener_than_their_number_allows():
    draws = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 1, 1, 1, 200, 500)))
    low, high, least, most = pooled(Value(), draws[:5], (1 / 3, 2 / 3, 0.01, 0.99))
    truth = draws[5]
    assert ((low <= truth) & (truth <= high)).double().mean() == pytest.approx(1 / 3, abs=0.01)
    assert ((least <= truth) & (truth <= most)).double().mean() == pytest.approx(4 / 6, abs=0.01)


def test_quantiles_of_gaussians_are_those_of_their_mixture():
    head, given = Gaussian(), batch(TASK, n=1, size=4)
    members = [member(seed, head) for seed in range(3)]
    stated = Ensemble(members).quantiles(given, LEVELS)
    mean, scale = head.moments(torch.stack([one.network(one.read(given)[0]) for one in members]).detach())
    for place in [(0, 0, 0, 0, 0), (0, 1, 1, 2, 3), (0, 0, 1, 3, 1)]:
        parts = [NormalDist(mean[m, *place].item(), scale[m, *place].item()) for m in range(3)]
        exact = [brentq(lambda x, p=p, parts=parts: sum(one.cdf(x) for one in parts) / 3 - p, -50, 50) for p in LEVELS]
        reference = members[0].read(given)[1][place].item()
        expected = [reference + float(STATS.std[place[2]]) * x for x in exact]
        assert stated[:, *place].tolist() == pytest.approx(expected, abs=4e-3)  # d/256 of 4


def test_a_mixture_of_equal_gaussians_is_that_gaussian_and_grows_with_their_disagreement():
    head = Gaussian()
    torch.manual_seed(0)
    out = torch.randn(1, 2, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(pooled(head, out.expand(4, -1, -1, -1, -1), LEVELS), head.quantiles(out[0], LEVELS))
    apart = torch.stack([out[0], out[0] + torch.tensor([3.0, 0.0]).reshape(2, 1, 1)])
    width = pooled(head, apart, (0.05, 0.95)).diff(dim=0)
    assert (width > head.quantiles(out[0], (0.05, 0.95)).diff(dim=0) + 1).all()


def test_quantile_heads_are_averaged_level_by_level():
    head, given = Quantiles(), batch(TASK)
    members = [member(seed, head) for seed in range(3)]
    expected = torch.stack([one.quantiles(given, (0.1, 0.5, 0.95)) for one in members]).mean(dim=0)
    torch.testing.assert_close(Ensemble(members).quantiles(given, (0.1, 0.5, 0.95)), expected)
    torch.testing.assert_close(Ensemble(members)(given), expected[1])
    with pytest.raises(InputError, match=r"was trained on levels 0\.05 to 0\.95, found 0\.99"):
        Ensemble(members).quantiles(given, (0.99,))


@pytest.mark.parametrize(("head", "kind"), [(Gaussian(floor=0.02), "climatology"), (Value(), "same_season")], ids=["gaussian", "value"])
def test_one_file_holds_everything_and_the_reference_once(tmp_path, head, kind):
    together, given = Ensemble([member(seed, head, kind) for seed in range(3)]).eval(), batch(TASK)
    save_model(together, str(tmp_path / "model.safetensors"))
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        names = list(file.keys())
    assert sum(name.endswith("reference.mean") for name in names) == (1 if kind == "climatology" else 0)
    assert sum(name.endswith("readout.weight") for name in names) == 3
    again = ensemble.rebuild(together.recipe())
    assert load_model(again, tmp_path / "model.safetensors") == (set(), [])
    assert again.recipe() == together.recipe() and together.recipe()["members"] == 3
    torch.testing.assert_close(again.eval()(given), together(given), rtol=0, atol=0)
    torch.testing.assert_close(again.quantiles(given, LEVELS), together.quantiles(given, LEVELS), rtol=0, atol=0)


def test_members_must_be_alike():
    first = member(0)
    for other, message in [
        (member(1, Gaussian()), r"found another head in member 2"),
        (member(1, widths=(4, 4)), "found another options in member 2"),
        (member(1, kind="last"), "found another residual in member 2"),
        (member(1, data_seed=5), r"fitted on the same data, found another reference\.mean in member 2"),
    ]:
        with pytest.raises(InputError, match=message):
            Ensemble([first, other])
    with pytest.raises(InputError, match="at least two networks, found 1 and 0 other"):
        Ensemble([first])
    with pytest.raises(InputError, match="at least two networks, found 1 and 1 other"):
        Ensemble([first, registry.create("climatology", TASK)])
