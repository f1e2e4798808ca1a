"""A fit that is killed ends as one that is not; a finished one is loaded; another one's folder is refused."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models import batches
from tests.training.made import CONFIG, META, TASK, Batches, forecaster

from glaciercast import progress
from glaciercast.errors import GlaciercastError, InputError, RunFolderError
from glaciercast.models import registry
from glaciercast.models.residual import build
from glaciercast.patches import augment
from glaciercast.training import saving, schedules
from glaciercast.training.config import AugmentConfig
from glaciercast.training.fit import CHECKPOINT, fit, mean_loss


def run(folder, config=CONFIG, meta=META, train=None, model=None, validation=None):
    """Fit and return the result, the forecaster and the training batches."""
    model = model or forecaster()
    train = train or Batches(0, 4)
    return fit(model, train, validation or Batches(100, 2), folder, config, meta), model, train


def same_weights(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def losses(result):
    return [(entry["epoch"], entry["train_loss"], entry["val_loss"]) for entry in result.history]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """An uninterrupted fit and its folder."""
    folder = tmp_path_factory.mktemp("straight") / "fit"
    result, model, train = run(folder)
    return SimpleNamespace(folder=folder, result=result, model=model, train=train)


def test_a_fit_learns_and_is_saved(straight):
    assert [entry["epoch"] for entry in straight.result.history] == [1, 2, 3, 4]
    assert straight.result.history[-1]["train_loss"] < straight.result.history[0]["train_loss"]
    assert straight.result.val_loss == min(entry["val_loss"] for entry in straight.result.history)
    assert straight.train.epochs == [0, 1, 2, 3]
    assert not straight.model.training and straight.result.seconds > 0
    assert sorted(path.name for path in straight.folder.iterdir()) == ["fit.json", "metrics.csv", "model.json", "model.safetensors"]
    loaded, meta = saving.load(straight.folder)
    assert meta == META and same_weights(loaded, straight.model)


def test_the_losses_are_those_of_plain_torch(straight):
    """The same fit by hand: AdamW that spares biases and norms, clipping, the same order; the best epoch's weights come out."""
    model, train, validation = forecaster(), Batches(0, 4), Batches(100, 2)
    kernels, others = ([p for p in model.parameters() if (p.ndim > 1) == wide] for wide in (True, False))
    decay = [{"params": kernels, "weight_decay": CONFIG.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(decay, lr=CONFIG.learning_rate)
    for epoch in range(4):
        train.set_epoch(epoch)
        sums = torch.zeros(2)
        model.train()
        for each in train:
            squares, weight = model.loss(each)
            optimiser.zero_grad()
            (squares / weight).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CONFIG.gradient_clip)
            optimiser.step()
            sums += torch.stack([squares.detach(), weight])
        model.eval()
        with torch.no_grad():
            validated = [model.loss(each) for each in validation]
        val_loss = sum(squares.item() for squares, _ in validated) / sum(weight.item() for _, weight in validated)
        assert straight.result.history[epoch]["train_loss"] == pytest.approx((sums[0] / sums[1]).item(), rel=1e-5)
        assert straight.result.history[epoch]["val_loss"] == pytest.approx(val_loss, rel=1e-5)


@pytest.mark.parametrize("fail_at", [(0, 1), (2, 0), (3, 3)])
def test_an_interrupted_fit_ends_as_a_straight_one_bit_for_bit(straight, tmp_path, fail_at):
    with pytest.raises(RuntimeError, match="a made failure"):
        run(tmp_path, train=Batches(0, 4, fail_at))
    assert (tmp_path / CHECKPOINT).exists() == (fail_at[0] > 0)
    torch.manual_seed(99)  # the state of torch's generator must not matter
    result, model, train = run(tmp_path)
    assert train.epochs == list(range(fail_at[0], 4))
    assert same_weights(model, straight.model)
    assert losses(result) == losses(straight.result) and result.best_epoch == straight.result.best_epoch
    assert (tmp_path / "model.safetensors").read_bytes() == (straight.folder / "model.safetensors").read_bytes()
    assert not (tmp_path / CHECKPOINT).exists()


def test_early_stopping_and_the_best_weights_survive_an_interruption(tmp_path):
    config = CONFIG.model_copy(update={"epochs": 30, "patience": 3, "learning_rate": 0.1})
    whole, best, _ = run(tmp_path / "whole", config)
    assert len(whole.history) == whole.best_epoch + 3 < 30
    with pytest.raises(RuntimeError):
        run(tmp_path / "cut", config, train=Batches(0, 4, (whole.best_epoch + 1, 1)))
    resumed, model, _ = run(tmp_path / "cut", config)
    assert losses(resumed) == losses(whole) and resumed.best_epoch == whole.best_epoch
    assert same_weights(model, best)


def test_weights_that_no_epoch_betters_are_kept(tmp_path):
    """The targets are noise: the reference, which fresh weights forecast, is the best there is."""
    config = CONFIG.model_copy(update={"learning_rate": 0.1, "keep_start": True})
    start = mean_loss(forecaster(), Batches(100, 2))
    result, model, _ = run(tmp_path, config)
    assert min(row["val_loss"] for row in result.history) > start == result.val_loss and result.best_epoch == 0
    assert same_weights(model, forecaster().eval())


def test_a_fit_cut_after_its_last_epoch_trains_no_more(straight, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "save", lambda *_: (_ for _ in ()).throw(RuntimeError("killed here")))
    with pytest.raises(RuntimeError, match="killed here"):
        run(tmp_path)
    monkeypatch.undo()
    result, model, train = run(tmp_path)
    assert train.epochs == [] and same_weights(model, straight.model) and losses(result) == losses(straight.result)


def test_a_finished_fit_is_loaded(straight):
    before = {path: path.stat().st_mtime_ns for path in straight.folder.iterdir()}
    result, model, train = run(straight.folder, model=forecaster(seed=1))
    assert result == straight.result and same_weights(model, straight.model) and train.epochs == []
    assert before == {path: path.stat().st_mtime_ns for path in straight.folder.iterdir()}


@pytest.mark.parametrize(
    "other",
    [
        {"meta": {"site": "another"}},
        {"config": CONFIG.model_copy(update={"epochs": 5})},
        {"model": forecaster("lstm", hidden=4)},
    ],
)
def test_the_folder_of_another_fit_is_refused(straight, other):
    with pytest.raises(RunFolderError, match="holds a fit with another model, options or data"):
        run(straight.folder, **other)


def test_a_model_that_no_fit_left_is_not_overwritten(tmp_path):
    saving.save(forecaster(), tmp_path, {})
    with pytest.raises(RunFolderError, match="holds a model that no fit left there"):
        run(tmp_path)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_loss_that_is_not_finite_names_epoch_batch_and_windows(tmp_path, part):
    train, validation = Batches(0, 4), Batches(100, 2)
    batches = (train if part == "training" else validation).batches
    bad = batches[1]
    spoiled = bad.target.clone()
    for row in (2, 5):
        spoiled[row] = torch.where(bad.target_weight[row] > 0, 1e30, spoiled[row])  # as a fill value that was not declared
    batches[1] = bad._replace(target=spoiled)
    named = ", ".join(f"{bad.issue[row]} at ({bad.origin[row, 0]}, {bad.origin[row, 1]})" for row in (2, 5))
    with pytest.raises(GlaciercastError) as caught:
        run(tmp_path, train=train, validation=validation)
    assert re.fullmatch(
        rf"training unet_time: the {part} loss is (inf|nan) in epoch 1, batch \d, from the windows issued at step {re.escape(named)}; "
        r"expected a finite value \(learning rate 0\.01\)",
        str(caught.value),
    )
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_batch_without_an_observed_target_teaches_nothing_but_an_epoch_of_them_is_an_error(tmp_path):
    train = Batches(0, 4)
    train.batches[1] = train.batches[1]._replace(target_weight=torch.zeros_like(train.batches[1].target))
    result, _, _ = run(tmp_path / "one", train=train)
    assert all(entry["train_loss"] > 0 for entry in result.history)
    train.batches = train.batches[1:2]
    with pytest.raises(GlaciercastError, match="no target pixel of the training part was observed"):
        run(tmp_path / "all", train=train)


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    with pytest.raises(RuntimeError):
        run(tmp_path, train=Batches(0, 4, (2, 0)))
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot be read as a checkpoint: .*; delete it") as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


class FullDisk(Batches):
    """Batches of which an epoch finds no room for files as large as the checkpoint."""

    def __init__(self, checkpoint, epoch):
        super().__init__(0, 4)
        self.checkpoint, self.full = checkpoint, epoch

    def set_epoch(self, epoch):
        super().set_epoch(epoch)
        if epoch == self.full:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.checkpoint.stat().st_size // 2, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_full_disk_keeps_the_last_checkpoint_and_the_fit_goes_on_from_it(straight, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(GlaciercastError, match=r"training.ckpt: cannot be written: .*; what it held before is still there$") as caught:
            run(tmp_path, train=FullDisk(tmp_path / CHECKPOINT, 2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.json", "metrics.csv", CHECKPOINT]
    result, model, train = run(tmp_path)
    assert train.epochs == [2, 3] and same_weights(model, straight.model) and losses(result) == losses(straight.result)


VARIED = AugmentConfig(flips=True, rotations=True, brightness=0.1, cloud_gaps=0.3)
ALL_AT_ONCE = CONFIG.model_copy(
    update={
        "epochs": 10, "patience": 10, "schedule": "cosine", "warmup_epochs": 1.5, "teacher_start": 0.8, "teacher_epochs": 6,
        "augment": VARIED,
    }
)  # fmt: skip


@pytest.mark.parametrize(("name", "options"), [("lstm", {"hidden": 5}), ("unet_time", {"widths": (3, 4)})])
def test_5_and_5_epochs_equal_10_bit_for_bit_with_schedule_teacher_dropout_and_varied_windows(tmp_path, name, options):
    def made(seed=CONFIG.seed):
        model = forecaster(name, seed=seed, dropout=0.3, **options)
        torch.nn.init.normal_(model.network.readout.weight, std=0.1, generator=torch.Generator().manual_seed(1))
        return model

    ten, model, _ = run(tmp_path / "ten", ALL_AT_ONCE, model=made())
    with pytest.raises(RuntimeError):
        run(tmp_path / "five", ALL_AT_ONCE, train=Batches(0, 4, (5, 0)), model=made())
    more, resumed, train = run(tmp_path / "five", ALL_AT_ONCE, model=made(seed=77))  # fresh weights do not matter: the checkpoint has them
    assert train.epochs == [5, 6, 7, 8, 9] and same_weights(resumed, model)
    assert [row | {"seconds": 0} for row in more.history] == [row | {"seconds": 0} for row in ten.history]
    assert [row["teacher"] for row in ten.history] == pytest.approx([0.8 * max(0, 1 - epoch / 6) for epoch in range(10)])
    assert model.network.teacher == 0


def test_training_windows_are_varied_anew_in_each_epoch_and_those_of_validation_never(tmp_path, monkeypatch):
    """The loss of each batch is that of its views; without a step (no learning) validation stays as it is."""
    config = CONFIG.model_copy(update={"epochs": 2, "learning_rate": 1e-12, "augment": VARIED, "weight_decay": 0.0})
    result, model, train = run(tmp_path / "varied", config)
    plain, _, _ = run(tmp_path / "plain", config.model_copy(update={"augment": AugmentConfig()}))
    assert [row["val_loss"] for row in result.history] == pytest.approx([row["val_loss"] for row in plain.history], rel=1e-6)
    assert result.val_loss == pytest.approx(mean_loss(model, Batches(100, 2)), rel=1e-6)
    model.train()
    for epoch in range(2):
        sums = [torch.stack(model.loss(each, augment.draw(VARIED, each, CONFIG.seed, epoch))) for each in train.batches]
        losses, weight = sum(sums).tolist()
        assert result.history[epoch]["train_loss"] == pytest.approx(losses / weight, rel=1e-5)
    assert len({row["train_loss"] for row in (*result.history, plain.history[0])}) == 3


def test_what_cannot_be_turned_is_refused_before_anything_is_written(tmp_path):
    stats = SimpleNamespace(mean=np.zeros(1, "float32"), std=np.ones(1, "float32"))
    model = build("unet_time", batches.task(variables=("vx",)), "none", stats, widths=(4,))
    with pytest.raises(InputError, match=r"augment.rotations: expected vx and vy both"):
        run(tmp_path / "none", CONFIG.model_copy(update={"augment": AugmentConfig(rotations=True)}), model=model)
    assert not (tmp_path / "none").exists()


def test_the_optimiser_follows_the_schedule_step_by_step(tmp_path, monkeypatch):
    rates = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW, "step", lambda self, closure=None: rates.append(self.param_groups[0]["lr"]) or step(self, closure)
    )
    run(tmp_path, ALL_AT_ONCE)
    assert rates == pytest.approx([0.01 * schedules.learning_rate(ALL_AT_ONCE, number, 4) for number in range(40)])


def test_the_teacher_helps_in_training_only(tmp_path, monkeypatch):
    given = []
    original = registry.find("lstm").factory.forward

    def spy(self, inputs, truth=None):
        given.append((self.training, truth is not None, self.teacher))
        return original(self, inputs, truth)

    monkeypatch.setattr(registry.find("lstm").factory, "forward", spy)
    config = CONFIG.model_copy(update={"epochs": 3, "teacher_start": 0.5, "teacher_epochs": 2})
    run(tmp_path, config, model=forecaster("lstm", hidden=3))
    assert given == [
        *[(True, True, 0.5)] * 4, *[(False, False, 0.5)] * 2, *[(True, True, 0.25)] * 4, *[(False, False, 0.25)] * 2,
        *[(True, False, 0.0)] * 4, *[(False, False, 0.0)] * 2,
    ]  # fmt: skip


def test_a_network_that_is_solved_for_is_solved_once(tmp_path):
    model, train, validation = forecaster("pixel_linear", seasonal=False), Batches(0, 4), Batches(100, 2)
    result = fit(model, train, validation, tmp_path, CONFIG, META)
    expected = forecaster("pixel_linear", seasonal=False)
    expected.network.solve(expected, train, validation)
    assert same_weights(model, expected) and not model.training
    with torch.no_grad():
        squares, weight = (sum(part) for part in zip(*(model.loss(each) for each in validation), strict=True))
    assert result.best_epoch == 1 and len(result.history) == 1
    assert result.val_loss == pytest.approx((squares / weight).item(), rel=1e-6)
    again = forecaster("pixel_linear", seasonal=False)
    assert fit(again, train, validation, tmp_path, CONFIG, META) == result and same_weights(again, model)


def test_weights_that_are_fixed_stay_and_make_another_fit(tmp_path):
    def frozen():
        model = forecaster()
        model.network.requires_grad_(False)
        model.network.readout.requires_grad_(True)
        return model

    before = {key: value.clone() for key, value in frozen().state_dict().items()}
    _, model, _ = run(tmp_path, model=frozen())
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"network.readout.weight", "network.readout.bias"}
    with pytest.raises(RunFolderError, match="holds a fit with another model"):
        run(tmp_path)


def test_the_checkpoint_leaves_the_reference_out_and_holds_no_code(tmp_path):
    with pytest.raises(RuntimeError):
        run(tmp_path, train=Batches(0, 4, (2, 0)))
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert "forecaster.network.readout.weight" in state["state_dict"]
    assert not any("reference" in key for key in state["state_dict"])


def test_a_baseline_has_nothing_to_train(tmp_path):
    with pytest.raises(InputError, match="persistence: has no weights to train"):
        run(tmp_path / "none", model=registry.create("persistence", TASK))
    assert not (tmp_path / "none").exists()


def test_ctrl_c_reaches_the_caller_and_stays_in_force(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, train=Batches(0, 4, (1, 0), KeyboardInterrupt))
    assert signal.getsignal(signal.SIGINT) is handler
    assert run(tmp_path)[2].epochs == [1, 2, 3]


def test_nothing_is_printed_unless_asked_and_torchs_settings_stay(tmp_path, capfd, recwarn):
    torch.manual_seed(3)
    before = torch.get_rng_state(), torch.get_num_threads()
    config = CONFIG.model_copy(update={"epochs": 1})
    run(tmp_path / "quiet", config)
    assert capfd.readouterr() == ("", "") and not recwarn.list
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == torch.get_num_threads()
    progress.show()
    try:
        run(tmp_path / "shown", config)
    finally:
        progress.show(False)
    shown = capfd.readouterr()
    assert shown.out == "" and shown.err.startswith("epoch 1/1: training loss ") and shown.err.count("\n") == 1


def test_setting_up_a_fit_costs_little(tmp_path, straight):
    started = time.process_time()
    run(tmp_path, CONFIG.model_copy(update={"epochs": 1}))
    assert time.process_time() - started < 3  # CPU seconds; all of Lightning's own work and one epoch


@pytest.mark.slow
def test_a_fit_killed_with_sigkill_ends_as_a_straight_one_bit_for_bit(straight, tmp_path):
    command = [sys.executable, "-m", "tests.training.made", str(tmp_path / "fit")]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    died = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert json.loads((tmp_path / "fit" / "fit.json").read_text())["status"] == "running"
    result, model, train = run(tmp_path / "fit")
    assert train.epochs == [2, 3]
    assert same_weights(model, straight.model) and losses(result) == losses(straight.result)


def test_the_patch_loader_is_told_the_epoch():
    from glaciercast.patches.sampling import EpochBatches
    from glaciercast.training.processes import set_epoch

    sampler = EpochBatches(10, 4)
    loader = torch.utils.data.DataLoader(list(range(10)), batch_sampler=sampler)
    set_epoch(loader, 7)
    assert sampler.epoch == 7
    set_epoch(Batches(0, 1).batches, 1)  # a plain list has no order to tell
