"""The split that a config names, of one cube."""

from __future__ import annotations

from glaciercast.patches import splits, splits_published, splits_space
from glaciercast.patches.splits import TimeSplit, WindowConfig


def make(windows: WindowConfig, n_steps: int, shape: tuple[int, int], history: int, composite_length: int) -> TimeSplit:
    """Return the split of a series of `n_steps` scenes of `shape` pixels that ``windows.split`` names.

    Parameters
    ----------
    history
        Steps that a window reads, the issue step included.
    composite_length
        Steps over which what enters a step extends.

    Raises
    ------
    InputError
        If the series is too short, or the scene too small.
    """
    n_input, n_target = windows.n_input, windows.n_target
    if windows.split == "published":
        return splits_published.published(n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=composite_length)
    if windows.split == "space":
        times = splits_space.everywhen(n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=composite_length)
    else:
        times = splits.by_time(
            n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=composite_length, fractions=windows.fractions
        )
    if windows.split == "time":
        return times
    return splits_space.by_space(times, shape, windows.patch, blocks=windows.blocks, fractions=windows.fractions)
