"""The denoiser leaves a scene alone until it has learnt, takes any size and sees little around a pixel."""

import torch

from glaciercast.models.base import parameter_count
from glaciercast.models.denoiser import Denoiser, DenoiserOptions


def awake() -> Denoiser:
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserOptions(width=4))
    torch.nn.init.normal_(denoiser.readout.weight)
    return denoiser.eval()


def test_untrained_it_leaves_a_scene_as_it_is():
    frames = torch.randn(2, 7, 11)
    torch.testing.assert_close(Denoiser()(frames), frames, rtol=0, atol=0)


def test_the_number_of_weights_is_that_of_two_levels():
    for width in (4, 16):
        pairs = [(1, width), (width, width), (width, 2 * width), (2 * width, 2 * width), (3 * width, width), (width, width)]
        expected = sum(9 * a * b + b for a, b in pairs) + width + 1
        assert parameter_count(Denoiser(DenoiserOptions(width=width))) == expected


def test_a_large_scene_is_cleaned_as_its_parts_are():
    """Ten pixels from where it was cut, at an even row and column, a part says what the whole says."""
    denoiser, frames = awake(), torch.randn(1, 60, 60, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, part = denoiser(frames), denoiser(frames[:, 10:50, 8:48])
    torch.testing.assert_close(part[:, 12:-12, 12:-12], whole[:, 22:38, 20:36], rtol=0, atol=1e-5)
    assert (part[:, 0] - whole[:, 10, 8:48]).abs().max() > 1e-3
