"""What results tell: skill against every baseline, and of stated quantiles CRPS, coverage and width by lead, in numbers and in a line."""

import numpy as np
import pytest
from tests.forecast.made import series

from glaciercast.evaluate import table
from glaciercast.patches import splits, splits_space
from glaciercast.stats import bootstrap
from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums

LEVELS = (0.05, 0.5, 0.95)


def sums(half_width):
    """Return sums of intervals around 0 against 0, 1, 2, 3 at the first lead; at the second nothing was observed."""
    truth = np.array([[[0.0, 1.0, 2.0, 3.0], [np.nan] * 4]])
    quantiles = np.array([-half_width, 0.0, half_width])[:, None, None, None] * np.ones_like(truth)
    return QuantileSums.of(quantiles, LEVELS, truth, np.ones_like(truth))


def test_coverage_width_and_crps_are_told_by_lead():
    found = table.bands(sums(2.0))
    assert found["levels"] == [0.05, 0.5, 0.95] and found["interval"] == pytest.approx(0.9)
    assert found["coverage"] == 0.75 and found["coverage_by_lead"] == [0.75, None]
    assert found["width"] == 4.0 and found["width_by_lead"] == [4.0, None]
    # twice the pinball losses, by hand: truths 0 to 3 against −2, 0 and 2; the levels stand for 0.275, 0.45 and 0.275
    low, middle, high = 0.05 * (2 + 3 + 4 + 5), 0.5 * (0 + 1 + 2 + 3), 0.05 * (2 + 1 + 0) + 0.95 * 1
    crps = 2 * (0.275 * low + 0.45 * middle + 0.275 * high) / 4
    assert found["crps"] == pytest.approx(crps) and found["crps_by_lead"] == [pytest.approx(crps), None]


def test_each_model_that_states_quantiles_has_its_line():
    wide, narrow = table.bands(sums(2.0)), table.bands(sums(1.0))
    results = {"models": {"persistence": {}, "a": {"bands": narrow}, "b+calibrated": {"bands": wide, "uncalibrated_bands": narrow}}}
    first, second = table.band_lines(results)
    assert first == f"a: CRPS {narrow['crps']:.4g}; its 90% interval holds 50.0% of the truths (50.0%, – by lead)"
    assert second == f"b+calibrated: CRPS {wide['crps']:.4g}; its 90% interval holds 75.0% of the truths (75.0%, – by lead), " + (
        "before calibration 50.0%"
    )


def test_a_model_is_set_against_every_baseline(tmp_path):
    made = series(tmp_path, steps=24)
    split = splits.by_time(24, n_input=3, n_target=1, history=5, fractions=(0.4, 0.2, 0.4))
    rng, n = np.random.default_rng(0), len(split.issues("test"))
    truth = rng.random((n, 1, 30))
    errors = {
        name: ErrorSums.of(truth + scale * rng.normal(size=truth.shape) + 0.1, truth, np.ones_like(truth))
        for name, scale in {"persistence": 0.3, "climatology": 0.2, "network": 0.1}.items()
    }
    facts = {name: {"kind": "network" if name == "network" else "baseline"} for name in errors}
    found = table.build(made, split, errors, facts, {"name": "made"})
    model = found["models"]["network"]
    assert found["best_baseline"] == "climatology" and model["bias"] == pytest.approx(errors["network"].bias())
    for name in ("persistence", "climatology"):
        assert model["skills"][name]["skill"] == pytest.approx(1 - errors["network"].mse() / errors[name].mse())
    assert model["skill"] == model["skills"]["climatology"]["skill"] and model["skill_interval"] is None  # too few time blocks
    assert found["models"]["climatology"]["skills"]["climatology"] == {"skill": 0.0, "interval": None}
    pairs = {(each["model"], each["other"]): each for each in found["differences"]}
    assert set(pairs) == {("persistence", "climatology"), ("persistence", "network"), ("climatology", "network")}
    assert pairs["climatology", "network"]["mse"] == pytest.approx(errors["climatology"].mse() - errors["network"].mse())
    assert {each["interval"] for each in pairs.values()} == {None}


def test_with_enough_time_blocks_figures_have_intervals(tmp_path):
    made = series(tmp_path, steps=140, shape=(8, 8))
    split = splits.by_time(140, n_input=1, n_target=1, history=5, fractions=(0.3, 0.1, 0.6))
    n = len(split.issues("test"))
    squared = np.random.default_rng(0).gamma(2, size=(n, 1))
    weight = np.ones((n, 1))
    errors = {name: ErrorSums(weight, share * squared, weight, weight) for name, share in {"persistence": 1.0, "network": 0.5}.items()}
    found = table.build(made, split, errors, {"persistence": {"kind": "baseline"}, "network": {"kind": "network"}}, {"name": "made"})
    model = found["models"]["network"]
    assert found["clusters"] >= 8 and model["skill_interval"] == pytest.approx((0.5, 0.5))  # paired: half of whatever it is
    assert model["mse"] == pytest.approx(0.5 * squared.mean()) and model["mse_interval"][0] < model["mse"] < model["mse_interval"][1]
    low, high = found["differences"][0]["interval"]
    assert (low, high) == pytest.approx(model["mse_interval"])  # the difference is the other half


def test_the_note_names_the_part_and_a_split_whose_times_training_knew(tmp_path):
    made = series(tmp_path, steps=140, shape=(24, 24))
    times = splits_space.everywhen(140, n_input=1, n_target=1, history=5)
    facts, site = {"persistence": {"kind": "baseline"}}, {"name": "made"}
    for split in (times, splits_space.by_space(times, (96, 96), 8)):
        ones = np.ones((len(split.issues("validation")), 1))
        found = table.build(made, split, {"persistence": ErrorSums(ones, ones, ones, ones)}, facts, site, "validation")
        assert found["interval_note"].endswith(bootstrap.KNOWN_TIMES) == (split.name == "space") and found["clusters"] >= 8
    split = splits.by_time(60, n_input=1, n_target=1, history=5, fractions=(0.7, 0.1, 0.2))
    ones = np.ones((len(split.issues("validation")), 1))
    found = table.build(made, split, {"persistence": ErrorSums(ones, ones, ones, ones)}, facts, site, "validation")
    assert found["interval_note"].startswith("No interval is given: the validation part holds")
    assert found["clusters"] == len(np.unique(bootstrap.time_blocks(split.issues("validation"), split.gap)))
