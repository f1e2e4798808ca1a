"""Variations of training windows: mirrored and turned ground, brighter ground, and clouds that were not there.

What was fitted for places (a climatology) is looked up where a window lies; then the window and what was looked up are varied together, so
that a mirrored window departs from a mirrored climatology. Rows run south and columns east, vx points east and vy north.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from glaciercast.errors import InputError

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

GREEN = ("ndsi", "ndwi")
"""Indices (green − other) / (green + other), which brightness changes; velocities and temperatures are not reflectances."""
COMPONENTS = ("vx", "vy")
THROUGH_CLOUDS = (*COMPONENTS, "speed")
"""What a cloud does not hide: image pairs span months; optical and thermal sensors see no ground under clouds."""
SIGNS = {
    "vx": torch.tensor([[1.0, -1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]]),
    "vy": torch.tensor([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, -1.0, 1.0]]),
}
"""Sign of each component after 0–3 quarters, of ground as it is and of mirrored ground; an odd number of quarters swaps them as well."""
WAVES = 12
"""Plane waves that a cloud is drawn from."""


class Amounts(Protocol):
    """How much is varied (see `glaciercast.training.config.AugmentConfig`)."""

    @property
    def flips(self) -> bool: ...  # noqa: D102
    @property
    def rotations(self) -> bool: ...  # noqa: D102
    @property
    def brightness(self) -> float: ...  # noqa: D102
    @property
    def cloud_gaps(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Views:
    """How each of b windows is varied.

    Attributes
    ----------
    mirrored
        bool (b,): west and east swapped, before turning.
    quarters
        int64 (b,): quarter turns anticlockwise, 0 … 3.
    green
        float32 (b,): factor by which green is brighter than near and shortwave infrared; None: as it was.
    hidden
        bool (b, H, y, x): what a simulated cloud hides of the past, where the window lies; None: nothing.
    """

    mirrored: Tensor
    quarters: Tensor
    green: Tensor | None = None
    hidden: Tensor | None = None

    def batch(self, batch: Batch, names: tuple[str, ...]) -> Batch:
        """Return a batch as these views show it; `names` are its variables, the targets first. Its origins stay those of the ground."""
        batch = self.veil(batch, names)
        return batch._replace(
            past=self.values(batch.past, names),
            past_observed=self.fractions(batch.past_observed, names),
            statics=self.turned(batch.statics),
            target=None if batch.target is None else self.values(batch.target, names),
            target_weight=None if batch.target_weight is None else self.fractions(batch.target_weight, names),
        )

    def veil(self, batch: Batch, names: tuple[str, ...]) -> Batch:
        """Return a batch as it lies, under the clouds of these views."""
        if self.hidden is None:
            return batch
        past, observed = veiled(batch.past, batch.past_observed, self.hidden, names)
        return batch._replace(past=past, past_observed=observed)

    def values(self, values: Tensor, names: tuple[str, ...]) -> Tensor:
        """Return values (b, n, v, y, x) of the first v variables in physical units, turned and brightened; vx and vy turn as a vector."""
        names = names[: values.shape[2]]
        turned = self.turned(values)
        if set(names) & set(COMPONENTS):
            source, sign = self._components(names, values.device)
            turned = turned.take_along_dim(source, dim=2) * sign
        bright = [index for index, name in enumerate(names) if name in GREEN]
        if self.green is not None and bright:
            turned[:, :, bright] = brightened(turned[:, :, bright], self.green.to(values.device)[:, None, None, None, None])
        return turned

    def fractions(self, fractions: Tensor, names: tuple[str, ...]) -> Tensor:
        """Return observed fractions (b, n, v, y, x) of the first v variables, turned."""
        source, _ = self._components(names[: fractions.shape[2]], fractions.device)
        return self.turned(fractions).take_along_dim(source, dim=2)

    def turned(self, fields: Tensor) -> Tensor:
        """Return scalar fields (b, …, y, x) mirrored and turned; new memory."""
        return self._each(fields, lambda field, mirrored, quarters: torch.rot90(field.flip(-1) if mirrored else field, quarters, (-2, -1)))

    def upright(self, fields: Tensor) -> Tensor:
        """Return turned fields (b, …, y, x) with each pixel back where its ground lies; components of vectors stay turned."""

        def back(field: Tensor, mirrored: bool, quarters: int) -> Tensor:
            field = torch.rot90(field, -quarters, (-2, -1))
            return field.flip(-1) if mirrored else field

        return self._each(fields, back)

    def _each(self, fields: Tensor, how: Callable[[Tensor, bool, int], Tensor]) -> Tensor:
        """Return what `how` makes of the windows of each orientation."""
        out = torch.empty_like(fields, memory_format=torch.contiguous_format)
        for mirrored, quarters, rows in self._orientations():
            out[rows] = how(fields[rows], mirrored, quarters)
        return out

    def _orientations(self) -> Iterator[tuple[bool, int, Tensor]]:
        """Yield the orientations that there are, with the numbers of their windows."""
        for mirrored in (False, True):
            for quarters in range(4):
                rows = torch.nonzero((self.mirrored == mirrored) & (self.quarters == quarters))[:, 0]
                if len(rows):
                    yield mirrored, quarters, rows

    def _components(self, names: tuple[str, ...], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return from which variable each takes its values, and with what sign, (b, 1, v, 1, 1)."""
        source = torch.arange(len(names)).repeat(len(self.quarters), 1)
        sign = torch.ones(source.shape)
        for own, other in (COMPONENTS, COMPONENTS[::-1]):
            if own in names:
                column = names.index(own)
                sign[:, column] = SIGNS[own][self.mirrored.long(), self.quarters]
                if other in names:
                    source[:, column] = torch.where(self.quarters % 2 == 1, names.index(other), column)
        return source[:, None, :, None, None].to(device), sign[:, None, :, None, None].to(device)


