"""Data sets for others' models: windows of aligned cubes as Zarr and as shards, with what a reader must know of them.

`WindowDataset` and `WindowStream` need torch, which is imported when one of them is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glaciercast.dataset.reading import WindowDataset
    from glaciercast.dataset.streaming import WindowStream

__all__ = ["WindowDataset", "WindowStream"]


def __getattr__(name: str) -> Any:
    """Return `WindowDataset` or `WindowStream`."""
    if name == "WindowDataset":
        from glaciercast.dataset.reading import WindowDataset

        return WindowDataset
    if name == "WindowStream":
        from glaciercast.dataset.streaming import WindowStream

        return WindowStream
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
