"""Terrain shadows in closed form: the length of a wall's shadow, its direction, and none on open ground."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from glaciercast.simulate import shade

SIZE, CELL = 161, 30.0
X = (np.arange(SIZE) - SIZE // 2)[None, :] * CELL + np.zeros((SIZE, 1))
Y = -(np.arange(SIZE) - SIZE // 2)[:, None] * CELL + np.zeros((1, SIZE))


def towards(azimuth: float) -> np.ndarray:
    """Return the distance of every pixel from the middle, m, positive towards the sun."""
    return X * np.sin(np.radians(azimuth)) + Y * np.cos(np.radians(azimuth))


@pytest.mark.parametrize("azimuth", [0.0, 30.0, 90.0, 135.0, 180.0, 225.0, 270.0, 318.0])
@pytest.mark.parametrize(("height", "elevation"), [(500.0, 30.0), (300.0, 15.0), (700.0, 60.0)])
def test_a_wall_casts_a_shadow_away_from_the_sun(azimuth, height, elevation):
    along = towards(azimuth)
    ground = height * np.clip(along / 60 + 1, 0, 1)  # the edge is at 0
    lit = shade.sunlit(ground, CELL, elevation, azimuth)
    length = height / np.tan(np.radians(elevation))
    near = np.hypot(X, Y) < 1900
    assert (lit[near & (along < -90) & (along > 180 - length)] == 0).all()  # cells of 60 m and steps of at most two may miss the edge
    assert (lit[near & (along < -length - 60)] == 1).all()
    assert (lit[near & (along > 90)] == 1).all()  # the plateau itself


def test_flat_ground_is_lit_everywhere():
    for elevation in (2.0, 20.0, 60.0):
        assert (shade.sunlit(np.full((50, 51), 3000.0), CELL, elevation, 123.0) == 1).all()


@pytest.mark.parametrize(("tilt", "lit"), [(20.0, 1.0), (40.0, 0.0)])
def test_a_slope_steeper_than_the_sun_shades_itself(tilt, lit):
    ground = np.tan(np.radians(tilt)) * towards(150.0)  # rises towards the sun
    middle = np.hypot(X, Y) < 1500
    assert (shade.sunlit(ground, CELL, 30.0, 150.0)[middle] == lit).all()
    assert (shade.sunlit(-ground, CELL, 30.0, 150.0)[middle] == 1).all()


def test_a_higher_sun_shortens_shadows(tiny):
    shares = [float((1 - shade.sunlit(tiny.elevation, CELL, elevation, 150.0)).mean()) for elevation in (10, 25, 40, 55, 89)]
    assert all(low > high for low, high in itertools.pairwise(shares))
    assert shares[-1] < 0.001


@pytest.mark.parametrize("shape", [(60, 60), (61, 60), (60, 61), (61, 61)])
def test_odd_and_even_sizes_keep_their_place(shape):
    ground = np.zeros(shape)
    ground[:, :20] = 400.0  # the sun in the west
    lit = shade.sunlit(ground, CELL, 45.0, 270.0)
    assert lit.shape == shape
    edge = np.argmax(lit[30, 20:] > 0.5) + 20
    assert edge == pytest.approx(20 + 400 / CELL, abs=2)
