"""Power by wavelength: closed forms of waves and noise, a slow transform, and blocks with gaps left out alike in both."""

import numpy as np
import pytest

from glaciercast.stats.spectra import WAVELENGTHS, SpectrumSums


def sums(forecast, truth, weight=None):
    weight = np.ones(truth.shape) if weight is None else weight
    return SpectrumSums.of(*(np.asarray(each, "float32")[None, None] for each in (forecast, truth, weight)))


def noise(seed, shape=(160, 192)):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_gain_is_its_square_at_every_wavelength():
    truth = noise(0)
    np.testing.assert_allclose(sums(0.5 * truth + 3, truth).ratio()[0], np.full(len(WAVELENGTHS), 0.25), rtol=1e-4)


@pytest.mark.parametrize(("wavelength", "band"), [(3, 0), (6, 1), (12, 2), (24, 3), (48, 4)])
def test_a_wave_has_half_its_squared_amplitude_in_its_band(wavelength, band):
    wave = 2 * np.cos(2 * np.pi * np.mgrid[:256, :256][1] / wavelength)
    power = sums(wave, wave)
    share = power.truth[0, 0] / power.blocks[0, 0]
    assert share.argmax() == band
    if wavelength <= 6:  # longer ones leak into their neighbours, through the taper
        assert share[band] == pytest.approx(2, rel=0.02) and share.sum() == pytest.approx(2, rel=0.02)


def test_white_noise_is_shared_out_by_the_area_of_the_rings():
    power = sums(*(noise(1, (640, 640)),) * 2)
    share = power.truth[0, 0] / power.blocks[0, 0]
    rings = [np.pi * (1 / short**2 - 1 / long**2) for short, long in WAVELENGTHS]  # of the unit square of wavenumbers
    np.testing.assert_allclose(share[:3], rings[:3], rtol=0.05)


def test_a_block_is_that_of_a_slow_transform():
    rng = np.random.default_rng(2)
    forecast, truth = rng.normal(size=(2, 12, 12))
    hann = np.sin(np.pi * (np.arange(12) + 0.5) / 12) ** 2
    taper, (y, x) = np.outer(hann, hann), np.mgrid[:12, :12]
    expected = np.zeros((2, len(WAVELENGTHS)))
    for number, field in enumerate((forecast, truth)):
        tapered = (field - field.mean()) * taper
        for k, m in np.ndindex(12, 12):
            power = abs((tapered * np.exp(-2j * np.pi * (k * y + m * x) / 12)).sum()) ** 2 / (144 * (taper**2).sum())
            wavenumber = np.hypot(min(k, 12 - k), min(m, 12 - m)) / 12
            for band, (short, long) in enumerate(WAVELENGTHS):
                expected[number, band] += power * (1 / long < wavenumber <= 1 / short)
    found = sums(forecast, truth)
    np.testing.assert_allclose([found.forecast[0, 0], found.truth[0, 0]], expected, rtol=1e-5)
    assert found.blocks.item() == 1


def test_smoothing_takes_detail_and_leaves_the_rest():
    from scipy.ndimage import gaussian_filter

    truth = noise(3)
    ratio = sums(gaussian_filter(truth, 2, mode="wrap"), truth).ratio()[0]
    assert (np.diff(ratio) > 0).all() and ratio[0] < 0.01 and ratio[-1] > 0.8


def test_blocks_with_a_gap_are_left_out_of_both():
    forecast, truth, weight = noise(4), noise(5), np.ones((160, 192))
    weight[:, 100] = 0  # of the starts 0, 32, 64, 96 and 128 along x, those at 64 and 96 hold the gap
    found = sums(forecast, truth, weight)
    assert found.blocks.item() == 4 * 3
    ends = [sums(forecast[:, part], truth[:, part]) for part in (slice(0, 96), slice(128, 192))]
    np.testing.assert_allclose(found.forecast, sum(end.forecast for end in ends), rtol=1e-5)
    weight[::20, ::20] = 0
    assert np.isnan(sums(forecast, truth, weight).ratio()).all()
