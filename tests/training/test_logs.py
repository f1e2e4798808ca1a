"""The course of a fit can be read from its folder."""

import csv

import pytest
from tests.training.made import CONFIG, META, Batches, forecaster

from glaciercast.errors import InputError
from glaciercast.training import logs
from glaciercast.training.fit import fit


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_the_table_is_the_history_also_of_a_fit_that_was_interrupted(tmp_path):
    with pytest.raises(RuntimeError):
        fit(forecaster(), Batches(0, 4, (2, 1)), Batches(100, 2), tmp_path, CONFIG, META)
    assert [row["epoch"] for row in rows(tmp_path)] == [1, 2]
    result = fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path, CONFIG, META)
    assert rows(tmp_path) == result.history
    assert list(result.history[0]) == ["epoch", "train_loss", "val_loss", "seconds", "learning_rate", "teacher"]


def test_tensorboard_reads_each_epoch_once(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = CONFIG.model_copy(update={"epochs": 3, "tensorboard": True})
    with pytest.raises(RuntimeError):
        fit(forecaster(), Batches(0, 4, (2, 1)), Batches(100, 2), tmp_path, config, META)
    result = fit(forecaster(), Batches(0, 4), Batches(100, 2), tmp_path, config, META)
    events = accumulator.EventAccumulator(str(tmp_path / logs.EVENTS)).Reload()
    assert [event.step for event in events.Scalars("val_loss")] == [1, 2, 3]
    assert [event.value for event in events.Scalars("val_loss")] == pytest.approx([row["val_loss"] for row in result.history])


def test_a_missing_tensorboard_is_one_line_before_anything_is_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(logs.importlib.util, "find_spec", lambda name: None)
    train = Batches(0, 4)
    with pytest.raises(InputError, match="tensorboard: expected the package tensorboard, found none"):
        fit(forecaster(), train, Batches(100, 2), tmp_path, CONFIG.model_copy(update={"tensorboard": True}), META)
    assert train.epochs == []
