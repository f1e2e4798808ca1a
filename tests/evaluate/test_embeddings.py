"""What is told of windows equals a slow loop over the series, and axes know the training part alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from tests.forecast.made import series, task, wrapped
from torch import Tensor, nn

from glaciercast.evaluate import embeddings
from glaciercast.evaluate.projection import fit_pca
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs
from glaciercast.patches import splits

STEPS, SHAPE = 40, (20, 30)
TASK = task()


class LastFrame(Network):
    """Forecast a third of the last frame at every lead; the latent is the frame's values and observed fractions."""

    def __init__(self) -> None:
        super().__init__(TASK)
        self.readout = nn.Conv2d(2, 2, 1)
        with torch.no_grad():
            self.readout.weight.copy_(torch.tensor([[1 / 3, 0], [1 / 3, 0]])[..., None, None])
            self.readout.bias.zero_()

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        return self.readout(inputs.frames[:, -1])[:, :, None]


def frames(missing: float = 0.2) -> np.ndarray:
    """Return frames (step, 1, y, x), a share of which is NaN."""
    rng = np.random.default_rng(5)
    values = rng.normal(0.4, 0.5, (STEPS, 1, *SHAPE)).astype("float32")
    values[rng.random(values.shape) < missing] = np.nan
    return values


def split() -> splits.TimeSplit:
    return splits.by_time(STEPS, n_input=TASK.n_input, n_target=TASK.n_target, history=TASK.history)


def test_facts_equal_a_slow_loop(tmp_path):
    values, parts = frames(), split()
    made = series(tmp_path, frames=values)
    elevation = np.random.default_rng(1).normal(3000, 200, SHAPE)
    elevation[:9, :9] = np.nan
    found = embeddings.collect(wrapped(LastFrame(), TASK), made, TASK, parts, 10_000, elevation=elevation)
    rows = []
    for part, steps in parts.targets.items():
        for issue in range(max(steps.start - 1, 4), steps.stop - 2):
            for row in (0, 8, 12):
                for column in (0, 8, 16, 22):
                    place = np.s_[row : row + 8, column : column + 8]
                    last, truth = values[issue, 0][place], values[issue + 1 : issue + 3, 0][:, *place]
                    error = (np.nan_to_num(last) / 3 - truth)[np.isfinite(truth)]  # a value that is missing is read as the mean, 0
                    rows.append(
                        {
                            "part": part,
                            "issue_time": made.available_at[issue],
                            "season": issue % 4 / 4,
                            "row": row,
                            "column": column,
                            "x": 500010 + 30 * (column + 4),
                            "y": 4000020 + 30 * (20 - row - 4),
                            "elevation": np.nan if row == column == 0 else np.nanmean(elevation[place]),
                            "observed": np.isfinite(last).mean(),
                            "mean_ndsi": np.nanmean(last),
                            "snow_fraction": (last >= 0.4).sum() / np.isfinite(last).sum(),
                            "rmse": np.sqrt(np.mean(error**2)),
                        }
                    )
    pd.testing.assert_frame_equal(found.facts, pd.DataFrame(rows), rtol=1e-5, atol=1e-5, check_dtype=False)
    expected = found.facts["mean_ndsi"] * found.facts["observed"]  # over all pixels, missing ones being 0
    np.testing.assert_allclose(found.latents, np.stack([expected, found.facts["observed"]], axis=1), rtol=1e-4, atol=1e-5)


def test_where_nothing_is_known_there_is_no_number(tmp_path):
    values = frames(0.0)
    values[-3:, 0, :8, :8] = np.nan
    found = embeddings.collect(wrapped(LastFrame(), TASK), series(tmp_path, frames=values), TASK, split(), 10_000).facts
    last = found[(found["row"] == 0) & (found["column"] == 0)].iloc[-1]
    assert last[["mean_ndsi", "snow_fraction", "rmse", "elevation"]].isna().all() and last["observed"] == 0
    assert found["mean_ndsi"].isna().sum() == 1 and found["rmse"].isna().sum() == 2 and found["elevation"].isna().all()


def test_corrupting_validation_and_test_leaves_the_axes_bit_for_bit(tmp_path):
    parts, clean = split(), frames()
    spoiled = clean.copy()
    spoiled[parts.targets["train"].stop :] = np.random.default_rng(9).normal(50, 20, spoiled[parts.targets["train"].stop :].shape)
    forecaster = wrapped(LastFrame(), TASK)
    found = [
        embeddings.collect(forecaster, series(tmp_path / name, frames=values), TASK, parts, 50)
        for name, values in (("clean", clean), ("spoiled", spoiled))
    ]
    before, after = (fit_pca(one.of("train")) for one in found)
    for key in ("mean", "axes", "variance"):
        np.testing.assert_array_equal(getattr(before, key), getattr(after, key))
    assert not np.isclose(found[0].of("test"), found[1].of("test")).all(1).any()
    pd.testing.assert_frame_equal(*(one.facts[one.facts["part"] == "train"] for one in found))


def test_windows_are_drawn_once_each_by_the_seed(tmp_path):
    assert embeddings.draw(5, 9, [0, 0]).tolist() == [0, 1, 2, 3, 4]
    drawn = embeddings.draw(1000, 100, [0, 1])
    assert len(np.unique(drawn)) == 100 and (np.diff(drawn) > 0).all() and drawn.max() < 1000
    assert np.array_equal(drawn, embeddings.draw(1000, 100, [0, 1])) and not np.array_equal(drawn, embeddings.draw(1000, 100, [0, 2]))
    counts = np.bincount(np.concatenate([embeddings.draw(10, 5, [seed, 0]) for seed in range(400)]), minlength=10)
    np.testing.assert_allclose(counts, 200, atol=50)  # each as likely: 5 standard deviations of a binomial of 400 and 1/2
    found = embeddings.collect(wrapped(LastFrame(), TASK), series(tmp_path, frames=frames()), TASK, split(), 7)
    assert found.facts["part"].value_counts(sort=False).to_dict() == {"train": 7, "validation": 7, "test": 7}
    assert found.of("validation").shape == (7, 2)


@pytest.mark.parametrize(
    ("column", "unit"), [("rmse", "m year-1"), ("mean_lst_day", "K"), ("mean_ndsi", "1"), ("x", "m"), ("part", ""), ("season", "1")]
)
def test_columns_have_the_units_of_the_contract(column, unit):
    assert embeddings.units(column, task(variables=("speed", "ndsi", "lst_day"), targets=("speed",))) == unit
