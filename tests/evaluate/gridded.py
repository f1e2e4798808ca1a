"""Cells of a grid with known errors, for the tests of what is made of them."""

from __future__ import annotations

import numpy as np

from glaciercast import config
from glaciercast.evaluate.cells import Cell, Key
from glaciercast.evaluate.scoring import Scores
from glaciercast.stats.scores import ErrorSums

GAP = 2


def errors(values: np.ndarray) -> ErrorSums:
    """Return the sums of forecasts whose only pixel has the errors `values`, (window, lead), against a truth of 0."""
    forecast = np.asarray(values, "float64")[..., None]
    return ErrorSums.of(forecast, np.zeros_like(forecast), np.ones_like(forecast))


def about(**changes) -> dict:
    site = {"name": "A", "title": "A", "note": "", "attribution": "somebody", "is_glacier": True, "crs": "EPSG:32643", "resolution": 30.0}
    split = {"name": "time", "text": "split by time", "train": ["2014-01", "2018-12"], "gap_steps": GAP}
    return {"site": site, "variable": "ndsi", "units": "1", "leads": [1, 2], "lead_label": "months", "split": split, **changes}


def cell(values, model="persistence", site="a", seed=None, part="test", kind="baseline", told=None, scores=None) -> Cell:
    """Return a cell of windows issued at steps 20, 21, … with the given errors (window, lead), or with all of some `scores`."""
    key = Key(data=site, code="1+0", config={"model": model, "seed": seed}, part=part)
    facts = {"kind": kind, "parameters": 3, "train_seconds": None if kind == "baseline" else 10.0 * (1 + (seed or 0)), "residual": None}
    return Cell(
        site=site, model=model, seed=seed, digest=config.digest(config.plain(key)), key=key, about=told or about(),
        issues=tuple(range(20, 20 + len(values))), gap=GAP, facts=facts, scores=(scores or Scores(errors(values))).to_json(),
    )  # fmt: skip
