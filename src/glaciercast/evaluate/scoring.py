"""Scores of one model on one part of a split: full scenes, observed pixels only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.evaluate.strata import Ground
from glaciercast.forecast.scenes import forecast_bands, forecast_scene, tiling_for
from glaciercast.patches.series import Series
from glaciercast.patches.splits import Part, TimeSplit
from glaciercast.progress import track
from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums
from glaciercast.stats.seams import SeamSums
from glaciercast.stats.snowline import SnowSums
from glaciercast.stats.spectra import SpectrumSums
from glaciercast.stats.structure import FractionSums, SimilaritySums
from glaciercast.stats.sums import Sums
from glaciercast.stats.tally import StratumSums, tally

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task

NDSI, EXTENT = "ndsi", 2.0
"""The variable that has a snow mask, and the span of its values (−1 … 1), which SSIM needs."""


@dataclass(frozen=True)
class Scores:
    """What a model is scored by, one row a window.

    Attributes
    ----------
    errors
        Of the point forecast, all targets together.
    quantiles
        Of the quantiles that the model states; None if it states none.
    uncalibrated
        Of the same quantiles before they were calibrated; None if they are not.
    strata
        Errors, snow mask and CRPS of the first target by month, place and elevation zone.
    spectrum, seams
        Power by wavelength of the first target, and its gradients across the borders of the tiles that the model is run on.
    snow, similarity, fractions
        Snow-covered area and snow line, SSIM and FSS of the first target; None unless it is NDSI.
    """

    errors: ErrorSums
    quantiles: QuantileSums | None = None
    uncalibrated: QuantileSums | None = None
    strata: StratumSums | None = None
    spectrum: SpectrumSums | None = None
    seams: SeamSums | None = None
    snow: SnowSums | None = None
    similarity: SimilaritySums | None = None
    fractions: FractionSums | None = None

    def __add__(self, other: Scores) -> Scores:
        """Merge the windows of two parts, of one model."""
        return self.joined([self, other])

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Merge the windows of at least one part, of one model; what one of them lacks is left out."""
        columns = {name: [getattr(part, name) for part in parts] for name in _KINDS}
        joined: dict[str, Any] = {name: None if None in kept else _KINDS[name].joined(kept) for name, kept in columns.items()}
        return cls(**joined)

    def each(self, change: Callable[[Sums], Sums]) -> Scores:
        """Return the scores with every kind of sums changed alike, such as by `Sums.total` or `Sums.weighted`."""
        changed: dict[str, Any] = {name: None if sums is None else change(sums) for name, sums in self._parts().items()}
        return Scores(**changed)

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        return {_key(name): None if sums is None else sums.to_json() for name, sums in self._parts().items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Scores:
        """Return the scores that `to_json` wrote."""
        kept = {name: data[_key(name)] for name in _KINDS}
        scores: dict[str, Any] = {name: None if sums is None else _KINDS[name].from_json(sums) for name, sums in kept.items()}
        return cls(**scores)

    def _parts(self) -> dict[str, Sums | None]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


_KINDS: dict[str, Any] = {
    "errors": ErrorSums, "quantiles": QuantileSums, "uncalibrated": QuantileSums, "strata": StratumSums, "spectrum": SpectrumSums,
    "seams": SeamSums, "snow": SnowSums, "similarity": SimilaritySums, "fractions": FractionSums,
}  # fmt: skip


def _key(name: str) -> str:
    """Return the name of a kind of sums in JSON, where errors have been ``sums`` from the beginning."""
    return "sums" if name == "errors" else name


def score(
    forecaster: nn.Module, name: str, series: Series, task: Task, split: TimeSplit, part: Part = "test", ground: Ground | None = None
) -> Scores:
    """Return the scores of a forecaster, one row a window of `part`, over observed pixels of whole scenes, or of the part's blocks of them.

    `ground` tells where the ice is and how high pixels lie; None: one stratum, and no snow lines.
    """
    ground = Ground.plain(series) if ground is None else ground
    windows = track(split.issues(part), f"Scoring {name}")  # a split has at least one window in each part
    mask = split.mask(part)
    return Scores.joined([_of_window(forecaster, series, task, int(issue), ground, mask) for issue in windows])


def _of_window(forecaster: nn.Module, series: Series, task: Task, issue: int, ground: Ground, mask: np.ndarray | None) -> Scores:
    """Return the scores of the scenes that are issued at one step; the network runs once, and once more where it is calibrated."""
    from glaciercast.forecast import traits
    from glaciercast.models.conformal import Calibrated

    steps = range(issue + 1, issue + 1 + task.n_target)
    values, observed = series.frames(steps)
    truth, weight = (each[None, :, : len(task.targets)] for each in (values, observed))
    if mask is not None:
        weight = np.where(mask, weight, np.float32(0))
    month = (series.starts + (series.ends - series.starts) / 2)[steps.start : steps.stop].month.to_numpy()[None]
    borders = tiling_for(forecaster, series.shape, task.patch).borders
    snow = task.targets[0] == NDSI
    levels = traits.stated_levels(forecaster)
    if len(levels) < 2:
        return of_scenes(forecast_scene(forecaster, series, task, issue)[None], truth, weight, month, ground, borders, snow=snow)
    forecast, quantiles = forecast_bands(forecaster, series, task, issue, levels)
    before = None
    if isinstance(forecaster, Calibrated):
        before = QuantileSums.of(forecast_bands(forecaster.forecaster, series, task, issue, levels)[1][:, None], levels, truth, weight)
    stated = (quantiles[:, None], levels)
    return of_scenes(forecast[None], truth, weight, month, ground, borders, snow=snow, stated=stated, before=before)


def of_scenes(
    forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, month: np.ndarray, ground: Ground,
    borders: tuple[np.ndarray, np.ndarray], *, snow: bool, stated: tuple[np.ndarray, Sequence[float]] | None = None,
    before: QuantileSums | None = None,
) -> Scores:  # fmt: skip
    """Return the scores of forecasts of whole scenes.

    Parameters
    ----------
    forecast, truth, weight
        (window, lead, target, y, x), the weight the observed fraction.
    month
        Calendar month of each target, int (window, lead).
    ground
        Strata of the scene.
    borders
        Rows and columns at which the forecast was put together; see `seam_index`.
    snow
        Whether the first target is NDSI.
    stated
        Quantiles (level, window, lead, target, y, x) and their levels.
    before
        Sums of quantiles before they were calibrated.

    Raises
    ------
    GlaciercastError
        If a forecast is not finite where it has to be scored.
    """
    alone, first = truth.shape[2] == 1, (forecast[:, :, 0], truth[:, :, 0], weight[:, :, 0])
    with ThreadPoolExecutor(1, "spectrum") as pool:
        spectrum = pool.submit(SpectrumSums.of, *first)  # a third of the work, beside the rest
        quantiles, crps = None, None
        if stated is not None:
            bands, levels = stated
            quantiles, crps = QuantileSums.by_stratum(bands[:, :, :, 0], levels, *first[1:], ground.stratum, len(ground.labels))
            quantiles = quantiles if alone else QuantileSums.of(bands, levels, truth, weight)
        strata = tally(*first, ground.stratum, ground.labels, month, snow, crps)
        return Scores(
            errors=strata.errors() if alone else ErrorSums.of(forecast, truth, weight),
            quantiles=quantiles,
            uncalibrated=before,
            strata=strata,
            seams=SeamSums.of(first[0], *borders),
            snow=SnowSums.of(*first, strata, ground.pixel_km2, ground.bands) if snow else None,
            similarity=SimilaritySums.of(*first, EXTENT) if snow else None,
            fractions=FractionSums.of(*first) if snow else None,
            spectrum=spectrum.result(),
        )


def observed_share(series: Series) -> np.ndarray:
    """Return the observed share of each step over all pixels and variables, float64 (step,)."""
    return np.array([float(series.frames(range(step, step + 1))[1].mean()) for step in range(series.n_steps)])
