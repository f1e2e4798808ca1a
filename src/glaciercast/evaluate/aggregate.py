"""One table from the cells of several sites and seeds: means, spread over seeds, skill against every baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import figures, table
from glaciercast.evaluate.cells import Cell
from glaciercast.evaluate.scoring import Scores
from glaciercast.evaluate.table import known
from glaciercast.patches.splits import Part
from glaciercast.stats import bootstrap
from glaciercast.stats.scores import skill

COMMON = ("variable", "units", "leads", "lead_label")
"""What all sites of a table must share."""


@dataclass(frozen=True)
class Errors:
    """Errors of one model: mean over sites, each of which counts alike, of the mean over pixels.

    Attributes
    ----------
    by_seed
        Mean squared error over sites, float64 (seed,); NaN where nothing was observed.
    by_lead
        ``mse``, ``mae`` and ``bias``: mean over sites and seeds, float64 (lead,).
    mae, bias
        The same over all leads.
    sums
        What a bootstrap draws: Σ w·e² and Σ w of each window over pixels and leads; (seed, window) each, site after site.
    """

    by_seed: np.ndarray
    by_lead: dict[str, np.ndarray]
    mae: float
    bias: float
    sums: tuple[np.ndarray, np.ndarray]

    @property
    def mse(self) -> float:
        """Mean over sites and seeds."""
        return float(self.by_seed.mean())

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds of the mean over sites; None of one seed."""
        return float(self.by_seed.std(ddof=1)) if self.by_seed.size > 1 else None

    @classmethod
    def of(cls, by_site: Sequence[Sequence[Cell]]) -> Errors:
        """Return the errors of a model from its cells: a sequence of seeds for each site."""
        sums = [[cell.result.errors for cell in seeds] for seeds in by_site]
        leads = range(sums[0][0].weight.shape[1])
        rows = [[(one.squared.sum(1), one.weight.sum(1)) for one in seeds] for seeds in sums]
        squared, weight = np.concatenate(rows, axis=-1).transpose(1, 0, 2)
        return cls(
            by_seed=np.mean([[one.mse() for one in seeds] for seeds in sums], axis=0),
            by_lead={
                name: np.mean([[[getattr(one, name)(lead) for lead in leads] for one in seeds] for seeds in sums], axis=(0, 1))
                for name in ("mse", "mae", "bias")
            },
            mae=float(np.mean([[one.mae() for one in seeds] for seeds in sums])),
            bias=float(np.mean([[one.bias() for one in seeds] for seeds in sums])),
            sums=(squared, weight),
        )


def build(cells: Sequence[Cell], part: Part) -> dict[str, Any]:
    """Return the results of a grid in the form of those of one cube, with what several sites and seeds add.

    In errors, skill and differences each site counts alike. ``figures`` and ``bands`` are of the merged sums of all sites and seeds, as a
    snow mask or a quantile has no mean over sites: there a site counts by what was observed of it.

    Parameters
    ----------
    cells
        Of all sites, models and seeds; those of `part` make the table, those of the validation part give ``validation_mse``.

    Raises
    ------
    InputError
        If the sites have other variables, units or leads.
    GlaciercastError
        If there is no baseline, nothing was observed, or a model lacks a site.
    """
    wanted, validated = ([cell for cell in cells if cell.key.part == each] for each in (part, "validation"))
    about, clusters = _about(wanted), _clusters(wanted)
    by_model = _by_model(wanted)
    errors, chosen = ({name: Errors.of(found) for name, found in some.items()} for some in (by_model, _by_model(validated)))
    facts = {name: [cell.facts for cell in wanted if cell.model == name] for name in errors}
    baselines = {name: found for name, found in errors.items() if facts[name][0]["kind"] == "baseline"}
    if not baselines:
        raise GlaciercastError("a benchmark without a baseline says nothing; expected at least one")
    if not np.isfinite([found.mse for found in baselines.values()]).all():
        raise GlaciercastError(f"no pixel of the {part} part of a site was observed; there is nothing to score")
    best = min(baselines, key=lambda name: baselines[name].mse)
    best_by_lead, lowest = table.lowest_by_lead({name: found.by_lead["mse"] for name, found in baselines.items()})
    models = {
        name: {
            **_cost(facts[name]),
            **_scores(found, lowest, clusters),
            **_merged(by_model[name], clusters),
            **_skills(name, found, baselines, best, clusters),
            "validation_mse": known(chosen[name].mse) if name in chosen else None,
            "by_site": _by_site(wanted, name),
        }
        for name, found in errors.items()
    }
    return {
        **about,
        "part": part,
        "clusters": clusters.independent,
        "interval_note": bootstrap.sentence(clusters, max(cell.gap for cell in wanted), part, known=about["split"]["name"] == "space"),
        "best_baseline": best,
        "best_baseline_by_lead": best_by_lead,
        "models": models,
        "differences": table.differences({name: found.sums for name, found in errors.items()}, clusters, alike=True),
    }


