"""The leak checker: what the parts of a split share, what a memoriser finds, and what changes when the unknown becomes noise."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glaciercast.errors import LeakError
from glaciercast.evaluate import corruption, overlap
from glaciercast.evaluate.overlap import Overlap
from glaciercast.models.base import TrainingData
from glaciercast.models.memoriser import Memoriser
from glaciercast.patches.splits import PARTS, Part, TimeSplit
from glaciercast.stats.scores import ErrorSums
from glaciercast.training import networks

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import Batch, PatchDataset
    from glaciercast.patches.series import Series

MOST = 2000
"""Windows that the canary is asked about, spread evenly over all of a part."""
AT_ONCE = 64


@dataclass(frozen=True)
class Canary:
    """What a memoriser finds of the test targets in the training frames.

    Attributes
    ----------
    found
        Share of the observed target pixel-dates of which it remembers the date, 0 … 1.
    mse
        Mean squared error of what it remembers, in squared units of the target; None where it remembers nothing.
    """

    found: float
    mse: float | None


@dataclass(frozen=True)
class LeakReport:
    """All that the leak checker has found out about a split, and about models that were fitted under it.

    Attributes
    ----------
    split, honest
        Kind of the split, and whether nothing may leak under it.
    part
        The part that is scored.
    targets
        ``a-b`` → target pixel-dates of part b that share a scene with a target of part a.
    read
        Target pixel-dates of the scored part that share a scene with anything that training reads: windows' past and targets, and the
        frames of statistics.
    canary
        What the memoriser finds.
    forecasts, changed_forecasts
        Models whose forecast was repeated with noise for all that was not available at its issue, and those whose forecast changed.
    fits, changed_fits
        What was fitted anew with noise outside the training part, and what changed in it, as ``name: value``.
    provenance
        What each kind of fitted thing has seen (see `corruption.provenance`), glacier by glacier where one is left out.
    apart
        Of a glacier that is left out: steps between what is trained on elsewhere and its test part (`patches.splits_glacier.check_dates`).
        Nothing of its own is trained on, so targets, read and canary are of nothing.
    """

    split: str
    honest: bool
    part: Part
    targets: dict[str, Overlap]
    read: Overlap
    canary: Canary
    forecasts: tuple[str, ...] = ()
    changed_forecasts: tuple[str, ...] = ()
    fits: tuple[str, ...] = ()
    changed_fits: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    apart: int | None = None

    @property
    def faults(self) -> list[str]:
        """What leaks, one phrase each."""
        faults = [
            f"{found.share:.1%} of the {pair.split('-')[1]} target pixel-dates are targets of {pair.split('-')[0]} too"
            for pair, found in self.targets.items()
            if found.shared
        ]
        faults += [f"{self.read.share:.1%} of the {self.part} target pixel-dates are read in training"] if self.read.shared else []
        faults += [f"the canary finds {self.canary.found:.1%} of the {self.part} targets"] if self.canary.found else []
        faults += [f"the forecast of {name} reads what was not available" for name in self.changed_forecasts]
        return faults + [f"{name} is fitted on more than the training part" for name in self.changed_fits]

    @property
    def text(self) -> str:
        """The result in one line."""
        if self.faults:
            return f"Leak check ({self.split}): it LEAKS: {'; '.join(self.faults)}."
        if self.apart is not None:
            return (
                f"Leak check ({self.split}): no leak: no pixel of this glacier is read in training; "
                f"targets of the other glaciers end {self.apart} steps before its test part."
            )
        repeated = f"; with noise for the unknown, {len(self.forecasts)} forecasts and {len(self.fits)} fits stay the same bit for bit"
        return (
            f"Leak check ({self.split}): no leak: none of {self.read.pixel_dates:,} {self.part} target pixel-dates is read in training, "
            f"the canary finds none{repeated if self.forecasts or self.fits else ''}."
        )

    def require(self) -> None:
        """Refuse to go on with a split that should be honest and leaks.

        Raises
        ------
        LeakError
            Naming what leaks.
        """
        if self.honest and self.faults:
            raise LeakError(f"split '{self.split}': {'; '.join(self.faults)}")

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        return {
            "split": self.split,
            "honest": self.honest,
            "part": self.part,
            "targets": {pair: found.to_json() for pair, found in self.targets.items()},
            "read": self.read.to_json(),
            "canary": {"found": self.canary.found, "mse": self.canary.mse},
            **{key: list(getattr(self, key)) for key in ("forecasts", "changed_forecasts", "fits", "changed_fits")},
            "provenance": self.provenance,
            "apart": self.apart,
            "text": self.text,
        }


def report(
    series: Series, task: Task, split: TimeSplit, stride: int, part: Part = "test", *, models: Mapping[str, nn.Module] | None = None,
    fits: Mapping[str, Callable[[Series], nn.Module]] | None = None,
) -> LeakReport:  # fmt: skip
    """Check a split, and models that were fitted under it.

    Parameters
    ----------
    stride
        Pixels between training patches.
    part
        The part that is scored.
    models
        Fitted forecasters by name; the forecast at the part's first issue step is repeated with noise.
    fits
        Name → what fits anew, from a series, something that may know the training part alone; the fit is repeated with noise.
    """
    models, fits = models or {}, fits or {}
    seen = overlap.shown(series, task, split, stride)
    issue, known = int(split.issues(part)[0]), corruption.part_of(series, split, "train")
    changed = {name: corruption.changed_state(fit, series, known) for name, fit in fits.items()}
    return LeakReport(
        split=split.name,
        honest=split.honest,
        part=part,
        targets=shared_targets(series, task, split, stride),
        read=Overlap.of(overlap.scored(series, task, split, part, stride), seen | overlap.fitted(series, split), split.composite_length),
        canary=canary(series, task, split, stride, part, seen),
        forecasts=tuple(models),
        changed_forecasts=tuple(name for name, each in models.items() if not corruption.unchanged_forecast(each, series, task, issue)),
        fits=tuple(fits),
        changed_fits=tuple(f"{name}: {value}" for name, values in changed.items() for value in sorted(values)),
        provenance=corruption.provenance(series, split),
    )


def shared_targets(series: Series, task: Task, split: TimeSplit, stride: int) -> dict[str, Overlap]:
    """Return, for every two parts, the target pixel-dates of the later one that share a scene with targets of the earlier one."""
    covers = {part: overlap.scored(series, task, split, part, stride) for part in PARTS}
    pairs = [(one, two) for number, one in enumerate(PARTS) for two in PARTS[number + 1 :]]
    return {f"{one}-{two}": Overlap.of(covers[two], covers[one], split.composite_length) for one, two in pairs}


def canary(series: Series, task: Task, split: TimeSplit, stride: int, part: Part = "test", seen: overlap.Cover | None = None) -> Canary:
    """Return what a memoriser finds of a part's targets; `seen` is what training windows show (`overlap.shown`), made anew if None."""
    seen = overlap.shown(series, task, split, stride) if seen is None else seen
    memoriser = Memoriser(task, split.composite_length).remember(frames_of(series, seen))
    windows = networks.windows(series, task, split, part, task.patch if split.honest else stride)
    found, total, squared = 0.0, 0.0, 0.0
    for batch in batches(windows):
        recalled, truth, weight = memoriser.recall(batch).numpy(), *_truth(batch)
        hit = np.where(np.isfinite(recalled), weight, 0.0)
        sums = ErrorSums.of(recalled, truth, hit)
        found, total, squared = found + hit.sum(dtype="float64"), total + weight.sum(dtype="float64"), squared + sums.squared.sum()
    return Canary(float(found / total) if total else 0.0, float(squared / found) if found else None)


