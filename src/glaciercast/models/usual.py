"""The climatology under a batch of windows: what their input and target steps are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    from glaciercast.models.baselines import Climatology
    from glaciercast.patches.augment import Views
    from glaciercast.patches.sampling import Batch


class Usual(NamedTuple):
    """The climatology under each patch, in physical units.

    Attributes
    ----------
    past
        (b, n_input, V, y, x), of each input step.
    future
        (b, T, W, y, x), of each target step.
    """

    past: Tensor
    future: Tensor

    @classmethod
    def of_all(cls, climatology: Climatology, batch: Batch) -> Usual:
        """Return the mean of all training years, for forecasts."""
        return cls(climatology.seasonal(batch, batch.index_past[:, -climatology.task.n_input :]), climatology(batch))

    @classmethod
    def of_others(cls, climatology: Climatology, batch: Batch, seen: Batch | None = None) -> Usual:
        """Return the mean of the training years without each frame's own, for training; NaN where no other year has seen anything.

        Each frame leaves with what was observed of it, whatever a variation hides of it later: a mean that holds it would tell.
        What `seen` shows of the window (default: all) is all that a reference reads beside that mean.
        """
        return cls(*climatology.of_others(batch, batch if seen is None else seen))

    def seen(self, views: Views, names: tuple[str, ...]) -> Usual:
        """Return it as `views` show the windows; `names` are the V variables."""
        return Usual(views.values(self.past, names), views.values(self.future, names))
