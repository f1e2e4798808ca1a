"""Linear autoregression, the forecast that a series' own last values give: what a network has to beat before its depth counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models.base import Baseline, TrainingData
from glaciercast.models.baselines import Climatology
from glaciercast.models.pixel_linear import ridge, squared_errors
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import TimeSplit

Of = Literal["levels", "climatology", "changes"]
PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


class LinearAR(Baseline):
    """Forecast each variable from its own last p values, linearly, by what is best in the training part.

    - ``levels``: ``m + b[h] + Σ β[h, i] (y(t − i) − m)``, i = 0 … p − 1, m being the variable's training mean;
    - ``climatology``: the same of departures from the mean of each pixel and season;
    - ``changes``: ``y(t) + b[h] + Σ β[h, i] (y(t − i) − y(t − i − 1))``: persistence with momentum, for what does not return to a mean.

    Direct, with coefficients of its own at each lead (Marcellino, Stock & Watson 2006, J. Econometrics 135, 499–526), pooled over pixels or
    glaciers, by ridge regression. p and the penalty are chosen for each lead and variable on the validation part. What is missing counts as
    no departure, and no change; where the last value is missing, m stands for it.

    Buffers: `coefficients` (T, W, 1 + P), the intercept first, lag 0 next; `level` (W,).

    Parameters
    ----------
    task
        What is forecast.
    of
        What is regressed.
    climatology
        Fitted on the training part; of ``climatology`` only.
    orders
        Values of p to choose from, at most `n_input`, and one less of changes: those above are left out.
    penalties
        Ridge penalties to choose from, in units of each lag's variance.
    """

    name: ClassVar[str] = "linear_ar"
    coefficients: Tensor
    level: Tensor

    def __init__(
        self,
        task: Task,
        of: Of = "levels",
        climatology: Climatology | None = None,
        orders: tuple[int, ...] = (1, 2, 3),
        penalties: tuple[float, ...] = PENALTIES,
    ) -> None:
        super().__init__(task)
        most = task.n_input - (of == "changes")
        self.orders = tuple(sorted(order for order in orders if 1 <= order <= most))
        if not self.orders:
            raise InputError(f"orders: expected some from 1 to {most}, found {', '.join(map(str, orders)) or 'none'}")
        if (of == "climatology") != (climatology is not None):
            raise InputError(f"autoregression of {of}: expected {'a' if climatology is None else 'no'} climatology")
        self.of, self.climatology, self.penalties = of, climatology, penalties
        self.chosen: list[list[tuple[int, float]]] = []
        wanted = len(task.targets)
        self.register_buffer("coefficients", torch.zeros(task.n_target, wanted, 1 + max(self.orders)))
        self.register_buffer("level", torch.full((wanted,), torch.nan))

    def fit_on(self, series: Series, split: TimeSplit, data: TrainingData) -> LinearAR:
        """Fit on the windows of the training part, and choose p and the penalty on those of the validation part.

        Raises
        ------
        GlaciercastError
            If no whole window of some variable was observed in one of both parts.
        """
        wanted = len(self.task.targets)
        frames = [data.frame(index) for index in range(len(data.values))]
        weights = sum(weight[:wanted].sum(axis=(1, 2)) for _, weight in frames)
        total = sum((values * weight)[:wanted].sum(axis=(1, 2)) for values, weight in frames)
        self.level = torch.from_numpy(np.asarray(total / weights, "float32"))
        last = split.targets["validation"].stop
        values, observed = (part[:, :wanted] for part in series.frames(range(last)))
        known = np.where(observed > 0, values, np.nan).astype("float64")
        reference = self._reference(series.season_index[:last])
        seen = known - reference
        own = self._own(known, observed, series.season_index[:last], seen, split)
        fitted = self._moments(own, split.issues("train"))
        checked = self._moments(seen, split.issues("validation"))
        if not bool((torch.minimum(fitted, checked)[:, 0, 0] > 0).all()):
            raise GlaciercastError(f"{self.name}: no whole window of some variable was observed in the training or validation part")
        self._choose(fitted, checked)
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecast, (b, T, W, y, x)."""
        order = self.coefficients.shape[-1] - 1
        level = self.level[:, None, None]
        if self.of == "changes":
            past = self.targets(batch.past[:, -order - 1 :]).flip(1)  # lag 0 first
            base, regressors = torch.where(past[:, :1].isfinite(), past[:, :1], level), past[:, :-1] - past[:, 1:]
        else:
            past = self.targets(batch.past[:, -order:]).flip(1)
            base, usual = level, level
            if self.climatology is not None:
                usual = self.targets(self.climatology.seasonal(batch, batch.index_past[:, -order:])).flip(1)
                base = self.targets(self.climatology.seasonal(batch, batch.index_future))
            regressors = past - usual
        change = torch.einsum("twp,bpwyx->btwyx", self.coefficients[..., 1:], regressors.nan_to_num())
        return base + self.coefficients[None, :, :, 0, None, None] + change

    def _reference(self, season: np.ndarray) -> np.ndarray:
        """Return r of each step, float64 (step, W, y, x)."""
        if self.climatology is None:
            level: np.ndarray = self.level.double().numpy()
            return level[None, :, None, None]
        mean: np.ndarray = self.climatology.mean[:, : len(self.task.targets)].double().numpy()[season]
        return mean

    def _own(self, known: np.ndarray, observed: np.ndarray, season: np.ndarray, seen: np.ndarray, split: TimeSplit) -> np.ndarray:
        """Return departures of training steps from the mean of the other years: those from a mean that counts them are too small."""
        if self.climatology is None:
            return seen
        weight = self.climatology.weight[:, : known.shape[1]].double().numpy()[season]
        own = np.where(np.isfinite(known), observed, 0.0)
        own[split.training_steps.stop :] = 0.0
        others = weight - own
        departures: np.ndarray = np.where(others > 1e-3 * weight, seen * weight / np.where(others > 0, others, 1.0), np.nan)
        return departures

    def _moments(self, departures: np.ndarray, issues: np.ndarray) -> Tensor:
        """Return Σ z zᵀ with z = (1, lags, target) over whole windows, (T·W, P + 2, P + 2) float64."""
        order, found, changes = max(self.orders), [], self.of == "changes"
        lags = np.stack([departures[issues - lag] for lag in range(order + changes)])  # lag, issue, W, y, x
        last = lags[0] if changes else 0.0
        lags = lags[:-1] - lags[1:] if changes else lags
        for lead in range(1, self.task.n_target + 1):
            rows = np.concatenate([np.ones_like(lags[:1]), lags, (departures[issues + lead] - last)[None]])
            for column in np.moveaxis(rows, 2, 0).reshape(rows.shape[2], order + 2, -1):
                whole = column[:, np.isfinite(column).all(axis=0)]
                found.append(whole @ whole.T)
        return torch.from_numpy(np.stack(found))

    def _choose(self, fitted: Tensor, checked: Tensor) -> None:
        """Take the coefficients of the order and penalty whose error on the validation part is least, for each lead and variable."""
        options = [(order, penalty) for order in self.orders for penalty in sorted(self.penalties, reverse=True)]
        size = max(self.orders)
        candidates = torch.zeros(len(options), len(fitted), 1 + size, dtype=torch.float64)
        for number, (order, penalty) in enumerate(options):
            kept = [*range(1 + order), size + 1]
            candidates[number, :, : 1 + order] = ridge(fitted[:, kept][:, :, kept], penalty)
        best = squared_errors(candidates, checked).argmin(dim=0)
        blocks = self.coefficients.shape
        self.coefficients = candidates[best, torch.arange(len(best))].view(blocks).float()
        self.chosen = [[options[int(number)] for number in row] for row in best.view(blocks[:2])]
