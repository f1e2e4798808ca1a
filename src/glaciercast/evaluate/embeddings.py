"""What a network makes of the windows of each part, beside what is known of them: for inspection, not for scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from glaciercast.cube.indices import SNOW_THRESHOLD
from glaciercast.patches.series import Series
from glaciercast.patches.splits import PARTS, Part, TimeSplit
from glaciercast.progress import track
from glaciercast.schema import ALIGNED
from glaciercast.stats.scores import ErrorSums

if TYPE_CHECKING:
    from glaciercast.models.base import Forecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import Batch, PatchDataset

BATCH = 64
"""Windows that pass through a network at once."""


@dataclass(frozen=True)
class Embeddings:
    """Latents of windows, and a row of facts for each.

    Attributes
    ----------
    latents
        (window, D) float32.
    facts
        A row a window, in the same order. ``part``; ``issue_time``, when its last frame could be had; ``season``, the phase of the year
        (0 … 1) in the middle of its issue step; ``row`` and ``column`` of its first pixel; ``x`` and ``y`` of its centre, m;
        ``elevation``, its mean, m. Of the issue step's frame: ``observed``, the mean observed fraction of all variables; and of its pixels
        as the network reads them, filled from the past where they were not observed, ``mean_<variable>`` and, with NDSI among the
        variables, ``snow_fraction``, the share from `SNOW_THRESHOLD`. Of its forecast: ``rmse`` over all leads and targets, over what was
        observed and weighted by its fraction. NaN where nothing is known.
    """

    latents: NDArray[np.float32]
    facts: pd.DataFrame

    def of(self, part: Part) -> NDArray[np.float32]:
        """Return the latents of one part, (window, D)."""
        return self.latents[(self.facts["part"] == part).to_numpy()]


def collect(
    forecaster: Forecaster, series: Series, task: Task, split: TimeSplit, number: int, seed: int = 0, elevation: NDArray[Any] | None = None
) -> Embeddings:
    """Return the latents of up to `number` windows of each part, drawn from all of it by `seed` alone.

    Windows of a part are all its issue steps at patches side by side. Those of one part are drawn and read on their own: what another
    part holds changes nothing in them.

    Parameters
    ----------
    forecaster
        A network, an ensemble or a calibrated one.
    split
        That of the forecaster's training; its parts in this series.
    elevation
        (Y, X) of the scene, m; None: unknown.

    Raises
    ------
    InputError
        If the forecaster has no latent, or the scene is smaller than a patch.
    GlaciercastError
        If a forecast is not finite where it is scored.
    """
    from glaciercast.models.embedding import embed
    from glaciercast.training import networks

    forecaster.eval()
    latents, facts = [], []
    for part_number, part in enumerate(PARTS):
        dataset = networks.windows(series, task, split, part, stride=task.patch)
        chosen = draw(len(dataset), number, [seed, part_number])
        for batch in track(_batches(dataset, chosen), f"Embedding {part}", total=-(-len(chosen) // BATCH)):
            latent, forecast = embed(forecaster, batch)
            latents.append(latent.numpy())
            facts.append(pd.DataFrame({"part": part, **_facts(batch, forecast.numpy(), series, task, elevation)}))
    return Embeddings(np.concatenate(latents), pd.concat(facts, ignore_index=True))


def draw(total: int, number: int, seed: list[int]) -> NDArray[np.int64]:
    """Return `number` of the indices below `total`, or all if there are no more, ascending, each as likely as any other."""
    if number >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, number, replace=False))


def units(column: str, task: Task) -> str:
    """Return the unit of a column of facts; "1" for a number without one, "" for words and times."""
    if column == "rmse":
        return ALIGNED.variables[task.targets[0]].units or "1"
    if column.startswith("mean_"):
        return ALIGNED.variables[column.removeprefix("mean_")].units or "1"
    return {"part": "", "issue_time": "", "elevation": "m", "x": "m", "y": "m"}.get(column, "1")


def _batches(dataset: PatchDataset, chosen: NDArray[np.int64]) -> Iterator[Batch]:
    for start in range(0, len(chosen), BATCH):
        yield dataset.__getitems__(chosen[start : start + BATCH].tolist())


def _facts(batch: Batch, forecast: NDArray[Any], series: Series, task: Task, elevation: NDArray[Any] | None) -> dict[str, Any]:
    """Return the columns of `Embeddings.facts` for the windows of a batch."""
    issue, (row, column) = batch.issue.numpy(), batch.origin.numpy().T
    sine, cosine = series.season[issue].T
    x, y = series.geobox.affine @ (column + task.patch / 2, row + task.patch / 2)
    return {
        "issue_time": series.available_at[issue],
        "season": np.arctan2(sine, cosine) / (2 * np.pi) % 1,
        "row": row,
        "column": column,
        "x": x,
        "y": y,
        "elevation": [_elevation(elevation, slice(r, r + task.patch), slice(c, c + task.patch)) for r, c in zip(row, column, strict=True)],
        **_state(batch, task),
        "rmse": _rmse(batch, forecast),
    }


def _state(batch: Batch, task: Task) -> Mapping[str, NDArray[np.float64]]:
    """Return what the frame of the issue step shows of each window."""
    frame, fraction = batch.past[:, -1].double().numpy(), batch.past_observed[:, -1].double().numpy()
    known = np.isfinite(frame)
    state = {"observed": np.where(known, fraction, 0.0).mean((1, 2, 3))}
    for index, name in enumerate(task.variables):
        state[f"mean_{name}"] = _mean(frame[:, index], known[:, index])
        if name == "ndsi":
            state["snow_fraction"] = _mean(frame[:, index] >= SNOW_THRESHOLD, known[:, index])
    return state


def _rmse(batch: Batch, forecast: NDArray[Any]) -> NDArray[np.float64]:
    """Return the root mean squared error of each window's forecast, (b,)."""
    assert batch.target is not None and batch.target_weight is not None, "windows of a part have targets"
    sums = ErrorSums.of(forecast, batch.target.numpy(), batch.target_weight.numpy())
    return np.sqrt(_ratio(sums.squared.sum(1), sums.weight.sum(1)))


def _elevation(elevation: NDArray[Any] | None, rows: slice, columns: slice) -> float:
    """Return the mean elevation of a patch; NaN where none is known."""
    known = np.zeros(0) if elevation is None else elevation[rows, columns][np.isfinite(elevation[rows, columns])]
    return float(known.mean(dtype=np.float64)) if known.size else float("nan")


def _mean(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of the known values of each window, (b, y, x), NaN where there are none."""
    return _ratio(np.where(known, values, 0.0).sum((1, 2)), known.sum((1, 2)))


def _ratio(total: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
    return ratio
