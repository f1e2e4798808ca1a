"""Progress of long work on standard error; silent unless a front end switches it on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from typing import TypeVar

_shown: ContextVar[bool] = ContextVar("progress_shown", default=False)
T = TypeVar("T")


def show(on: bool = True) -> None:
    """Switch progress bars and notes on standard error on or off."""
    _shown.set(on)


def shown() -> bool:
    """Tell whether progress is shown."""
    return _shown.get()


def note(text: str) -> None:
    """Print one line to standard error if progress is shown."""
    if _shown.get():
        print(text, file=sys.stderr, flush=True)


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, with a progress bar and the time left on standard error if progress is shown."""
    if not _shown.get():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    if total is None and isinstance(items, Sized):
        total = len(items)
    yield from rich_track(items, title, total=total, console=Console(stderr=True))
