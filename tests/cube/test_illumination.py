"""Terrain and illumination: closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from glaciercast.cube import illumination
from glaciercast.errors import InputError
from glaciercast.sources.scene import Sun

SUN = Sun(elevation=40.0, azimuth=150.0)


def cone(n=60, tilt=25.0):
    """Return slope and aspect of a cone: one slope, all aspects."""
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    return np.full((n, n), tilt), np.rad2deg(np.arctan2(x, -y)) % 360  # away from the top; y counts southward


def hills(n=60, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 35, (n, n)), rng.uniform(0, 360, (n, n))


@pytest.mark.parametrize(
    "slope, aspect, expected",
    [
        (0, 0, np.sin(np.deg2rad(40))),
        (50, 150, 1.0),  # square to the sun
        (30, 150, np.cos(np.deg2rad(20))),
        (30, 330, np.cos(np.deg2rad(80))),
        (50, 330, np.cos(np.deg2rad(100))),  # in its own shadow
        (90, 240, 0.0),  # a wall beside the sun
    ],
)
def test_incidence_angle(slope, aspect, expected):
    found = illumination.cos_incidence(np.array([[slope]]), np.array([[aspect]]), SUN)
    assert found[0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_lambertian_surface_comes_back_flat_by_cosine():
    slope, aspect = hills()
    cosine = illumination.cos_incidence(slope, aspect, SUN)
    seen = 0.6 * cosine / np.sin(np.deg2rad(40))
    found = illumination.correct(seen, slope, aspect, SUN, "cosine")
    np.testing.assert_allclose(found[cosine > 0], 0.6, rtol=1e-5)
    assert found.dtype == np.float32


def test_a_cone_with_light_from_the_sky_comes_back_flat_by_scs_c():
    """L = m cos i + b: C is b/m, and the corrected value is m cos α cos θ + b on every side of the cone."""
    slope, aspect = cone()
    cosine = illumination.cos_incidence(slope, aspect, SUN)
    seen = 0.5 * cosine + 0.08
    found = illumination.correct(seen, slope, aspect, SUN, "scs+c")
    assert (cosine > 0).all()
    np.testing.assert_allclose(found, 0.5 * np.cos(np.deg2rad(25)) * np.sin(np.deg2rad(40)) + 0.08, rtol=1e-4)
    spread = np.ptp(illumination.correct(seen, slope, aspect, SUN, "cosine"))
    assert spread > 0.05, "the cosine alone is too bright on the far side"


def test_scs_c_takes_the_terrain_out_of_hills():
    slope, aspect = hills()
    cosine = illumination.cos_incidence(slope, aspect, SUN)
    noise = np.random.default_rng(2).normal(0, 0.01, slope.shape)
    seen = 0.5 * cosine + 0.08 + noise
    found = illumination.correct(seen, slope, aspect, SUN, "scs+c")
    lit = cosine > 0
    before, after = (np.corrcoef(values[lit], cosine[lit])[0, 1] for values in (seen, found))
    assert before > 0.95 and abs(after) < 0.3


def test_slopes_in_their_own_shadow_and_missing_data_are_missing():
    slope, aspect = cone(tilt=55.0)
    cosine = illumination.cos_incidence(slope, aspect, SUN)
    seen = np.where(cosine > 0, 0.5 * cosine + 0.08, 0.08)
    seen[0, 0] = np.nan
    for method in ("cosine", "scs+c"):
        found = illumination.correct(seen, slope, aspect, SUN, method)
        np.testing.assert_array_equal(np.isnan(found), (cosine <= 0) | np.isnan(seen))
    assert (cosine <= 0).any()
    slope[5, 5] = np.nan
    assert np.isnan(illumination.correct(seen, slope, aspect, SUN, "cosine")[5, 5])


def test_level_ground_and_method_none_change_nothing():
    values = np.linspace(0, 1, 400, dtype="float32").reshape(20, 20)
    level, no_aspect = np.zeros((20, 20)), np.full((20, 20), np.nan)
    for method in illumination.METHODS:
        np.testing.assert_allclose(illumination.correct(values, level, no_aspect, SUN, method), values, atol=1e-6)
    slope, aspect = hills(20)
    np.testing.assert_array_equal(illumination.correct(values, slope, aspect, SUN), values)


def test_a_band_that_does_not_get_brighter_towards_the_sun_stays_as_it_is():
    slope, aspect = hills()
    cosine = illumination.cos_incidence(slope, aspect, SUN)
    seen = (0.9 - 0.3 * cosine).astype("float32")
    found = illumination.correct(seen, slope, aspect, SUN, "scs+c")
    np.testing.assert_array_equal(found, np.where(cosine > 0, seen, np.nan))


def test_too_few_pixels_give_no_line():
    slope, aspect = cone()
    seen = np.full(slope.shape, np.nan)
    seen[:3, :3] = 0.5
    assert np.isnan(illumination.correct(seen, slope, aspect, SUN, "scs+c")).all()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"method": "minnaert"}, r"^illumination: expected one of none, cosine, scs\+c, found 'minnaert'$"),
        ({"sun": Sun(-2.0, 180.0)}, r"^illumination: expected a sun above the horizon, found -2°$"),
        ({"slope": np.zeros((3, 3))}, r"^illumination: expected slope and aspect of shape \(60, 60\), found \(3, 3\) and \(60, 60\)$"),
    ],
)
def test_wrong_input_is_named(change, words):
    slope, aspect = cone()
    with pytest.raises(InputError, match=words):
        illumination.correct(**{"reflectance": slope, "slope": slope, "aspect": aspect, "sun": SUN, "method": "cosine", **change})
