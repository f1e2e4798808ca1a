"""One table from the cells of several sites and seeds: means, spread over seeds, skill against every baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate.cells import Cell
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
    mse_by_lead, mae_by_lead
        Mean over sites and seeds, float64 (lead,).
    mae
        The same over all leads.
    rows
        What a bootstrap draws: Σ w·e² of each window over pixels and leads, in units of its site's Σ w; (seed, window).
    """

    by_seed: np.ndarray
    mse_by_lead: np.ndarray
    mae_by_lead: np.ndarray
    mae: float
    rows: np.ndarray

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
        per_lead = {
            name: np.mean([[[getattr(one, name)(lead) for lead in leads] for one in seeds] for seeds in sums], axis=(0, 1))
            for name in ("mse", "mae")
        }
        rows = [[one.squared.sum(1) / one.weight.sum() for one in seeds] for seeds in sums]
        return cls(
            by_seed=np.mean([[one.mse() for one in seeds] for seeds in sums], axis=0),
            mse_by_lead=per_lead["mse"],
            mae_by_lead=per_lead["mae"],
            mae=float(np.mean([[one.mae() for one in seeds] for seeds in sums])),
            rows=np.concatenate(rows, axis=1),
        )


def build(cells: Sequence[Cell], part: Part) -> dict[str, Any]:
    """Return the results of a grid in the form of those of one cube, with what several sites and seeds add.

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
    errors, chosen = ({name: Errors.of(by_site) for name, by_site in _by_model(some).items()} for some in (wanted, validated))
    facts = {name: [cell.facts for cell in wanted if cell.model == name] for name in errors}
    baselines = {name: found for name, found in errors.items() if facts[name][0]["kind"] == "baseline"}
    if not baselines:
        raise GlaciercastError("a benchmark without a baseline says nothing; expected at least one")
    if not np.isfinite([found.mse for found in baselines.values()]).all():
        raise GlaciercastError(f"no pixel of the {part} part of a site was observed; there is nothing to score")
    best = min(baselines, key=lambda name: baselines[name].mse)
    by_lead = np.array([found.mse_by_lead for found in baselines.values()])
    models = {
        name: {
            **_cost(facts[name]),
            **_scores(found, by_lead.min(axis=0)),
            **_skills(name, found, baselines, best, clusters),
            "validation_mse": _known(chosen[name].mse) if name in chosen else None,
            "by_site": _by_site(wanted, name),
        }
        for name, found in errors.items()
    }
    return {
        **about,
        "part": part,
        "clusters": clusters.independent,
        "interval_note": bootstrap.sentence(clusters, max(cell.gap for cell in wanted)),
        "best_baseline": best,
        "best_baseline_by_lead": [list(baselines)[row] for row in by_lead.argmin(axis=0)],
        "models": models,
    }


def _scores(found: Errors, best_by_lead: np.ndarray) -> dict[str, Any]:
    """Return the errors of a model as the results keep them; `best_by_lead` is the lowest MSE of a baseline, (lead,)."""
    return {
        "mse": found.mse,
        "mse_spread": found.spread,
        "mae": found.mae,
        "mse_by_lead": [_known(value) for value in found.mse_by_lead],
        "mae_by_lead": [_known(value) for value in found.mae_by_lead],
        "skill_by_lead": [_known(skill(*pair)) for pair in zip(found.mse_by_lead, best_by_lead, strict=True)],
    }


def _skills(name: str, found: Errors, baselines: dict[str, Errors], best: str, clusters: bootstrap.Clusters) -> dict[str, Any]:
    """Return the skill of a model against each baseline, with intervals but against itself, and that against the best one."""
    skills = {}
    for base, theirs in baselines.items():
        interval = None if base == name else bootstrap.skill(found.rows, theirs.rows, clusters).interval
        skills[base] = {"skill": _known(skill(found.mse, theirs.mse)), "interval": interval}
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


def _joined(texts: Iterable[str]) -> str:
    """Return each text once, without empty ones."""
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _clusters(cells: Sequence[Cell]) -> bootstrap.Clusters:
    """Return what is drawn together: blocks of time within each site."""
    first = {cell.site: cell for cell in reversed(cells)}
    sites = list(dict.fromkeys(cell.site for cell in cells))
    blocks = [bootstrap.time_blocks(np.array(first[site].issues), first[site].gap) for site in sites]
    glacier = np.repeat(np.arange(len(sites)), [len(block) for block in blocks])
    return bootstrap.Clusters.of(np.concatenate(blocks), glacier)


def _known(value: float) -> float | None:
    """Return the value, or None where nothing was observed to score: JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


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
