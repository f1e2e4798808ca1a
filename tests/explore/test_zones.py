"""Zones: ice and ground by elevation band, on the terrain's grid and on a coarser one."""

import numpy as np
from tests import audited

from glaciercast.explore import zones
from glaciercast.explore.settings import ExploreConfig

SETTINGS = ExploreConfig(band=100.0)


def terrain(elevation, ice, pixel=100.0):
    found = audited.terrain(ice, audited.geobox(np.shape(ice), pixel=pixel))
    return found.assign(elevation=(("y", "x"), np.asarray(elevation, "float32"), found["elevation"].attrs))


def test_bands_are_multiples_of_their_height_ice_first():
    elevation = np.array([[4010, 4090, 4110, np.nan]] * 2)
    ice = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool)
    found = zones.of(terrain(elevation, ice), audited.geobox((2, 4)), SETTINGS)
    assert [zone.name for zone in found.zones] == ["ice 4000-4100 m", "ground 4000-4100 m", "ground 4100-4200 m"]
    assert found.index.tolist() == [[0, 0, 2, -1], [1, 1, 2, -1]]


def test_a_coarse_cell_has_mean_elevation_and_share_of_ice_and_may_belong_to_nothing():
    elevation = np.repeat([[4000.0, 4020.0, 4200.0, 4240.0, 4400.0, 4400.0]], 2, axis=0)
    ice = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]], bool)
    found = zones.of(terrain(elevation, ice), audited.geobox((1, 3), pixel=200.0), SETTINGS)
    assert found.elevation.tolist() == [[4010, 4220, 4400]] and found.ice.tolist() == [[1, 0.25, 0]]
    assert found.index.tolist() == [[0, -1, 1]]  # a quarter of ice is neither ice nor ground


def test_without_terrain_all_is_one_zone():
    found = zones.of(None, audited.geobox((2, 2)), SETTINGS)
    assert found.surfaces == (zones.WHOLE,) and (found.index == 0).all()


def test_without_an_outline_bands_are_of_the_scene():
    found = zones.of(terrain([[4000.0, 4150.0]], [[0, 0]]).drop_vars("ice"), audited.geobox((1, 2)), SETTINGS)
    assert [zone.name for zone in found.zones] == ["scene 4000-4100 m", "scene 4100-4200 m"]
