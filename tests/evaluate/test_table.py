"""What results tell of stated quantiles: CRPS, coverage and width by lead, in numbers and in a line."""

import numpy as np
import pytest

from glaciercast.evaluate import table
from glaciercast.stats.probabilistic import QuantileSums

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
