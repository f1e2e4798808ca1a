"""The source study's split, to show what it leaks: a random 80/20 of all overlapping windows, from an unsorted listing of their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glaciercast.patches import splits_space
from glaciercast.patches.splits import Part, TimeSplit

SHARE = 0.2


@dataclass(frozen=True)
class PublishedSplit(TimeSplit):
    """A random share of all windows at all steps is held out; its neighbours, a few pixels and one step away, are trained on.

    What is held out serves as validation and as test, as it did: weights are chosen by what they are scored on. Statistics are those of all
    frames. It is there to be compared with, leaks by design (`evaluate.leaks` tells how much), and is never the default.

    Attributes
    ----------
    seed
        Of the order in which windows are listed.
    """

    seed: int = 0
    name: ClassVar[str] = "published"
    honest: ClassVar[bool] = False

    def chosen(self, part: Part, patches: int) -> NDArray[np.int64]:
        """Return the numbers of the part's windows in ascending order: the last fifth of a random listing, or all but it."""
        listing = np.random.default_rng(self.seed).permutation(len(self.issues(part)) * patches)
        held_out = round(SHARE * len(listing))
        return np.sort(listing[:-held_out] if part == "train" else listing[len(listing) - held_out :])

    def facts(self) -> dict[str, Any]:
        """Return the kind and the seed."""
        return {"kind": self.name, "seed": self.seed}

    @property
    def sentence(self) -> str:
        """What keeps the parts apart, in one sentence."""
        return f"The published split: a random {SHARE:.0%} of all overlapping windows is held out; nothing keeps it apart from training."


def published(n_steps: int, *, n_input: int, n_target: int, history: int, composite_length: int = 1, seed: int = 0) -> PublishedSplit:
    """Split all windows of a series at random, as the source study did.

    Raises
    ------
    InputError
        If the series is too short for one window.
    """
    times = splits_space.everywhen(n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=composite_length)
    return PublishedSplit(times.targets, history, n_input, n_target, composite_length, seed)
