"""Snow against cloud: what the reflectance overrules, and what it must not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.cube import masks
from glaciercast.cube.masks import MaskPolicy
from glaciercast.errors import ConfigError, InputError

CLOUD, CLEAR, DILATED, SHADOW, CIRRUS = 22280, 21824, 21826, 23888, 54596
SNOW, CLOUDY, ROCK, FRESH = (0.8, 0.03), (0.94, 0.35), (0.13, 0.23), (0.9, 0.18)
"""Reflectance in the green and at 1.6 µm: medians of labelled snow, of the cloud over Greenland and of labelled rock; bright fresh snow."""


def clear(policy, values, spectra, ice=True, quality="qa_pixel", **bands):
    values = np.atleast_1d(values)
    green, swir16 = (np.full(values.shape, value, "float32") for value in spectra) if isinstance(spectra, tuple) else spectra
    inside = None if ice is None else np.broadcast_to(ice, values.shape)
    return masks.clear(policy, quality, values, np.ones(values.shape, bool), {"green": green, "swir16": swir16, **bands}, inside)


@pytest.mark.parametrize(
    ("flag", "spectra", "expected"),
    [
        (CLOUD, SNOW, True),
        (DILATED, SNOW, True),
        (CLOUD, CLOUDY, False),  # its NDSI is 0.46: the index alone would keep it
        (CLOUD, ROCK, False),
        (CLOUD, FRESH, False),  # NDSI 0.67, but too bright at 1.6 µm
        (SHADOW, SNOW, False),  # shadow is believed
        (CIRRUS, SNOW, False),  # cirrus is believed
        (1, SNOW, False),  # fill
        (CLEAR, ROCK, True),
        (CLEAR, CLOUDY, True),  # what has no flag is not doubted by default
    ],
)
def test_the_default_by_value(flag, spectra, expected):
    assert clear(MaskPolicy(), flag, spectra).item() is expected


def test_the_1_6_um_limit_is_what_tells_cloud_from_snow():
    index_only = MaskPolicy(max_swir16=None)
    assert clear(index_only, CLOUD, CLOUDY).item()
    assert not clear(MaskPolicy(), CLOUD, CLOUDY).item()
    assert not clear(MaskPolicy(min_ndsi=0.5, max_swir16=None), CLOUD, CLOUDY).item()


def test_thresholds_are_included():
    policy = MaskPolicy(min_ndsi=0.5, min_green=0.25, max_swir16=0.25)
    assert clear(policy, CLOUD, (0.75, 0.25)).item()  # NDSI is 0.5 exactly
    assert not clear(policy, CLOUD, (0.74, 0.25)).item()
    assert clear(policy, CLOUD, (0.25, 0.0)).item()
    assert not clear(policy, CLOUD, (0.24, 0.0)).item()


def test_a_reflectance_below_zero_at_1_6_um_is_ice_and_not_unknown():
    assert clear(MaskPolicy(), CLOUD, (0.3, -0.02)).item()
    assert not clear(MaskPolicy(), CLOUD, (-0.01, -0.02)).item()


@pytest.mark.parametrize(("where", "ice"), [("outline", [True, False]), ("box", [True, False]), ("outline", None), ("box", None)])
def test_where_reflectance_overrules_by_value(where, ice):
    expected = np.ones(2, bool) if where == "box" else np.array(ice or [False, False])
    snow = clear(MaskPolicy(where=where), [CLOUD, CLOUD], SNOW, ice=ice)
    np.testing.assert_array_equal(snow, expected)
    cloud = clear(MaskPolicy(name="spectra_overrule", where=where), [CLEAR, CLEAR], CLOUDY, ice=ice)
    np.testing.assert_array_equal(cloud, ~expected)


@pytest.mark.parametrize("name", ["bits", "bits_confidence", "bits_strict"])
def test_where_says_nothing_to_a_policy_of_flags(name):
    values = np.array([CLEAR, CLOUD, DILATED, SHADOW, CIRRUS])
    found = [clear(MaskPolicy(name=name, where=where), values, SNOW, ice=np.arange(5) < 3) for where in ("outline", "box")]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("where", "cloud", "at_best"), [("outline", 0.4, 0.4), ("box", 0.0, 0.0)])
def test_seasonal_snow_beside_the_glacier_counts_as_cloud_only_where_the_outline_rules(where, cloud, at_best):
    """Ten pixels, two of them glacier; the flag calls six cloud, all of it snow: two on the glacier, four on the slopes beside it."""
    values, ice = np.array([CLOUD] * 6 + [CLEAR] * 4), np.arange(10) < 2
    policy, valid = MaskPolicy(where=where), np.ones(10, bool)
    assert 1 - clear(policy, values, SNOW, ice=ice).mean() == pytest.approx(cloud)
    assert 1 - masks.possibly_clear(policy, "qa_pixel", values, valid, ice).mean() == pytest.approx(at_best)
    without = 0.0 if where == "box" else 0.6
    assert 1 - masks.possibly_clear(policy, "qa_pixel", values, valid, None).mean() == pytest.approx(without)


def test_the_glance_does_not_hope_where_shadow_cirrus_or_fill_is_flagged():
    values = np.array([CLOUD, DILATED, SHADOW, CIRRUS, 1])
    found = masks.possibly_clear(MaskPolicy(), "qa_pixel", values, np.ones(5, bool), None)
    np.testing.assert_array_equal(found, [True, True, False, False, False])


@pytest.mark.parametrize(
    ("scene_class", "by_default", "with_cirrus"), [(8, True, True), (9, True, True), (10, False, True), (3, False, False)]
)
def test_sentinel2_classes_that_snow_overrules(scene_class, by_default, with_cirrus):
    assert clear(MaskPolicy(), scene_class, SNOW, quality="scl").item() is by_default
    assert clear(MaskPolicy(cirrus=True), scene_class, SNOW, quality="scl").item() is with_cirrus


def test_cirrus_can_be_doubted_on_landsat():
    assert clear(MaskPolicy(cirrus=True), CIRRUS, SNOW).item()


def test_what_is_bright_at_1_6_um_is_removed_only_on_request():
    policy = MaskPolicy(name="spectra_overrule")
    spectra = tuple(np.array(column) for column in zip(SNOW, CLOUDY, ROCK, FRESH, strict=True))
    np.testing.assert_array_equal(clear(policy, np.full(4, CLEAR), spectra), [True, False, True, True])


def test_flagged_pixels_must_be_as_warm_as_the_scenes_own_clear_ice():
    values = np.array([CLEAR] * 150 + [CLOUD] * 4)
    thermal = np.concatenate([np.full(150, 265.0), [264.0, 255.0, 254.9, np.nan]]).astype("float32")
    found = clear(MaskPolicy(max_cooling=10), values, SNOW, thermal=thermal)
    np.testing.assert_array_equal(found[150:], [True, True, False, False])
    without = clear(MaskPolicy(max_cooling=10), values, SNOW)  # a product without a thermal band
    assert without.all()
    few = clear(MaskPolicy(max_cooling=10), values[80:], SNOW, thermal=thermal[80:])  # 70 clear pixels give no reference
    assert not few[70:].any() and few[:70].all()


def test_warm_debris_does_not_set_the_reference():
    values = np.array([CLEAR] * 400 + [CLOUD])
    green, swir16 = np.full(401, 0.13), np.full(401, 0.23)
    green[:150], swir16[:150] = SNOW
    green[-1], swir16[-1] = SNOW
    thermal = np.where(np.arange(401) < 150, 265.0, 295.0)
    thermal[-1] = 264.0
    assert clear(MaskPolicy(max_cooling=5), values, [green, swir16], thermal=thermal)[-1]


def test_bands_that_a_policy_needs_are_asked_for_in_one_line():
    line = r"mask policy snow_overrules: expected the bands green and swir16, missing: swir16"
    with pytest.raises(InputError, match=line):
        masks.clear(MaskPolicy(), "scl", np.array([11]), np.array([True]), {"green": np.array([0.5])}, None)


def test_an_unknown_policy_or_threshold_is_refused():
    from glaciercast import config

    with pytest.raises(ConfigError, match=r"name"):
        config.parse(MaskPolicy, {"name": "clouds"}, "test")
    with pytest.raises(ConfigError, match=r"where"):
        config.parse(MaskPolicy, {"where": "everywhere"}, "test")
    with pytest.raises(ConfigError, match=r"min_ndsi"):
        config.parse(MaskPolicy, {"min_ndsi": 1.5}, "test")


@given(
    name=st.sampled_from(["bits", "bits_confidence", "bits_strict", "snow_overrules", "spectra_overrule"]),
    quality=st.sampled_from(["qa_pixel", "scl"]),
    where=st.sampled_from(["outline", "box"]),
    cirrus=st.booleans(),
    known=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_glance_without_reflectance_never_misses_a_clear_pixel(name, quality, where, cirrus, known, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 1 << 16, 200).astype("uint16") if quality == "qa_pixel" else rng.integers(0, 12, 200).astype("uint8")
    bands = {"green": rng.uniform(-0.1, 1.2, 200), "swir16": rng.uniform(-0.1, 0.6, 200), "thermal": rng.uniform(240, 300, 200)}
    valid, ice = rng.random(200) < 0.9, rng.random(200) < 0.5 if known else None
    policy = MaskPolicy(name=name, where=where, cirrus=cirrus)
    hopeful = masks.possibly_clear(policy, quality, values, valid, ice)
    found = masks.clear(policy, quality, values, valid, bands, ice)
    assert not (found & ~hopeful).any()
    if not policy.bands:
        np.testing.assert_array_equal(found, hopeful)


def test_the_report_counts_what_each_choice_returns_and_removes():
    values = np.array([CLEAR, CLEAR, CLOUD, CLOUD, CIRRUS, SHADOW, DILATED, 1])
    spectra = tuple(np.array(column) for column in zip(SNOW, CLOUDY, SNOW, CLOUDY, SNOW, SNOW, SNOW, SNOW, strict=True))
    bands = dict(zip(("green", "swir16"), spectra, strict=True))
    valid, ice = values != 1, np.array([True] * 6 + [False] * 2)
    found = masks.report(MaskPolicy(name="spectra_overrule", where="outline"), "qa_pixel", values, valid, bands, ice)
    inside = found.pop("ice")
    assert found == pytest.approx({"clear": 2 / 7, "cloud": 3 / 7, "cirrus": 1 / 7, "shadow": 1 / 7, "returned": 1 / 7, "removed": 1 / 7})
    assert inside == pytest.approx({"clear": 2 / 6, "cloud": 2 / 6, "cirrus": 1 / 6, "shadow": 1 / 6, "returned": 1 / 6, "removed": 1 / 6})
    everywhere = masks.report(MaskPolicy(name="spectra_overrule"), "qa_pixel", values, valid, bands, ice)
    assert everywhere.pop("ice") == inside
    assert everywhere == pytest.approx(found | {"clear": 3 / 7, "returned": 2 / 7})  # the snow under a dilated cloud outside the outline
    empty = masks.report(MaskPolicy(), "qa_pixel", values, np.zeros(8, bool), bands, None)
    assert empty == {"clear": None, "cloud": None, "cirrus": None, "shadow": None, "returned": None, "removed": None, "ice": None}


def test_real_cloud_over_greenland_stays_out(real_data):
    """More than half of the scene is flagged, most of it with the NDSI of snow; the 1.6 µm band and 7 K less say that it is cloud."""
    import rasterio

    folder = real_data("landsat_c2l2/greenland")

    def read(name):
        with rasterio.open(next(folder.glob(f"*_{name}.TIF"))) as file:
            return file.read(1)

    quality = read("QA_PIXEL")
    valid = quality != 1
    bands = {name: read(band) * 2.75e-5 - 0.2 for name, band in (("green", "SR_B3"), ("swir16", "SR_B6"))}
    kelvin = np.where(read("ST_B10") > 0, read("ST_B10") * 0.00341802 + 149.0, np.nan)
    everywhere = np.ones(quality.shape, bool)
    kept = {
        label: masks.clear(policy, "qa_pixel", quality, valid, bands, everywhere)
        for label, policy in {"bits": MaskPolicy(name="bits"), "default": MaskPolicy(), "index": MaskPolicy(max_swir16=None)}.items()
    }
    shares = {label: found[valid].mean() for label, found in kept.items()}
    assert shares == pytest.approx({"bits": 0.392, "default": 0.405, "index": 0.808}, abs=6e-4)
    assert not (kept["bits"] & ~kept["default"]).any()
    cloud = valid & ~masks.clear_by_bits(quality, (3,))
    snow = valid & ~masks.clear_by_bits(quality, (5,))
    assert np.nanmedian(kelvin[cloud]) < np.nanmedian(kelvin[snow]) - 6
    assert kept["default"][cloud].mean() == pytest.approx(0.015, abs=1e-3)


def test_the_default_accepts_labelled_snow_and_ice_and_no_rock(real_data):
    """Landsat reflectance is value − 0.2 in this table; sites on which no threshold was tuned."""
    import pandas as pd

    table = pd.read_csv(real_data("snow_ice_pixels/Landsat_training_data.csv.gz"))
    table = table[table["site_name"].isin(["SouthCascade", "Wolverine"])]
    spectra = tuple((table[name] - 0.2).to_numpy("float32") for name in ("SR_B3", "SR_B6"))
    found = clear(MaskPolicy(), np.full(len(table), CLOUD), spectra)
    shares = {label: found[(table["class"] == label).to_numpy()].mean() for label in (1, 3, 4)}
    assert shares == pytest.approx({1: 0.959, 3: 0.996, 4: 0.003}, abs=1e-3)
