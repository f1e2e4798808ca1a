"""Metrics of a map of velocity: by closed form where noise and flow are known, with nothing to measure, and in JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.errors import InputError
from glaciercast.motion.density import RULE
from glaciercast.motion.quality import Quality, measure
from glaciercast.motion.velocity import Velocity

GRID = GeoBox((120, 150), Affine(120, 0, 500000, 0, -120, 4000000), "EPSG:32643")
ICE = np.zeros(GRID.shape, bool)
ICE[30:90] = True


def made(noise: tuple[float, float] = (4.0, 7.0), shift: float = 0.0, shear: float = 0.0, seed: int = 0) -> Velocity:
    """Return ice that flows eastward at 200 m/yr, sheared, and still ground, both with Gaussian noise; m/yr."""
    rng = np.random.default_rng(seed)
    rows = np.arange(120)[:, None] * -120.0
    vx = np.where(ICE, 200 + shear * (rows - rows.mean()), 0.0) + shift + noise[0] * rng.normal(size=GRID.shape)
    vy = noise[1] * rng.normal(size=GRID.shape)
    return Velocity(vx.astype("float32"), vy.astype("float32"), np.full(GRID.shape, 5.0, "float32"))


def everywhere() -> np.ndarray:
    return np.ones(GRID.shape, bool)


def test_noise_on_stable_ground_is_measured_in_both_ways():
    found = measure(made(shift=3.0), GRID, ICE, ~ICE, everywhere())
    assert (found.stable_nmad_x, found.stable_nmad_y) == pytest.approx((4.0, 7.0), rel=0.03)
    kernel = (RULE * np.sqrt(28) * 9000 ** (-1 / 6)) ** 2 / 6
    widths = 2 * np.sqrt(16 + kernel), 2 * np.sqrt(49 + kernel)
    assert (found.stable_half_width_x, found.stable_half_width_y) == pytest.approx(widths, rel=0.06)
    assert (found.stable_peak_x, found.stable_peak_y) == pytest.approx((3.0, 0.0), abs=1.5)
    assert found.stable_vectors == 9000 and found.stable_outside == pytest.approx(1 - 0.9545**2, abs=0.03)


def test_strain_of_noise_is_that_of_sobels_weights_and_shear_shifts_it_only():
    """Slope a vector of white noise: variance σ² Σw² = σ² · 12/64; shear is half the sum of two of them."""
    sigma = 5.0
    found = measure(made((sigma, sigma), shear=0.02), GRID, ICE, ~ICE, everywhere())
    along = sigma * np.sqrt(12 / 64) / 120
    shear = along / np.sqrt(2)
    kernel = RULE**2 * along * shear * found.strain_vectors ** (-1 / 3) / 6
    assert found.strain_vectors == 58 * 148
    assert found.strain_half_width_along == pytest.approx(2 * np.sqrt(along**2 + kernel), rel=0.08)
    assert found.strain_half_width_shear == pytest.approx(2 * np.sqrt(shear**2 + kernel), rel=0.08)


def test_smoother_flow_strains_less():
    rough, fine = (measure(made((s, s)), GRID, ICE, ~ICE, everywhere()) for s in (10.0, 1.0))
    assert rough.strain_half_width_along / fine.strain_half_width_along == pytest.approx(10, rel=0.05)


def test_invalid_vectors_are_counted_and_take_no_part():
    velocity, valid = made(), everywhere()
    valid[:30] = False  # half of the stable ground
    velocity.vx[30:36] = np.nan  # a tenth of the ice
    velocity.vx[0] = 1e6
    found = measure(velocity, GRID, ICE, ~ICE, valid)
    assert found.vectors == 18000 and found.invalid_share == pytest.approx(36 / 120) and found.invalid_share_ice == pytest.approx(0.1)
    assert found.stable_vectors == 4500 and found.stable_nmad_x == pytest.approx(4.0, rel=0.05)
    assert found.strain_vectors == 52 * 148


def test_where_nothing_is_known_of_the_ground_or_no_vector_is_valid_metrics_are_missing():
    blind = measure(made(), GRID, None, None, everywhere())
    assert blind.invalid_share == 0 and math.isnan(blind.invalid_share_ice) and blind.stable_vectors == blind.strain_vectors == 0
    none = measure(made(), GRID, ICE, ~ICE, ~everywhere())
    assert none.invalid_share == none.invalid_share_ice == 1.0
    written = json.loads(json.dumps(none.to_json(), allow_nan=False))
    assert written["stable_half_width_x"] is None and written["strain_outside"] is None and written["vectors"] == 18000
    assert list(written) == list(Quality.__dataclass_fields__)


def test_masks_of_another_grid_are_refused():
    with pytest.raises(InputError, match=r"quality: expected stable of shape \(120, 150\), found \(2, 2\)"):
        measure(made(), GRID, ICE, ICE[:2, :2], everywhere())
