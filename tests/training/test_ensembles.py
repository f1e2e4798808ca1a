"""Several fits as one model: members by seed, saved as one, resumed, calibrated, and added up."""

import json

import numpy as np
import pytest
import torch
from tests.models.batches import batch
from tests.training.made import CONFIG, META, TASK, Batches, forecaster, windows

from glaciercast.errors import InputError
from glaciercast.models.conformal import Calibrated, calibrate
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Gaussian
from glaciercast.training import ensembles, saving
from glaciercast.training.fit import FitResult, fit

SEEDS = (5, 6, 7)


def fitting(calls=None, fail=None, **options):
    """Return a function that fits a small network from a seed, and notes the seeds of those that were not loaded."""

    def one(seed, folder):
        made = forecaster(seed=seed, **options)
        if calls is not None and not (folder / saving.MODEL).is_file():
            calls.append(seed)
        train = Batches(seed, 3, (2, 1) if seed == fail else None)
        return made, fit(made, train, Batches(100, 2), folder, CONFIG.model_copy(update={"seed": seed}), META)

    return one


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return *ensembles.fit_together(fitting(), SEEDS, folder, META), folder


def test_members_are_the_fits_of_their_seeds_and_the_ensemble_is_their_mean(together, tmp_path):
    made, fits, folder = together
    given, alone = batch(TASK), [forecaster(seed=seed) for seed in SEEDS]
    for seed, network, result in zip(SEEDS, alone, fits, strict=True):
        again = fit(network, Batches(seed, 3), Batches(100, 2), tmp_path / str(seed), CONFIG.model_copy(update={"seed": seed}), META)
        assert again.val_loss == result.val_loss
    torch.testing.assert_close(made(given), torch.stack([network(given) for network in alone]).mean(0), rtol=1e-6, atol=1e-6)
    assert sorted(path.name for path in (folder / "members").iterdir()) == ["5", "6", "7"]


def test_it_is_one_model_on_disk(together):
    made, _, folder = together
    loaded, meta = saving.load(folder)
    assert isinstance(loaded, Ensemble) and loaded.recipe()["members"] == 3 and not loaded.training
    torch.testing.assert_close(loaded(batch(TASK)), made(batch(TASK)), rtol=0, atol=0)
    assert meta == {**META, "members": [saving.weights_sha256(folder / "members" / str(seed)) for seed in SEEDS]}


def test_an_interrupted_ensemble_goes_on_in_its_member_and_ends_as_a_straight_one(together, tmp_path):
    made, _, _ = together
    with pytest.raises(RuntimeError, match="a made failure"):
        ensembles.fit_together(fitting(fail=6), SEEDS, tmp_path, META)
    assert not (tmp_path / saving.MODEL).exists() and (tmp_path / "members" / "6" / "training.ckpt").is_file()
    calls = []
    resumed, _ = ensembles.fit_together(fitting(calls), SEEDS, tmp_path, META)
    assert calls == [6, 7]
    torch.testing.assert_close(resumed(batch(TASK)), made(batch(TASK)), rtol=0, atol=0)


def test_what_was_made_of_the_same_members_is_loaded_and_of_others_made_anew(together, tmp_path, monkeypatch):
    asked = []

    def calibrated(network):
        asked.append(network)
        return calibrate(network, windows(), np.array([0.3], "float32"))

    made, _ = ensembles.fit_together(fitting(head=Gaussian(), widths=(4, 8)), SEEDS[:1], tmp_path, META, calibrated)
    again, _ = ensembles.fit_together(fitting(head=Gaussian(), widths=(4, 8)), SEEDS[:1], tmp_path, META, calibrated)
    assert isinstance(again, Calibrated) and len(asked) == 1 and again.offset.isfinite().all()
    torch.testing.assert_close(again.quantiles(batch(TASK), (0.05,)), made.quantiles(batch(TASK), (0.05,)), rtol=0, atol=0)
    stored = json.loads((tmp_path / saving.MODEL).read_text())
    stored["meta"]["members"] = ["of another fit"]
    (tmp_path / saving.MODEL).write_text(json.dumps(stored))
    ensembles.fit_together(fitting(head=Gaussian(), widths=(4, 8)), SEEDS[:1], tmp_path, META, calibrated)
    assert len(asked) == 2


def test_one_network_alone_stays_where_it_was(tmp_path):
    made, (result,) = ensembles.fit_together(fitting(), SEEDS[:1], tmp_path, META)
    assert made.name == "unet_time" and not (tmp_path / "members").exists() and (tmp_path / "fit.json").is_file()
    assert result.best_epoch >= 1


def test_members_that_do_not_differ_are_refused(tmp_path):
    def same(_seed, folder):
        return fitting()(5, folder)

    with pytest.raises(InputError, match="ensemble of unet_time: expected members that differ by their seeds, found the same weights"):
        ensembles.fit_together(same, SEEDS[:2], tmp_path, META)


def test_costs_add_up():
    energy = {"kwh": 0.5, "cpu_kwh": 0.25, "gpu_kwh": 0.0, "ram_kwh": 0.25, "kg_co2e": 0.1, "country": "CHE", "grid_g_co2e_per_kwh": 30.0}
    fits = [FitResult(3, 0.2, 10.0, [{"epoch": 1}], energy), FitResult(5, 0.4, 6.0, [{"epoch": 2}], energy)]
    told = ensembles.total((8, 9), fits)
    assert told["train_seconds"] == 16.0 and told["val_loss"] == pytest.approx(0.3)
    assert told["energy"] == {**energy, "kwh": 1.0, "cpu_kwh": 0.5, "ram_kwh": 0.5, "kg_co2e": 0.2}
    assert [(member["seed"], member["best_epoch"], member["seconds"]) for member in told["members"]] == [(8, 3, 10.0), (9, 5, 6.0)]
    alone = ensembles.total((8,), fits[:1])
    assert (alone["best_epoch"], alone["history"], "members" in alone) == (3, [{"epoch": 1}], False)
