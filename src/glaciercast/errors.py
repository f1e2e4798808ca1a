"""The errors that users see: one clear line each, and the exit code that goes with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GlaciercastError(Exception):
    """Something failed; the message is one line that names what, what was expected and what was found."""

    exit_code = 1


class InputError(GlaciercastError):
    """Wrong usage or unusable input (exit code 2)."""

    exit_code = 2


class ConfigError(InputError):
    """A config file or option has an unknown key or an unusable value."""


class SchemaError(InputError):
    """A cube breaks the contract of `glaciercast.schema`."""


class RunFolderError(InputError):
    """A run folder exists already, belongs to something else or is in use."""


class SourceError(GlaciercastError):
    """A server or a remote file did not give what was asked of it, after every try; a rerun takes up where this run stopped."""


class LeakError(GlaciercastError):
    """Something that feeds a forecast was not available at its issue time."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the one line that tells a user that `name` is no known `kind`, and which names are."""
    known = sorted(known)
    return f"unknown {kind} '{name}'{suggestion(name, known)}; known: {', '.join(known)}"
