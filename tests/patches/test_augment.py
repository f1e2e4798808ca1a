"""Varied windows are those of a mirrored, turned, brighter or cloudier world; nothing but the seed, the epoch and the window decides."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task, training_data
from tests.models.test_residual import windows_of

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import Network
from glaciercast.models.ports import Ports
from glaciercast.models.residual import ResidualForecaster
from glaciercast.patches import augment
from glaciercast.patches.augment import Views
from glaciercast.training.config import AugmentConfig
from glaciercast.training.processes import take

ORIENTATIONS = list(itertools.product([False, True], range(4)))
EVERYTHING = AugmentConfig(flips=True, rotations=True, brightness=0.1, cloud_gaps=0.4)
FLOW = ("vx", "vy")


def views(mirrored, quarters, n=1, **more):
    return Views(torch.full((n,), mirrored), torch.full((n,), quarters), **more)


def matrix(mirrored, quarters):
    """What an orientation does to a place or vector (east, north)."""
    quarter = np.array([[0, -1], [1, 0]])  # anticlockwise: east goes north
    return np.linalg.matrix_power(quarter, quarters) @ np.diag([-1 if mirrored else 1, 1])


@pytest.mark.parametrize(("mirrored", "quarters"), ORIENTATIONS)
def test_a_flow_turns_as_a_vector_field(mirrored, quarters):
    """What stood at (east, north) with velocity u stands at M (east, north) with velocity M u; rows run south."""
    turn, size = matrix(mirrored, quarters), 5
    field = torch.randn(1, 1, 2, size, size, generator=torch.Generator().manual_seed(0))
    found = views(mirrored, quarters).values(field, FLOW)
    for row, column in np.ndindex(size, size):
        east, north = turn @ [column - 2, 2 - row]
        np.testing.assert_array_equal(found[0, 0, :, 2 - north, east + 2], turn @ field[0, 0, :, row, column].numpy())


def test_a_flow_to_the_west_goes_south_after_a_quarter_and_east_in_a_mirror():
    west = torch.tensor([-1.0, 0.0])[:, None, None].expand(1, 1, 2, 3, 3)
    assert views(False, 1).values(west, FLOW)[0, 0, :, 1, 1].tolist() == [0, -1]
    assert views(True, 0).values(west, FLOW)[0, 0, :, 1, 1].tolist() == [1, 0]


def test_a_vortex_stays_in_every_turn_and_runs_backwards_in_every_mirror():
    north, east = np.mgrid[3:-4:-1, -3:4].astype("float32")
    vortex = torch.from_numpy(np.stack([-north, east]))[None, None]
    for mirrored, quarters in ORIENTATIONS:
        assert torch.equal(views(mirrored, quarters).values(vortex, FLOW), -vortex if mirrored else vortex)


@pytest.mark.parametrize(("mirrored", "quarters"), ORIENTATIONS)
def test_one_component_that_is_unknown_leaves_the_other_known_and_fractions_go_with_their_values(mirrored, quarters):
    names = ("ndsi", "vy", "vx")  # in any order
    values = torch.randn(2, 3, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    values[:, :, 1, :2] = torch.nan
    view = views(mirrored, quarters, n=2)
    known = view.fractions(values.isfinite().float(), names)
    torch.testing.assert_close(view.values(values, names).isfinite().float(), known, rtol=0, atol=0)
    assert known[:, :, 2 if quarters % 2 else 1].sum() == 2 * 3 * 8


@pytest.mark.parametrize(("mirrored", "quarters"), ORIENTATIONS)
def test_upright_undoes_the_turn(mirrored, quarters):
    fields = torch.randn(3, 2, 4, 4)
    view = Views(torch.tensor([mirrored, False, True]), torch.tensor([quarters, 0, 1]))
    assert torch.equal(view.upright(view.turned(fields)), fields)
    assert torch.equal(view.turned(fields)[1], fields[1])


class Pixelwise(Network):
    """Sees a pixel alone, and a vector as it stands: the change is a share of what is known of the target there."""

    def forward(self, inputs, truth=None):
        w = self.ports.targets
        scalar = inputs.statics.sum(1, keepdim=True) if w == 1 else 0.0
        frames = sum((step + 1) * inputs.frames[:, step, block : block + w] for step in range(3) for block in self.blocks)
        return 0.3 * inputs.future + (0.2 * frames + scalar)[:, None]

    @property
    def blocks(self):
        """Where values, fractions and departures begin; fractions are no components of a vector."""
        return range(0, self.ports.frame, self.ports.variables * (1 if self.ports.targets == 1 else 2))


def forecaster(residual, variables, std=0.5):
    chosen = task(variables=variables, statics=("elevation",))
    reference = {"last": "persistence", "same_season": "same_season", "climatology": "climatology"}.get(residual)
    baseline = reference and registry.create(reference, chosen).fit(training_data(variables=len(variables), missing=0.1, years=4))
    if residual in ("last", "same_season"):
        baseline.fallback.zero_()
    network = Pixelwise(chosen, ports=Ports.of(chosen, departures=residual == "climatology"))
    zeros = np.zeros(len(variables), "float32")
    return ResidualForecaster(network, chosen, residual, SimpleNamespace(mean=zeros, std=zeros + std), baseline).train()


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
@pytest.mark.parametrize("variables", [("ndsi",), FLOW], ids=["ndsi", "flow"])
def test_what_sees_pixels_alone_has_the_same_loss_in_every_orientation(residual, variables):
    model = forecaster(residual, variables)
    given = batch(model.task, n=4, missing=0.2 if variables == ("ndsi",) else 0.0)
    if residual == "climatology":
        given = sampled_from(model, given)
    plain = torch.stack(model.loss(given))
    for mirrored, quarters in ORIENTATIONS:
        varied = torch.stack(model.loss(given, views(mirrored, quarters, n=4)))
        torch.testing.assert_close(varied, plain, rtol=1e-4, atol=1e-3)
    mixed = Views(torch.tensor([False, True, True, False]), torch.tensor([1, 3, 0, 2]))
    torch.testing.assert_close(torch.stack(model.loss(given, mixed)), plain, rtol=1e-4, atol=1e-3)


def sampled_from(model, given):
    """The batch with observed fractions below what the climatology holds, so that leaving frames out is well defined."""
    return given._replace(past_observed=0.1 * given.past_observed, target_weight=0.1 * given.target_weight)


def test_the_climatology_of_a_mirrored_window_is_mirrored():
    """Where the window lies does count: moved windows have other losses."""
    model = forecaster("climatology", ("ndsi",))
    given = sampled_from(model, batch(model.task, n=4))
    moved = given._replace(origin=(given.origin + 1) % 5)
    assert not torch.allclose(model.loss(moved)[0], model.loss(given)[0])
    usual = model.usual(given)
    read, _, _ = model.lesson(given, views(True, 1, n=4))
    expected = torch.rot90((usual.future / 0.5).nan_to_num().flip(-1), 1, (-2, -1))
    torch.testing.assert_close(read.future, expected)


def test_brighter_green_gives_the_index_of_brighter_reflectances():
    green, other = np.random.default_rng(0).uniform(0.05, 0.9, (2, 1, 3, 4, 6, 6)).astype("float32")
    names = ("ndsi", "ndwi", "lst_day", "speed")
    index = torch.from_numpy((green - other) / (green + other))
    found = views(False, 0, green=torch.tensor([1.2])).values(index, names)
    expected = (1.2 * green - other) / (1.2 * green + other)
    np.testing.assert_allclose(found[:, :, :2], expected[:, :, :2], rtol=1e-4, atol=1e-6)
    assert torch.equal(found[:, :, 2:], index[:, :, 2:])


def test_past_targets_and_climatology_brighten_together():
    chosen = task(variables=("ndsi", "lst_day"), targets=("ndsi",))
    given = batch(chosen, n=2)
    factor = torch.tensor([1.1, 0.8])
    seen = views(False, 0, n=2, green=factor).batch(given, chosen.variables)
    each = factor[:, None, None, None, None]
    torch.testing.assert_close(seen.past[:, :, :1], augment.brightened(given.past[:, :, :1], each), equal_nan=True)
    torch.testing.assert_close(seen.target, augment.brightened(given.target, each), equal_nan=True)
    torch.testing.assert_close(seen.past[:, :, 1:], given.past[:, :, 1:], rtol=0, atol=0, equal_nan=True)


def veiled_by_hand(past, observed, hidden):
    """One pixel at a time: what was last there before the cloud, until something is observed again."""
    past, observed = past.clone(), observed.clone()
    for b, y, x in np.ndindex(hidden.shape[0], *hidden.shape[2:]):
        kept, under = float("nan"), False
        for step in range(hidden.shape[1]):
            if hidden[b, step, y, x]:
                under, observed[b, step, 0, y, x] = True, 0.0
            elif observed[b, step, 0, y, x] > 0:
                under = False
            if under:
                past[b, step, 0, y, x] = kept
            kept = past[b, step, 0, y, x].item()
    return past, observed


def test_a_cloud_leaves_the_last_earlier_value_until_the_next_observation():
    chosen = task(variables=("ndsi",))
    given = batch(chosen, n=3, missing=0.4)
    hidden = torch.rand(3, 5, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.4
    found = augment.veiled(given.past, given.past_observed, hidden, chosen.variables)
    for mine, yours in zip(found, veiled_by_hand(given.past, given.past_observed, hidden), strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=0, equal_nan=True)


def test_clouds_hide_optical_and_thermal_values_of_the_past_alone():
    chosen = task(variables=("ndsi", "lst_night", "vx", "vy", "speed"), targets=("ndsi",))
    given = batch(chosen, missing=0.0)
    seen = views(False, 0, n=3, hidden=torch.ones(3, 5, 8, 8, dtype=torch.bool)).batch(given, chosen.variables)
    assert seen.past[:, :, :2].isnan().all() and not seen.past_observed[:, :, :2].any()
    assert torch.equal(seen.past[:, :, 2:], given.past[:, :, 2:]) and torch.equal(
        seen.past_observed[:, :, 2:], given.past_observed[:, :, 2:]
    )
    assert seen.target is not None and torch.equal(seen.target, given.target)


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
def test_nothing_that_is_read_tells_what_a_cloud_hides(residual):
    """With other values under the cloud, and a climatology fitted on these, the network reads the same."""
    chosen, read = task(variables=("ndsi",)), []
    for changed in (0.0, 0.7):
        data = training_data(years=5, missing=0.0)
        observed = np.where(data.observed > 0, data.observed + 0.2, 0).astype("float32")
        data.values[:] = np.nan_to_num(data.values, nan=0.4)
        data.observed[:] = observed
        data.values[8, 0, 3:6, 2:9] += changed  # the issue step of the window
        name = {"last": "persistence", "same_season": "same_season", "climatology": "climatology"}.get(residual)
        baseline = name and registry.create(name, chosen).fit(data)
        if residual in ("last", "same_season"):
            baseline.fallback.zero_()
        network = Pixelwise(chosen, ports=Ports.of(chosen, departures=residual == "climatology"))
        stats = SimpleNamespace(mean=np.zeros(1, "float32"), std=np.ones(1, "float32"))
        model = ResidualForecaster(network, chosen, residual, stats, baseline).train()
        hidden = torch.zeros(1, 5, 12, 12, dtype=torch.bool)
        hidden[:, 4, 3:6, 2:9] = True
        read.append(model.lesson(windows_of(data, [4]), views(False, 0, hidden=hidden)))
    torch.testing.assert_close(read[0][0].frames, read[1][0].frames, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(read[0][0].future, read[1][0].future, rtol=1e-4, atol=1e-5)


def drawn(amounts, given, seed=3, epoch=2, **more):
    return augment.draw(amounts, given, seed, epoch, **more)


def test_a_window_is_varied_alike_in_any_batch_and_whatever_torch_draws():
    given = batch(task(), n=6)
    torch.manual_seed(1)
    whole = drawn(EVERYTHING, given)
    torch.manual_seed(2)
    for row in range(6):
        one = drawn(EVERYTHING, take(given, [row]))
        for field in ("mirrored", "quarters", "green", "hidden"):
            assert torch.equal(getattr(one, field)[0], getattr(whole, field)[row])
    for other in (drawn(EVERYTHING, given, seed=4), drawn(EVERYTHING, given, epoch=3)):
        assert not torch.equal(other.hidden, whole.hidden) and not torch.equal(other.green, whole.green)


def many(n=2000):
    given = batch(task(patch=4, history=3), n=2, missing=0.0)
    given = take(given, [0] * n)
    return given._replace(issue=torch.arange(n))


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (AugmentConfig(flips=True), [(False, 0), (False, 2), (True, 0), (True, 2)]),
        (AugmentConfig(rotations=True), [(False, quarters) for quarters in range(4)]),
        (AugmentConfig(flips=True, rotations=True), ORIENTATIONS),
    ],
)
def test_every_orientation_is_as_likely(amounts, expected):
    seen = drawn(amounts, many())
    pairs = list(zip(seen.mirrored.tolist(), seen.quarters.tolist(), strict=True))
    shares = {pair: pairs.count(pair) / len(pairs) for pair in set(pairs)}
    assert sorted(shares) == sorted(expected)
    assert all(share == pytest.approx(1 / len(expected), abs=0.04) for share in shares.values())
    assert seen.green is None and seen.hidden is None


def test_as_many_frames_are_cloudy_and_brightness_spreads_as_far_as_was_asked():
    seen = drawn(AugmentConfig(brightness=0.1, cloud_gaps=0.3), many())
    assert seen.green.log().std().item() == pytest.approx(0.1, rel=0.06) and seen.green.log().mean().item() == pytest.approx(0, abs=0.01)
    assert seen.hidden.float().mean().item() == pytest.approx(0.15, abs=0.01)  # clouds cover half a window on average
    assert not seen.mirrored.any() and not seen.quarters.any()


def test_a_cloud_goes_on_from_tile_to_tile_and_a_scene_is_varied_as_one():
    whole = augment.cloud(np.random.default_rng(1), np.arange(60), np.arange(80))
    part = augment.cloud(np.random.default_rng(1), np.arange(20, 35), np.arange(41, 63))
    np.testing.assert_array_equal(part, whole[20:35, 41:63])
    edges = [np.diff(augment.cloud(np.random.default_rng(seed), np.arange(40), np.arange(40)), axis=1).mean() for seed in range(50)]
    assert 0.005 < np.mean(edges) < 0.04  # in pieces of many pixels
    tiles = batch(task(), n=2)._replace(issue=torch.tensor([9, 9]), origin=torch.tensor([[0, 0], [0, 3]]))
    seen = drawn(EVERYTHING, tiles, together=True)
    assert len(set(seen.quarters.tolist())) == len(set(seen.green.tolist())) == 1
    assert torch.equal(seen.hidden[0, :, :, 3:], seen.hidden[1, :, :, :-3])


def test_one_component_alone_and_oblong_patches_cannot_be_turned():
    turning = AugmentConfig(rotations=True)
    augment.check(turning, ("ndsi", "vx", "vy"), ("ndsi",))
    augment.check(AugmentConfig(flips=True), ("vx",), ("vx",))
    with pytest.raises(InputError, match=r"augment.rotations: expected vx and vy both among the variables, .*, found vx"):
        augment.check(turning, ("ndsi", "vx"), ("ndsi",))
    with pytest.raises(InputError, match=r"augment.rotations: expected vx and vy both among the targets, .*, found vy"):
        augment.check(turning, ("vy", "vx"), ("vy",))
    with pytest.raises(InputError, match=r"augment.rotations: expected square patches, found 8×6"):
        given = batch(task())
        drawn(turning, given._replace(past=given.past[..., :6]))
