"""Charts draw the numbers given and name their axes and units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glaciercast.errors import InputError
from glaciercast.report.charts import scores_by_lead, skill_bars, training_curve

Maker = Callable[..., dict[str, Any]]


def test_errors_by_lead_are_drawn_baselines_dashed_networks_solid(make_results: Maker) -> None:
    results = make_results()
    axes = scores_by_lead(results).axes[0]
    lines = {str(line.get_label()).split(" (")[0]: line for line in axes.get_lines()}
    assert set(lines) == set(results["models"])
    for name, line in lines.items():
        assert list(line.get_ydata()) == results["models"][name]["mse_by_lead"]
        assert (line.get_linestyle() == "-") == (results["models"][name]["kind"] == "network")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Lead time (months)", "MSE of NDSI (dimensionless)")
    assert axes.get_ylim()[0] == 0


def test_skill_bars_have_the_lengths_given_and_stand_at_zero(make_results: Maker) -> None:
    results = make_results()
    axes = skill_bars(results).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[-1] == "convlstm"
    drawn = {names[round(bar.get_y() + bar.get_height() / 2)]: bar.get_x() + bar.get_width() for bar in axes.patches}
    assert drawn == pytest.approx({name: model["skill"] for name, model in results["models"].items()})
    assert "0 = damped_anomaly (best baseline)" in [text.get_text() for text in axes.texts]
    assert "no intervals; independent clusters: 5" in axes.get_title(loc="left")


def test_whiskers_span_the_interval_and_are_cut_at_the_floor(make_results: Maker) -> None:
    axes = skill_bars(make_results(intervals=True)).axes[0]
    whiskers = [[float(x) for x in line.get_xdata()] for line in axes.get_lines() if len(line.get_xdata()) == 2]
    assert [-0.03, 0.17] in whiskers and [-1.0, -0.71] in whiskers
    assert any("cut at the left edge" in text.get_text() for text in axes.texts)


def test_a_hopeless_skill_is_cut_but_its_number_stands(make_results: Maker) -> None:
    results = make_results()
    results["models"]["unet"]["skill"] = -37.5
    axes = skill_bars(results).axes[0]
    assert min(bar.get_x() + bar.get_width() for bar in axes.patches) == -1.0
    assert any(text.get_text().startswith("-37.500") for text in axes.texts)


def test_training_curve_draws_losses_and_the_kept_epoch() -> None:
    history = [{"epoch": 1, "train_loss": 0.9, "val_loss": 1.0, "seconds": 5}, {"epoch": 2, "train_loss": 0.5, "val_loss": None}]
    axes = training_curve(history, best_epoch=2).axes[0]
    lines = {str(line.get_label()): [float(y) for y in line.get_ydata()] for line in axes.get_lines()}
    assert lines["train loss"] == [0.9, 0.5] and lines["val loss"][0] == 1.0 and "seconds" not in lines
    assert "weights kept: epoch 2" in lines and axes.get_xlabel() == "Epoch" and axes.get_ylabel() == "Loss (normalised units)"


def test_training_curve_refuses_an_epoch_that_was_not() -> None:
    with pytest.raises(InputError, match="best epoch 7 is not among the 1 epochs"):
        training_curve([{"epoch": 1, "train_loss": 0.9}], best_epoch=7)
    with pytest.raises(InputError, match="expected keys that end in 'loss' or 'mse'"):
        training_curve([{"epoch": 1, "speed": 0.9}], best_epoch=1)


def test_dollars_in_names_are_characters_and_settings_stay(make_results: Maker) -> None:
    import io

    import matplotlib

    keys = ("text.parse_math", "font.size", "axes.titlesize", "savefig.dpi")
    before = [matplotlib.rcParams[key] for key in keys]
    results = make_results()
    results["models"]["$\\frac{$"] = results["models"].pop("unet")
    scores_by_lead(results).savefig(io.BytesIO(), format="png")
    assert [matplotlib.rcParams[key] for key in keys] == before
