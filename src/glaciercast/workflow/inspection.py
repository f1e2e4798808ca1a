"""Looking into a trained network: where the windows of each part lie among its latents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from glaciercast import config, runs, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.evaluate.projection import Method
from glaciercast.workflow import workbench as benches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glaciercast.evaluate.embeddings import Embeddings
    from glaciercast.evaluate.projection import Projection
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import TimeSplit

LISTED = 10
"""Principal components whose share of the variance is listed."""
NOTE = "axes are fitted on the training windows alone; their errors are of windows that the weights have seen"


class InspectionConfig(Config):
    """How the latents of a network are drawn."""

    method: Method = Field(default="pca", description="pca: principal components; umap: needs the package umap-learn")
    windows: int = Field(default=500, ge=3, description="most windows of each part")
    seed: int = Field(default=0, ge=0, description="which windows are drawn; and the random start of umap")


def read_inspection_config(options: dict[str, Any]) -> InspectionConfig:
    """Return the config that options of the command line stand for; those that are None keep their defaults."""
    return config.parse(InspectionConfig, {key: value for key, value in options.items() if value is not None}, "options")


def plot_embeddings(cube: str | Path, model: str | Path, out: str | Path, settings: InspectionConfig | None = None) -> dict[str, Any]:
    """Embed windows of training, validation and test part with a trained network and draw them on two axes of the training part.

    Nothing of validation and test part enters the axes. Writes ``figures/embeddings.png``, ``results/embeddings.csv`` (a row a window)
    and ``results/embeddings.json`` into the run folder `out`.

    Parameters
    ----------
    cube
        The aligned cube that the model was trained on, or the run folder that holds it.
    model
        Folder of a trained network.

    Returns
    -------
    dict
        ``model``, ``cube``, ``method``, ``windows`` (part → number), ``numbers`` of a latent, ``variance_shares`` of the first principal
        components (None for umap), ``split``, ``units`` of the table's columns, ``csv`` and ``figure``.

    Raises
    ------
    InputError
        If the model is no network or was trained on another cube, umap-learn is missing, or there are too few windows.
    """
    from glaciercast.evaluate import embeddings, projection, table
    from glaciercast.patches import series as serieses
    from glaciercast.training import saving

    settings = settings or InspectionConfig()
    projection.check_method(settings.method)
    model = saving.locate(model)
    forecaster, meta = saving.load(model)
    weights = saving.weights_sha256(model)
    identity = benches.identity(cube, settings, {"model": str(model), "weights": weights})
    _check_cube(meta, identity.content, cube)
    with runs.run_folder(out, "plot embeddings", identity) as folder:
        task = forecaster.task
        series = serieses.load(cube, folder / "cache", task.variables, task.n_target, task.statics)
        split = _split(meta, task, series)
        found = embeddings.collect(forecaster, series, task, split, settings.windows, settings.seed, _elevation(cube))
        fitted = projection.fit(settings.method, found.of("train"), settings.seed)
        summary = {
            "model": str(model),
            "weights_sha256": weights,
            "cube": identity.cube,
            "content": identity.content,
            **config.plain(settings),
            "windows": {part: int(number) for part, number in found.facts["part"].value_counts(sort=False).items()},
            "numbers": found.latents.shape[1],
            "variance_shares": None if fitted.shares is None else fitted.shares[:LISTED].tolist(),
            "split": table.describe_split(series, split),
            "note": NOTE,
            **_write(found, fitted, task, Path(model).name, folder),
        }
        runs.write_json(folder / "results" / "embeddings.json", summary)
    return summary


def _check_cube(meta: dict[str, Any], content: str, cube: str | Path) -> None:
    if meta.get("data") != content:
        raise InputError(f"{cube}: the model was trained on another cube, or before this one changed; its parts are not known here")


def _split(meta: dict[str, Any], task: Task, series: Series) -> TimeSplit:
    """Return the split on which a model was trained.

    Raises
    ------
    InputError
        If it was no split by time alone, whose parts are whole scenes.
    """
    from glaciercast.patches.splits import PARTS, TimeSplit

    if (kind := meta.get("split_by", {}).get("kind", "time")) != "time":
        raise InputError(f"the model was trained on a split by '{kind}'; expected one by time, whose windows can be told apart by date")
    targets = {part: range(*meta["split"][part]) for part in PARTS}
    return TimeSplit(targets, task.history, task.n_input, task.n_target, series.composite_length)


def _elevation(cube: str | Path) -> NDArray[Any] | None:
    """Return the elevation of the scene, (y, x) in m, if the cube has it."""
    aligned = store.open_cube(store.locate(cube))["aligned"].to_dataset()
    return aligned["elevation"].values if "elevation" in aligned else None


def _write(found: Embeddings, fitted: Projection, task: Task, name: str, folder: Path) -> dict[str, Any]:
    """Write the table and the figure; return where they are, and the units of the table's columns."""
    from glaciercast.evaluate import embeddings
    from glaciercast.patches.splits import PARTS
    from glaciercast.report.embeddings import latent_space
    from glaciercast.training.saving import whole

    csv, png = folder / "results" / "embeddings.csv", folder / "figures" / "embeddings.png"
    points = np.concatenate([fitted.transform(found.of(part)) for part in PARTS])  # the order of the facts
    rows = found.facts.assign(**dict(zip(fitted.columns, points.T, strict=True)))
    variable = "ndsi" if "ndsi" in task.variables else task.targets[0]
    figure = latent_space(points, found.facts, fitted.labels, (variable, task.targets[0]), name)
    for path in (csv, png):
        path.parent.mkdir(exist_ok=True)
    with whole(csv) as partial:
        rows.to_csv(partial, index=False, float_format="%.10g", date_format="%Y-%m-%dT%H:%M:%S")
    with whole(png) as partial:
        figure.savefig(partial, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    told = {column: embeddings.units(column, task) for column in map(str, rows)}
    return {"units": {column: unit for column, unit in told.items() if unit}, "csv": str(csv), "figure": str(png)}
