"""The denoiser learns to take seams out of pasted patches."""

import numpy as np
import pytest
import torch
from tests.forecast.made import Disagreeing, series, task, wrapped

from glaciercast.errors import InputError
from glaciercast.forecast import denoise
from glaciercast.forecast.denoise import DenoisingConfig, Pairs
from glaciercast.models.denoiser import DenoiserOptions
from glaciercast.stats.seams import seam_index

SMALL = DenoisingConfig(steps=100, batch=8, crop=16, learning_rate=1e-2, network=DenoiserOptions(widths=(8, 16)))


def patchwork(frames: int = 6, side: int = 64, patch: int = 4) -> Pairs:
    """Smooth truth, and the same with an offset for each patch."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    truth = np.stack([np.sin((y + phase) / 15) + np.cos((x - phase) / 17) for phase in range(frames)]).astype("float32")
    offsets = rng.normal(0, 0.3, (frames, side // patch, side // patch)).astype("float32")
    return Pairs(truth + np.kron(offsets, np.ones((patch, patch), "float32")), truth, np.ones_like(truth))


def test_the_denoiser_lowers_seams_and_error_of_frames_that_it_has_not_seen():
    made = patchwork()
    train = Pairs(*(field[:5] for field in (made.noisy, made.truth, made.observed)))
    fitted = denoise.fit(train, SMALL)
    borders = range(4, 64, 4)
    before, after = made.noisy[5], fitted.clean(made.noisy[5])
    assert seam_index(before, borders, borders) > 4
    assert seam_index(after, borders, borders) < 0.4 * seam_index(before, borders, borders)
    assert ((after - made.truth[5]) ** 2).mean() < 0.5 * ((before - made.truth[5]) ** 2).mean()


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone():
    made, few = patchwork(2), DenoisingConfig(steps=2, batch=2, crop=16)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    one, other = (denoise.fit(made, few).clean(made.noisy) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not np.array_equal(one, denoise.fit(made, few.model_copy(update={"seed": 1})).clean(made.noisy))


def test_what_was_not_observed_teaches_nothing():
    made, few = patchwork(2), DenoisingConfig(steps=3, batch=2, crop=16)
    half = np.ones_like(made.truth)
    half[:, :, 32:] = 0
    spoiled = np.where(half > 0, made.truth, 1e6).astype("float32")
    spoiled[:, ::2, 32:] = np.nan
    one = denoise.fit(Pairs(made.noisy, made.truth, half), few)
    other = denoise.fit(Pairs(made.noisy, spoiled, half), few)
    np.testing.assert_array_equal(one.clean(made.noisy), other.clean(made.noisy))


def test_frames_are_cleaned_one_by_one_in_any_shape():
    made = patchwork(2)
    fitted = denoise.fit(made, DenoisingConfig(steps=2, batch=2, crop=16))
    stack = made.noisy.reshape(2, 1, 64, 64)
    np.testing.assert_array_equal(fitted.clean(stack)[:, 0], np.stack([fitted.clean(frame) for frame in made.noisy]))


def test_pairs_are_pasted_forecasts_of_the_issues_and_the_truth(tmp_path):
    made, asked = series(tmp_path, (20, 30), missing=0.1), task(patch=10)
    forecaster = wrapped(Disagreeing(asked), asked)
    found = denoise.pairs(forecaster, made, asked, np.array([5, 8]))
    assert found.noisy.shape == (4, 20, 30)
    truth, observed = made.frames(range(9, 11))
    np.testing.assert_array_equal(found.truth[2:], truth[:, 0])
    np.testing.assert_array_equal(found.observed[2:], observed[:, 0])
    last = np.nan_to_num(made.frames(range(8, 9))[0][0, 0])
    for row, column in ((0, 0), (10, 20)):
        here = (slice(row, row + 10), slice(column, column + 10))
        np.testing.assert_allclose(found.noisy[2][here], last[here] + np.sin(np.float32(1e4) * last[row, column]), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "match"), [({"crop": 128}, "at least 128 pixels, found 64; lower 'crop'"), ({}, "found a standard deviation of 0")]
)
def test_scenes_that_teach_nothing_are_refused(change, match):
    made = patchwork(1)
    flat = made if change else Pairs(np.zeros_like(made.noisy), made.truth, made.observed)
    with pytest.raises(InputError, match=match):
        denoise.fit(flat, DenoisingConfig(**change))
