"""The base of all configs: typed keys with defaults, unknown keys refused, one-line errors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from glaciercast.errors import ConfigError, InputError, suggestion


class Config(BaseModel):
    """Base of every config: immutable, and a key that is not declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


C = TypeVar("C", bound=Config)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises
    ------
    InputError
        If the file is missing, unreadable, no YAML or no mapping.
    """
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(data).__name__}")
    return data


def parse(model: type[C], data: dict[str, Any], origin: str) -> C:
    """Validate `data` as `model`; errors name `origin` and the first offending key.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value does not fit.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_first_fault(model, error)}") from error


def load(model: type[C], path: str | Path, overrides: dict[str, Any] | None = None) -> C:
    """Read a YAML file as `model`; `overrides` maps dotted keys to values and wins over the file."""
    return parse(model, merge(read_yaml(path), overrides or {}), str(path))


def merge(data: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of nested `data` with dotted keys replaced; entries that are None are ignored."""
    merged: dict[str, Any] = json.loads(json.dumps(data, default=str))
    for dotted, value in overrides.items():
        if value is None:
            continue
        *parents, leaf = dotted.split(".")
        node = merged
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return merged


def plain(config: Config) -> dict[str, Any]:
    """Return the resolved config as plain JSON types."""
    return config.model_dump(mode="json")


def digest(data: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON form of `data`."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _first_fault(model: type[BaseModel], error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{where}'{suggestion(str(fault['loc'][-1]), _keys_at(model, fault['loc'][:-1]))}{more}"
    if fault["type"] == "missing":
        return f"key '{where}' is missing{more}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"key '{where}': {message}, found {fault['input']!r:.80}{more}" if where else f"{message}{more}"


def _keys_at(model: type[BaseModel], parents: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a config has below `parents`, as far as they can be followed."""
    for parent in parents:
        field = model.model_fields.get(str(parent))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)
