"""The registry of models: a decorator beside each class, and look-up by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from glaciercast import config as configs
from glaciercast import models
from glaciercast.config import Config
from glaciercast.errors import InputError, unknown

if TYPE_CHECKING:
    from glaciercast.models.base import Model
    from glaciercast.models.ports import Ports
    from glaciercast.models.task import Task

Kind = Literal["baseline", "network"]
M = TypeVar("M", bound="type[Model]")


@dataclass(frozen=True)
class Entry:
    """One registered model."""

    name: str
    kind: Kind
    summary: str
    factory: type[Model]


_entries: dict[str, Entry] = {}


def register(name: str, *, kind: Kind, summary: str) -> Callable[[M], M]:
    """Register the decorated class as model `name`; `summary` is the line that `glaciercast models` shows.

    Raises
    ------
    ValueError
        If another class holds the name (a programmer's mistake).
    """

    def add(factory: M) -> M:
        held = _entries.get(name)
        if held is not None and held.factory.__qualname__ != factory.__qualname__:
            raise ValueError(f"model name '{name}' is taken by {held.factory.__qualname__}")
        factory.name = name
        _entries[name] = Entry(name, kind, summary, factory)
        return factory

    return add


def create(name: str, task: Task, *, preset: str = "small", ports: Ports | None = None, **options: Any) -> Any:
    """Build model `name` for `task`: a `Baseline` (still to be fitted) or a `Network` with fresh weights.

    Fresh weights come from torch's generator: seed it first, or use `models.residual.build`, which does.

    Parameters
    ----------
    preset
        ``small``, the options' defaults, or another of the model's; `options` override it.
    ports
        Channels of a network; those of `task` without departures if None.

    Raises
    ------
    InputError
        If the model, the preset or an option is unknown, or an option's value does not fit.
    """
    entry = find(name)
    chosen = resolved(name, preset, options)
    return entry.factory(task, chosen) if ports is None else entry.factory(task, chosen, ports)  # type: ignore[call-arg]  # a network


def resolved(name: str, preset: str, options: dict[str, Any]) -> Config:
    """Return all options of model `name`: the defaults, then those of `preset`, then `options`.

    Raises
    ------
    InputError
        If the model, the preset or an option is unknown, or an option's value does not fit.
    """
    factory, known = find(name).factory, presets(name)
    if preset not in known:
        raise InputError(unknown(f"preset of {name}", preset, known))
    fields = factory.Options.model_fields
    for key in options:
        if key not in fields:
            if not fields:
                raise InputError(f"unknown option '{key}': {name} has no options")
            raise InputError(unknown(f"option of {name}", key, fields))
    return configs.parse(factory.Options, {**known[preset], **options}, f"options of {name}")


def presets(name: str) -> dict[str, dict[str, Any]]:
    """Return the presets of model `name`, ``small`` first: name → the options in which it differs from the defaults."""
    return {"small": {}, **find(name).factory.presets}


def find(name: str) -> Entry:
    """Return the entry of model `name`.

    Raises
    ------
    InputError
        If there is no such model.
    """
    entries = _catalogue()
    if name not in entries:
        raise InputError(unknown("model", name, entries))
    return entries[name]


def names(kind: Kind | None = None) -> list[str]:
    """Return the names of all models, or of one kind; baselines first."""
    entries = sorted(_catalogue().values(), key=lambda entry: entry.kind)
    return [entry.name for entry in entries if kind in (None, entry.kind)]


def describe() -> list[dict[str, Any]]:
    """Return name, kind, summary and default options of each model, as plain JSON types."""
    return [
        {"name": entry.name, "kind": entry.kind, "summary": entry.summary, "options": configs.plain(entry.factory.Options())}
        for entry in (find(name) for name in names())
    ]


def _catalogue() -> dict[str, Entry]:
    """Import every module of `glaciercast.models` once, so that each has registered what it holds."""
    for module in pkgutil.iter_modules(models.__path__):
        importlib.import_module(f"{models.__name__}.{module.name}")
    return _entries
