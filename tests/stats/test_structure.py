"""SSIM and FSS are those of the published equations, of scikit-image and of `scores` where nothing is missing."""

import numpy as np
import pytest

from glaciercast.stats.structure import FractionSums, SimilaritySums
from glaciercast.stats.tally import tally

SKIMAGE, SCORES = 0.7308181616967473, [0.9079584775086506, 0.9662003428643993, 0.981262955732429]


def pair():
    """Return a forecast and a truth, (40, 50), whose scores other packages have been asked for."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :50]
    truth = np.sin(y / 5) * np.cos(x / 7) + 0.1 * rng.random((40, 50))
    return truth + 0.2 * rng.random((40, 50)), truth


def ssim(forecast, truth, weight, extent=2.0):
    return SimilaritySums.of(*(each[None, None] for each in (forecast, truth, weight)), extent).ssim()[0]


def fss(forecast, truth, weight, sides):
    return FractionSums.of(*(each[None, None] for each in (forecast, truth, weight)), sides).fss()[0]


def looped_ssim(forecast, truth, weight, extent):
    """Wang et al. (2004), eq. 13, over the observed pixels of each window."""
    c1, c2, values = (0.01 * extent) ** 2, (0.03 * extent) ** 2, []
    for row in range(truth.shape[0] - 6):
        for col in range(truth.shape[1] - 6):
            window = slice(row, row + 7), slice(col, col + 7)
            seen = weight[window] > 0
            if seen.sum() < 25:
                continue
            x, y = forecast[window][seen], truth[window][seen]
            cov = np.cov(x, y)
            light = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
            values.append(light * (2 * cov[0, 1] + c2) / (cov[0, 0] + cov[1, 1] + c2))
    return np.mean(values)


def test_ssim_is_that_of_scikit_image_where_all_is_observed():
    forecast, truth = pair()
    found = ssim(forecast, truth, np.ones(truth.shape))
    assert found == pytest.approx(SKIMAGE, abs=1e-12)  # structural_similarity(forecast, truth, data_range=2.0), scikit-image 0.26
    assert found == pytest.approx(looped_ssim(forecast, truth, np.ones(truth.shape), 2.0), abs=1e-12)
    assert ssim(truth, truth, np.ones(truth.shape)) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.9, 0.55])
def test_ssim_with_gaps_is_that_of_the_observed_pixels_of_windows_half_observed(share):
    forecast, truth = pair()
    weight = np.where(np.random.default_rng(1).random(truth.shape) < share, 0.4, 0)
    assert ssim(forecast, truth, weight, 1.0) == pytest.approx(looped_ssim(forecast, truth, weight, 1.0), abs=1e-12)
    assert np.isnan(ssim(forecast, truth, np.where(np.arange(50) % 3, 0.0, 1.0) * np.ones(truth.shape)))  # no window is half observed


def looped_fss(forecast, truth, weight, side):
    """Roberts & Lean (2008), eqs. 5 to 7, over the observed pixels of each neighbourhood."""
    different = worst = 0.0
    for row in range(truth.shape[0] - side + 1):
        for col in range(truth.shape[1] - side + 1):
            window = slice(row, row + side), slice(col, col + side)
            seen = weight[window] > 0
            if 2 * seen.sum() >= side**2:
                p, o = ((each[window][seen] >= 0.3).mean() for each in (forecast, truth))
                different, worst = different + (p - o) ** 2, worst + p**2 + o**2
    return 1 - different / worst


def test_fss_is_that_of_scores_where_all_is_observed():
    forecast, truth = pair()
    found = fss(forecast, truth, np.ones(truth.shape), (1, 3, 9))
    np.testing.assert_allclose(found, SCORES, rtol=1e-12)  # fss_2d_single_field(…, event_threshold=0.3), scores 2.7
    np.testing.assert_allclose(found, [looped_fss(forecast, truth, np.ones(truth.shape), side) for side in (1, 3, 9)])


def test_fss_with_gaps_is_that_of_observed_shares():
    forecast, truth = pair()
    weight = (np.random.default_rng(2).random(truth.shape) < 0.6) * 0.5
    np.testing.assert_allclose(fss(forecast, truth, weight, (1, 5)), [looped_fss(forecast, truth, weight, side) for side in (1, 5)])


@pytest.mark.parametrize("shift", [1, 3, 5])
def test_fss_of_a_line_that_is_displaced_has_its_closed_form(shift):
    """Fractions are 1/n in n windows each, of which n − shift have both: 1 − shift/n, and 0 up to n = shift."""
    truth, forecast = np.zeros((40, 60)), np.zeros((40, 60))
    truth[:, 25], forecast[:, 25 + shift] = 1, 1
    np.testing.assert_allclose(
        fss(forecast, truth, np.ones(truth.shape), (1, 3, 9, 15)), [max(0, 1 - shift / n) for n in (1, 3, 9, 15)], atol=1e-12
    )


def test_fss_of_single_pixels_is_the_f1_score():
    forecast, truth = pair()
    weight = (np.random.default_rng(3).random(truth.shape) < 0.7) * 0.5
    month, stratum = np.ones((1, 1), int), np.zeros(truth.shape, "int16")
    sums = tally(*(each[None, None] for each in (forecast, truth, weight)), stratum, (("anywhere", None),), month)
    assert fss(forecast, truth, weight, (1,))[0] == pytest.approx(sums.f1()[0])


def test_neighbourhoods_larger_than_the_scene_have_no_score():
    forecast, truth = pair()
    assert np.isnan(fss(forecast, truth, np.ones(truth.shape), (3, 45))).tolist() == [False, True]