def frames_of(series: Series, seen: overlap.Cover) -> TrainingData:
    """Return all frames of a series, of which only the pixel-dates `seen`, bool (step, y, x), are observed: what a memoriser is given."""
    values, observed = series.frames(range(series.n_steps))
    hidden = np.broadcast_to(~seen[:, None], values.shape)
    values[hidden], observed[hidden] = np.nan, 0.0
    steps = np.arange(series.n_steps)
    return TrainingData(values, observed, series.season_index[: series.n_steps], steps, series.period)


def score_windows(forecaster: nn.Module, windows: PatchDataset, indices: np.ndarray | None = None) -> ErrorSums:
    """Return the errors of a forecaster on patches as they are cut, as the source study scored: a pixel counts once a patch.

    `indices` are the numbers of the windows; None: at most `MOST`, spread evenly.
    """
    forecaster.eval()
    with torch.inference_mode():
        sums = (ErrorSums.of(forecaster(batch).numpy(), *_truth(batch)) for batch in batches(windows, indices))
        return functools.reduce(operator.add, sums)


def batches(windows: PatchDataset, indices: np.ndarray | None = None) -> Iterator[Batch]:
    """Yield the windows `indices` in batches; None: at most `MOST`, spread evenly over all."""
    if indices is None:
        indices = np.unique(np.linspace(0, len(windows) - 1, min(MOST, len(windows))).astype("int64"))
    for start in range(0, len(indices), AT_ONCE):
        yield windows.__getitems__(indices[start : start + AT_ONCE].tolist())


def _truth(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth of a batch of windows and its weight, (b, T, W, y, x) each."""
    assert batch.target is not None and batch.target_weight is not None, "windows of a part have targets"
    return batch.target.numpy(), batch.target_weight.numpy()
