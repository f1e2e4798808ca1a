"""The denoiser leaves a scene alone until it has learnt, takes any size and sees little around a pixel."""

import torch

from glaciercast.models.base import parameter_count
from glaciercast.models.denoiser import Denoiser, DenoiserOptions


def test_untrained_it_leaves_a_scene_as_it_is():
    frames = torch.randn(2, 7, 11)
    torch.testing.assert_close(Denoiser()(frames), frames, rtol=0, atol=0)


def test_the_number_of_weights_is_that_of_a_u_net():
    for a, b, c in ((2, 4, 8), (8, 16, 32)):
        pairs = [(1, a), (a, a), (a, b), (b, b), (b, c), (c, c), (b + c, b), (b, b), (a + b, a), (a, a)]
        expected = sum(9 * inputs * outputs + outputs for inputs, outputs in pairs) + a + 1
        assert parameter_count(Denoiser(DenoiserOptions(widths=(a, b, c)))) == expected


def test_a_large_scene_is_cleaned_as_its_parts_are():
    """Two dozen pixels from where it was cut, in step with the levels, a part says what the whole says; at its edge it does not."""
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserOptions(widths=(4, 4, 4))).eval()
    torch.nn.init.normal_(denoiser.readout.weight)
    frames = torch.randn(1, 80, 80)
    with torch.inference_mode():
        whole, part = denoiser(frames), denoiser(frames[:, 8:72, 8:72])
    torch.testing.assert_close(part[:, 24:-24, 24:-24], whole[:, 32:48, 32:48], rtol=0, atol=1e-4)
    assert (part[:, 0] - whole[:, 8, 8:72]).abs().max() > 1e-3
