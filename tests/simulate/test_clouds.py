"""Clouds: cover, opacity, height and temperature, and one field for one visit."""

from __future__ import annotations

import numpy as np
import pytest
from tests.simulate.test_noise import radial_slope

from glaciercast.simulate import clouds
from glaciercast.simulate.scenario import CloudSpec

SPEC = CloudSpec()


def sky(cover: float, key: str = "landsat-8.20200101.149", seed: int = 1, shape=(160, 160), **changes) -> clouds.Clouds:
    return clouds.make(SPEC.model_copy(update=changes), shape, 30.0, 4600.0, cover, key, seed, 0.8, 4200.0)


@pytest.mark.parametrize("cover", [0.0, 0.004])
def test_a_clear_sky_has_no_cloud_at_all(cover):
    assert (sky(cover).opacity == 0).all()


@pytest.mark.parametrize("cover", [0.05, 0.4, 0.8])
def test_the_cover_of_the_area_is_the_asked_one(cover):
    field = sky(cover, shape=(96, 96))
    assert (field.opacity[field.pad : -field.pad, field.pad : -field.pad] > 0).mean() == pytest.approx(cover, abs=1e-3)
    assert field.opacity.min() == 0
    assert 0.5 < field.opacity.max() <= 1


def test_opacity_grows_with_the_height_above_the_cut():
    soft, hard = sky(0.5, sharpness=2.0), sky(0.5, sharpness=20.0)
    some = (soft.opacity > 0) & (hard.opacity < 0.999)
    thickness = -np.log1p(-soft.opacity[some].astype(float))
    np.testing.assert_allclose(-np.log1p(-hard.opacity[some].astype(float)), 10 * thickness, rtol=2e-3, atol=1e-4)


def test_the_spectrum_falls_by_the_power_of_clouds():
    field = sky(0.995, shape=(400, 400), scale=9000.0, sharpness=1e-3).opacity  # nearly all of it, nearly linear
    assert radial_slope(field.astype(float)[:256, :256], 0.03, 0.3) == pytest.approx(-1.6, abs=0.4)


def test_height_and_temperature_of_the_tops():
    several = [sky(0.4, f"visit {n}", shape=(40, 40)) for n in range(60)]
    heights = np.array([field.height for field in several])
    assert (heights >= 4600 + 0.6 * 1500).all()
    assert (heights <= 4600 + 1.6 * 1500).all()
    assert np.ptp(heights) > 1000
    for field in several:  # 6.5 K a kilometre from the freezing level to 800 m above the base
        assert field.top_temperature == pytest.approx(min(273.15 - 0.0065 * (field.height + 800 - 4200), 278.0))


def test_the_field_reaches_beyond_the_area_for_shadows_from_outside():
    field = sky(0.5)
    assert field.pad * 30 * clouds.COARSE >= (1.6 * SPEC.base + 2500) / np.tan(0.8)
    assert field.opacity.shape == (160 // 2 + 2 + 2 * field.pad,) * 2


def test_one_visit_one_sky():
    a, b = sky(0.5), sky(0.5)
    np.testing.assert_array_equal(a.opacity, b.opacity)
    assert a.height == b.height
    for other in (sky(0.5, key="landsat-8.20200117.149"), sky(0.5, seed=2)):
        assert np.corrcoef(a.opacity.ravel()[: other.opacity.size], other.opacity.ravel()[: a.opacity.size])[0, 1] < 0.7
        assert other.height != a.height