def _scores(found: Errors, lowest: np.ndarray, clusters: bootstrap.Clusters) -> dict[str, Any]:
    """Return the errors of a model as the results keep them; `lowest` is the lowest MSE of a baseline at each lead, (lead,)."""
    return {
        "mse": found.mse,
        "mse_interval": bootstrap.estimate(*found.sums, clusters, alike=True).interval,
        "mse_spread": found.spread,
        "mae": found.mae,
        "bias": found.bias,
        **{f"{name}_by_lead": [known(value) for value in values] for name, values in found.by_lead.items()},
        "skill_by_lead": [known(skill(*pair)) for pair in zip(found.by_lead["mse"], lowest, strict=True)],
    }


def _merged(by_site: Sequence[Sequence[Cell]], clusters: bootstrap.Clusters) -> dict[str, Any]:
    """Return the figures of a model and what its quantiles are worth, over the windows of all sites and seeds; seeds are drawn together."""
    seeds = len(by_site[0])
    joined = Scores.joined([site[seed].result for seed in range(seeds) for site in by_site])
    repeated = bootstrap.Clusters(np.tile(clusters.block, seeds), np.tile(clusters.glacier, seeds))
    stated = {"bands": joined.quantiles, "uncalibrated_bands": joined.uncalibrated}
    bands = {key: table.bands(each) for key, each in stated.items() if each is not None}
    return {"figures": figures.report(joined, repeated), **bands}


def _skills(name: str, found: Errors, baselines: dict[str, Errors], best: str, clusters: bootstrap.Clusters) -> dict[str, Any]:
    """Return the skill of a model against each baseline, with intervals but against itself, and that against the best one."""
    skills = {}
    for base, theirs in baselines.items():
        (squared, _), (reference, weight) = found.sums, theirs.sums
        interval = None if base == name else bootstrap.skill(squared, reference, clusters, weight=weight).interval
        skills[base] = {"skill": known(skill(found.mse, theirs.mse)), "interval": interval}
    return {"skill": skills[best]["skill"], "skill_interval": skills[best]["interval"], "skills": skills}


def _by_model(cells: Sequence[Cell]) -> dict[str, list[list[Cell]]]:
    """Return model → site → cells by seed; every model must have every site and as many seeds at each."""
    sites = list(dict.fromkeys(cell.site for cell in cells))
    models = {
        name: [[cell for cell in cells if cell.model == name and cell.site == site] for site in sites]
        for name in dict.fromkeys(cell.model for cell in cells)
    }
    for name, by_site in models.items():
        if len({len(seeds) for seeds in by_site}) > 1:
            raise GlaciercastError(f"model '{name}': expected as many seeds at each site, found {[len(seeds) for seeds in by_site]}")
    return models


def _about(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return what the results tell of all sites together."""
    places = {cell.site: cell.about for cell in cells}
    first, *others = places.values()
    for name, other in zip(list(places)[1:], others, strict=True):
        for key in COMMON:
            if other[key] != first[key]:
                raise InputError(f"{name}: expected {key} {first[key]} as at {next(iter(places))}, found {other[key]}")
    told = [place["site"] for place in places.values()]
    site = {
        key: "; ".join(dict.fromkeys(str(one[key]) for one in told if one[key])) for key in ("name", "title", "note", "attribution", "crs")
    }
    resolution = "; ".join(dict.fromkeys(f"{one['resolution']:g} m" for one in told))
    texts = {
        text: [name for name, place in places.items() if place["split"]["text"] == text]
        for text in [each["split"]["text"] for each in places.values()]
    }
    return {
        "site": {**site, "is_glacier": all(one["is_glacier"] for one in told), "resolution": resolution},
        **{key: first[key] for key in COMMON},
        "split": {"name": first["split"]["name"], "text": "; ".join(f"{', '.join(names)}: {text}" for text, names in texts.items())},
        "sites": places,
        "seeds": sorted({cell.seed for cell in cells if cell.seed is not None}),
    }


def _clusters(cells: Sequence[Cell]) -> bootstrap.Clusters:
    """Return what is drawn together: blocks of time within each site."""
    first = {cell.site: cell for cell in reversed(cells)}
    sites = list(dict.fromkeys(cell.site for cell in cells))
    blocks = [bootstrap.time_blocks(np.array(first[site].issues), first[site].gap) for site in sites]
    glacier = np.repeat(np.arange(len(sites)), [len(block) for block in blocks])
    return bootstrap.Clusters.of(np.concatenate(blocks), glacier)


def _cost(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return kind and size of a model, and the mean time of its fits."""
    seconds = [each["train_seconds"] for each in facts if each.get("train_seconds") is not None]
    kept = {key: facts[0].get(key) for key in ("kind", "parameters", "residual")}
    return {**kept, "train_seconds": float(np.mean(seconds)) if seconds else None}


def _by_site(cells: Sequence[Cell], name: str) -> dict[str, list[float]]:
    """Return the MSE of a model by site, of each seed."""
    found: dict[str, list[float]] = {}
    for cell in cells:
        if cell.model == name:
            found.setdefault(cell.site, []).append(cell.result.errors.mse())
    return found
