"""The 5×5 fill equals a slow reference, leaves what is known, and is done when it is done."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glaciercast.cube import gapfill
from glaciercast.errors import InputError


def slow_fill(values: np.ndarray, radius: int | None) -> np.ndarray:
    """Pass by pass, pixel by pixel, straight from the definition."""
    filled = values.astype("float64")
    passes = values.size if radius is None else -(-radius // 2)
    for _ in range(passes):
        before = filled.copy()
        for row, col in np.argwhere(np.isnan(before)):
            total = weight = 0.0
            for i in range(-2, 3):
                for j in range(-2, 3):
                    if 0 <= row + i < before.shape[0] and 0 <= col + j < before.shape[1] and not np.isnan(before[row + i, col + j]):
                        w = (3 - abs(i)) * (3 - abs(j))
                        total, weight = total + w * before[row + i, col + j], weight + w
            if weight:
                filled[row, col] = np.float32(total / weight)
        if np.array_equal(np.isnan(filled), np.isnan(before)):
            break
    return filled


SCENES = hnp.arrays(
    "float32",
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.one_of(st.floats(-1, 1, width=32), st.just(np.nan)),
)


@settings(deadline=None)
@given(SCENES, st.one_of(st.none(), st.integers(0, 7)))
def test_it_equals_the_slow_reference(scene, radius):
    np.testing.assert_allclose(gapfill.fill_spatially(scene, radius), slow_fill(scene, radius), atol=1e-6)


@settings(deadline=None)
@given(SCENES)
def test_known_pixels_stay_and_a_second_fill_changes_nothing(scene):
    filled = gapfill.fill_spatially(scene)
    known = ~np.isnan(scene)
    np.testing.assert_array_equal(filled[known], scene[known])
    assert np.isfinite(filled).all() or not known.any()
    np.testing.assert_array_equal(gapfill.fill_spatially(filled), filled)


def test_weights_of_the_study_by_hand():
    scene = np.full((5, 5), np.nan, "float32")
    scene[2, 0], scene[0, 0] = 1.0, 0.0  # weights 1·3 and 1·1 seen from the centre
    assert gapfill.fill_spatially(scene, 2)[2, 2] == pytest.approx(3 / 4)


def test_the_radius_bounds_the_reach():
    scene = np.full((1, 20), np.nan, "float32")
    scene[0, 0] = 0.5
    np.testing.assert_array_equal(np.isfinite(gapfill.fill_spatially(scene, 4))[0], np.arange(20) <= 4)
    assert np.isnan(gapfill.fill_spatially(scene, 0)[0, 1:]).all()


def test_nothing_known_stays_unknown():
    assert np.isnan(gapfill.fill_spatially(np.full((4, 4), np.nan, "float32"))).all()


@settings(deadline=None)
@given(hnp.arrays("float32", (3, 9, 9), elements=st.one_of(st.floats(-1, 1, width=32), st.just(np.nan))), st.booleans())
def test_bands_are_filled_as_if_each_were_alone(bands, same_mask):
    if same_mask:
        bands = np.where(np.isnan(bands[:1]), np.float32(np.nan), np.nan_to_num(bands))
    alone = [gapfill.fill_spatially(band) for band in bands]
    np.testing.assert_array_equal(gapfill.fill_spatially(bands), np.stack(alone))


@pytest.mark.parametrize("radius", [None, 5, 9])
def test_deep_gaps_equal_the_slow_reference(radius):
    rng = np.random.default_rng(3)
    scene = rng.uniform(-1, 1, (30, 33)).astype("float32")
    scene[:, 4:25] = np.nan
    scene[12, 15] = 0.25
    np.testing.assert_allclose(gapfill.fill_spatially(scene, radius), slow_fill(scene, radius), atol=1e-6)


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("gap", [np.s_[:20], np.s_[:, :20], np.s_[:, 20:], np.s_[3:28, 2:31], np.s_[::2, 4:]])
@pytest.mark.parametrize("radius", [None, 7])
def test_every_way_is_the_slow_reference_to_the_bit(monkeypatch, few, gap, radius):
    """Values between 0.25 and 1: every sum of the kernel is exact in float64, so that the order of adding cannot matter."""
    scene = np.random.default_rng(4).uniform(0.25, 1, (30, 33)).astype("float32")
    scene[gap] = np.nan
    monkeypatch.setattr(gapfill, "FEW", few)
    np.testing.assert_array_equal(gapfill.fill_spatially(scene, radius), slow_fill(scene, radius).astype("float32"))


@given(SCENES, st.one_of(st.none(), st.integers(0, 7)))
def test_few_pixels_and_many_are_filled_alike(scene, radius):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gapfill, "FEW", 0)
        ordered = gapfill.fill_spatially(scene, radius)
    np.testing.assert_array_equal(gapfill.fill_spatially(scene, radius), ordered)


def test_bands_with_other_gaps_and_some_without_are_each_filled(monkeypatch):
    monkeypatch.setattr(gapfill, "FEW", 0)
    bands = np.random.default_rng(5).uniform(0.25, 1, (6, 30, 33)).astype("float32")
    bands[[1, 4], :20], bands[[2, 5], :, :20], bands[5, :2] = np.nan, np.nan, np.nan  # band 0 and 3: nothing is missing
    np.testing.assert_array_equal(gapfill.fill_spatially(bands), np.stack([slow_fill(band, None) for band in bands]).astype("float32"))


def test_an_infinite_value_is_refused():
    with pytest.raises(InputError, match=r"gap fill: expected finite values"):
        gapfill.fill_spatially(np.array([[1.0, np.inf]], "float32"))
