"""The models with what they cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from glaciercast.errors import InputError, unknown


def listed(names: list[str] | None = None, preset: str | None = None) -> list[dict[str, Any]]:
    """Return name, kind, summary, options and presets of models, as plain JSON types.

    Parameters
    ----------
    names
        Which; None: all.
    preset
        Measure networks of this size on this machine, where a model has it; None: measure nothing.

    Raises
    ------
    InputError
        If a model is unknown, or none of them has the preset.
    """
    from glaciercast.models import registry

    for name in names or []:
        registry.find(name)
    chosen = [entry for entry in registry.describe() if not names or entry["name"] in names]
    known = {size for entry in chosen if entry["kind"] == "network" for size in registry.presets(entry["name"])}
    if preset is not None and preset not in known:
        raise InputError(unknown("preset", preset, known))
    return [{**entry, "presets": _presets(entry["name"], preset) if entry["kind"] == "network" else []} for entry in chosen]


def _presets(name: str, measured: str | None) -> list[dict[str, Any]]:
    from glaciercast.models import costs, registry

    found = []
    for preset in registry.presets(name):
        facts: dict[str, Any] = {"name": preset, "parameters": costs.parameters(name, preset)}
        found.append({**facts, "cost": asdict(costs.measure(name, preset))} if preset == measured else facts)
    return found
