"""Sentinel-2's bands are brought to Landsat's by the published lines, and only where there are any."""

import numpy as np
import pytest

from glaciercast.align import bandpass


@pytest.mark.parametrize(
    ("sensor", "band", "expected"),
    [
        ("Sentinel-2A MSI", "green", 1.0053 * 0.5 - 0.0009),
        ("Sentinel-2A MSI", "swir16", 0.9987 * 0.5 - 0.0011),
        ("Sentinel-2B MSI", "green", 1.0075 * 0.5 - 0.0008),
        ("Sentinel-2B MSI", "red", 0.9761 * 0.5 + 0.001),
        ("Sentinel-2B MSI", "swir16", 0.5 - 0.0003),
        ("Sentinel-2A MSI", "nir", 0.5),  # published for band 8A, not for 8
        ("Sentinel-2C MSI", "green", 0.5),
        ("Sentinel-2 MSI", "green", 0.5),
        ("Landsat 8 OLI/TIRS", "green", 0.5),
    ],
)
def test_reflectance_as_oli_sees_it(sensor, band, expected):
    values = np.array([[0.5, np.nan]], "float32")
    made = bandpass.to_oli(values, sensor, band)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [[expected, np.nan]], rtol=1e-6)


def test_what_is_known_of_a_sensor():
    assert [bandpass.family(name) for name in ("Sentinel-2A MSI", "Landsat 9 OLI-2/TIRS-2", "unknown")] == ["MSI", "OLI", "unknown"]
    assert bandpass.known("Sentinel-2B MSI") and bandpass.known("Landsat 8 OLI/TIRS") and not bandpass.known("Sentinel-2C MSI")


def test_ndsi_of_snow_changes_by_less_than_a_hundredth():
    green, swir = np.float32(0.8), np.float32(0.1)
    adjusted = [bandpass.to_oli(value, "Sentinel-2A MSI", band) for value, band in ((green, "green"), (swir, "swir16"))]
    before, after = (green - swir) / (green + swir), (adjusted[0] - adjusted[1]) / (adjusted[0] + adjusted[1])
    assert after - before == pytest.approx(0.70457 / 0.90211 - 7 / 9, abs=1e-5)
