"""Gradient-boosted trees on each pixel's window (LightGBM): what of a pixel's change is neither linear nor a matter of its surroundings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import GlaciercastError
from glaciercast.models import pixel_features
from glaciercast.models.base import Network
from glaciercast.models.heads import Value
from glaciercast.models.pixel_features import Rows
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.patches.sampling import Batch

OBJECTIVES = {"squared": "regression", "absolute": "regression_l1"}


class PixelBoostedOptions(Config):
    """Options of `pixel_boosted`; the defaults take a minute on two cores."""

    samples: int = Field(
        default=200_000, ge=1, description="pixels drawn from the windows of the training part, and as many of the validation part"
    )
    rounds: int = Field(default=400, ge=1, description="most trees for each lead and target")
    patience: int = Field(default=20, ge=1, description="trees without a lower validation loss before stopping")
    learning_rate: float = Field(default=0.05, gt=0, le=1, description="share of each tree that counts")
    leaves: int = Field(default=31, ge=2, description="most leaves of a tree")
    pixels: int = Field(default=200, ge=1, description="fewest pixels in a leaf; neighbours in a scene are no independent samples")
    share: float = Field(default=0.8, gt=0, le=1, description="share of the features that each tree may split, drawn anew")
    around: pixel_features.Side = Field(default=3, description="side of the square around a pixel whose mean is a feature; 1: none")


@register("pixel_boosted", kind="network", summary="Gradient-boosted trees on each pixel's window (LightGBM); any patch size, CPU.")
class PixelBoosted(Network):
    """Forecast the change of each pixel by histogram-based boosting (Ke et al. 2017, NeurIPS 30, 3146–3154).

    Each lead and target has its own trees, shared by all pixels, over the features of `pixel_features`. Without any tree the forecast is
    the reference. Heads of more than one number a value get normal errors, as large everywhere as in the validation part.

    Buffer `trees` holds LightGBM's text of all of them, one after the other, as bytes uint8 (n,), `lengths` int64 (T·W,) the bytes of
    each, and `spread` (T·W,) what the head takes for their errors; `seed` int64 () is drawn with the fresh weights and decides which
    pixels and features are drawn.
    """

    Options = PixelBoostedOptions
    any_size = True
    trees: Tensor
    lengths: Tensor
    spread: Tensor
    seed: Tensor

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        self.chosen = cast(PixelBoostedOptions, self.options)
        self.register_buffer("trees", torch.zeros(0, dtype=torch.uint8))
        outputs = task.n_target * self.ports.targets
        self.register_buffer("lengths", torch.zeros(outputs, dtype=torch.int64))
        self.register_buffer("spread", torch.zeros(outputs))
        self.register_buffer("seed", torch.randint(2**31 - 1, ()))
        self._boosters: list[Booster] = []

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x), without gradients; see `Network`."""
        planes = self.planes(inputs).detach()
        rows = planes.movedim(1, -1).flatten(0, 2).cpu().numpy()
        blocks, size = (self.task.n_target, self.ports.parameters, self.ports.targets), planes.shape[-2:]
        out = self.spread.view(blocks[0], 1, blocks[2], 1, 1).expand(len(planes), *blocks, *size).clone()
        out[:, :, 0] = 0.0
        for number, booster in enumerate(self.boosters()):
            change = np.asarray(booster.predict(rows, num_threads=torch.get_num_threads()), "float32")
            lead, target = divmod(number, blocks[2])
            out[:, lead, 0, target] = torch.from_numpy(change).to(out.device).view(-1, *size)
        return out.flatten(2, 3)

    def planes(self, inputs: Inputs) -> Tensor:
        """Return the features of every pixel, (b, F, y, x)."""
        return pixel_features.planes(inputs, self.chosen.around)

    def boosters(self) -> list[Booster]:
        """Return the trees of each lead and target, leads first; none before they are grown or loaded."""
        from lightgbm import Booster

        if not self._boosters and len(self.trees):
            texts = np.split(self.trees.cpu().numpy(), np.cumsum(self.lengths.tolist())[:-1])
            self._boosters = [Booster(model_str=text.tobytes().decode()) for text in texts]
        return self._boosters

    def solve(self, forecaster: nn.Module, train: Iterable[Batch], validation: Iterable[Batch]) -> None:
        """Grow trees on pixels drawn from the training batches, as many as serve pixels drawn from the validation batches best.

        The same seed, batches and version of LightGBM give the same trees, whatever the number of threads.

        Raises
        ------
        InputError
            If there is no batch, or one has no targets.
        GlaciercastError
            If a lead of some target was never observed in one of both parts.
        """
        reader = cast("ResidualForecaster", forecaster)
        generator = torch.Generator().manual_seed(int(self.seed))
        fitted = pixel_features.draw(pixel_features.rows(reader.train(), self.planes, train), self.chosen.samples, generator)
        checked = pixel_features.draw(pixel_features.rows(reader.eval(), self.planes, validation), self.chosen.samples, generator)
        objective = OBJECTIVES[reader.head.error if isinstance(reader.head, Value) else "squared"]
        grown = [self._grow(fitted, checked, output, objective) for output in range(len(self.lengths))]
        texts = [booster.model_to_string().encode() for booster in grown]  # up to the best round
        errors = torch.tensor([next(iter(booster.best_score["valid_0"].values())) for booster in grown])
        self.spread = pixel_features.spread(errors).to(self.spread)
        self.lengths = torch.tensor([len(text) for text in texts], device=self.lengths.device)
        self.trees = torch.from_numpy(np.frombuffer(b"".join(texts), "uint8").copy()).to(self.trees.device)
        self._boosters = []

    def _grow(self, fitted: Rows, checked: Rows, output: int, objective: str) -> Booster:
        """Return the trees of one output."""
        import lightgbm

        parameters = self._settings(objective)
        train, validation = (self._dataset(part, output, parameters) for part in (fitted, checked))
        stop = lightgbm.early_stopping(self.chosen.patience, verbose=False)
        return lightgbm.train(parameters, train, self.chosen.rounds, valid_sets=[validation], callbacks=[stop])

    def _dataset(self, rows: Rows, output: int, parameters: dict[str, Any]) -> Dataset:
        from lightgbm import Dataset

        seen = rows.weight[:, output] > 0
        if not bool(seen.any()):
            raise GlaciercastError(f"training {self.name}: some lead of a target was nowhere observed in the training or validation part")
        features, change, weight = (values[seen].numpy() for values in (rows.features, rows.change[:, output], rows.weight[:, output]))
        names = pixel_features.names(self.task, self.ports)
        return Dataset(features, change, weight=weight, feature_name=names, params=parameters)

    def _settings(self, objective: str) -> dict[str, Any]:
        return {
            "objective": objective,
            "learning_rate": self.chosen.learning_rate,
            "num_leaves": self.chosen.leaves,
            "min_data_in_leaf": self.chosen.pixels,
            "feature_fraction": self.chosen.share,
            "seed": int(self.seed),
            "deterministic": True,
            "force_row_wise": True,  # the other way round sums in another order
            "num_threads": torch.get_num_threads(),
            "verbosity": -1,
        }

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take the length of what is stored; boosters of other trees are forgotten."""
        stored = state_dict.get(prefix + "trees")
        if stored is not None and stored.ndim == 1:
            self.trees = torch.zeros_like(stored, device=self.trees.device)
            self._boosters = []
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
