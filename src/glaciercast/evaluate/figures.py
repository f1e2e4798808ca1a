"""All figures of a model by name, from its sums: over everything, by lead, month, place and elevation zone, and with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glaciercast.evaluate.scoring import Scores
from glaciercast.stats.bootstrap import Clusters, Estimate
from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums
from glaciercast.stats.spectra import WAVELENGTHS
from glaciercast.stats.sums import over_leads, ratio
from glaciercast.stats.tally import StratumSums

Figures = dict[str, np.ndarray]
"""Figure → its value in each row of the sums, (row,)."""


def of(scores: Scores, lead: int | None = None) -> Figures:
    """Return the figures of each row of `scores`, at one lead (0-based) or over all; NaN where nothing can be said.

    ``mse``, ``mae``, ``bias`` (unit of the variable, squared for the first); ``power_2_4px`` … by wavelength, forecast over truth;
    ``seam_index``; of NDSI ``iou``, ``f1`` of the snow mask, ``ssim``, ``fss_5px`` … by the side of the neighbourhood, ``area_error_km2``,
    ``area_bias_km2`` of a scene's snow, ``snow_line_error_m``, ``snow_line_bias_m``; of models that state quantiles ``crps``,
    ``below_5`` … (the share of truths below each, its reliability), ``coverage_90`` and ``width_90`` … of their intervals, and
    ``spread_skill``, √(variance / squared error).
    """
    found = _errors(scores.errors, lead)
    if scores.quantiles is not None:
        found |= _of_quantiles(scores.quantiles, scores.errors, lead)
    if scores.spectrum is not None:
        powers = scores.spectrum.ratio(lead)
        found |= {f"power_{short}_{long}px": powers[:, number] for number, (short, long) in enumerate(WAVELENGTHS)}
    if scores.seams is not None:
        found["seam_index"] = scores.seams.index(lead)
    return found | _of_snow(scores, lead)


def of_strata(strata: StratumSums, stated: bool, lead: int | None = None) -> Figures:
    """Return the figures that are known by stratum, as `of`: errors, the snow mask, and the CRPS of `stated` quantiles."""
    found = {name: getattr(strata, name)(lead) for name in ("mse", "mae", "bias", "iou", "f1")}
    return found | ({"crps": strata.mean_crps(lead)} if stated else {})


def report(scores: Scores, clusters: Clusters | None = None) -> dict[str, Any]:
    """Return all figures as results keep them: ``all``, ``by_lead``, ``by_month``, ``by_place`` and ``by_zone``; unknown ones are None.

    With `clusters` of the windows, ``interval`` has the 95 % interval of each of ``all``, None below 8 clusters.
    """
    total, leads = scores.each(lambda sums: sums.total()), range(scores.errors.weight.shape[1])
    kept: dict[str, Any] = {"all": _plain(of(total)), "by_lead": [_plain(of(total, lead)) for lead in leads]}
    if clusters is not None:
        kept["interval"] = {name: each.interval for name, each in estimates([scores], clusters).items()}
    if (strata := scores.strata) is None:
        return kept
    months, places = sorted({int(month) for month in strata.month.ravel()}), sorted({place for place, _ in strata.labels})
    zones = sorted({zone for _, zone in strata.labels if zone is not None})
    parts = {
        "by_month": {str(month): strata.in_month(month) for month in months},
        "by_place": {name: strata.within(lambda label, name=name: label[0] == name) for name in places},  # type: ignore[misc]
        "by_zone": {str(zone): strata.within(lambda label, zone=zone: label[1] == zone) for zone in zones},  # type: ignore[misc]
    }
    stated = scores.quantiles is not None
    return kept | {by: {key: _plain(of_strata(part.total(), stated)) for key, part in each.items()} for by, each in parts.items()}


def estimates(
    ours: Sequence[Scores], clusters: Clusters, theirs: Sequence[Scores] = (), lead: int | None = None, seed: int = 0
) -> dict[str, Estimate]:
    """Return each figure of a model with its 95 % interval and its spread over seeds, or its difference from another model's, paired.

    Parameters
    ----------
    ours
        The scores of each seed, on the same windows.
    clusters
        Of the windows.
    theirs
        Those of another model on the same windows, of as many seeds or of one: the figures are then ours − theirs, and those that only one
        of them has are left out.
    lead
        0-based; None: over all.
    seed
        Of the draws.
    """
    counts = clusters.draws(seed=seed)
    alone = _compared(ours, theirs, np.ones((1, clusters.block.size)), lead)
    drawn = None if counts is None else _compared(ours, theirs, counts, lead)
    return {name: Estimate.of(values[0], None if drawn is None else drawn[name], clusters) for name, values in alone.items()}


def _compared(ours: Sequence[Scores], theirs: Sequence[Scores], counts: np.ndarray, lead: int | None) -> Figures:
    """Return the figures of replicates, or by how much they differ from another model's, (replicate, seed)."""
    found = _by_seed(ours, counts, lead)
    if not theirs:
        return found
    others = _by_seed(theirs, counts, lead)
    return {name: found[name] - others[name] for name in found if name in others}


def _by_seed(scores: Sequence[Scores], counts: np.ndarray, lead: int | None) -> Figures:
    """Return the figures of replicates, counted (replicate, window), of each seed, (replicate, seed)."""
    seeds = [of(one.each(lambda sums: sums.weighted(counts)), lead) for one in scores]
    return {name: np.stack([figures[name] for figures in seeds], axis=1) for name in seeds[0]}


def _errors(errors: ErrorSums, lead: int | None) -> Figures:
    weight = over_leads(errors.weight, lead)
    sums = {"mse": errors.squared, "mae": errors.absolute, "bias": errors.signed}
    return {name: ratio(over_leads(values, lead), weight) for name, values in sums.items()}


def _of_quantiles(quantiles: QuantileSums, errors: ErrorSums, lead: int | None) -> Figures:
    weight = over_leads(quantiles.weight, lead)
    found = {"crps": ratio(over_leads(quantiles.crps, lead), weight)}
    for number, level in enumerate(quantiles.levels):
        found[f"below_{100 * level:g}"] = ratio(over_leads(quantiles.below[..., number], lead), weight)
    for number, nominal in enumerate(quantiles.coverage()):
        found[f"coverage_{100 * nominal:g}"] = ratio(over_leads(quantiles.inside[..., number], lead), weight)
        found[f"width_{100 * nominal:g}"] = ratio(over_leads(quantiles.width[..., number], lead), weight)
    return found | {"spread_skill": np.sqrt(ratio(over_leads(quantiles.variance, lead), over_leads(errors.squared, lead)))}


def _of_snow(scores: Scores, lead: int | None) -> Figures:
    """Return the figures of NDSI alone."""
    found: Figures = {}
    if scores.snow is None or scores.strata is None or scores.similarity is None or scores.fractions is None:
        return found
    found |= {"iou": scores.strata.iou(lead), "f1": scores.strata.f1(lead), "ssim": scores.similarity.ssim(lead)}
    shares = scores.fractions.fss(lead)
    found |= {f"fss_{side}px": shares[:, number] for number, side in enumerate(scores.fractions.sides)}
    found |= {"area_error_km2": scores.snow.area_error(lead), "area_bias_km2": scores.snow.area_bias(lead)}
    return found | {"snow_line_error_m": scores.snow.line_error(lead), "snow_line_bias_m": scores.snow.line_bias(lead)}


def _plain(figures: Figures) -> dict[str, float | None]:
    """Return the figures of the only row, None where there is none: JSON has neither NaN nor infinity."""
    return {name: float(values[0]) if np.isfinite(values[0]) else None for name, values in figures.items()}
