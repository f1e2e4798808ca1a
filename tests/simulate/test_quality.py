"""What the masks say: bit by bit and class by class, and the errors with their shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.simulate import made

from glaciercast.simulate.products import quality
from glaciercast.simulate.scenario import OpticalSpec
from glaciercast.simulate.scene import Cover, Scene
from glaciercast.simulate.seeds import generator

FAULTLESS = OpticalSpec(sensors=(), bright_ice_as_cloud=0, missed_cloud=0)
SENTINEL = made.overpass("Sentinel-2A")


def faulty(wrong: float, missed: float) -> OpticalSpec:
    return OpticalSpec(sensors=(), bright_ice_as_cloud=wrong, missed_cloud=missed)


def uniform(scene: Scene, kind: Cover, **fields: float) -> Scene:
    """The scene with one kind of surface everywhere and the given cloud, shadow, lit or snow in its western half."""
    shape = scene.cover.shape
    west = np.arange(shape[1]) < shape[1] // 2
    arrays = {"cloud": 0.0, "shadow": 0.0, "lit": 0.6, "snow": float(kind == Cover.SNOW)}
    filled = {name: np.where(west, fields.get(name, value), value) * np.ones(shape) for name, value in arrays.items()}
    look = dict(zip(made.NAMES, made.LOOKS[kind], strict=True))
    look["nir_narrow"] = look["nir"]
    bands = {name: np.full(band.shape, look[name], np.float32) for name, band in scene.bands.items()}
    cover = np.full(shape, kind, np.uint8)
    return dataclasses.replace(scene, bands=bands, cover=cover, valid=np.ones(shape, bool), **filled)


def bits(kind: Cover, platform: str = "landsat-8", spec: OpticalSpec = FAULTLESS, **fields: float) -> tuple[int, int, int]:
    """QA_PIXEL far inside the western half, just east of its edge, and far from it."""
    found = quality.qa_pixel(uniform(made.scene(made.overpass(platform)), kind, **fields), spec, generator(1))
    edge = found.shape[1] // 2
    assert len(np.unique(found[:, : edge - 5])) == 1
    return int(found[9, 9]), int(found[9, edge + 1]), int(found[9, -9])


@pytest.mark.parametrize(
    ("kind", "fields", "inside", "beside", "far"),
    [
        (Cover.ROCK, {}, 21824, 21824, 21824),
        (Cover.DEBRIS, {}, 21824, 21824, 21824),
        (Cover.SNOW, {}, 30048, 30048, 30048),
        (Cover.ICE, {}, 30048, 30048, 30048),
        (Cover.WATER, {}, 21952, 21952, 21952),
        (Cover.ROCK, {"cloud": 0.8}, 22280, 21762, 21824),
        (Cover.SNOW, {"cloud": 0.8}, 22280, 29986, 30048),
        (Cover.ROCK, {"shadow": 0.8}, 23888, 21824, 21824),
        (Cover.SNOW, {"shadow": 0.8}, 23888, 30048, 30048),
        (Cover.WATER, {"shadow": 0.8}, 24016, 21952, 21952),
        (Cover.ROCK, {"cloud": 0.3}, 55052, 21762, 21824),
        (Cover.ROCK, {"cloud": 0.15}, 54596, 21824, 21824),
    ],
)
def test_oli_bits(kind: Cover, fields: dict[str, float], inside: int, beside: int, far: int) -> None:
    assert bits(kind, **fields) == (inside, beside, far)


@pytest.mark.parametrize(
    ("kind", "fields", "inside", "beside"),
    [
        (Cover.ROCK, {}, 5440, 5440),
        (Cover.SNOW, {}, 13664, 13664),
        (Cover.ROCK, {"cloud": 0.8}, 5896, 5378),
        (Cover.ROCK, {"cloud": 0.15}, 5896, 5378),
        (Cover.ROCK, {"shadow": 0.5}, 7504, 5440),
        (Cover.WATER, {}, 5568, 5568),
    ],
)
def test_etm_bits_know_no_cirrus(kind: Cover, fields: dict[str, float], inside: int, beside: int) -> None:
    assert bits(kind, "landsat-7", **fields)[:2] == (inside, beside)


def test_missed_cloud_raises_the_confidence_to_medium_or_not_at_all() -> None:
    assert bits(Cover.ROCK, spec=faulty(0, 1), cloud=0.3) == (22080, 21824, 21824)
    assert bits(Cover.ROCK, spec=faulty(0, 1), cloud=0.15) == (21824, 21824, 21824)
    assert bits(Cover.SNOW, spec=faulty(0, 1), cloud=0.3)[0] == 30304
    assert bits(Cover.ROCK, spec=faulty(0, 1), cloud=0.8)[0] == 22280


def test_every_value_is_one_that_real_scenes_have(real_data: Callable[[str], Path]) -> None:
    found = quality.qa_pixel(made.scene(made.overpass()), faulty(0.25, 0.1), generator(3))
    folder = real_data("landsat_c2l2/greenland")
    with rasterio.open(next(folder.glob("*_QA_PIXEL.TIF"))) as file:
        greenland = set(np.unique(file.read(1)).tolist())
    guide = {21762, 21824, 21890, 21952, 22080, 23888, 24016, 23826, 30048, 54534, 54596, 55052, 22280, 1, 29986, 30304}
    assert {1, 22280, 23888, 29986, 30048, 55052} <= greenland & set(np.unique(found).tolist())
    assert set(np.unique(found).tolist()) <= guide | greenland
    assert np.array_equal(found == 1, ~made.scene(made.overpass()).valid)


def test_dilation_reaches_three_pixels() -> None:
    scene = uniform(made.scene(made.overpass()), Cover.ROCK)
    cloud = np.zeros_like(scene.cloud)
    cloud[50, 60] = 1
    found = quality.qa_pixel(dataclasses.replace(scene, cloud=cloud), FAULTLESS, generator(1))
    around = np.zeros(cloud.shape, bool)
    around[47:54, 57:64] = True
    assert np.array_equal((found & 0b1010) > 0, around)
    assert found[50, 60] == 22280 and found[47, 57] == 21762


@pytest.mark.parametrize("visit", [made.overpass(), SENTINEL], ids=["landsat", "sentinel"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.6])
def test_the_errors_have_their_share(visit: object, share: float) -> None:
    scene = made.scene(visit)  # type: ignore[arg-type]
    found = quality.detect(scene, faulty(share, share), generator(4))
    bright = quality.bright_ice(scene)
    thin = scene.valid & (scene.cloud >= 0.1) & (scene.cloud < 0.4)
    assert bright.sum() > 5000 and thin.sum() > 3000
    assert found.wrong[bright].mean() == pytest.approx(share, abs=1e-3) and not found.wrong[~bright].any()
    assert found.missed[thin].mean() == pytest.approx(share, abs=1e-3) and not found.missed[~thin].any()
    assert np.array_equal(found.cloud, found.wrong | (scene.valid & (scene.cloud >= 0.1) & ~found.missed))
    if share:
        assert coherence(found.wrong, bright) > 0.5
        assert quality.green(scene)[found.wrong].mean() > quality.green(scene)[bright & ~found.wrong].mean()


def coherence(mask: np.ndarray, within: np.ndarray) -> float:
    """Correlation of a mask with itself one pixel on: 0 for scattered pixels, 1 for one half plane."""
    pairs = within[:, 1:] & within[:, :-1]
    return float(np.corrcoef(mask[:, 1:][pairs], mask[:, :-1][pairs])[0, 1])


def test_patches_are_standard_and_smooth() -> None:
    field = np.stack([quality.patches(made.scene(made.overpass()), generator(seed)) for seed in range(60)])
    assert field.mean() == pytest.approx(0, abs=0.05) and field.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(field[:, :, 1:].ravel(), field[:, :, :-1].ravel())[0, 1] > 0.98
    assert np.corrcoef(field[:, :, 60:].ravel(), field[:, :, :-60].ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_same_seed_same_mask() -> None:
    scene = made.scene(made.overpass())
    first, again, other = (quality.qa_pixel(scene, faulty(0.3, 0.3), generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("kind", "fields", "wanted"),
    [
        (Cover.VEGETATION, {}, 4),
        (Cover.ROCK, {}, 5),
        (Cover.DEBRIS, {}, 5),
        (Cover.WATER, {}, 6),
        (Cover.SNOW, {}, 11),
        (Cover.ICE, {}, 11),
        (Cover.ROCK, {"snow": 0.4}, 7),
        (Cover.ROCK, {"lit": 0.0}, 2),
        (Cover.SNOW, {"lit": 0.0}, 2),
        (Cover.SNOW, {"shadow": 0.5}, 3),
        (Cover.SNOW, {"cloud": 0.5}, 8),
        (Cover.ROCK, {"cloud": 0.9}, 9),
        (Cover.ROCK, {"cloud": 0.3}, 10),
    ],
)
def test_scene_classification(kind: Cover, fields: dict[str, float], wanted: int) -> None:
    found = quality.scl(uniform(made.scene(SENTINEL), kind, **fields), FAULTLESS, generator(1))
    half = found.shape[1] // 2
    assert found.dtype == np.uint8 and set(np.unique(found[:, :half])) == {wanted}
    if fields:
        assert wanted not in found[:, half:]


def test_bright_ice_is_classified_as_cloud_in_its_share() -> None:
    scene = made.scene(SENTINEL)
    found = quality.scl(scene, faulty(0.25, 0), generator(1))
    assert np.isin(found, (8, 9))[quality.bright_ice(scene)].mean() == pytest.approx(0.25, abs=1e-3)
    assert np.array_equal(found == 0, ~scene.valid)
    assert set(np.unique(found)) == {0, 2, 3, 4, 5, 6, 8, 9, 10, 11}


def test_ice_that_does_not_look_like_ice_is_left_unclassified() -> None:
    scene = uniform(made.scene(SENTINEL), Cover.ICE)
    dirty = dataclasses.replace(scene, bands={**scene.bands, "swir16": scene.bands["swir16"] + np.float32(0.5)})
    assert set(np.unique(quality.scl(dirty, FAULTLESS, generator(1)))) == {7}
