"""Several fits as one model: deep ensembles from neighbouring seeds, and calibration of what they state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError
from glaciercast.models.ensemble import Ensemble
from glaciercast.training import energy, saving

if TYPE_CHECKING:
    from glaciercast.models.base import Forecaster
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.training.fit import FitResult

MEMBERS = "members"
"""Folder below a model's that holds the networks which it is made of, each under its seed."""


def fit_together(
    fit: Callable[[int, Path], tuple[ResidualForecaster, FitResult]], seeds: Sequence[int], folder: Path, meta: dict[str, Any],
    calibrate: Callable[[Forecaster], Forecaster] | None = None,
) -> tuple[Forecaster, list[FitResult]]:  # fmt: skip
    """Fit a network from each seed, make one forecaster of them, and save it in `folder`.

    One network that is not calibrated is fitted in `folder` itself. Else each has the folder ``members/<seed>``: fits that were interrupted
    go on, finished ones are loaded, and so is what was made of the same members before.

    Parameters
    ----------
    fit
        Fits a network from a seed in a folder, or loads it, and leaves it saved there (`training.networks.fit_network`).
    seeds
        Of the members.
    meta
        What is stored beside the forecaster; the digests of the members' weights join it.
    calibrate
        What makes the forecaster that is saved of the network or the ensemble; None: it is saved as it is.

    Raises
    ------
    InputError
        If two members have the same weights: their network knows no seed.
    """
    if len(seeds) == 1 and calibrate is None:
        network, fitted = fit(seeds[0], folder)
        return network, [fitted]
    places = [folder / MEMBERS / str(seed) for seed in seeds]
    fits = [fit(seed, place) for seed, place in zip(seeds, places, strict=True)]
    networks, results = [network for network, _ in fits], [result for _, result in fits]
    digests = [saving.weights_sha256(place) for place in places]
    if len(set(digests)) < len(digests):
        raise InputError(f"ensemble of {networks[0].name}: expected members that differ by their seeds, found the same weights twice")
    meta = {**meta, MEMBERS: digests}
    if (folder / saving.MODEL).is_file():
        kept, of = saving.load(folder)
        if of == meta:
            return kept, results
    made: Forecaster = Ensemble(networks) if len(networks) > 1 else networks[0]
    made = made if calibrate is None else calibrate(made)
    saving.save(made.eval(), folder, meta)
    return made, results


def total(seeds: Sequence[int], fits: Sequence[FitResult]) -> dict[str, Any]:
    """Return what the results keep of a model's fits.

    Returns
    -------
    dict
        ``train_seconds`` and ``energy`` (see `training.energy.Meter`), summed over the fits; ``val_loss``, their mean. Of a single fit
        ``best_epoch`` and ``history``; of several ``members``, with all that each has.
    """
    summed = {"kwh", "kg_co2e", *(f"{part}_kwh" for part in energy.PARTS)}
    taken = [each.energy for each in fits]
    told: dict[str, Any] = {
        "train_seconds": sum(each.seconds for each in fits),
        "val_loss": sum(each.val_loss for each in fits) / len(fits),
        "energy": {key: sum(each[key] for each in taken) if key in summed else value for key, value in taken[0].items()},
    }
    if len(fits) == 1:
        return {**told, "best_epoch": fits[0].best_epoch, "history": fits[0].history}
    return {**told, "members": [{"seed": seed, **vars(each)} for seed, each in zip(seeds, fits, strict=True)]}
