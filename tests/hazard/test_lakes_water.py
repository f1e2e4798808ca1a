"""Water, land, ice and what is not seen, pixel by pixel."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_lakes as made

from glaciercast import config
from glaciercast.errors import ConfigError
from glaciercast.hazard.lakes_settings import LakeConfig, WaterConfig
from glaciercast.hazard.lakes_water import classify, own_threshold

EVERYWHERE = np.ones((made.SIDE, made.SIDE), bool)


def test_water_land_snow_and_dark_are_told_apart():
    scene = made.optics(made.disc(9.0))
    for rows, colours in ((slice(0, 5), made.SNOW), (slice(5, 10), (0.012, 0.003, 0.002))):
        for layer, value in zip((scene.green, scene.nir, scene.swir16), colours, strict=True):
            layer[rows] = value
    found = classify(scene, EVERYWHERE, WaterConfig())
    assert found.water[40, 40] and not found.water[20, 20] and found.own
    assert found.frozen[:5].all() and not found.frozen[5:].any() and not found.water[:5].any()
    assert not found.seen[5:10].any() and found.seen[10:].all()
    assert found.index[40, 40] == pytest.approx((0.15 - 0.025) / 0.175, abs=0.05)


def test_steep_bright_shaded_and_cloudy_pixels_are_no_water():
    share = np.ones((made.SIDE, made.SIDE))
    slope = np.zeros(share.shape, "float32")
    slope[:10] = 50
    clear, lit = EVERYWHERE.copy(), EVERYWHERE.copy()
    clear[10:20], lit[20:30] = False, False
    scene = made.optics(share, clear, lit, slope)
    scene.nir[30:40], scene.green[30:40] = 0.2, 0.6  # NDWI of 0.5, and as bright as ice
    found = classify(scene, EVERYWHERE, WaterConfig())
    assert not found.water[:40].any() and found.water[40:].all()
    assert not found.seen[10:30].any() and not found.own and found.threshold == 0.3


def test_what_would_be_bright_on_level_ground_is_no_water_where_the_sun_grazes():
    scene = made.optics(made.disc(9.0))  # water: near infrared of 0.025
    scene.green[:9], scene.nir[:9], scene.swir16[:9] = 0.24, 0.117, 0.007  # ice: frozen where it is dim
    scene.green[9:18], scene.nir[9:18], scene.swir16[9:18] = 0.24, 0.117, 0.15  # as bright, and no ice: either
    light = np.full(scene.green.shape, 0.12, "float32")
    light[:, 60:] = np.nan
    found = classify(dataclasses.replace(scene, light=light), EVERYWHERE, WaterConfig(adaptive=False))
    assert found.water[40, 40] and not found.water[:18, :59].any() and found.water[:18, 60:].all()
    assert found.frozen[:9, :59].all() and not found.frozen[9:18].any() and not found.seen[:18, :59].any()
    assert found.seen[18:].all()  # also the lake's shore, whose pixels are mixtures
    level = classify(scene, EVERYWHERE, WaterConfig(adaptive=False))
    assert level.water[:18].all() and level.water[40, 40]


def test_the_threshold_of_a_scene_lies_between_water_and_land():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-0.1, 0.05, 900), rng.normal(0.5, 0.05, 100)])
    assert 0.1 <= own_threshold(values, WaterConfig()) <= 0.35
    assert own_threshold(values - 0.5, WaterConfig()) == 0.1  # kept within the bounds
    assert own_threshold(rng.normal(-0.1, 0.1, 1000), WaterConfig()) is None  # one kind alone
    assert own_threshold(values[-3:], WaterConfig()) is None and own_threshold(np.full(50, 0.2), WaterConfig()) is None


def test_settings_refuse_what_makes_no_sense():
    with pytest.raises(ConfigError, match="expected lowest <= threshold <= highest"):
        config.parse(LakeConfig, {"water": {"threshold": 0.9}}, "options")
    with pytest.raises(ConfigError, match=r"unknown key 'treshold' .did you mean 'threshold'"):
        config.parse(WaterConfig, {"treshold": 0.2}, "options")
