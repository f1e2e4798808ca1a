"""The class of a pixel: by hand, and against pixels that others have labelled."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.explore import classes
from glaciercast.explore.classes import ICE, ROCK, SHADOW, SNOW, UNSEEN, WATER
from glaciercast.explore.settings import Thresholds

RULES = Thresholds()


def one(green, nir, swir16, clear=True, **known):
    layers = {name: np.array([value]) for name, value in known.items()}
    return int(classes.classify(np.array([green]), np.array([nir]), np.array([swir16]), np.array([clear]), RULES, **layers)[0])


@pytest.mark.parametrize(
    ("bands", "known", "expected"),
    [
        ((0.8, 0.7, 0.1), {"ice": True}, SNOW),
        ((0.4, 0.3, 0.05), {"ice": True}, ICE),
        ((0.4, 0.3, 0.05), {"ice": False}, SNOW),  # outside the outline there is no ice
        ((0.15, 0.2, 0.25), {"ice": True}, ROCK),  # debris
        ((0.15, 0.03, 0.01), {"slope": 1.0}, WATER),
        ((0.15, 0.03, 0.01), {"slope": 30.0}, SHADOW),  # too steep for water
        ((0.15, 0.03, 0.01), {"slope": 1.0, "lit": False}, SHADOW),  # level snow in the shadow of a mountain
        ((0.4, 0.3, 0.05), {"ice": True, "lit": False}, ICE),  # bright enough to be told in shadow
        ((0.05, 0.06, 0.06), {"lit": False}, SHADOW),
        ((0.01, 0.01, 0.01), {}, SHADOW),
        ((0.6, 0.5, -0.01), {"ice": False}, SNOW),  # a shortwave infrared below 0 is 0, and no reason to see rock
    ],
)
def test_a_pixel_is_what_its_reflectance_says(bands, known, expected):
    assert one(*bands, **known) == expected


def test_what_was_not_seen_has_no_class():
    assert one(0.8, 0.7, 0.1, clear=False) == UNSEEN
    assert one(np.nan, 0.7, 0.1) == UNSEEN


def test_counts_and_shares_add_up():
    found = np.array([[SNOW, SNOW, SHADOW], [ICE, UNSEEN, ROCK]], np.uint8)
    zone = np.array([[0, 0, 0], [1, 1, -1]])
    counts = classes.count(found, zone, 2)
    assert counts.tolist() == [[2, 0, 0, 0, 1], [0, 1, 0, 0, 0]]
    shares = classes.shares(counts)
    assert shares == {"snow": 2 / 3, "ice": 1 / 3, "water": 0, "rock": 0, "shadow": 0.25}
    assert classes.shares(np.zeros((3, 5)))["snow"] is None


@pytest.mark.parametrize(
    ("file", "bands", "offset", "least"),
    [
        ("Sentinel-2_SR_training_data.csv.gz", ("B3", "B8", "B11"), 0.0, {1: 0.95, 3: 0.90, 4: 0.99, 5: 0.97}),
        ("Landsat_training_data.csv.gz", ("SR_B3", "SR_B5", "SR_B6"), -0.2, {1: 0.70, 3: 0.82, 4: 0.95, 5: 0.98}),
    ],
)
def test_labelled_pixels_of_four_glaciers_are_told(real_data, file, bands, offset, least):
    table = pd.read_csv(real_data("snow_ice_pixels") / file)
    green, nir, swir16 = (table[band].to_numpy(float) + offset for band in bands)
    inside = np.ones(len(table), bool)
    found = classes.classify(green, nir, swir16, inside, RULES, ice=inside)
    kinds = {1: SNOW, 3: ICE, 4: ROCK, 5: WATER}
    right = {label: np.mean(found[(table["class"] == label).to_numpy()] == kinds[label]) for label in least}
    assert all(right[label] >= least[label] for label in least), right


def test_hardly_any_snow_counts_as_water(real_data):
    table = pd.read_csv(real_data("snow_ice_pixels") / "Sentinel-2_SR_training_data.csv.gz")
    bands = (table[band].to_numpy(float) for band in ("B3", "B8", "B11"))
    found = classes.classify(*bands, np.ones(len(table), bool), RULES)
    assert np.mean(found[table["class"].isin([1, 2, 3])] == WATER) < 0.005
