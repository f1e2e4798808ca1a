"""The latent of a window: what a network hands to its last layer, as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models.base import Forecaster, Network
from glaciercast.models.lstm import LstmEncoderDecoder
from glaciercast.models.pixel_boosted import PixelBoosted
from glaciercast.models.ports import Inputs

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


class Tap(NamedTuple):
    """Where the latent passes: the module that reads it, and what turns the module's input into rows (…, D)."""

    module: nn.Module
    rows: Callable[..., Tensor]


def latent(network: Network, inputs: Inputs) -> Tensor:
    """Return what the last layer of a network reads of each window, averaged over pixels, tokens and leads.

    Parameters
    ----------
    network
        Any of the registry; see `tap` for what its last layer reads. It is run as it is: put it into evaluation mode first.
    inputs
        Of b windows.

    Returns
    -------
    (b, D) float32, without gradients: D hidden units of the LSTMs, channels of the others' last layer; the pixel models' features.

    Raises
    ------
    InputError
        If the network has no last layer that could be listened to.
    """
    with torch.no_grad(), _listening(network) as heard:
        network(inputs)
    return _mean(heard, len(inputs.frames))


def embed(forecaster: Forecaster, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the latent (b, D) of the windows of a batch and their forecast (b, T, W, y, x) in physical units, of one pass.

    The latents of an ensemble's members stand side by side: each member has axes of its own.

    Raises
    ------
    InputError
        If there is no network in the forecaster, or one has no last layer that could be listened to.
    """
    networks = [part for part in forecaster.modules() if isinstance(part, Network)]
    if not networks:
        raise InputError(f"embedding: expected a network, found {forecaster.name}, which has no latent")
    with torch.no_grad(), ExitStack() as stack:
        heard = [stack.enter_context(_listening(network)) for network in networks]
        forecast: Tensor = forecaster(batch)
    return torch.cat([_mean(calls, len(batch.past)) for calls in heard], dim=1), forecast


def tap(network: Network) -> Tap:
    """Return where the latent of a network passes.

    Its last layer is `readout`, a convolution or a linear layer. The LSTMs use the weights of theirs in a product of their own
    (`models.recurrent.Repeated`), so that they are listened to one module earlier, at `dropout`, which in evaluation changes nothing;
    and boosted trees are no layer: what they read are the features of each pixel.

    Raises
    ------
    InputError
        If the network has no such layer.
    """
    if isinstance(network, PixelBoosted):
        return Tap(network, lambda inputs, *_: network.planes(inputs).movedim(1, -1))
    if isinstance(network, LstmEncoderDecoder):
        return Tap(network.dropout, _channels_last)
    readout = getattr(network, "readout", None)
    if isinstance(readout, nn.Conv2d):
        return Tap(readout, lambda features: features.movedim(1, -1))
    if isinstance(readout, nn.Linear):
        return Tap(readout, _channels_last)
    raise InputError(f"embedding: {network.name} has no read-out, a convolution or linear layer, whose input could be its latent")


@contextmanager
def _listening(network: Network) -> Iterator[list[Tensor]]:
    """Give a list that gets the rows of every call of the tapped module."""
    module, rows = tap(network)
    heard: list[Tensor] = []

    def hear(_: nn.Module, arguments: tuple[object, ...]) -> None:
        heard.append(rows(*arguments).detach())

    handle = module.register_forward_pre_hook(hear)
    try:
        yield heard
    finally:
        handle.remove()


def _mean(heard: list[Tensor], samples: int) -> Tensor:
    """Return the mean over all but samples and channels of rows (b, …, D) of every call; leads that are samples follow each other."""
    rows = [call.reshape(samples, -1, call.shape[-1]) for call in heard]
    return torch.cat(rows, dim=1).float().mean(dim=1)


def _channels_last(features: Tensor) -> Tensor:
    return features
