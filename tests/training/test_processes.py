"""Several processes fit as one does."""

import os

import pytest
import torch
from tests.training.made import CONFIG, META, Batches, forecaster, windows

from glaciercast import progress
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.patches import sampling
from glaciercast.training import processes
from glaciercast.training.fit import fit

ONE = CONFIG.model_copy(update={"epochs": 3, "batch_size": 83, "schedule": "cosine", "gradient_clip": 0.5})


def loader():
    """250 windows in batches of 83, and a last one of 1."""
    return sampling.loader(windows(issues=range(4, 14)), 83)


def in_turn(loader, number):
    """Return what each of `number` processes sees of a loader."""
    seen = []
    for rank in range(number):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(processes, "rank", lambda rank=rank: rank)
            patch.setattr(processes, "count", lambda: number)
            seen.append(list(processes.Shares(loader)))
    return seen


@pytest.mark.parametrize("make", [loader, lambda: Batches(0, 3, size=7)], ids=["gathered", "cut"])
def test_the_shares_of_a_batch_are_the_batch(make):
    whole = make()
    processes.set_epoch(whole, 4)
    batches, shares = list(whole), in_turn(whole, 3)
    assert len(processes.Shares(whole)) == len(batches) and all(len(each) == len(batches) for each in shares)
    for number, batch in enumerate(batches):
        for rank, share in enumerate(shares):
            for field, part in zip(batch, share[number], strict=True) if rank < len(batch.past) else ():
                torch.testing.assert_close(part, field[rank::3], rtol=0, atol=0, equal_nan=True)


def test_a_process_without_a_sample_takes_one_that_weighs_nothing():
    few = sampling.loader(windows(issues=range(4, 5)), 2)
    model = forecaster()
    for batch, *parts in zip(few, *in_turn(few, 3), strict=True):
        assert len(parts[2].past) == 1 and not parts[2].target_weight.any()
        sums = [torch.stack(model.loss(part)) for part in (batch, *parts)]
        torch.testing.assert_close(sums[0], sum(sums[1:]))


def test_a_batch_in_order_is_taken_apart_by_row():
    batch = Batches(0, 1).batches[0]._replace(target=None, target_weight=None)
    part = processes.take(batch, [5, 2])
    assert part.target is None and torch.equal(part.past.nan_to_num(), batch.past[[5, 2]].nan_to_num())


@pytest.fixture
def shown():
    progress.show()
    yield
    progress.show(False)


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path, capfd, shown):
    """DDP with gloo over the loopback; of the last batch one gets nothing."""
    one, model = fit(first := forecaster(), loader(), Batches(100, 2), tmp_path / "one", ONE, META), first
    two = ONE.model_copy(update={"devices": 2})
    result = fit(second := forecaster(), loader(), Batches(100, 2), tmp_path / "two", two, META)
    for key in ("train_loss", "val_loss"):
        assert [row[key] for row in result.history] == pytest.approx([row[key] for row in one.history], rel=1e-5)
    mine, yours = (torch.cat([weights.flatten() for weights in each.parameters()]) for each in (second, model))
    assert (mine - yours).norm() < 0.01 * yours.norm()  # AdamW blows up the rounding of gradients that are next to 0
    shown = capfd.readouterr()
    assert (
        shown.out == "" and [line.partition(":")[0] for line in shown.err.splitlines()] == [f"epoch {number}/3" for number in (1, 2, 3)] * 2
    )
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


@pytest.mark.slow
def test_an_error_of_one_of_two_processes_is_one_line(tmp_path):
    spoiled = Batches(0, 2)
    bad = spoiled.batches[1]
    target = bad.target.clone()
    target[3] = torch.where(bad.target_weight[3] > 0, 1e30, target[3])
    spoiled.batches[1] = bad._replace(target=target)
    named = rf"{bad.issue[3]} at \({bad.origin[3, 0]}, {bad.origin[3, 1]}\)"
    with pytest.raises(
        GlaciercastError, match=rf"^training unet_time: the training loss is (inf|nan) in epoch 1, .*issued at step {named};"
    ):
        fit(forecaster(), spoiled, Batches(100, 2), tmp_path, ONE.model_copy(update={"devices": 2}), META)


def die():
    os._exit(7)


@pytest.mark.slow
def test_a_process_that_dies_is_one_line():
    with pytest.raises(GlaciercastError, match=r"^process \d of 2 ended: process \d terminated with exit code 7$"):
        processes.start(2, die)
    assert "TORCH_CPP_LOG_LEVEL" not in os.environ


def test_too_few_gpus_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"device: expected 2 CUDA device\(s\), found 1; use cpu or fewer 'devices'"):
        fit(forecaster(), Batches(0, 1), Batches(0, 1), tmp_path, ONE.model_copy(update={"device": "cuda", "devices": 2}), META)