def check(amounts: Amounts, variables: tuple[str, ...], targets: tuple[str, ...]) -> None:
    """Check that the variables can be turned.

    Raises
    ------
    InputError
        If quarter turns are wanted and vx is there without vy, or the other way round.
    """
    for kind, names in (("variables", variables), ("targets", targets)):
        found = [name for name in COMPONENTS if name in names]
        if amounts.rotations and len(found) == 1:
            raise InputError(f"augment.rotations: expected vx and vy both among the {kind}, as one turns into the other, found {found[0]}")


def draw(amounts: Amounts, batch: Batch, seed: int, epoch: int, together: bool = False) -> Views:
    """Draw how each window of a batch is varied, as a function of (seed, epoch, issue step, row, column) alone.

    Parameters
    ----------
    together
        The windows are tiles of one scene: all are varied alike, by (seed, epoch, issue step), and a cloud goes on from tile to tile.

    Raises
    ------
    InputError
        If quarter turns are wanted of patches that are not square.
    """
    steps, (rows, columns) = batch.past.shape[1], batch.past.shape[-2:]
    if amounts.rotations and rows != columns:
        raise InputError(f"augment.rotations: expected square patches, found {rows}×{columns}")
    issue, origin = batch.issue.cpu().numpy(), batch.origin.cpu().numpy()
    turns, green = np.zeros((len(issue), 2), "int64"), np.ones(len(issue), "float32")
    hidden = np.zeros((len(issue), steps, rows, columns), bool)
    for number, (step, corner) in enumerate(zip(issue, origin, strict=True)):
        random = np.random.default_rng(np.random.SeedSequence([seed, epoch, step, *([] if together else corner)]))
        turns[number] = _orientation(amounts, random)
        green[number] = np.exp(amounts.brightness * random.standard_normal())
        for cloudy in np.flatnonzero(random.random(steps) < amounts.cloud_gaps):
            hidden[number, cloudy] = cloud(random, corner[0] + np.arange(rows), corner[1] + np.arange(columns))
    return Views(
        torch.from_numpy(turns[:, 0] == 1),
        torch.from_numpy(turns[:, 1]),
        torch.from_numpy(green) if amounts.brightness else None,
        torch.from_numpy(hidden).to(batch.past.device) if amounts.cloud_gaps else None,
    )


def _orientation(amounts: Amounts, random: np.random.Generator) -> tuple[int, int]:
    """Return mirrored and quarters, each orientation as likely; north and south swapped is mirrored and turned by a half."""
    mirrored, upside_down, quarters = (int(each) for each in random.integers(0, [2, 2, 4]))
    mirrored, upside_down = (mirrored, upside_down) if amounts.flips else (0, 0)
    return mirrored ^ upside_down, (2 * upside_down + (quarters if amounts.rotations else 0)) % 4


def brightened(index: Tensor, green: Tensor) -> Tensor:
    """Return an index (g − s) / (g + s) after green light g has become `green` times as bright and s has stayed."""
    bright, other = (1 + index) * green, 1 - index
    return (bright - other) / (bright + other)


def veiled(past: Tensor, observed: Tensor, hidden: Tensor, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return the past as if clouds had hidden some of it.

    What is hidden was not observed and takes the last earlier value of its pixel in the window, NaN if there is none; so does what had been
    filled after it, until the next observation, or a filled value would tell what the cloud hides.

    Parameters
    ----------
    past, observed
        (b, H, V, y, x), with their observed fractions.
    hidden
        bool (b, H, y, x).
    names
        Of the V variables; velocities are not hidden.
    """
    past, observed = past.clone(), observed.clone()
    below = torch.tensor([name not in THROUGH_CLOUDS for name in names], device=past.device)[:, None, None]
    before, stale = torch.full_like(past[:, 0], torch.nan), torch.zeros_like(past[:, 0], dtype=torch.bool)
    for step in range(past.shape[1]):
        cloudy = hidden[:, step, None] & below
        stale = cloudy | (stale & ~(observed[:, step] > 0))
        past[:, step] = torch.where(stale, before, past[:, step])
        observed[:, step] = torch.where(cloudy, 0.0, observed[:, step])
        before = past[:, step]
    return past, observed


def cloud(random: np.random.Generator, rows: np.ndarray, columns: np.ndarray, size: float = 40.0) -> np.ndarray:
    """Return a cloud at some rows and columns of a scene, bool (y, x); it covers any share, each as likely.

    It is where a sum of plane waves of random directions and phases, wavelengths from half to twice `size` pixels, exceeds a limit; one
    generator gives one cloud, whichever part of it is asked for.
    """
    angle, phase = random.uniform(0, 2 * np.pi, (2, WAVES))
    number = 2 * np.pi / (size * 2 ** random.uniform(-1, 1, WAVES))
    limit = NormalDist().inv_cdf(random.uniform(1e-6, 1 - 1e-6))
    south, east = (np.outer(place, number * part) for place, part in ((rows, np.sin(angle)), (columns, np.cos(angle))))
    field = np.cos(south + phase) @ np.cos(east).T - np.sin(south + phase) @ np.sin(east).T
    return np.asarray(field * np.sqrt(2 / WAVES) > limit)
