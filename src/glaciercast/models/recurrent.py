"""What the recurrent networks share: gates with peepholes, a matrix that every step uses, and the decoder loop with teacher forcing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from glaciercast.models.ports import Inputs

S = TypeVar("S")
_Uses = dict[int, tuple[Tensor, Tensor]]  # by number of the use: its input and its output's gradient


def gated(drive: Tensor, c: Tensor, peephole: Tensor) -> tuple[Tensor, Tensor]:
    """Return the new state (h, c) of an LSTM whose gates see the cell state.

    i = σ(a_i + p_i∘c), f = σ(a_f + p_f∘c), c' = f∘c + i∘tanh(a_g), o = σ(a_o + p_o∘c'), h' = o∘tanh(c')
    (Gers, Schraudolph & Schmidhuber 2002, J. Mach. Learn. Res. 3, 115–143).

    Parameters
    ----------
    drive
        (b, 4 hidden, …): what input, last state and bias sum to, a in the order i, f, g, o.
    c
        (b, hidden, …), the cell state.
    peephole
        (3, hidden, …): weights p of i, f and o, broadcast against the cell state.
    """
    i, f, g, o = drive.chunk(4, dim=1)
    p_i, p_f, p_o = peephole
    new = torch.tanh(g.clone())  # torch is 20 times slower on the strided channels of one gate than on a copy
    c_new = torch.sigmoid(torch.addcmul(f, p_f, c)) * c + torch.sigmoid(torch.addcmul(i, p_i, c)) * new
    return torch.sigmoid(torch.addcmul(o, p_o, c_new)) * torch.tanh(c_new), c_new


class Repeated:
    """A matrix W that one pass uses at every step; its gradient is one product over all steps, not a sum of products.

    On CPUs a product over 64 rows runs at half the rate of one over all steps' rows, and each sum reads and writes all of W: together a
    fifth of a training step of `lstm` in preset `paper`. cuDNN joins its products over time alike (Appleyard, Kočiský & Blunsom
    2016, arXiv:1604.01946). Make one for each pass.
    """

    def __init__(self, weight: Tensor) -> None:
        self.uses: _Uses = {}
        self.number = 0
        self.weight: Tensor = _Gathered.apply(weight, self.uses)  # type: ignore[no-untyped-call]

    def __call__(self, drive: Tensor, x: Tensor) -> Tensor:
        """Return drive + x Wᵀ, (b, outputs), for x (b, inputs)."""
        self.number += 1
        out: Tensor = _Used.apply(drive, x, self.weight, self.uses, self.number)  # type: ignore[no-untyped-call]
        return out


def decode(
    step: Callable[[int, Tensor, S], tuple[Tensor, S]], state: S, inputs: Inputs, truth: Tensor | None = None, teacher: float = 0.0
) -> Tensor:
    """Let a decoder go from target step to target step, each time from the forecast of the step before.

    With teacher forcing (Williams & Zipser 1989, Neural Comput. 1, 270–280) it goes on from the truth instead, at each step and sample
    with probability `teacher` (scheduled sampling: Bengio et al. 2015, arXiv:1506.03099), drawn from torch's generator.

    Parameters
    ----------
    step
        Takes the number of the target step, from 0, the targets' values in the frame before it, (b, W, y, x), and the state; returns
        (b, K·W, y, x), whose first W channels are the change of the reference, and the new state.
    state
        State before the first target step, which starts from the values of the last input frame.
    inputs
        See `models.ports.Inputs`; normalised.
    truth
        (b, n_target, W, y, x), the true change of the reference; what it says of the last step is not read.
    teacher
        Share of steps that go on from the truth; of no effect without one.

    Returns
    -------
    (b, n_target, K·W, y, x).
    """
    samples, leads, targets = inputs.future.shape[:3]
    forced = torch.rand(leads, samples, 1, 1, 1, device=inputs.future.device) < teacher if truth is not None and teacher > 0 else None
    values = inputs.frames[:, -1, :targets]
    outs: list[Tensor] = []
    for lead in range(leads):
        if lead:
            change = outs[-1][:, :targets]
            if truth is not None and forced is not None:
                change = torch.where(forced[lead], truth[:, lead - 1], change)
            values = inputs.future[:, lead - 1] + change
        out, state = step(lead, values, state)
        outs.append(out)
    return torch.stack(outs, dim=1)


class _Gathered(torch.autograd.Function):
    """The matrix as it is; autograd calls `backward` after that of every use."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, uses: _Uses) -> Tensor:
        ctx.uses = uses
        ctx.set_materialize_grads(False)
        return weight.view_as(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: None) -> tuple[Tensor, None]:
        inputs, gradients = zip(*ctx.uses.values(), strict=True)
        ctx.uses.clear()
        return torch.cat(gradients).t() @ torch.cat(inputs), None


class _Used(torch.autograd.Function):
    """drive + x Wᵀ, which leaves the gradient of W to `_Gathered`."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, x: Tensor, weight: Tensor, uses: _Uses, number: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.uses, ctx.number = uses, number
        return drive + (weight @ x.t().contiguous()).t()  # with the narrow factor on the right MKL is half again as fast

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        own = gradient.to(weight.dtype)  # another one under autocast
        if ctx.needs_input_grad[2]:
            ctx.uses[ctx.number] = (x.to(weight.dtype), own)
        return gradient, own @ weight if ctx.needs_input_grad[1] else None, None, None, None
