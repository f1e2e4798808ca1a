"""Random fields: their moments and spectra, and procedural noise that is the same wherever it is evaluated from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.simulate import noise
from glaciercast.simulate.seeds import generator


def radial_slope(field: np.ndarray, low: float, high: float, stretch: float = 1.0) -> float:
    """Return the slope of log amplitude over log wavenumber (cycles a pixel) between `low` and `high`, with a Hann window."""
    rows, columns = field.shape
    spectrum = np.fft.fft2(field * np.hanning(rows)[:, None] * np.hanning(columns)[None, :])
    k = np.hypot(np.fft.fftfreq(columns)[None, :] * stretch, np.fft.fftfreq(rows)[:, None])
    edges = np.geomspace(low, high, 15)
    ring = np.digitize(k, edges)
    power = [np.mean(np.abs(spectrum[ring == n]) ** 2) for n in range(1, edges.size)]
    return float(np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), 0.5 * np.log(power), 1)[0])


@pytest.mark.parametrize("slope", [1.3, 1.6, 2.0, 2.5])
def test_spectral_noise_has_its_moments_and_slope(slope):
    field = noise.spectral((256, 300), slope, generator(4, "noise"))
    assert (field.shape, field.dtype) == ((256, 300), np.float32)
    assert abs(float(field.mean(dtype=float))) < 1e-4
    assert float(field.std(dtype=float)) == pytest.approx(1, abs=1e-4)
    assert radial_slope(field, 0.03, 0.3) == pytest.approx(-slope, abs=0.3)


def test_spectral_noise_is_flat_above_its_largest_wavelength():
    field = noise.spectral((512, 512), 2.0, generator(4, "flat"), largest=20)
    assert radial_slope(field, 0.008, 0.04) == pytest.approx(0, abs=0.3)
    assert radial_slope(field, 0.07, 0.4) == pytest.approx(-2.0, abs=0.3)


def test_stretched_noise_is_longer_along_x():
    field = noise.spectral((256, 256), 1.6, generator(4, "stretch"), largest=60, stretch=3.0).astype(float)
    across, along = (np.mean(np.diff(field, axis=axis) ** 2) for axis in (0, 1))
    assert along < across / 2
    assert radial_slope(field, 0.05, 0.4, stretch=3.0) == pytest.approx(-1.6, abs=0.3)


def test_spectral_noise_does_not_wrap_around():
    field = noise.spectral((200, 200), 2.0, generator(9, "edges")).astype(float)
    step = np.sqrt(np.mean(np.diff(field, axis=0) ** 2))
    assert np.sqrt(np.mean((field[0] - field[-1]) ** 2)) > 5 * step


def test_same_stream_same_field():
    a, b, c = (noise.spectral((40, 50), 2.0, generator(seed, "same")) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.5


@settings(max_examples=50)
@given(i=st.integers(-5000, 5000), j=st.integers(-5000, 5000), seed=st.integers(0, 2**24))
def test_gradient_noise_is_zero_at_lattice_points(i, j, seed):
    assert noise.gradient_noise(float(i), float(j), seed) == 0
    assert noise.fractal_noise(float(i), float(j), seed, 4, 0.7) == 0


@settings(max_examples=50)
@given(x=st.floats(-3000, 3000), y=st.floats(-3000, 3000))
def test_gradient_noise_is_continuous(x, y):
    here = noise.gradient_noise(x, y, 11)
    for dx, dy in ((1e-3, 0), (0, 1e-3), (-1e-3, 1e-3)):
        assert abs(noise.gradient_noise(x + dx, y + dy, 11) - here) < 0.02
    assert abs(here) < 1.6


def test_gradient_noise_is_smooth_across_cell_edges():
    step = 1e-2
    for x, y in ((3.0, 0.4), (-7.0, 2.3), (0.0, -0.6)):
        slopes = [(noise.gradient_noise(x + side * step, y, 5) - noise.gradient_noise(x, y, 5)) / (side * step) for side in (1, -1)]
        assert slopes[0] == pytest.approx(slopes[1], abs=0.1)


def test_gradient_noise_does_not_depend_on_the_order_of_evaluation():
    points = np.random.default_rng(1).uniform(-50, 50, (400, 2))
    forth = [noise.gradient_noise(x, y, 3) for x, y in points]
    back = [noise.gradient_noise(x, y, 3) for x, y in points[::-1]]
    np.testing.assert_array_equal(forth, back[::-1])
    other = [noise.gradient_noise(x, y, 4) for x, y in points]
    assert abs(np.corrcoef(forth, other)[0, 1]) < 0.15


def test_fractal_noise_has_no_bias_and_a_known_spread():
    points = np.random.default_rng(2).uniform(-800, 800, (20_000, 2))
    values = np.array([noise.fractal_noise(x, y, 3, 4, 0.75) for x, y in points])
    single = np.array([noise.gradient_noise(x, y, 3) for x, y in points])
    assert abs(values.mean()) < 0.01
    assert values.std() == pytest.approx(single.std(), rel=0.05)  # octaves are normalised by the root of their summed squares
    assert np.abs(values).max() < 2
